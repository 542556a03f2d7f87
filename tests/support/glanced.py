"""A run of 120 samples of three classes, few of them wrong, whose base agent nearly always knows better."""

from pathlib import Path
from typing import Any

from graph.config.run import RunConfig, load_config
from tests.support.cases import role_of, write_run
from tests.support.endpoint import Endpoint

KINDS = ("animal", "plant", "vehicle")
COUNT = 120
WRONG = range(0, COUNT, 20)
DIFFERS = (7, 33, 71)
"""Where the base agent errs."""


def right(number: int) -> str:
    return KINDS[number % 3]


def row(number: int) -> dict[str, Any]:
    given = right(number + 1) if number in WRONG else right(number)
    return {
        "id": f"q{number:03}",
        "prompt": f"What is thing {number}?",
        "completion": given,
        "options": list(KINDS),
    }


def number_of(text: str) -> int:
    return int(text.split("What is thing ")[1].split("?")[0])


def reply(messages: list[dict[str, Any]]) -> str:
    text = messages[-1]["content"]
    if not text.startswith("["):
        return "yes"
    number, agent = number_of(text), role_of(text)
    if agent == "check":
        return "Verdict: noisy" if number in WRONG else "Verdict: reliable"
    return right(number + 2) if agent == "base" and number in DIFFERS else right(number)


def asked(endpoint: Endpoint, agent: str) -> list[int]:
    """Return the samples that an agent was asked about, in their order."""
    texts = [text for text in endpoint.texts() if text.startswith(f"[{agent}]")]
    return sorted(map(number_of, texts))


def config_of(folder: Path, endpoint: Endpoint, *settings: str, rows: Any = None) -> RunConfig:
    """Write the run's files and return its config."""
    endpoint.reply = reply
    file = write_run(
        folder,
        endpoint.url,
        rows or list(map(row, range(COUNT))),
        agents__reasoner__max_reflections=0,
        agents__checker__policy="calibrated",
    )
    return load_config(file, settings)
