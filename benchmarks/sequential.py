"""How much faster a run is than the same requests sent one at a time, as the paper's public code sends them.

    python benchmarks/sequential.py DATA [--python .venv-vllm/bin/python] [--samples 300] [--every 10]

A run detects and denoises DATA on a vLLM server with SmolLM2; then every n-th of its requests is sent alone,
each after the reply to the one before, and the time of all is extrapolated from those. Prints JSON.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from replay import forget, parser_for, record, replay, server


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time a run, then a part of its requests one at a time."""
    async with server(arguments.python, arguments.args) as base_url:
        with tempfile.TemporaryDirectory(prefix="robustft-sequential-") as folder:
            out = Path(folder) / "run"
            run = await record(base_url, arguments.data, arguments.samples, arguments.concurrency, out)
        await forget(base_url)
        part = {stage: bodies[:: arguments.every] for stage, bodies in run.stages.items()}
        sent = sum(len(bodies) for bodies in part.values())
        seconds = await replay(base_url, part, 1)
    one_at_a_time = seconds / sent * run.requests
    return {
        "samples": arguments.samples,
        "requests": run.requests,
        "ours_seconds": round(run.seconds, 1),
        "sent_one_at_a_time": sent,
        "sequential_seconds": round(one_at_a_time, 1),
        "ratio": round(one_at_a_time / run.seconds, 2),
    }


def main() -> None:
    """Print the figures."""
    parser = parser_for(__doc__.splitlines()[0], samples=300)
    parser.add_argument("data", help="a dataset file, for example noisy30.csv")
    parser.add_argument("--every", type=int, default=10, help="send every n-th request alone")
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
