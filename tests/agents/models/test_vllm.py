"""A server of ours, with a stand-in for vLLM: started, watched, explained, and gone when it is stopped."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agents.errors import EndpointError
from agents.models.config import VLLMModelConfig
from agents.models.vllm import VLLMServer
from tests.support.endpoint import free_port
from tests.support.fake_vllm import FakeVLLM
from tests.support.waiting import until


@pytest.fixture
def vllm(tmp_path: Path) -> FakeVLLM:
    return FakeVLLM(tmp_path / "vllm")


@pytest.fixture
async def server_of(vllm: FakeVLLM) -> AsyncIterator[Callable[..., VLLMServer]]:
    """Make servers that run the stand-in; they are stopped after the test."""
    made: list[VLLMServer] = []

    def make(port: int | None = None, **fields: Any) -> VLLMServer:
        entry = {"provider": "vllm", "name": "org/model", "python": str(vllm.python), **fields}
        made.append(VLLMServer(VLLMModelConfig.model_validate(entry), "models.judge", port=port))
        return made[-1]

    yield make
    for server in made:
        await server.stop()


def accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def test_a_started_server_answers_and_a_stopped_one_is_gone(
    server_of: Callable[..., VLLMServer],
) -> None:
    server = server_of()
    assert not server.is_running
    await server.start()
    assert server.is_running
    async with aiohttp.ClientSession() as session, session.get(f"{server.base_url[:-3]}/health") as response:
        assert response.status == 200
    await server.stop()
    assert not server.is_running
    assert not accepts(server.port)
    await server.stop()


async def test_a_server_is_started_with_the_model_on_loopback_alone(
    server_of: Callable[..., VLLMServer], vllm: FakeVLLM
) -> None:
    port = free_port()
    server = server_of(port, args=["--max-model-len", 2048])
    await server.start()
    [command] = map(json.loads, vllm.starts())
    assert server.base_url == f"http://127.0.0.1:{port}/v1"
    for pair in (
        ["--model", "org/model"],
        ["--host", "127.0.0.1"],
        ["--port", str(port)],
        ["--max-model-len", "2048"],
    ):
        assert pair[0] in command
        assert command[command.index(pair[0]) + 1] == pair[1]


async def test_a_server_that_died_is_started_again_at_its_address(
    server_of: Callable[..., VLLMServer], vllm: FakeVLLM
) -> None:
    server = server_of()
    await server.start()
    address = server.base_url
    await server.stop()
    await server.start()
    assert server.base_url == address
    assert len(vllm.starts()) == 2


async def test_a_server_that_dies_while_it_starts_says_the_first_error_of_this_start(
    server_of: Callable[..., VLLMServer], vllm: FakeVLLM
) -> None:
    server = server_of()
    await server.start()
    await server.stop()
    vllm.behave("dies")
    with pytest.raises(EndpointError) as error:
        await server.start()
    first, *log = str(error.value).splitlines()
    assert first == "models.judge: vLLM ended while starting: torch.OutOfMemoryError: no room for the model"
    assert log[0] == "its log ends with:"
    assert log[-1] == "  RuntimeError: see the root cause above"
    assert not server.is_running


async def test_a_server_that_takes_too_long_is_stopped(
    server_of: Callable[..., VLLMServer], vllm: FakeVLLM
) -> None:
    vllm.behave("loads for ever")
    server = server_of(start_timeout=0.3)
    with pytest.raises(EndpointError, match=r"did not answer within 0 s \(start_timeout\)"):
        await server.start()
    assert not server.is_running


async def test_a_start_that_is_given_up_leaves_nothing_behind(
    server_of: Callable[..., VLLMServer], vllm: FakeVLLM
) -> None:
    vllm.behave("loads for ever")
    server = server_of()
    starting = asyncio.create_task(server.start())
    await until(lambda: server.port and accepts(server.port))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not server.is_running
    assert not accepts(server.port)


async def test_a_port_that_is_taken_is_told_before_anything_is_started(
    server_of: Callable[..., VLLMServer], vllm: FakeVLLM
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EndpointError, match=f"models.judge: port {port} is taken"):
            await server_of(port).start()
    assert vllm.starts() == []


async def test_an_adapter_stays_over_a_restart(
    server_of: Callable[..., VLLMServer], vllm: FakeVLLM, tmp_path: Path
) -> None:
    (tmp_path / "adapter_config.json").write_text('{"r": 8}')
    server = server_of()
    await server.start(tmp_path)
    await server.stop()
    await server.start()
    assert server.adapter == tmp_path
    assert [f"tuned={tmp_path}" in json.loads(command) for command in vllm.starts()] == [True, True]


@pytest.mark.parametrize(("args", "takes"), [([], False), (["--enable-lora"], True)])
def test_a_server_takes_adapters_that_was_told_to(args: list[str], takes: bool) -> None:
    config = VLLMModelConfig(provider="vllm", args=tuple(args))
    assert VLLMServer(config, "m").takes_adapters is takes
