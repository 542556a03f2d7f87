"""A chat model inside this process: transformers, fed by batches of concurrent calls."""

from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from agents.errors import ModelCallError
from agents.models.chat import DirectChatModel, to_turns
from agents.models.chat_template import ChatTemplate
from agents.models.decoding import Completion, Request, complete_batch
from stores.batcher import Batcher

# Rows times padded length of one batch: bounds the key-value cache (46 KB a token with SmolLM2 in float32).
_BATCH_TOKENS = 16_384


class EmbeddedChatModel(DirectChatModel):
    """A LangChain chat model that answers with a transformers model in this process.

    Concurrent calls are answered in batches. Token log-probabilities come in `response_metadata` in the
    shape of an OpenAI-compatible endpoint, so that agents cannot tell the two apart.
    """

    name_or_path: str
    batch_size: int
    _model: PreTrainedModel = PrivateAttr()
    _tokenizer: Tokenizer = PrivateAttr()
    _template: ChatTemplate = PrivateAttr()
    _batcher: Batcher[Request, Completion] = PrivateAttr()

    def __init__(self, *, model: PreTrainedModel, tokenizer: Tokenizer, **fields: Any) -> None:
        super().__init__(**fields)
        self._model = model
        self._tokenizer = tokenizer
        self._template = ChatTemplate(tokenizer, self.name_or_path)
        # Several batches' worth at once: the loop sorts them by length, which saves padding.
        self._batcher = Batcher(self._complete_awaited, self.batch_size)

    @property
    def _llm_type(self) -> str:
        return "robustft-embedded"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **sampling: Any,
    ) -> ChatResult:
        request = self._to_request(messages, sampling)
        return self._to_result(request, self._complete([request])[0])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **sampling: Any,
    ) -> ChatResult:
        request = self._to_request(messages, sampling)
        return self._to_result(request, await self._batcher.submit(request))

    def _to_request(self, messages: list[BaseMessage], sampling: dict[str, Any]) -> Request:
        prompt = self._template.encode(to_turns(messages), add_generation_prompt=True)
        max_tokens = int(sampling.get("max_tokens") or 256)
        longest = getattr(self._model.config, "max_position_embeddings", None)
        if longest and len(prompt) + max_tokens > longest:
            raise ModelCallError(
                f"the request has {len(prompt)} tokens and may take {max_tokens} more; "
                f"{self.name_or_path} takes {longest} in all"
            )
        return Request(
            prompt, max_tokens, float(sampling.get("temperature") or 0), int(sampling.get("seed") or 0)
        )

    def _to_result(self, request: Request, completion: Completion) -> ChatResult:
        # Not `batch_decode`: it makes one text of no tokens.
        texts = [str(self._tokenizer.decode([token])) for token in completion.tokens]
        content = [
            {"token": text, "bytes": list(text.encode()), "logprob": logprob, "top_logprobs": []}
            for text, logprob in zip(texts, completion.log_probabilities, strict=True)
        ]
        message = AIMessage(
            content=str(self._tokenizer.decode(completion.tokens, skip_special_tokens=True)),
            usage_metadata={
                "input_tokens": len(request.prompt),
                "output_tokens": len(completion.tokens) + completion.finished,
                "total_tokens": len(request.prompt) + len(completion.tokens) + completion.finished,
            },
            response_metadata={
                "model_name": self.name_or_path,
                "finish_reason": "stop" if completion.finished else "length",
                "logprobs": {"content": content, "refusal": None},
            },
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _complete_awaited(self, requests: list[Request]) -> list[Completion]:
        return self._complete(requests, self._batcher.is_awaited)

    def _complete(
        self, requests: list[Request], is_awaited: Callable[[], bool] = lambda: True
    ) -> list[Completion]:
        """Complete any number of prompts, those of like length together."""
        order = sorted(range(len(requests)), key=lambda index: _length(requests[index]))
        done: dict[int, Completion] = {}
        while order:
            # The longest of a batch is its last; take as many as the token bound allows, at least one.
            rows = len(order)
            while rows > 1 and rows * _length(requests[order[rows - 1]]) > _BATCH_TOKENS:
                rows -= 1
            batch, order = order[:rows], order[rows:]
            completions = complete_batch(
                self._model, [requests[index] for index in batch], self._tokenizer.eos_token_id, is_awaited
            )
            done.update(zip(batch, completions, strict=True))
        return [done[index] for index in range(len(requests))]


def _length(request: Request) -> int:
    return len(request.prompt) + request.max_tokens
