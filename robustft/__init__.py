"""RobustFT: fine-tune on instruction data that cannot be trusted.

What is importable from here is public; the folders below are implementation.
"""

from graph.config.run import RunConfig, load_config
from graph.run_graph import build_run_graph, run_graph
from graph.sample_graph import build_sample_graph, sample_graph
from graph.stages.stage import Progress, RunFailedError
from robustft.api import aevaluate, aresume, arun, evaluate, resume, run
from robustft.run import Run, load_run
from stores.errors import InputError, RecordError, RobustFTError
from stores.records import Decision, Dropped, Evaluation, Summary, TrainingRow
from stores.sample import Sample

__all__ = [
    "Decision",
    "Dropped",
    "Evaluation",
    "InputError",
    "Progress",
    "RecordError",
    "RobustFTError",
    "Run",
    "RunConfig",
    "RunFailedError",
    "Sample",
    "Summary",
    "TrainingRow",
    "aevaluate",
    "aresume",
    "arun",
    "build_run_graph",
    "build_sample_graph",
    "evaluate",
    "load_config",
    "load_run",
    "resume",
    "run",
    "run_graph",
    "sample_graph",
]
