"""A chat model behind an OpenAI-compatible endpoint, at as little cost to the machine as HTTP allows.

One aiohttp session and one limiter serve an endpoint, however many agents and models share it. Against an
instant server on two shared cores this carries several times the calls of the openai client, whose typed
parsing is half its cost (`benchmarks/client.py`).
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult
from pydantic import Field, PrivateAttr

from agents.errors import EndpointError, ModelBusyError, ModelCallError
from agents.models.chat import DirectChatModel, defuse, defuse_all, to_turns, with_arguments
from agents.models.completion import ServedName, filtered_reply, read_completion, read_rated
from agents.models.config import EndpointModelConfig, VLLMModelConfig
from agents.models.connection import EndpointClient
from agents.models.limiter import FailureKind, Limiter
from agents.models.listing import read_listing
from agents.models.refusal import RequestError, advise
from agents.models.turns import TurnRules, adapt, learn
from agents.room import estimate_tokens

_LOG = logging.getLogger("robustft")

# How often one request is sent again because its connection broke: it may be what breaks the server.
_BROKEN_CONNECTIONS = 5
# The most likely tokens that OpenAI and vLLM tell of at most.
_RATED = 20
# A reply's room where the prompt, by a rough count, fills the model's context.
_LEAST_ROOM = 64


class EndpointChatModel(DirectChatModel):
    """A LangChain chat model that asks an OpenAI-compatible endpoint for chat completions.

    Token log-probabilities come in `response_metadata` as the endpoint sent them.
    """

    served_name: str
    """The endpoint's name for the model."""
    label: str = "models.NAME"
    """How the config calls it, for messages."""
    config: EndpointModelConfig = Field(default_factory=EndpointModelConfig)
    """Says how its requests are shaped."""
    rates_letters: bool = True
    context: int | None = None
    """The tokens of a prompt and its reply together, where the endpoint tells (`probe.check_name`)."""
    _client: EndpointClient = PrivateAttr()
    _limiter: Limiter = PrivateAttr()
    _answers_as: ServedName = PrivateAttr()
    _rules: TurnRules = PrivateAttr()

    def __init__(self, *, client: EndpointClient, limiter: Limiter, **fields: Any) -> None:
        super().__init__(**fields)
        self.rates_replies = isinstance(self.config, VLLMModelConfig)
        self._client = client
        self._limiter = limiter
        self._answers_as = ServedName(self.served_name)
        self._rules = TurnRules()

    @property
    def _llm_type(self) -> str:
        return "robustft-endpoint"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **sampling: Any,
    ) -> ChatResult:
        raise NotImplementedError("this model's connections belong to an event loop; use `ainvoke`")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **sampling: Any,
    ) -> ChatResult:
        turns = to_turns(messages)
        request = self._request(stop, sampling)
        rated = sampling.get("rated")
        if rated is not None:
            turns.append({"role": "assistant", "content": defuse(str(rated))})
        while True:
            request["messages"] = with_arguments(adapt(turns, self._rules), as_text=True)
            body = orjson.dumps({**request, **self._bounded(request)})
            try:
                return await self._send(body, rated and defuse(str(rated)))
            except ModelCallError as exc:
                rules = learn(self._rules, str(exc), request["messages"])
                if rules is None:
                    raise
                self._keep(rules)

    def _request(self, stop: list[str] | None, sampling: dict[str, Any]) -> dict[str, Any]:
        """Return a request's body, but for its messages."""
        fields = dict(sampling)
        if fields.pop("rated", None) is not None:
            # One pass over a prompt that ends with the reply; a server writes one token at least.
            ends_open = {"add_generation_prompt": False, "continue_final_message": True}
            fields |= {"prompt_logprobs": 1, "max_tokens": 1, **ends_open}
        if letters := fields.pop("letters", None):
            fields["top_logprobs"] = _RATED
            if isinstance(self.config, VLLMModelConfig):
                fields["structured_outputs"] = {"choice": letters}
        if tools := fields.get("tools"):
            fields["tools"] = defuse_all(tools)
            # They are context. A call in place of an answer is none, and vLLM refuses to choose by itself.
            fields["tool_choice"] = "none"
        if stop:
            fields["stop"] = stop
        return {"model": self.served_name, **self.config.shape(fields)}

    def _bounded(self, request: dict[str, Any]) -> dict[str, int]:
        """Return the room of a reply where the model's context leaves less than is asked for."""
        key = self.config.max_tokens_key
        wanted = request.get(key)
        if self.context is None or not isinstance(wanted, int):
            return {}
        # Rather too many: what is left is there.
        left = self.context - sum(estimate_tokens(str(turn["content"])) for turn in request["messages"])
        return {key: min(wanted, max(left, _LEAST_ROOM))}

    def _keep(self, rules: TurnRules) -> None:
        """Send turns as the endpoint takes them from now on; requests under way may learn the same."""
        if rules != self._rules:
            self._rules = rules
            _LOG.info(
                "%s: the endpoint does not take every turn as it is: %s", self.served_name, rules.said()
            )

    async def answers(self) -> bool:
        """Ask for one token outside the limiter: whether an endpoint that was down is back."""
        request = self._request(None, {"max_tokens": 1})
        request["messages"] = [{"role": "user", "content": "Say yes."}]
        try:
            await self._client.post("chat/completions", orjson.dumps(request))
        except RequestError as exc:
            # A refusal is an answer, too.
            return exc.failure in (FailureKind.BUSY, FailureKind.OWN)
        return True

    @property
    def window(self) -> int | None:
        """How many tokens a request and its reply may have together, where the endpoint's list said so."""
        return self.context

    async def listed(self) -> dict[str, int | None]:
        """Return the models that the endpoint lists, each with its context in tokens where that is told.

        It is empty where the endpoint lists nothing.
        """
        try:
            content = await self._client.get("models")
        except RequestError:
            return {}
        return read_listing(content, self._client.hide)

    def shaped(self, settings: Mapping[str, Any]) -> "EndpointChatModel":
        """Return the same model, asked with further settings of how its requests are shaped."""
        config = self.config.model_copy(update=dict(settings))
        return self._other(config=config)

    def named(self, served_name: str) -> "EndpointChatModel":
        """Return another model of the same endpoint, behind the same limiter."""
        return self._other(served_name=served_name)

    def _other(self, **changes: Any) -> "EndpointChatModel":
        fields = {
            name: getattr(self, name) for name in ("served_name", "label", "config", "thinks", "context")
        }
        return EndpointChatModel(client=self._client, limiter=self._limiter, **{**fields, **changes})

    async def load_adapter(self, name: str, folder: Path) -> None:
        """Have a vLLM server load a PEFT adapter, replacing one of the same name.

        Args:
            name: what requests will call it.
            folder: its absolute path, as the server sees it.

        Raises:
            EndpointError: it does not; it must run with `--enable-lora`, may not be told to at run time
                (`VLLM_ALLOW_RUNTIME_LORA_UPDATING`), or cannot read the folder.
        """
        request = {"lora_name": name, "lora_path": str(folder), "load_inplace": True}
        try:
            await self._client.post("load_lora_adapter", orjson.dumps(request), reads=False)
        except RequestError as exc:
            raise EndpointError(
                f"{self._client.base_url}: does not load the adapter {folder} ({exc}); a vLLM server does "
                "with --enable-lora, VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and sight of that folder"
            ) from exc

    async def _send(self, body: bytes, rated: str | None = None) -> ChatResult:
        """Send a request until it is answered or refused for good.

        Args:
            body: the request.
            rated: a reply that is to be rated; it comes back in place of what the endpoint writes.

        Raises:
            ModelBusyError: it failed; asking again may help.
            ModelCallError: the endpoint refused it.
            EndpointDownError: the endpoint is down for too long.
        """
        troubled: float | None = None
        broken = 0
        while True:
            ticket = await self._limiter.acquire()
            kind: FailureKind | None = FailureKind.CANCELLED
            retry_after = None
            work = 1
            try:
                sent = await self._client.post("chat/completions", body)
                result = (
                    read_completion(sent, self._client.hide) if rated is None else read_rated(sent, rated)
                )
                kind = None
                work += _tokens_of(result)
            except RequestError as exc:
                kind, retry_after, failure = exc.failure, exc.retry_after, exc
            finally:
                self._limiter.release(ticket, kind, retry_after, work)
            if kind is None:
                self._answers_as.check(result.generations[0].message.response_metadata["model_name"])
                return result
            if kind is FailureKind.OWN and failure.filtered:
                return filtered_reply()
            if kind is FailureKind.OWN:
                raise ModelCallError(f"{failure}{advise(str(failure), self.label)}") from failure
            broken += kind is FailureKind.GONE
            now = time.monotonic()
            troubled = troubled or now
            patient = broken < _BROKEN_CONNECTIONS and now - troubled < self._limiter.patience
            # Neither a refusal for want of room nor an outage is this request's fault. An endpoint that never
            # answered is not waited for: nothing says that it ever will.
            if kind is FailureKind.FAILING or not patient or not self._limiter.has_answered:
                raise ModelBusyError(str(failure)) from failure


def _tokens_of(result: ChatResult) -> int:
    message = result.generations[0].message
    usage = message.usage_metadata if isinstance(message, AIMessage) else None
    return usage["total_tokens"] if usage else 0
