"""The embedded model beside transformers' own: `generate` on sorted batches, and continuous batching."""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from agents.models.config import EmbeddedModelConfig
from agents.models.decoding import pad_left
from agents.models.embedded import EmbeddedChatModel
from agents.models.loading import load_embedded
from on_gpu.task import Said, Task, peak_gib, prompts_of, release, samples_of, synchronize
from robustft import RunConfig, arun
from stores.export import write_samples


class Timed(NamedTuple):
    """How long all answers took, and how long the first; tokens without the one that ends a turn."""

    seconds: float
    first: float
    replies: list[list[int]]


def measure(task: Task, said: Said) -> None:
    """Time all three with each number in flight."""
    chat = load_embedded(EmbeddedModelConfig(name=task.weights))
    prompts = prompts_of(task, max(task.samples, *map(_asked, task.in_flight)))
    encoded = [chat._encode(prompt, ()) for prompt in prompts]
    # Kernels are chosen and memory is taken at the first call.
    _ask_ours(chat, prompts[:2], 2, 4)
    _ask_generate(chat, encoded[:2], 2, 4)
    for in_flight in task.in_flight:
        count = min(_asked(in_flight), task.samples)
        order = sorted(encoded[:count], key=len)
        with said.errors_of(str(in_flight), "ours"):
            _say(said, in_flight, "ours", _ask_ours(chat, prompts[:count], in_flight, task.max_tokens))
        with said.errors_of(str(in_flight), "generate"):
            timed = _ask_generate(chat, order, in_flight, task.max_tokens)
            _say(said, in_flight, "generate", timed)
        with said.errors_of(str(in_flight), "continuous"):
            timed = _ask_continuous(chat, encoded[:count], in_flight, task.max_tokens)
            _say(said, in_flight, "continuous", timed)


def measure_verdicts(task: Task, said: Said) -> None:
    """Time a run until its first verdict, and until all: base, reasoner and checker in this process."""
    concurrency = min(256, max(task.in_flight))
    count = min(task.samples, 2 * concurrency)
    with TemporaryDirectory(prefix="robustft-gpu-") as folder:
        data = Path(folder) / "train.jsonl"
        write_samples(data, samples_of(task, count))
        config = {
            "data": {"train": str(data)},
            "models": {"default": {"provider": "embedded", "name": task.weights}},
            "agents": {
                "base": {"max_tokens": task.max_tokens},
                "reasoner": {"max_tokens": task.max_tokens, "max_reflections": 1},
                "checker": {"max_tokens": task.max_tokens, "policy": "majority"},
            },
            "run": {"concurrency": concurrency},
        }
        began = first = 0.0

        def follow(step: Any) -> None:
            nonlocal began, first
            if step.stage == "detect":
                began = began or time.perf_counter()
                first = first or (time.perf_counter() if step.done else 0.0)

        finished = asyncio.run(
            arun(RunConfig.model_validate(config), Path(folder) / "run", until="detect", progress=follow)
        )
        seconds = time.perf_counter() - began
        said.say(
            samples=count,
            concurrency=concurrency,
            first_verdict_seconds=round(first - began, 2),
            seconds=round(seconds, 2),
            samples_per_second=round(count / seconds, 2),
            requests=finished.summary.usage.requests,
            peak_gib=peak_gib(),
        )


def _asked(in_flight: int) -> int:
    """Return how many requests are timed: two rounds."""
    return 2 * in_flight


def _say(said: Said, in_flight: int, name: str, timed: Timed) -> None:
    requests, tokens = len(timed.replies), sum(map(len, timed.replies))
    said.say(
        str(in_flight),
        name,
        requests=requests,
        requests_per_second=round(requests / timed.seconds, 2),
        tokens_per_second=round(tokens / timed.seconds, 1),
        tokens_per_reply=round(tokens / requests, 1),
        first_answer_seconds=round(timed.first, 3),
        peak_gib=peak_gib(),
    )


def _ask_ours(chat: EmbeddedChatModel, prompts: list[Any], in_flight: int, max_tokens: int) -> Timed:
    ends: list[float] = []
    replies: list[list[int]] = []

    async def work(todo: Any) -> None:
        for prompt in todo:
            answer = await chat.ainvoke(prompt, max_tokens=max_tokens)
            ends.append(time.perf_counter())
            replies.append([0] * len(answer.response_metadata["logprobs"]["content"]))

    async def ask() -> None:
        todo = iter(prompts)
        await asyncio.gather(*(work(todo) for _ in range(in_flight)))

    release()
    began = time.perf_counter()
    asyncio.run(ask())
    return Timed(ends[-1] - began, ends[0] - began, replies)


@torch.inference_mode()
def _ask_generate(chat: EmbeddedChatModel, prompts: list[list[int]], batch: int, max_tokens: int) -> Timed:
    """Answer prompts that are sorted by their length, batch by batch; without log-probabilities."""
    release()
    began = time.perf_counter()
    ends: list[float] = []
    replies: list[list[int]] = []
    for start in range(0, len(prompts), batch):
        tokens, mask = pad_left(prompts[start : start + batch], chat._model.device)
        settings = _settings(chat, max_tokens)
        made: Any = chat._model.generate(tokens, attention_mask=mask, generation_config=settings)  # type: ignore[operator]
        replies += [_before_end(chat, reply) for reply in made[:, tokens.shape[1] :].tolist()]
        ends.append(time.perf_counter())
    return Timed(ends[-1] - began, ends[0] - began, replies)


def _ask_continuous(
    chat: EmbeddedChatModel, prompts: list[list[int]], in_flight: int, max_tokens: int
) -> Timed:
    """Answer prompts with continuous batching and log-probabilities; its preparation is not timed."""
    model: Any = chat._model
    config = ContinuousBatchingConfig(return_logprobs=True, max_requests_per_batch=in_flight)
    if not torch.cuda.is_available():
        # It would take most of the machine's memory.
        config.num_blocks, config.max_batch_tokens = 64, 256
    release()
    ends: list[float] = []
    replies: list[list[int]] = []
    settings = _settings(chat, max_tokens)
    with model.continuous_batching_context_manager(
        generation_config=settings, continuous_batching_config=config
    ) as manager:
        synchronize()
        began = time.perf_counter()
        manager.add_requests(prompts, max_new_tokens=max_tokens)
        while len(replies) < len(prompts):
            result = manager.get_result(timeout=1)
            if result is None:
                if not manager.is_running():
                    raise RuntimeError("continuous batching has ended")
            elif result.is_finished():
                if result.error:
                    raise RuntimeError(result.error)
                ends.append(time.perf_counter())
                replies.append(_before_end(chat, result.generated_tokens))
    return Timed(ends[-1] - began, ends[0] - began, replies)


def _settings(chat: EmbeddedChatModel, max_tokens: int) -> GenerationConfig:
    """Return what is generated as the embedded model does, whatever the model's folder says."""
    return GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=max_tokens,
        do_sample=False,
        repetition_penalty=1.0,
        eos_token_id=list(chat._ends),
        pad_token_id=chat._ends[0],
    )


def _before_end(chat: EmbeddedChatModel, tokens: list[int]) -> list[int]:
    return tokens[: next((at for at, token in enumerate(tokens) if token in chat._ends), len(tokens))]
