"""What a run can be told. It can stop after any `Stage`."""

from typing import Literal

Stage = Literal["detect", "denoise", "select", "train", "evaluate"]
