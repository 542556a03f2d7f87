"""The states that travel through the two graphs."""

import operator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from agents.reasoner import Turn
from agents.record import SampleRecord
from graph.stages import Stage
from stores.sample import Sample


class SampleInput(BaseModel):
    """What the sample graph is invoked with."""

    sample: Sample


class SampleState(SampleRecord):
    """One sample's journey: its record, to which the reasoning loop adds turns."""

    turns: Annotated[list[Turn], operator.add] = Field(default_factory=list)


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
