"""How full a real run keeps a real vLLM server, beside a bare client that only replays its requests.

    python benchmarks/throughput.py DATA [--python .venv-vllm/bin/python] [--samples 300] [--rounds 3]
        [--replays 32 64 128]

DATA is any dataset file. A run detects and denoises it on a vLLM server with SmolLM2; then an aiohttp client
sends exactly the requests that the run sent, at the best fixed concurrency, stage after stage: all at will,
and once more as the method asks for, a sample's next request after the reply to the one before. All are timed
in turns, the server's prefix cache emptied before each. Prints JSON; the ratios are of requests per second.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from replay import forget, parser_for, record, replay, server


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time runs and replays in turns."""
    ours: list[float] = []
    bare: list[float] = []
    ordered: list[float] = []
    async with server(arguments.python, arguments.args) as base_url:
        with tempfile.TemporaryDirectory(prefix="robustft-throughput-") as folder:

            async def run(number: int | str, samples: int) -> Any:
                await forget(base_url)
                out = Path(folder) / f"run-{number}"
                return await record(base_url, arguments.data, samples, arguments.concurrency, out)

            sample = await run("sample", max(32, arguments.samples // 5))
            tried = {}
            for concurrency in arguments.replays:
                await forget(base_url)
                tried[concurrency] = sample.requests / await replay(base_url, sample.stages, concurrency)
            best = max(tried, key=lambda concurrency: tried[concurrency])
            for number in range(arguments.rounds):
                recording = await run(number, arguments.samples)
                ours.append(recording.requests / recording.seconds)
                await forget(base_url)
                bare.append(recording.requests / await replay(base_url, recording.stages, best))
                await forget(base_url)
                seconds = await replay(base_url, recording.stages, best, in_order=True)
                ordered.append(recording.requests / seconds)
    return {
        "samples": arguments.samples,
        "requests": recording.requests,
        "tokens": recording.summary.usage.model_dump(include={"prompt_tokens", "completion_tokens"}),
        "replay_by_concurrency": {str(key): round(value, 2) for key, value in tried.items()},
        "best_concurrency": best,
        "ours_requests_per_second": [round(value, 2) for value in ours],
        "bare_requests_per_second": [round(value, 2) for value in bare],
        "bare_in_order_requests_per_second": [round(value, 2) for value in ordered],
        "ratio": round(statistics.median(ours) / statistics.median(bare), 3),
        "ratio_to_bare_in_order": round(statistics.median(ours) / statistics.median(ordered), 3),
    }


def main() -> None:
    """Print the figures."""
    parser = parser_for(__doc__.splitlines()[0], samples=300)
    parser.add_argument("data", help="a dataset file, for example noisy30.csv")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--replays", type=int, nargs="+", default=[32, 64, 128], help="the bare client's concurrencies"
    )
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
