"""One row of instruction data, in the only form the rest of RobustFT knows."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """One chat turn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


def plain_turns(messages: Iterable[Message]) -> list[dict[str, str]]:
    """Return chat turns as plain data, the way files and chat templates have them."""
    return [{"role": message.role, "content": message.content} for message in messages]


class Sample(BaseModel):
    """A prompt and the response under suspicion.

    `response` may be wrong. For multiple choice it is the text of the chosen option, whatever spelling the
    file used. `history` holds the turns before the prompt. `gold` feeds metrics alone and must never reach a
    request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    prompt: str
    response: str
    options: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    task: str | None = None
    gold: str | None = None
