"""RobustFT: fine-tune on instruction data that cannot be trusted.

What is importable from here is public; the folders below are implementation.
"""

import os

# Fork-safety warnings, progress bars of weight files and telemetry have no place in a run's output.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from graph.config import RunConfig, load_config
from graph.run_graph import run_graph
from graph.sample_graph import sample_graph
from graph.workspace import Progress, RunFailedError
from robustft.api import arun, resume, run
from stores.errors import InputError, RobustFTError
from stores.sample import Sample

__all__ = [
    "InputError",
    "Progress",
    "RobustFTError",
    "RunConfig",
    "RunFailedError",
    "Sample",
    "arun",
    "load_config",
    "resume",
    "run",
    "run_graph",
    "sample_graph",
]
