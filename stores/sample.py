"""One row of instruction data, in the only form the rest of RobustFT knows."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """One chat turn that comes before a sample's prompt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class Sample(BaseModel):
    """A query and the response under suspicion.

    `response` is the label that may be noise. For multiple choice it is the text of the chosen option,
    whatever spelling the file used. `gold` feeds metrics alone and must never reach a prompt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    prompt: str
    response: str
    options: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    task: str | None = None
    gold: str | None = None
