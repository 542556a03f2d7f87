"""The states that travel through the two graphs."""

import operator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from agents.base import Prediction
from agents.checker import Check
from agents.reasoner import Turn
from agents.relabeler import ContextAnswer
from agents.reviewer import Review
from stores.sample import Sample

Stage = Literal["detect", "denoise", "select", "train", "evaluate"]


class SampleInput(BaseModel):
    """What the sample graph is invoked with."""

    sample: Sample


class Conclusion(BaseModel):
    """What all views of all samples together say of one: its right response, and how likely that is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str
    confidence: float


class SampleState(SampleInput):
    """One sample's journey: each agent adds its view, none changes another's."""

    model_config = ConfigDict(extra="forbid")

    base: Prediction | None = None
    turns: Annotated[list[Turn], operator.add] = []
    check: Check | None = None
    context: ContextAnswer | None = None
    review: Review | None = None
    conclusion: Conclusion | None = None
    """Only where the checker is calibrated: known once all samples have been relabelled."""
    failure: str | None = None
    """Why the sample could not be finished; set by whoever drives the graph, never by a node."""


class RunInput(BaseModel):
    """What the run graph is invoked with.

    Args:
        config: a `RunConfig` as plain data.
        directory: the run directory; one that holds a run already is continued, with this config if there is
            one, else with its own.
        until: the stage to stop after.
        retry_failed: ask again about the samples that failed.
        reuse: another run's directory, whose replies are taken over.
    """

    model_config = ConfigDict(extra="forbid")

    config: dict[str, Any] = {}
    directory: str
    until: Stage = "evaluate"
    retry_failed: bool = False
    reuse: str | None = None


class RunState(RunInput):
    """One run's journey: paths and counts, never the samples themselves."""

    samples: int = 0
    test_samples: int = 0
    noisy: int = 0
    indexed: bool = False
    """Whether the clean samples were indexed while they were detected."""
    training_inputs: str = ""
    """A hash of all that an adapter depends on, the training set first."""
    summary: dict[str, Any] = {}
