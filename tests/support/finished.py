"""A finished run of 49 samples that every agent errs about in its own way."""

from pathlib import Path
from typing import Any

from graph.config import Stage
from graph.config.run import load_config
from robustft import run
from stores.sample import Sample
from tests.support.cases import write_run
from tests.support.endpoint import Endpoint

KINDS = {
    "animal": "dog cat horse cow sheep goat pig lion tiger bear wolf fox deer rabbit mouse rat ape",
    "vehicle": "car bus truck lorry van taxi train tram bicycle tank ship boat ferry canoe jet sled",
    "plant": "oak pine maple birch willow rose tulip daisy lily fern moss cactus ivy bamboo clover rye",
}
OPTIONS = sorted(KINDS)
RIGHT = {f"What is a {name}?": kind for kind, names in KINDS.items() for name in names.split()}


def other(kind: str, by: int) -> str:
    return OPTIONS[(OPTIONS.index(kind) + by) % len(OPTIONS)]


def row(number: int) -> dict[str, Any]:
    """Every third response is wrong."""
    prompt, kind = list(RIGHT.items())[number]
    given = other(kind, 1 + number % 2) if number % 3 == 0 else kind
    return {"id": f"q{number}", "prompt": prompt, "completion": given, "options": OPTIONS}


def reply(messages: list[dict[str, Any]]) -> str:
    """Reply as an agent: each errs about prompts of its own, and a relabeler follows what it is shown."""
    text = messages[-1]["content"]
    number = next((at for at, prompt in enumerate(RIGHT) if prompt in text), None)
    if number is None:
        return "yes"
    kind = list(RIGHT.values())[number]
    agent = text[1 : text.index("]")]
    if agent == "check":
        return "Verdict: noisy" if number % 2 else "Verdict: reliable"
    if agent == "relabel":
        shown = [turn["content"] for turn in messages[:-1] if turn["role"] == "assistant"]
        return shown[-1] if shown else kind
    wrong = {"base": number % 5 == 1, "reason": number % 7 == 2, "review": number % 4 == 3}
    return other(kind, 1) if wrong.get(agent) else kind


def finish(
    folder: Path, endpoint: Endpoint, policy: str = "calibrated", *settings: str, until: Stage = "select"
) -> Path:
    """Run all samples in a folder; returns the run directory."""
    endpoint.reply = reply
    config = write_run(
        folder,
        endpoint.url,
        list(map(row, range(49))),
        agents__reasoner__max_reflections=0,
        agents__checker__policy=policy,
        agents__relabeler__neighbours=3,
    )
    run(load_config(config, settings), folder / "run", until=until)
    return folder / "run"


def as_given(number: int) -> Sample:
    """Return a sample of the run as its data give it, in memory."""
    given = row(number)
    return Sample(response=given.pop("completion"), **{**given, "options": tuple(OPTIONS)})
