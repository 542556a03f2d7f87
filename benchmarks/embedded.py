"""How fast the embedded model answers on the device at hand, beside transformers' own `generate`.

    python benchmarks/embedded.py [--data FILE] [--samples 512] [--max-tokens 64] [--batches 16 64 256]
        [--rounds 3]

For each batch size, both answer the base agent's prompts of the same samples, in turns: ours all at once, as
a run asks; `generate` in batches of prompts sorted by their length, which is kind to it. Prints JSON: medians
of requests and of generated tokens a second. Both have answered once before the clock starts.
"""

import argparse
import asyncio
import json
import statistics
import time
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from langchain_core.messages import BaseMessage
from transformers import AutoModelForCausalLM, AutoTokenizer

from agents.base import request_as_trained
from agents.models.chat import to_messages, to_turns
from agents.models.config import EmbeddedModelConfig
from agents.models.embedded import EmbeddedChatModel
from agents.models.loading import load_embedded
from graph.config.run import RunConfig
from prompts.template import QuestionTemplate
from robustft.data import FOLDER
from stores.dataset import read_samples
from stores.weights import resolve_weights


class Timed(NamedTuple):
    """How long the answers to all prompts took, and how many tokens were generated."""

    seconds: float
    tokens: int


def ask_ours(model: EmbeddedChatModel, prompts: list[list[BaseMessage]], max_tokens: int) -> Timed:
    """Answer all prompts with the embedded model, asked at the same time."""

    async def ask() -> list[Any]:
        return await asyncio.gather(*(model.ainvoke(prompt, max_tokens=max_tokens) for prompt in prompts))

    began = time.perf_counter()
    answers = asyncio.run(ask())
    seconds = time.perf_counter() - began
    return Timed(seconds, sum(answer.usage_metadata["output_tokens"] for answer in answers))


@torch.inference_mode()
def ask_generate(model: Any, tokenizer: Any, texts: list[str], batch: int, max_tokens: int) -> Timed:
    """Answer all prompts with `generate`, batch by batch."""
    began = time.perf_counter()
    tokens = 0
    for start in range(0, len(texts), batch):
        inputs = tokenizer(texts[start : start + batch], return_tensors="pt", padding=True).to(model.device)
        answers = model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False, repetition_penalty=1.0)
        answers = answers[:, inputs["input_ids"].shape[1] :]
        # Up to and with the first end of a turn; what follows is padding.
        ended = (answers == tokenizer.eos_token_id).cumsum(1).sub((answers == tokenizer.eos_token_id).int())
        tokens += int((ended == 0).sum())
    return Timed(time.perf_counter() - began, tokens)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time both with every batch size."""
    config = EmbeddedModelConfig()
    weights = resolve_weights(config.name)
    tokenizer = AutoTokenizer.from_pretrained(weights, padding_side="left")
    template = QuestionTemplate(RunConfig().agents.base.prompt)
    samples = islice(read_samples(arguments.data), arguments.samples)
    prompts = [to_messages(request_as_trained(sample, template)) for sample in samples]
    texts = [
        str(tokenizer.apply_chat_template(to_turns(prompt), add_generation_prompt=True, tokenize=False))
        for prompt in prompts
    ]
    texts.sort(key=lambda text: len(tokenizer(text)["input_ids"]))
    ours = load_embedded(config)
    device, dtype = ours._model.device, ours._model.dtype
    plain: Any = AutoModelForCausalLM.from_pretrained(weights, dtype=dtype)
    plain.to(device)
    figures = {}
    for batch in arguments.batches:
        model = load_embedded(config.model_copy(update={"batch_size": batch}))
        times: dict[str, list[Timed]] = {"ours": [], "generate": []}
        for _ in range(arguments.rounds + 1):
            times["ours"].append(ask_ours(model, prompts, arguments.max_tokens))
            times["generate"].append(ask_generate(plain, tokenizer, texts, batch, arguments.max_tokens))
        figures[str(batch)] = {name: _rates(timed[1:], len(texts)) for name, timed in times.items()}
    return {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
        "dtype": str(dtype).removeprefix("torch."),
        "samples": len(texts),
        "by_batch": figures,
    }


def _rates(timed: list[Timed], requests: int) -> dict[str, float]:
    return {
        "requests_per_second": round(statistics.median(requests / one.seconds for one in timed), 1),
        "tokens_per_second": round(statistics.median(one.tokens / one.seconds for one in timed)),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=FOLDER / "train.jsonl", help="samples; the bundled ones without it"
    )
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    print(json.dumps(measure(parser.parse_args()), indent=2))


if __name__ == "__main__":
    main()
