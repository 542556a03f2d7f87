"""A chat model inside this process: transformers, fed by batches of concurrent calls."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field, PrivateAttr
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from agents.errors import ModelCallError, TurnsRefusedError
from agents.loops import is_circling, is_loop
from agents.models.batches import batch_tokens, in_halves, rated_tokens
from agents.models.chat import DirectChatModel, defuse_all, to_messages, to_turns, with_arguments
from agents.models.chat_template import ChatTemplate
from agents.models.decoding import Completion, Request, complete_batch
from agents.models.generate import Alone, Generation
from agents.models.rating import rate_batch
from agents.models.turn_end import end_tokens
from agents.thoughts import is_mark, split_thoughts
from stores.batcher import Batcher
from stores.sample import Message

# Seconds that a batch waits for more, and the most while more keep coming: a GPU answers 256 in about the
# time of one. Chosen, not measured.
_GATHER_FOR_GPU, _LONGEST_FOR_GPU = 0.005, 0.1
# With less room than this, a prompt is too long for its model.
_LEAST_ROOM = 16
_DEFAULT_ROOM = 256
_LONGEST_MARK = 40


class EmbeddedChatModel(DirectChatModel):
    """A LangChain chat model that answers with a transformers model in this process.

    Concurrent calls are answered in batches. Token log-probabilities come in `response_metadata` in the
    shape of an OpenAI-compatible endpoint, so that agents cannot tell the two apart.
    """

    name_or_path: str
    batch_size: int
    generates: bool = False
    """Whether transformers' `generate` answers, as on a GPU, or the loop of `decoding.py`."""
    rates_letters: bool = True
    rates_replies: bool = True
    template_settings: dict[str, Any] = Field(default_factory=dict)
    """What the chat template is given besides the turns (`chat_template_kwargs`)."""
    _model: PreTrainedModel = PrivateAttr()
    _tokenizer: Tokenizer = PrivateAttr()
    _template: ChatTemplate = PrivateAttr()
    _batcher: Batcher[Request, Completion] = PrivateAttr()
    _ends: tuple[int, ...] = PrivateAttr()
    _hidden: set[int] = PrivateAttr()
    _opened: str = PrivateAttr()
    _texts: dict[int, str] = PrivateAttr(default_factory=dict)

    def __init__(self, *, model: PreTrainedModel, tokenizer: Tokenizer, **fields: Any) -> None:
        super().__init__(**fields)
        self._model = model
        self._tokenizer = tokenizer
        self._template = ChatTemplate(tokenizer, self.name_or_path)
        self._ends = end_tokens(tokenizer, model.generation_config, model.config)
        # Those that mark thoughts are needed to tell them from the text.
        self._hidden = {
            token for token in tokenizer.all_special_ids if not is_mark(str(tokenizer.decode([token])))
        }
        self._opened = self._opening_mark()
        self.thinks = bool(self._opened) or self._may_think()
        # Several batches' worth at once: the loop sorts them by length, which saves padding.
        if self.generates:
            times = {"gather": _GATHER_FOR_GPU, "longest": _LONGEST_FOR_GPU}
            self._batcher = Batcher(self._generate_awaited, self.batch_size, **times)
        else:
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
        (completion,) = self._generate_alone([request]) if self.generates else self._complete([request])
        if isinstance(completion, Exception):
            raise completion
        return self._to_result(request, completion)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **sampling: Any,
    ) -> ChatResult:
        request = self._to_request(messages, sampling)
        return self._to_result(request, await self._batcher.submit(request))

    @property
    def window(self) -> int | None:
        """How many tokens a request and its reply may have together."""
        longest: int | None = getattr(self._model.config, "max_position_embeddings", None)
        return longest or None

    def count_tokens(self, turns: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> int:
        """Return how many tokens a request has.

        Raises:
            TurnsRefusedError: the chat template cannot render it.
        """
        return len(self._encode(to_messages(turns), tools))

    def _encode(self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]]) -> list[int]:
        return self._template.encode(
            with_arguments(to_turns(messages, defused=False), as_text=False),
            add_generation_prompt=True,
            **({"tools": defuse_all(tools)} if tools else {}),
            **self.template_settings,
        )

    def _to_request(self, messages: list[BaseMessage], sampling: dict[str, Any]) -> Request:
        if rated := sampling.get("rated"):
            return self._to_rated(messages, str(rated))
        prompt = self._encode(messages, sampling.get("tools") or ())
        letters = sampling.get("letters") or ()
        return Request(
            prompt,
            self._room_for(prompt, int(sampling.get("max_tokens") or _DEFAULT_ROOM)),
            float(sampling.get("temperature") or 0),
            int(sampling.get("seed") or 0),
            tuple(self._tokenizer(letter, add_special_tokens=False)["input_ids"][0] for letter in letters),
        )

    def _to_rated(self, messages: list[BaseMessage], reply: str) -> Request:
        turns = with_arguments(to_turns(messages, defused=False), as_text=False)
        (example,) = self._template.encode_examples([(turns, reply, ())])
        if isinstance(example, TurnsRefusedError):
            raise example
        # Without the token that ends the turn: a response that was cut is no less true.
        prompt, rated = example.tokens[: example.start], example.tokens[example.start : -1]
        self._room_for([*prompt, *rated], 0)
        return Request(prompt, 0, 0.0, 0, rated=tuple(rated))

    def _opening_mark(self) -> str:
        """Return the mark of thoughts with which the template begins a reply; empty where it begins none."""
        last = self._begin_reply().rstrip().rpartition("\n")[2][-_LONGEST_MARK:]
        begun = next((last[at:] for at in range(len(last)) if is_mark(last[at:])), "")
        return begun if split_thoughts(begun).ended is False else ""

    def _may_think(self) -> bool:
        """Say whether the template lets the model begin with thoughts: one that could switch them off."""
        asks = "enable_thinking" in str(self._tokenizer.chat_template)
        return asks and not any(is_mark(mark) for mark in self._begin_reply().split()[-2:])

    def _begin_reply(self) -> str:
        turns = [{"role": "user", "content": "Hello"}]
        return self._template.render(turns, add_generation_prompt=True, **self.template_settings)

    def _room_for(self, prompt: list[int], wanted: int) -> int:
        """Return how many tokens a reply may take: what is wanted, or what the model's context leaves.

        Raises:
            ModelCallError: that is next to nothing.
        """
        longest = self.window
        if longest is None:
            return wanted
        if len(prompt) + min(wanted, _LEAST_ROOM) > longest:
            raise ModelCallError(
                f"the request has {len(prompt)} tokens; "
                f"{self.name_or_path} takes {longest} in all, with the reply"
            )
        return min(wanted, longest - len(prompt))

    def _to_result(self, request: Request, completion: Completion) -> ChatResult:
        # Not `batch_decode`: it makes one text of no tokens.
        texts = list(map(self._text_of, completion.tokens))
        content = [
            {"token": text, "bytes": list(text.encode()), "logprob": logprob, "top_logprobs": []}
            for text, logprob in zip(texts, completion.log_probabilities, strict=True)
        ]
        if completion.among:
            content[0]["top_logprobs"] = [
                {"token": self._text_of(token), "logprob": value}
                for token, value in zip(request.among, completion.among, strict=True)
            ]
        shown = [token for token in completion.tokens if token not in self._hidden]
        message = AIMessage(
            content=self._opened + str(self._tokenizer.decode(shown)),
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

    def _text_of(self, token: int) -> str:
        # Each is looked up once: meanwhile the thread that generates has to wait.
        if (text := self._texts.get(token)) is None:
            text = self._texts[token] = str(self._tokenizer.decode([token]))
        return text

    def _circles(self, tokens: list[int]) -> bool:
        """Say whether a reply under way is a loop already, and would be one however long it went on."""
        return is_circling(tokens) and is_loop(str(self._tokenizer.decode(tokens)), ended=True)

    def _generate_awaited(self, requests: list[Request]) -> list[Completion | ModelCallError]:
        Generation(self._model, self._ends, self._batcher, self._circles).complete(requests)
        # All were handed back when they were done.
        return []

    def _generate_alone(self, requests: list[Request]) -> list[Completion | Exception]:
        caller = Alone()
        Generation(self._model, self._ends, caller, self._circles).complete(requests)
        return [caller.replies[index] for index in range(len(requests))]

    def _complete_awaited(self, requests: list[Request]) -> list[Completion | ModelCallError]:
        return self._complete(requests, self._batcher.is_awaited)

    def _complete(
        self, requests: list[Request], is_awaited: Callable[[], bool] = lambda: True
    ) -> list[Completion | ModelCallError]:
        """Complete any number of prompts, those of like length together."""
        rated = [index for index, request in enumerate(requests) if request.rated]
        ratings = rate_batch(self._model, [requests[index] for index in rated], rated_tokens(self._model))
        done: dict[int, Completion | ModelCallError] = dict(zip(rated, ratings, strict=True))
        asked = [index for index in range(len(requests)) if index not in done]
        order = sorted(asked, key=lambda index: _length(requests[index]))

        def complete(batch: list[Request]) -> list[Completion]:
            return complete_batch(self._model, batch, self._ends, is_awaited, self._circles)

        most = batch_tokens(self._model)
        while order:
            # The longest of a batch is its last; take as many as the token bound allows, at least one.
            rows = len(order)
            while rows > 1 and rows * _length(requests[order[rows - 1]]) > most:
                rows -= 1
            batch, order = order[:rows], order[rows:]
            completions = in_halves(complete, [requests[index] for index in batch])
            done.update(zip(batch, completions, strict=True))
        return [done[index] for index in range(len(requests))]


def _length(request: Request) -> int:
    return len(request.prompt) + request.max_tokens
