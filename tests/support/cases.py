"""A dataset of ten samples, what every agent replies about each, and what shall come of it."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from robustft import Summary
from robustft.cli import main
from tests.support.endpoint import Endpoint

PROMPTS = {
    "base": "[base] {{ question }}",
    "reason": "[reason] {{ question }}{% if reflection %} Think again.{% endif %}",
    "reflect": "[reflect] {{ question }}",
    "check": "[check] {{ question }}\n{{ response }}, {{ views.base }}, {{ views.reasoning }}. Verdict?",
    "relabel": "[relabel] {{ question }}",
    "review": "[review] {{ question }}\n{{ context_answer }} or {{ reasoning_answer }}?",
}
SHIPPED = {"question", "proofread", "facts"}
"""The prompts of a run that `write_run` does not write: those that ship with RobustFT."""
ANIMALS = ["dog", "bus", "oak"]


class Case(NamedTuple):
    """A sample, what every agent replies, and what shall come of it."""

    id: str
    query: str
    label: str
    replies: dict[str, str]
    status: str = "clean"
    final: str | None = None
    drop: str | None = None
    options: list[str] | None = None

    def row(self) -> dict[str, Any]:
        row = {"id": self.id, "prompt": self.query, "completion": self.label}
        return row | ({"options": self.options} if self.options else {})


def said(
    base: str, reason: str, check: str = "Hm.", relabel: str = "Hm.", review: str = "Hm."
) -> dict[str, str]:
    roles = {"base": base, "reason": reason, "check": check, "relabel": relabel, "review": review}
    return {**roles, "reflect": "Looks right."}


# The file's order is not the ids' order; a token's log-probability is minus a tenth of its length.
CASES = [
    Case("z", "Capital of France?", "Paris", said("Paris", "Answer: Paris"), final="Paris"),
    Case("a", "Which is an animal?", "A", said("A", "A dog."), final="dog", options=ANIMALS),
    Case("n", "What is 2 plus 2?", "4", said("It is 4.", "Answer: 4.0"), final="4"),
    Case(
        "s", "Capital of Italy?", "Rome", said("Milan", "Rome", "Verdict: noisy", "Rome"),
        "relabelled", "Rome", "high_entropy",
    ),
    Case(
        "m", "Capital of Germany?", "Rome", said("Berlin", "Berlin", relabel="It is Berlin"),
        "relabelled", "It is Berlin",
    ),
    Case("v", "Capital of Spain?", "Madrid", said("Madrid", "Porto", "Verdict: reliable"), final="Madrid"),
    Case(
        "k", "Which is a vehicle?", "dog", said("bus", "bus", relabel="tree: oak", review="B"),
        "relabelled", "bus", "high_entropy", options=ANIMALS,
    ),
    Case(
        "u", "Capital of Norway?", "Oslo", said("Oslo", "Bergen", "Who knows", "Oslo", "Oslo"),
        "relabelled", "Oslo", "high_entropy",
    ),
    Case(
        "e", "Which is a plant?", "dog", said("Hm.", "Hm.", relabel="Hm."),
        "relabelled", None, "empty", options=ANIMALS,
    ),
    Case("b", "Capital of Peru?", "Rome", said("Lima", "Lima", relabel="Lima"), "relabelled", "Lima"),
]  # fmt: skip


def case_of(text: str) -> Case:
    return next(case for case in CASES if case.query in text)


def role_of(text: str) -> str:
    return text[1 : text.index("]")]


def reply(messages: list[dict[str, Any]]) -> str:
    text = messages[-1]["content"]
    return case_of(text).replies[role_of(text)] if text.startswith("[") else "yes"


def script(endpoint: Endpoint) -> Endpoint:
    endpoint.reply = reply
    endpoint.log_probability = lambda token: -len(token) / 10
    return endpoint


def asked(endpoint: Endpoint) -> Counter[tuple[str, str]]:
    """Return how often each role was asked about each sample; the probes are left out."""
    texts = [text for text in endpoint.texts() if text.startswith("[")]
    return Counter((role_of(text), case_of(text).id) for text in texts)


def write_run(folder: Path, url: str, cases: Sequence[Case | dict[str, Any]] = CASES, **changes: Any) -> Path:
    """Write prompts, data and a config; returns the config's path.

    Cases may be rows of the data as well. Changes are `section__key=value`, as deep as the key lies.
    """
    for name, text in PROMPTS.items():
        (folder / f"{name}.md").write_text(text)
    rows = [case.row() if isinstance(case, Case) else case for case in cases]
    (folder / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    config: dict[str, Any] = {
        "data": {"train": "train.jsonl"},
        "models": {"default": {"provider": "openai", "name": "scripted", "base_url": url}},
        "agents": {
            "base": {"prompt": "base.md"},
            "reasoner": {"prompt": "reason.md", "reflect_prompt": "reflect.md", "max_reflections": 1},
            "checker": {"prompt": "check.md", "policy": "hybrid"},
            "relabeler": {"prompt": "relabel.md", "neighbours": 0},
            "reviewer": {"prompt": "review.md"},
        },
        "run": {},
        "selection": {},
    }
    for name, value in changes.items():
        *path, key = name.split("__")
        section = config
        for part in path:
            section = section[part]
        section[key] = value
    file = folder / "my.yaml"
    file.write_text(yaml.safe_dump(config))
    return file


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    """Return the exit code of the `robustft` command."""
    monkeypatch.setattr(sys, "argv", ["robustft", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code


class Finished(NamedTuple):
    """A run until select over all cases."""

    out: Path
    summary: Summary
    endpoint: Endpoint
