"""RobustFT: fine-tune on instruction data that cannot be trusted.

What is importable from here is public; the folders below are implementation. A name is imported when it is
first used, so that `import robustft` costs nothing.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from stores import errors as _errors

if TYPE_CHECKING:
    from agents.errors import AgentError, EndpointDownError, EndpointError, ModelBusyError, ModelCallError
    from graph.config.run import ConfigError, RunConfig, load_config
    from graph.engine import RunFailedError
    from graph.run_graph import build_run_graph, run_graph
    from graph.sample_graph import build_sample_graph, sample_graph
    from graph.stages.stage import Progress
    from prompts.template import PromptError
    from robustft.api import acheck, aevaluate, aresume, arun, check, evaluate, export, resume, run
    from robustft.audit import audit
    from robustft.checking import write_check_file
    from robustft.listing import list_runs, list_samples
    from robustft.run import Run, load_run
    from stores.errors import (
        DataError,
        InputError,
        RecordError,
        RobustFTError,
        RunDirectoryError,
        StorageError,
        WeightsError,
    )
    from stores.records import Audit, Decision, Dropped, Evaluation, EvaluationFigures, Summary, TrainingRow
    from stores.sample import Sample
    from training.errors import NothingToTrainError, TrainingError, TrainingInterrupted
    from training.noise import NoiseError
    from training.noise import inject_noise as add_noise

# The module of every public name.
_MODULES = {
    "agents.errors": ("AgentError", "EndpointDownError", "EndpointError", "ModelBusyError", "ModelCallError"),
    "graph.config.run": ("ConfigError", "RunConfig", "load_config"),
    "graph.run_graph": ("build_run_graph", "run_graph"),
    "graph.sample_graph": ("build_sample_graph", "sample_graph"),
    "graph.engine": ("RunFailedError",),
    "graph.stages.stage": ("Progress",),
    "prompts.template": ("PromptError",),
    "robustft.api": (
        "acheck",
        "aevaluate",
        "aresume",
        "arun",
        "check",
        "evaluate",
        "export",
        "resume",
        "run",
    ),
    "robustft.audit": ("audit",),
    "robustft.checking": ("write_check_file",),
    "robustft.listing": ("list_runs", "list_samples"),
    "robustft.run": ("Run", "load_run"),
    "stores.errors": (
        "DataError",
        "InputError",
        "RecordError",
        "RobustFTError",
        "RunDirectoryError",
        "StorageError",
        "WeightsError",
    ),
    "stores.records": (
        "Audit",
        "Decision",
        "Dropped",
        "Evaluation",
        "EvaluationFigures",
        "Summary",
        "TrainingRow",
    ),
    "stores.sample": ("Sample",),
    "training.errors": ("NothingToTrainError", "TrainingError", "TrainingInterrupted"),
    "training.noise": ("NoiseError", "add_noise"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}
_OTHER_NAMES = {"add_noise": "inject_noise"}
# A wheel holds the other floors below `robustft`, a checkout beside it.
_ROOT = _errors.__name__.removesuffix("stores.errors")

__all__ = [
    "AgentError",
    "Audit",
    "ConfigError",
    "DataError",
    "Decision",
    "Dropped",
    "EndpointDownError",
    "EndpointError",
    "Evaluation",
    "EvaluationFigures",
    "InputError",
    "ModelBusyError",
    "ModelCallError",
    "NoiseError",
    "NothingToTrainError",
    "Progress",
    "PromptError",
    "RecordError",
    "RobustFTError",
    "Run",
    "RunConfig",
    "RunDirectoryError",
    "RunFailedError",
    "Sample",
    "StorageError",
    "Summary",
    "TrainingError",
    "TrainingInterrupted",
    "TrainingRow",
    "WeightsError",
    "acheck",
    "add_noise",
    "aevaluate",
    "aresume",
    "arun",
    "audit",
    "build_run_graph",
    "build_sample_graph",
    "check",
    "evaluate",
    "export",
    "list_runs",
    "list_samples",
    "load_config",
    "load_run",
    "resume",
    "run",
    "run_graph",
    "sample_graph",
    "write_check_file",
]


class _Package(ModuleType):
    """Keeps a module from hiding the public name that it shares: `robustft.run` is a function."""

    def __setattr__(self, name: str, value: object) -> None:
        # The import of a submodule ends with this.
        if name not in _HOMES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    home = _HOMES[name]
    module = import_module(home if home.startswith(__name__) else _ROOT + home)
    value = getattr(module, _OTHER_NAMES.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
