"""What a run can be told. It can stop after any `Stage`."""

from typing import Literal

Stage = Literal["detect", "calibrate", "denoise", "conclude", "select", "train", "evaluate"]

VERDICTS: tuple[Stage, ...] = ("detect", "calibrate")
"""A run that stops after either has its verdicts and nothing else: `calibrate` follows `detect` always."""

RESPONSES: tuple[Stage, ...] = ("denoise", "conclude")
"""A run that stops after either has its new responses: `conclude` follows `denoise` always."""
