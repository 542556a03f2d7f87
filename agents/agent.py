"""What every agent shares: its settings, the parts it is built of, what it records, and how it asks.

This module imports no library of models, so that a config can be read without one.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from agents.answers.kind import sample_kind
from agents.room import Need
from prompts.template import QuestionTemplate, Template
from stores.records import ReplyOutcome
from stores.records import Usage as Usage
from stores.sample import Message, Sample

if TYPE_CHECKING:
    from agents.role import Role
    from stores.examples import ExampleStore

TRIED = "Answer: an example"
"""Stands for what a model says, where a prompt is tried."""


LEAST_LIKELY = -1e4
"""The least log-probability that is believed, in nats; vLLM writes -9999 for none at all. A sum over a reply
of any length is finite."""
LogProbability = Annotated[float, Field(ge=LEAST_LIKELY, le=0, allow_inf_nan=False)]


class Reply(BaseModel):
    """One reply of a model: its text, its cost and, if asked for, each token's log-probability (nats)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    """What the model says, without its thoughts."""
    thoughts: str | None = None
    outcome: ReplyOutcome | None = None
    """Why it is no answer, where it is none."""
    log_probabilities: tuple[LogProbability, ...] = ()
    letters: dict[str, Annotated[float, Field(ge=LEAST_LIKELY, le=1, allow_inf_nan=False)]] = {}
    """The log-probability of each letter that was to be chosen from, as the reply's first token (nats)."""
    usage: Usage
    key: str | None = None
    """Leads to the request in the reply cache (hexadecimal); None where there is no cache."""


Read = TypeVar("Read")
# Characters that are read in a few milliseconds, whatever they are.
_LONG = 1 << 12

Recall = Callable[[Mapping[str, Any], Callable[[], Awaitable[Reply]]], Awaitable[Reply]]
"""Returns the reply to a request, asking for it only where it is not known."""


class AgentRecord(BaseModel):
    """What any agent leaves of a sample; each adds what is its own.

    `reply` is what its model said, None where it was not asked, and `thoughts` what it thought before.
    `outcome` says why the reply is no answer, where it is none. `usage` is what it took. `reply_key` leads to
    the request in the reply cache.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reply: str | None = None
    thoughts: str | None = None
    outcome: ReplyOutcome | None = None
    usage: Usage = Usage()
    reply_key: str | None = None


class AnswerRecord(AgentRecord):
    """What an agent that answers the prompt leaves; `answer` is None where its reply has no readable one.

    A record that is read back from a file keeps the fields that an agent's own class has added.
    """

    # The journal is read without knowing which agents a config had.
    model_config = ConfigDict(frozen=True, extra="allow")

    answer: str | None
    confidence: float | None = None
    """The probability of the answer's letter among those of all options; None where it was given in words."""


class TemplateUse(NamedTuple):
    """What one prompt of an agent is given.

    Args:
        variables: what the template may use beside those that every prompt may (`prompts.template.COMMON`).
        about: of these it must use one, or every sample would be asked the same.
    """

    variables: frozenset[str] = frozenset()
    about: frozenset[str] = frozenset({"question", "prompt"})


class Parts(NamedTuple):
    """What an agent is built of.

    Args:
        role: its model, with its sampling.
        prompts: its templates, by the config keys that name them.
        examples: the clean samples; None while there are none.
    """

    role: "Role"
    prompts: Mapping[str, QuestionTemplate]
    examples: "ExampleStore | None"


