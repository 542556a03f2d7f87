"""The open models of one owner, such as a run.

A vLLM entry of the config has one server. An address has one limiter, and a client for each of its keys and
time-outs.
"""

import asyncio
import logging
import os
import re
from io import FileIO
from pathlib import Path
from typing import NamedTuple, Self

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from agents.errors import EndpointError
from agents.models.adaptive_limit import FIRST_LIMIT
from agents.models.config import (
    OPENAI,
    EmbeddedModelConfig,
    ModelConfig,
    OpenAIModelConfig,
    VLLMModelConfig,
)
from agents.models.connection import EndpointClient
from agents.models.endpoint import EndpointChatModel
from agents.models.limiter import Limiter
from agents.models.vllm import VLLMServer
from agents.models.vllm_command import ADAPTER_NAME

_LOG = logging.getLogger("robustft")


class EndpointSettings(NamedTuple):
    """How a run treats the endpoints it uses.

    `ceiling` is the most requests in flight at one, `patience` the seconds that an outage may last, `logs`
    the folder for the logs of servers that are started (None for temporary files).
    """

    ceiling: int = 64
    patience: float = 600
    logs: Path | None = None


class ModelPool:
    """Opens each model of a config once, however many agents share it.

    A pool belongs to one owner and one event loop. Its owner closes it, at the latest at the end of an
    `async with` block.
    """

    def __init__(self) -> None:
        self._models: dict[str, BaseChatModel] = {}
        self._servers: dict[str, VLLMServer] = {}
        self._clients: dict[tuple[str, str | None, float], EndpointClient] = {}
        self._limiters: dict[str, Limiter] = {}
        # Nodes that start side by side would each load the same weights.
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(
        self, config: ModelConfig, label: str, settings: EndpointSettings | None = None
    ) -> BaseChatModel:
        """Return the chat model of a config entry, opened at the first call; equal entries share one.

        Args:
            config: the entry.
            label: how the config calls it, for messages.
            settings: how its endpoint is treated.

        Raises:
            EndpointError: a key is missing, or a server cannot be started.
            WeightsError: the model's weights cannot be found or loaded.
        """
        entry = config.model_dump_json()
        async with self._opening:
            if entry not in self._models:
                if isinstance(config, EmbeddedModelConfig):
                    self._models[entry] = await asyncio.to_thread(_load_embedded, config)
                else:
                    self._models[entry] = await self._connect(config, label, settings or EndpointSettings())
            return self._models[entry]

    def find(self, config: ModelConfig) -> BaseChatModel | None:
        """Return the chat model of a config entry where it is open; None where it is not."""
        return self._models.get(config.model_dump_json())

    async def open_tuned(
        self, config: VLLMModelConfig, label: str, settings: EndpointSettings, adapter: Path
    ) -> tuple[BaseChatModel, BaseChatModel]:
        """Return a vLLM model without and with a PEFT adapter, both on one server.

        A server of ours is started with the adapter, anew if it runs without; one that takes adapters while
        it runs is asked to load it, as is one that is not ours.

        Raises:
            EndpointError: the server cannot be started, or does not load the adapter.
        """
        entry = config.model_dump_json()
        async with self._opening:
            server = self._servers.get(entry)
            if config.base_url is None and server is None:
                self._models[entry] = await self._connect(config, label, settings, adapter)
            elif server is not None and not server.takes_adapters:
                await server.stop()
                await server.start(adapter)
            else:
                if entry not in self._models:
                    self._models[entry] = await self._connect(config, label, settings)
                folder = await asyncio.to_thread(adapter.absolute)
                await self._endpoint(entry).load_adapter(ADAPTER_NAME, folder)
            model = self._endpoint(entry)
            return model, model.named(ADAPTER_NAME)

    async def close(self, *, keep_adapter_servers: bool = False) -> None:
        """Close all connections, stop servers, and forget all models.

        Args:
            keep_adapter_servers: leave those running that load adapters while they run, with their models.
        """
        kept = {
            entry: server
            for entry, server in self._servers.items()
            if keep_adapter_servers and server.takes_adapters and server.is_running
        }
        urls = {server.base_url for server in kept.values()}
        for base_url, limiter in self._limiters.items():
            if base_url not in urls:
                limiter.close()
        for address, client in self._clients.items():
            if address[0] not in urls:
                await client.close()
        stopped = [server.stop() for entry, server in self._servers.items() if entry not in kept]
        await asyncio.gather(*stopped)
        self._models = {entry: model for entry, model in self._models.items() if entry in kept}
        self._servers = kept
        self._clients = {address: client for address, client in self._clients.items() if address[0] in urls}
        self._limiters = {url: limiter for url, limiter in self._limiters.items() if url in urls}

    def _endpoint(self, entry: str) -> EndpointChatModel:
        model = self._models[entry]
        assert isinstance(model, EndpointChatModel)  # noqa: S101 - what `_connect` returned
        return model

    async def _serve(
        self, config: VLLMModelConfig, label: str, logs: Path | None, adapter: Path | None
    ) -> VLLMServer:
        log = None
        if logs is not None:
            name = re.sub(r"[^A-Za-z0-9]+", "-", label.rpartition(".")[2])
            log = await asyncio.to_thread(FileIO, logs / f"vllm-{name}.log", "a+")
        # One at a time: each measures the memory that is left.
        server = VLLMServer(config, label, log=log)
        await server.start(adapter)
        self._servers[config.model_dump_json()] = server
        return server

    async def _connect(
        self,
        config: OpenAIModelConfig | VLLMModelConfig,
        label: str,
        settings: EndpointSettings,
        adapter: Path | None = None,
    ) -> EndpointChatModel:
        key = _read_key(config)
        server = None
        if isinstance(config, VLLMModelConfig) and config.base_url is None:
            server = await self._serve(config, label, settings.logs, adapter)
        base_url = (server.base_url if server else config.base_url or "").rstrip("/")
        address = (base_url, config.api_key_env, config.timeout)
        if address not in self._clients:
            self._clients[address] = EndpointClient(base_url, key=key, timeout=config.timeout)

        async def is_back() -> bool:
            if server is not None and not server.is_running:
                try:
                    await server.start()
                except EndpointError as exc:
                    _LOG.warning("%s", exc)
                    return False
            return await model.answers()

        if base_url not in self._limiters:
            ceiling = settings.ceiling
            # vLLM queues what it cannot run yet: there is nothing to be found by asking for less.
            first = ceiling if isinstance(config, VLLMModelConfig) else FIRST_LIMIT
            self._limiters[base_url] = Limiter(
                ceiling,
                first=first,
                patience=settings.patience,
                label=f"{label} ({base_url})",
                probe=is_back,
            )
        model = EndpointChatModel(
            served_name=config.name,
            label=label,
            config=config,
            client=self._clients[address],
            limiter=self._limiters[base_url],
        )
        return model


def _load_embedded(config: EmbeddedModelConfig) -> BaseChatModel:
    # Imported here: torch takes seconds, and a run against an endpoint may not need it.
    from agents.models.loading import load_embedded

    return load_embedded(config)


def _read_key(config: OpenAIModelConfig | VLLMModelConfig) -> SecretStr | None:
    if config.api_key_env is None:
        return None
    if config.api_key_env not in os.environ:
        raise EndpointError(
            f"model '{config.name}': the environment variable {config.api_key_env} is not set; "
            f"put the endpoint's key there{_elsewhere(config)}"
        )
    key = os.environ[config.api_key_env].strip()
    if not key or not key.isascii() or not key.isprintable():
        raise EndpointError(
            f"model '{config.name}': the environment variable {config.api_key_env} holds no usable key"
        )
    return SecretStr(key)


def _elsewhere(config: OpenAIModelConfig | VLLMModelConfig) -> str:
    if config.base_url == OPENAI:
        return ", or set base_url where the model is not OpenAI's own"
    return ", or leave out api_key_env"
