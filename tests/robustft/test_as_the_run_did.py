"""A sample is decided in the sample graph as the run decided it, and the run stays as it is."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from graph.config.run import load_config
from graph.sample_graph import sample_graph
from graph.state import SampleState
from robustft import Decision, Sample, load_run, run
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
    """Every agent errs about prompts of its own, and a relabeler follows what it is shown."""
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


@pytest.fixture(scope="module", params=["calibrated", "hybrid"])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of 49 samples, and the endpoint that its models are."""
    folder = tmp_path_factory.mktemp("finished")
    endpoint = Endpoint()
    endpoint.reply = reply
    config = write_run(
        folder,
        endpoint.url,
        list(map(row, range(49))),
        agents__reasoner__max_reflections=0,
        agents__checker__policy=request.param,
        agents__relabeler__neighbours=3,
    )
    run(load_config(config), folder / "run", until="select")
    yield folder / "run", endpoint
    endpoint.stop()


def hashes(directory: Path) -> dict[str, str]:
    files = (file for file in directory.rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def as_given(number: int) -> Sample:
    given = row(number)
    response = given.pop("completion")
    return Sample(response=response, **{**given, "options": tuple(OPTIONS)})


async def decided(directory: Path, samples: list[Sample], **more: Any) -> list[SampleState]:
    inputs = [{"sample": sample} for sample in samples]
    context = {"run": str(directory), **more}
    return [SampleState.model_validate(found) for found in await sample_graph.abatch(inputs, context=context)]


def told(decision: Decision) -> tuple[Any, ...]:
    assert decision.check is not None
    relabeler = decision.agents.get("relabeler")
    shown = [neighbour.id for neighbour in relabeler.neighbours] if relabeler else []
    return decision.check.verdict, decision.noise_probability, decision.final, decision.confidence, shown


def told_by(state: SampleState) -> tuple[Any, ...]:
    found = state.decided
    assert found is not None
    shown = [neighbour.id for neighbour in state.context.neighbours] if state.context else []
    return found.verdict, found.noise_probability, found.final, found.confidence, shown


def test_every_sample_of_a_run_is_decided_as_the_run_decided_it_and_nothing_is_asked_or_written(
    finished: tuple[Path, Endpoint],
) -> None:
    directory, endpoint = finished
    before, requests = hashes(directory), len(endpoint.requests)
    states = asyncio.run(decided(directory, [as_given(number) for number in range(49)]))
    by_run = list(load_run(directory).decisions())
    assert len(by_run) == 49
    assert [told_by(state) for state in states] == [told(decision) for decision in by_run]
    assert {state.decided.provisional for state in states if state.decided} == {None}
    # Enough of both for the comparison to say something.
    assert 5 < sum(decision.status == "relabelled" for decision in by_run) < 44
    assert len(endpoint.requests) == requests
    assert hashes(directory) == before
