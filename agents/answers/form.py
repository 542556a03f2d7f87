"""How answers of a kind are asked for."""

from typing import Literal

Form = Literal["choice", "short", "working", "long"]
"""By letter, alone, with the working before them, or in full as they are to stand in the training set."""
