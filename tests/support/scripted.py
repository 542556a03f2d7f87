"""A scripted chat model: the one fake of the tests, at the outermost boundary."""

from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

Script = Callable[[list[BaseMessage]], str]


class ScriptedModel(BaseChatModel):
    """Answers by a function of the messages and remembers every request."""

    script: Script
    log_probabilities: Callable[[str], list[float]] = lambda reply: [-0.5] * max(1, len(reply.split()))
    requests: list[tuple[list[BaseMessage], dict[str, Any]]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **sampling: Any,
    ) -> ChatResult:
        self.requests.append((messages, sampling))
        reply = self.script(messages)
        tokens = [{"token": "x", "logprob": value} for value in self.log_probabilities(reply)]
        message = AIMessage(
            content=reply,
            usage_metadata={
                "input_tokens": 10,
                "output_tokens": len(tokens),
                "total_tokens": 10 + len(tokens),
            },
            response_metadata={"logprobs": {"content": tokens}},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **sampling: Any
    ) -> ChatResult:
        return self._generate(messages, stop, None, **sampling)

    def texts(self) -> list[str]:
        """Return the last message of every request."""
        return [str(messages[-1].content) for messages, _ in self.requests]
