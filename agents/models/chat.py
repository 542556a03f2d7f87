"""What RobustFT's own chat models share."""

import re
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables.config import RunnableConfig, ensure_config

from stores.sample import Message

# What opens a control token, where a control token follows.
_CONTROL = re.compile(
    r"<(?=\|[\w .:-]{1,60}\|>|｜|/?s>|(?:start|end)_of_turn>|(?:bos|eos|pad|unk|mask)>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])"
    # Llama 2's system prompt.
    r"|<(?=</?SYS>>)"
)
_MESSAGES: dict[str, type[BaseMessage]] = {
    "system": SystemMessage,
    "user": HumanMessage,
    "assistant": AIMessage,
}
_ROLES = {"human": "user", "ai": "assistant", "system": "system"}


class DirectChatModel(BaseChatModel):
    """A chat model that skips LangChain's callback machinery where nobody listens.

    It costs 0.2 ms a call, ten times the rest. A tracer, a stream of messages or any other handler gets every
    call as from any chat model.
    """

    async def ainvoke(
        self,
        input: Any,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Answer a conversation, given as a list of messages."""
        plain = isinstance(input, list) and all(isinstance(message, BaseMessage) for message in input)
        if not plain or self._is_watched(ensure_config(config)):
            return await super().ainvoke(input, config, stop=stop, **kwargs)
        result = await self._agenerate(input, stop, None, **kwargs)
        message = result.generations[0].message
        assert isinstance(message, AIMessage)  # noqa: S101 - what `_agenerate` is declared to return
        return message

    def _is_watched(self, config: RunnableConfig) -> bool:
        callbacks = config.get("callbacks")
        if isinstance(callbacks, BaseCallbackManager):
            # A graph's: it has asked the environment for tracers already.
            return bool(callbacks.handlers or self.callbacks or self.verbose)
        return bool(AsyncCallbackManager.configure(callbacks, self.callbacks, self.verbose).handlers)


def to_messages(turns: Sequence[Message]) -> list[BaseMessage]:
    """Return chat turns as LangChain's chat models take them."""
    return [_MESSAGES[turn.role](content=turn.content) for turn in turns]


def to_turns(messages: Sequence[BaseMessage]) -> list[dict[str, str]]:
    """Return messages of text as an OpenAI-compatible endpoint and a chat template take them.

    What they hold is data: nothing in it can end its turn or begin another.
    """
    return [{"role": _ROLES[message.type], "content": defuse(str(message.content))} for message in messages]


def defuse(text: str) -> str:
    """Return a text without the control tokens of chat templates.

    A tokenizer makes a control token of `<|im_start|>` wherever it stands, in the data of a turn as well; one
    space within makes it plain text that still reads the same. The families known here are those of ChatML,
    Llama, Mistral, Gemma, Phi and DeepSeek.
    """
    return _CONTROL.sub(r"\g<0> ", text) if "<" in text or "[" in text else text
