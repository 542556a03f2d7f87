"""One row of instruction data, in the only form the rest of RobustFT knows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

_OF_TOOLS = {"tool_calls", "tool_call_id", "name"}


class Message(BaseModel):
    """One chat turn. The calls of a tool, and what tells whose result a turn is, are kept as they came."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


def plain_turns(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return chat turns as plain data, the way files and chat templates have them."""
    return [
        {
            "role": message.role,
            "content": message.content,
            **message.model_dump(mode="json", include=_OF_TOOLS, exclude_defaults=True),
        }
        for message in messages
    ]


class Annotation(BaseModel):
    """What one annotator gives as the response to a sample."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    annotator: str
    response: str


class Sample(BaseModel):
    """A prompt and the response under suspicion.

    `response` may be wrong. For multiple choice it is the text of the chosen option, whatever spelling the
    file used. `other_responses` are further ones that the data give as right; any of them counts. `history`
    holds the turns before the prompt, `after` those between the prompt and the response: calls of tools and
    their results. `tools` are the tools' own descriptions. `kind` names the kind of the answers, where the
    task tells (`agents.answers.kind`). `gold` and `other_golds` feed metrics alone and must never reach a
    request. `trusted` is the response that the user vouches for; it may be learned from. Where it differs,
    `response` is wrong. `annotations` are what several annotators gave, by their names; `response` is the
    commonest of them (`stores.annotations`). `wordings` are other wordings of the prompt, which an evaluation
    asks as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    prompt: str
    response: str
    options: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    task: str | None = None
    gold: str | None = None
    other_responses: tuple[str, ...] = ()
    other_golds: tuple[str, ...] = ()
    after: tuple[Message, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    kind: str | None = None
    trusted: str | None = None
    annotations: tuple[Annotation, ...] = ()
    wordings: tuple[str, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether there is a response. An empty one is noise."""
        return bool(self.response.strip())


def with_wordings(samples: Iterable[Sample], wordings: Mapping[str, tuple[str, ...]]) -> Iterator[Sample]:
    """Yield samples with these other wordings of their prompts, in place of any that they had."""
    for sample in samples:
        found = wordings.get(sample.id, ())
        yield sample if sample.wordings == found else sample.model_copy(update={"wordings": found})