class AgentConfig(BaseModel, ABC):
    """What every agent's settings share, and what a subclass says of its agent."""

    model_config = ConfigDict(extra="forbid")

    templates: ClassVar[Mapping[str, TemplateUse]] = {"prompt": TemplateUse()}
    """The config keys that name the agent's prompt files, and what each file is given."""
    half: ClassVar[Literal["detect", "denoise"]] = "detect"
    """The half of the sample graph that the agent works in: a changed setting makes that half run again."""
    view: ClassVar[str | None] = None
    """The name of the agent's answer among the checker's `views`; None: the checker never sees it."""
    log_probabilities: ClassVar[bool] = False
    """Whether the agent needs its reply's log-probabilities; a reply is several times as long with them."""
    need: ClassVar[Need] = "response"
    """What the agent's replies hold, which `max_tokens: auto` makes room for."""

    model: str = "default"
    """The model the agent asks: a key of `models`."""
    # Every token is as likely as every other long before.
    temperature: float = Field(default=0.0, ge=0, le=100, allow_inf_nan=False)
    """The sampling temperature. At 0 the model gives its likeliest reply."""
    # The longest windows of models that are published.
    max_tokens: Annotated[int, Field(gt=0, le=10_000_000)] | Literal["auto"] = "auto"
    """The most tokens of one reply. `auto` follows the length of the data's responses. Where a reply was cut,
    it is asked for once more with four times the room. A number is never exceeded."""

    @abstractmethod
    def build(self, parts: Parts) -> Any:
        """Return the agent."""

    def load_prompts(
        self,
        question: Template | None = None,
        kept: Path | None = None,
        kept_for: "AgentConfig | None" = None,
    ) -> dict[str, QuestionTemplate]:
        """Return the agent's templates by the config keys that name them.

        Args:
            question: the block that shows the question; the shipped one by default.
            kept: a run's own folder of prompts, read in place of the files that the config names.
            kept_for: the settings that they were kept for. A prompt that they name otherwise is read from its
                own file.

        Raises:
            PromptError: a prompt file cannot be used.
        """

        def load(key: str, use: TemplateUse) -> QuestionTemplate:
            name = getattr(self, key)
            folder = kept if kept_for is None or getattr(kept_for, key) == name else None
            return QuestionTemplate(
                name if folder is None else self.turn_of(key),
                use.variables,
                about=use.about,
                shipped=self.turn_of(key),
                question=question,
                folder=folder,
            )

        return {key: load(key, use) for key, use in self.templates.items()}

    def tried_values(self, key: str, sample: Sample) -> Sequence[Mapping[str, object]]:
        """Return values of the agent's own variables, as a request about a sample may have them.

        Every prompt is filled with them before a run asks anything.

        Args:
            key: the config key that names the prompt file.
            sample: what would be asked about.

        Returns:
            Each kind of request once; none where the agent would not ask with that prompt.
        """
        return [dict.fromkeys(self.templates[key].variables, TRIED)]

    @classmethod
    def turn_of(cls, key: str) -> str:
        """Return the name that a run keeps a prompt by: that of the shipped prompt for this config key."""
        return str(cls.model_fields[key].default)


def conversation(sample: Sample, request: str) -> list[Message]:
    """Return a request about a sample as chat turns: its history, the request, and what tools said to it."""
    return [*sample.history, Message(role="user", content=request), *sample.after]


def request(sample: Sample, prompt: QuestionTemplate, **values: object) -> list[Message]:
    """Return the chat turns that ask about a sample, with the prompt for the form of its answers.

    Args:
        sample: whose prompt is asked.
        prompt: the agent's prompts.
        values: the values of the agent's own variables.
    """
    kind = sample_kind(sample)
    return conversation(sample, prompt.render(sample, kind.form, kind.name, **values))


def kept_of(reply: Reply) -> dict[str, Any]:
    """Return what every agent's record keeps of a reply, by the record's fields."""
    return {
        "reply": reply.text,
        "thoughts": reply.thoughts,
        "outcome": reply.outcome,
        "usage": reply.usage,
        "reply_key": reply.key,
    }


async def answer_in(reply: Reply, sample: Sample) -> str | None:
    """Return the answer to a sample that a reply holds; None where it is no answer, or an unreadable one."""
    if reply.outcome is not None:
        return None
    kind = sample_kind(sample)
    return await read_apart(lambda: kind.extract(reply.text, sample.options), (reply.text, *sample.options))


async def read_apart(read: Callable[[], Read], texts: Iterable[str | None]) -> Read:
    """Return what reading texts gives; long ones are read in a thread, so that the event loop goes on.

    Args:
        read: reads them, in linear time, and without a single step that holds up all threads for long.
        texts: what it reads.
    """
    if sum(len(text or "") for text in texts) <= _LONG:
        return read()
    return await asyncio.to_thread(read)
