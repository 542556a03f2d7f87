"""The states that travel through the two graphs."""

import operator
from typing import Annotated, Any, Literal

from langgraph.channels import EphemeralValue
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from agents.agent import AnswerRecord
from agents.reasoner import Turn
from agents.record import SampleRecord
from graph.config import Stage
from stores.sample import Sample


class SampleInput(BaseModel):
    """What the sample graph is invoked with."""

    sample: Sample


class Decided(BaseModel):
    """What the journey of one sample ends with."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["clean", "noisy"]
    final: str | None
    """The response that the sample may be trained on; None where there is none."""
    noise_probability: float | None = None
    """How likely the given response is wrong; None where no fitted run tells."""
    confidence: float | None = None
    """How likely the final response is right; None where no fitted run tells."""
    provisional: str | None = None
    """The policy that decided in the place of `calibrated`, and why; None where nothing did."""


class SampleState(SampleRecord):
    """One sample's journey: its record, to which the loop adds turns, and further agents their views."""

    decided: Decided | None = None

    turns: Annotated[list[Turn], operator.add] = Field(default_factory=list)
    views: Annotated[dict[str, SerializeAsAny[AnswerRecord]], operator.or_] = Field(default_factory=dict)


class RunInput(BaseModel):
    """What the run graph is invoked with.

    Args:
        config: a `RunConfig` as plain data.
        samples: the training samples, where the config names no file: each a `Sample`, or a row in a shape
            that a data file may have.
        test_samples: held-out samples, likewise.
        directory: the run directory; one that holds a run already is continued, with this config if there is
            one, else with its own.
        until: the stage to stop after.
        retry_failed: ask again about the samples that failed.
        reuse: another run's directory, whose replies are taken over.
        guard: a file of samples to guard, which takes the place of `data.guard`. It is read even if the run
            has read it before.
        paraphrases: a file of other wordings, likewise of `data.paraphrases`.
        trusted: a file of trusted responses, which takes the place of `data.trusted`. It is read even if the
            run has read it before.
        keep_prompts: of a run that is continued with this config: keep the run's own text of every prompt
            that the config names as before.
    """

    model_config = ConfigDict(extra="forbid")

    config: dict[str, Any] = {}
    # Ephemeral: gone after the first stage, which journals them.
    samples: Annotated[list[Any] | None, EphemeralValue] = None
    test_samples: Annotated[list[Any] | None, EphemeralValue] = None
    directory: str
    until: Stage = "evaluate"
    retry_failed: bool = False
    reuse: str | None = None
    keep_prompts: bool = False
    trusted: str | None = None
    guard: str | None = None
    paraphrases: str | None = None


class RunState(RunInput):
    """One run's journey: paths and counts, never the samples themselves."""

    sample_count: int = 0
    test_count: int = 0
    guard_count: int = 0
    noisy: int = 0
    indexed: bool = False
    """Whether the clean samples were indexed while they were detected."""
    training_inputs: str = ""
    """A hash of all that an adapter depends on, the training set first."""
    summary: dict[str, Any] = {}
