"""Keeping a config's vLLM model up in the foreground, for other runs to use."""

import asyncio
import signal
from pathlib import Path

from agents.errors import EndpointDownError
from agents.models.config import VLLMModelConfig
from agents.models.vllm import VLLMServer
from agents.models.vllm_command import ADAPTER_NAME
from graph.config.run import ConfigError, RunConfig
from robustft.terminal import Terminal
from stores.weights import resolve_weights


async def serve(
    config: RunConfig, name: str | None, port: int, adapter: Path | None, console: Terminal
) -> None:
    """Start a model's server and keep it until it is interrupted.

    Args:
        config: names the model.
        name: the model's key in `models`; None for the only one that vLLM can be started for.
        port: the port on loopback.
        adapter: a PEFT adapter to serve beside the model.
        console: where the address is told.

    Raises:
        ConfigError: no model of the config is vLLM's to serve, or several are.
        WeightsError: the adapter cannot be read, or is one of another model.
        EndpointError: the server cannot be started.
        EndpointDownError: it died.
    """
    name = _choose(config, name)
    model = config.models[name]
    assert isinstance(model, VLLMModelConfig)  # noqa: S101 - what `_choose` chose
    label = f"models.{name}"
    if adapter is not None:
        await asyncio.to_thread(_check_adapter_of, model, adapter)
    server = VLLMServer(model, label, port=port)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    starting = asyncio.create_task(server.start(adapter))
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return
        await starting
        named = f"{model.name} and {ADAPTER_NAME}" if adapter else model.name
        told = f"serving {named} at {server.base_url} (log: {server.log}); Ctrl-C stops it"
        console.say(told)
        while not stopped.is_set():
            if not server.is_running:
                raise EndpointDownError(f"{label}: the server died; its log is {server.log}")
            await asyncio.wait({stopping}, timeout=1)
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await server.stop()


def _check_adapter_of(model: VLLMModelConfig, adapter: Path) -> None:
    # Imported here: they read torch, which a server without an adapter does not need.
    from stores.pretrained import check_adapter, load_outline, put_adapter

    check_adapter(adapter)
    weights = resolve_weights(model.name)
    # What is not here, the server fetches.
    if Path(weights).is_dir():
        put_adapter(load_outline(weights), adapter)


def _choose(config: RunConfig, name: str | None) -> str:
    names = [key for key, model in config.models.items() if _is_served(model)]
    if name is not None:
        if name not in names:
            others = ", ".join(names) or "none"
            raise ConfigError(f"models.{name}: is no model that vLLM is to be started for ({others} can be)")
        return name
    if len(names) != 1:
        found = f"several are: {', '.join(names)}; choose one with --model" if names else "none is"
        raise ConfigError(f"models: one must have provider vllm and no base_url to be served, {found}")
    return names[0]


def _is_served(model: object) -> bool:
    return isinstance(model, VLLMModelConfig) and model.base_url is None
