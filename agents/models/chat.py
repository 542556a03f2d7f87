"""What RobustFT's own chat models share."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
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
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
# A description of a tool nests this deep at most, and more than that is no description.
_DEEPEST = 32


class DirectChatModel(BaseChatModel):
    """A chat model that skips LangChain's callback machinery where nobody listens.

    It costs 0.2 ms a call, ten times the rest. A tracer, a stream of messages or any other handler gets every
    call as from any chat model.
    """

    thinks: bool = False
    """Whether the model thinks before it answers: its replies need room for that."""
    rates_letters: bool = False
    """Whether it can be asked for one of some `letters` and rates each of them."""
    rates_replies: bool = False
    """Whether it can rate a reply that is given (`rated`), token by token, in place of writing one."""

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

    @property
    def window(self) -> int | None:
        """How many tokens a request and its reply may have together; None where nothing tells."""
        return None

    def count_tokens(self, turns: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> int | None:
        """Return how many tokens a request has; None where its tokenizer is not at hand."""
        return None

    def _is_watched(self, config: RunnableConfig) -> bool:
        callbacks = config.get("callbacks")
        if isinstance(callbacks, BaseCallbackManager):
            # A graph's: it has asked the environment for tracers already.
            return bool(callbacks.handlers or self.callbacks or self.verbose)
        return bool(AsyncCallbackManager.configure(callbacks, self.callbacks, self.verbose).handlers)


def to_messages(turns: Sequence[Message]) -> list[BaseMessage]:
    """Return chat turns as LangChain's chat models take them."""
    return [_to_message(turn) for turn in turns]


def _to_message(turn: Message) -> BaseMessage:
    if turn.role == "tool":
        return ToolMessage(content=turn.content, tool_call_id=turn.tool_call_id or "", name=turn.name)
    # Where LangChain keeps the calls as an endpoint sends them.
    calls = {"tool_calls": list(turn.tool_calls)} if turn.tool_calls else {}
    return _MESSAGES[turn.role](content=turn.content, name=turn.name, additional_kwargs=calls)


def to_turns(messages: Sequence[BaseMessage], *, defused: bool = True) -> list[dict[str, Any]]:
    """Return messages of text as an OpenAI-compatible endpoint and a chat template take them.

    Args:
        messages: what they hold is data: nothing in it may end its turn or begin another.
        defused: whether control tokens in their text are made plain text; `ChatTemplate` does that itself.
    """
    return [_to_turn(message, defused=defused) for message in messages]


def _to_turn(message: BaseMessage, *, defused: bool) -> dict[str, Any]:
    text = str(message.content)
    turn: dict[str, Any] = {"role": _ROLES[message.type], "content": defuse(text) if defused else text}
    if calls := message.additional_kwargs.get("tool_calls"):
        turn["tool_calls"] = defuse_all(calls)
    if identifier := getattr(message, "tool_call_id", None):
        turn["tool_call_id"] = defuse(identifier)
    if message.name is not None:
        turn["name"] = defuse(message.name)
    return turn


def with_arguments(turns: Sequence[Mapping[str, Any]], *, as_text: bool) -> list[dict[str, Any]]:
    """Return chat turns with the arguments of their calls as JSON text (as endpoints take them) or objects.

    Chat templates write the arguments as JSON themselves. What is no JSON is left as it is.
    """
    return [
        {**turn, "tool_calls": [_with_arguments(call, as_text=as_text) for call in turn["tool_calls"]]}
        if "tool_calls" in turn
        else dict(turn)
        for turn in turns
    ]


def _with_arguments(call: Any, *, as_text: bool) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or "arguments" not in function:
        return call
    arguments = function["arguments"]
    if as_text and not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    elif not as_text and isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return call
    return {**call, "function": {**function, "arguments": arguments}}


def defuse_all(value: Any, depth: int = 0) -> Any:
    """Return plain data with every text in it as `defuse` returns it."""
    if isinstance(value, str):
        return defuse(value)
    if depth == _DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {defuse(str(key)): defuse_all(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [defuse_all(item, depth + 1) for item in value]
    return value


def defuse(text: str) -> str:
    """Return a text without the control tokens of chat templates.

    A tokenizer makes a control token of `<|im_start|>` wherever it stands, in the data of a turn as well; one
    space within makes it plain text that still reads the same. The families known here are those of ChatML,
    Llama, Mistral, Gemma, Phi and DeepSeek.
    """
    return _CONTROL.sub(r"\g<0> ", text) if "<" in text or "[" in text else text
