"""What the order of a prompt is worth to vLLM's prefix cache: the sample first, or the role first.

    python benchmarks/prefix.py DATA... [--python .venv-vllm/bin/python] [--samples 60] [--rounds 2]

Each DATA file is detected and denoised twice a round on one vLLM server with SmolLM2, with the shipped
prompts (the sample's text first, the role's words last) and with those in `benchmarks/role_first` (the words
for short answers and classes, the other way round), the cache emptied before each. Prints JSON: the share of
prompt tokens that the server found in its cache (its own counters), and requests per second.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from replay import forget, parser_for, prefix_cache, record, server

_FOLDER = Path(__file__).parent / "role_first"
ROLE_FIRST = {
    "reasoner": {"prompt": str(_FOLDER / "reason.md"), "reflect_prompt": str(_FOLDER / "reflect.md")},
    "checker": {"prompt": str(_FOLDER / "check.md")},
    "reviewer": {"prompt": str(_FOLDER / "review.md")},
}


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run every file with both orders, in turns."""
    figures: dict[str, Any] = {}
    async with server(arguments.python, arguments.args) as base_url:
        for data in arguments.data:
            orders: dict[str, dict[str, list[float]]] = {}
            for _ in range(arguments.rounds):
                for order, agents in (("sample_first", {}), ("role_first", ROLE_FIRST)):
                    found = await _run(base_url, data, arguments, agents)
                    for name, value in found.items():
                        orders.setdefault(order, {}).setdefault(name, []).append(value)
            figures[Path(data).name] = {
                order: {name: round(statistics.median(values), 4) for name, values in found.items()}
                for order, found in orders.items()
            }
    return figures


async def _run(
    base_url: str, data: str, arguments: argparse.Namespace, agents: dict[str, Any]
) -> dict[str, float]:
    await forget(base_url)
    hits, queries = await prefix_cache(base_url)
    with tempfile.TemporaryDirectory(prefix="robustft-prefix-") as folder:
        out = Path(folder) / "run"
        run = await record(base_url, data, arguments.samples, arguments.concurrency, out, agents)
    more_hits, more_queries = await prefix_cache(base_url)
    return {
        "cached_share": (more_hits - hits) / (more_queries - queries),
        "prompt_tokens": more_queries - queries,
        "requests": run.requests,
        "requests_per_second": run.requests / run.seconds,
    }


def main() -> None:
    """Print the figures."""
    parser = parser_for(__doc__.splitlines()[0], samples=60)
    parser.add_argument("data", nargs="+", help="dataset files, for example benchmarks/passages.jsonl")
    parser.add_argument("--rounds", type=int, default=2)
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
