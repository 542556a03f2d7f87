"""How vLLM is started: with what the config says, and with what it leaves to us."""

import os
from pathlib import Path
from typing import Any

import pytest

from agents.errors import EndpointError
from agents.models import vllm_command
from agents.models.config import VLLMModelConfig
from agents.models.vllm_command import interpreter_of, plan_server, serve_command, serve_environment
from stores.errors import WeightsError
from tests.support.fake_vllm import FakeVLLM


@pytest.fixture
def vllm(tmp_path: Path) -> FakeVLLM:
    return FakeVLLM(tmp_path / "vllm")


@pytest.fixture(params=[False, True], ids=["no GPU", "GPU"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr("torch.cuda.is_available", lambda: request.param)
    return bool(request.param)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"r": 16}')
    return folder


def config(vllm: FakeVLLM, *args: str, **fields: Any) -> VLLMModelConfig:
    entry = {"provider": "vllm", "name": "org/model", "python": str(vllm.python), "args": args, **fields}
    return VLLMModelConfig.model_validate(entry)


def value_of(command: list[str], option: str) -> str:
    assert command.count(option) == 1
    return command[command.index(option) + 1]


def test_the_command_names_the_model_as_the_config_does(vllm: FakeVLLM, tmp_path: Path) -> None:
    command = serve_command(config(vllm), "m", 8123, None)
    assert command[:3] == [str(vllm.python), "-m", "vllm.entrypoints.openai.api_server"]
    assert value_of(command, "--model") == value_of(command, "--served-model-name") == "org/model"
    assert (value_of(command, "--host"), value_of(command, "--port")) == ("127.0.0.1", "8123")
    assert "--lora-modules" not in command


def test_a_model_that_is_not_there_is_a_typed_error(vllm: FakeVLLM) -> None:
    with pytest.raises(WeightsError, match="/no/such/model"):
        serve_command(config(vllm, name="/no/such/model"), "m", 8123, None)


def test_blocks_are_small_without_a_gpu_and_vllms_own_with_one(vllm: FakeVLLM, gpu: bool) -> None:
    assert ("--block-size" in serve_command(config(vllm), "m", 8123, None)) is not gpu


@pytest.mark.parametrize("args", [("--block-size", "16"), ("--block-size=16",)])
def test_the_users_block_size_is_kept(vllm: FakeVLLM, args: tuple[str, ...]) -> None:
    command = serve_command(config(vllm, *args), "m", 8123, None)
    assert [part for part in command if part.startswith("--block-size")] == [args[0]]


def test_an_adapter_is_served_under_its_name_with_room_for_its_rank(vllm: FakeVLLM, adapter: Path) -> None:
    command = serve_command(config(vllm), "m", 8123, adapter)
    assert command.count("--enable-lora") == 1
    assert value_of(command, "--max-lora-rank") == "16"
    assert value_of(command, "--lora-modules") == f"tuned={adapter}"


@pytest.mark.parametrize(("rank", "room"), [(1, "8"), (8, "8"), (9, "16"), (300, "320"), (1000, "1000")])
def test_room_is_made_in_the_sizes_that_vllm_has(vllm: FakeVLLM, adapter: Path, rank: int, room: str) -> None:
    (adapter / "adapter_config.json").write_text(f'{{"r": {rank}}}')
    assert value_of(serve_command(config(vllm), "m", 8123, adapter), "--max-lora-rank") == room


@pytest.mark.parametrize("args", [("--max-lora-rank", "64"), ("--max-lora-rank=64",)])
def test_what_the_user_says_of_adapters_is_kept(vllm: FakeVLLM, adapter: Path, args: tuple[str, ...]) -> None:
    command = serve_command(config(vllm, "--enable-lora", *args), "m", 8123, adapter)
    assert command.count("--enable-lora") == 1
    assert [part for part in command if part.startswith("--max-lora-rank")] == [args[0]]


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"r": null}', '{"r": "x"}'])
def test_a_folder_that_is_no_adapter_is_a_typed_error(
    vllm: FakeVLLM, adapter: Path, content: str | None
) -> None:
    file = adapter / "adapter_config.json"
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(WeightsError, match=r"adapter_config\.json: holds no rank"):
        serve_command(config(vllm), "m", 8123, adapter)


def test_the_environment_lets_a_server_use_all_cores_and_take_adapters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("VLLM_CPU_KVCACHE_SPACE", "VLLM_CPU_OMP_THREADS_BIND"):
        monkeypatch.delenv(name, raising=False)
    environment = serve_environment(())
    assert len(environment["VLLM_CPU_OMP_THREADS_BIND"].split(",")) == len(os.sched_getaffinity(0))
    assert environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    assert environment["VLLM_CPU_KVCACHE_SPACE"] == "2"
    assert environment["PATH"] == os.environ["PATH"]


def test_the_users_environment_and_memory_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "0")
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    environment = serve_environment(["--gpu-memory-utilization=0.5"])
    assert environment["VLLM_NO_USAGE_STATS"] == "0"
    assert "VLLM_CPU_KVCACHE_SPACE" not in environment


@pytest.mark.parametrize(
    ("behaviour", "python", "message"),
    [
        ("serves", "/no/such/python", "'/no/such/python' is no program that can be run"),
        ("has no vLLM", None, "has no vLLM; install it there"),
    ],
)
def test_a_python_that_cannot_serve_is_named(
    vllm: FakeVLLM, behaviour: str, python: str | None, message: str
) -> None:
    vllm.behave(behaviour)
    with pytest.raises(EndpointError, match=f"^models.a: .*{message}"):
        interpreter_of(config(vllm, python=python or str(vllm.python)), "models.a")


def test_a_plan_says_what_would_be_started_and_whether_it_fits(
    vllm: FakeVLLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_command, "free_memory", lambda: (4.0, "memory"))
    model = tmp_path / "model"
    model.mkdir()
    with (model / "model.safetensors").open("wb") as weights:
        weights.truncate(2**30)
    plan = plan_server(config(vllm, name=str(model)), "m")
    assert plan.command.startswith(str(vllm.python))
    assert plan.fit == "1.0 GiB of weights, 4.0 GiB of memory free"
    assert plan_server(config(vllm), "m").fit == "weights to be fetched, 4.0 GiB of memory free"
    monkeypatch.setattr(vllm_command, "free_memory", lambda: (0.5, "GPU memory"))
    with pytest.raises(EndpointError, match=r"m: does not fit: 1\.0 GiB of weights, 0\.5 GiB of GPU memory"):
        plan_server(config(vllm, name=str(model)), "m")
    assert vllm.starts() == []
