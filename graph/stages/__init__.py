"""The stages of a run, one a file. A run can stop after any `Stage`."""

from typing import Literal

Stage = Literal["detect", "denoise", "select", "train", "evaluate"]
