"""What a verdict costs in tokens, and what the savings take from it.

    python benchmarks/tokens.py DATA --gold GOLD [--python .venv-vllm/bin/python] [--samples 200]

Detects and denoises DATA twice on one vLLM server with SmolLM2: `thrifty` as shipped (reflection ends when it
stands still, the judge sees only splits, a direct answer has the room that its kind needs), and `lavish`,
without any of that. Prints JSON: tokens a sample by agent, and the detection's figures.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from replay import parser_for, record, server
from robustft import Summary

_LAVISH = {"reasoner": {"early_stop": False}, "checker": {"policy": "judge"}}


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run both ways and compare."""
    figures = {}
    async with server(arguments.python, arguments.args) as base_url:
        with tempfile.TemporaryDirectory(prefix="robustft-tokens-") as folder:

            async def run(name: str, agents: dict[str, Any]) -> dict[str, Any]:
                out = Path(folder) / name
                recording = await record(
                    base_url,
                    arguments.data,
                    arguments.samples,
                    arguments.concurrency,
                    out,
                    agents,
                    arguments.gold,
                )
                return _figures(recording.summary)

            figures["thrifty"] = await run("thrifty", {})
            with (
                patch("agents.answers.choice.Choice.max_tokens", lambda *_: None),
                patch("agents.answers.short.Short.max_tokens", lambda *_: None),
            ):
                figures["lavish"] = await run("lavish", _LAVISH)
    return figures


def _figures(summary: Summary) -> dict[str, Any]:
    samples = summary.samples.total
    usage = summary.usage
    return {
        "tokens_per_sample": {
            agent: round((spent.prompt_tokens + spent.completion_tokens) / samples, 1)
            for agent, spent in {**usage.by_agent, "all": usage}.items()
        },
        "completion_tokens_per_sample": round(usage.completion_tokens / samples, 1),
        "requests_per_sample": round(usage.requests / samples, 2),
        "detection": summary.detection.model_dump() if summary.detection else None,
        "clean": summary.samples.clean,
    }


def main() -> None:
    """Print the figures."""
    parser = parser_for(__doc__.splitlines()[0], samples=200)
    parser.add_argument("data", help="a dataset file, for example noisy30.csv")
    parser.add_argument("--gold", required=True, help="the same rows with right responses")
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
