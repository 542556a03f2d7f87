"""A sample is decided in the sample graph as the run decided it, and the run stays as it is."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from graph.sample_graph import sample_graph
from graph.state import SampleState
from robustft import Decision, Sample, load_config, load_run, run
from tests.support.cases import write_run
from tests.support.endpoint import Endpoint
from tests.support.finished import as_given, finish


@pytest.fixture(scope="module", params=["calibrated", "hybrid"])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of 49 samples, and the endpoint that its models are."""
    folder = tmp_path_factory.mktemp("finished")
    endpoint = Endpoint()
    yield finish(folder, endpoint, request.param), endpoint
    endpoint.stop()


def hashes(directory: Path) -> dict[str, str]:
    files = (file for file in directory.rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


async def decided(directory: Path, samples: list[Sample], **more: Any) -> list[SampleState]:
    inputs = [{"sample": sample} for sample in samples]
    context = {"run": str(directory), **more}
    return [SampleState.model_validate(found) for found in await sample_graph.abatch(inputs, context=context)]


def told(decision: Decision) -> tuple[Any, ...]:
    assert decision.check is not None
    relabeler = decision.agents.get("relabeler")
    shown = [neighbour.id for neighbour in relabeler.neighbours] if relabeler else []
    # An encoder's last digits depend on what is encoded with a text.
    rounded = [pytest.approx(value, abs=1e-4) for value in (decision.noise_probability, decision.confidence)]
    return decision.check.verdict, decision.final, shown, *rounded


def told_by(state: SampleState) -> tuple[Any, ...]:
    found = state.decided
    assert found is not None
    shown = [neighbour.id for neighbour in state.context.neighbours] if state.context else []
    return found.verdict, found.final, shown, found.noise_probability, found.confidence


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


def texts(number: int) -> dict[str, Any]:
    """Free text with thoughts before it; every fourth response is of another matter."""
    about = f"town {number} by the {('sea', 'lake', 'river', 'hill')[number % 4]}"
    right = f"<think>About {about}.</think>The old {about} has a market, a harbour and {number} bridges."
    wrong = f"<think>Hm.</think>Nobody knows why engine {number * 7} was painted green in that winter."
    return {
        "id": f"t{number}",
        "prompt": f"Tell of {about}.",
        "completion": wrong if number % 4 == 1 else right,
    }


def tell(messages: list[dict[str, Any]]) -> str:
    text = messages[-1]["content"]
    found = next((at for at in range(48, -1, -1) if f"town {at} " in text), None)
    if found is None:
        return "yes"
    if text.startswith("[check]"):
        return f"Verdict: {'noisy' if found % 4 == 1 else 'reliable'}"
    thoughts = f"<think>Now town {found}.</think>" if found % 8 == 1 else ""
    said = texts(found - 1 if found % 4 == 1 else found)["completion"].partition("</think>")[2]
    return f"{thoughts}{said} That is what {text[1 : text.index(']')]} says."


def test_free_text_is_decided_as_the_run_decided_it_and_written_in_the_form_of_its_data(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.reply = tell
    rows = [texts(number) for number in range(49)]
    config = write_run(
        tmp_path,
        endpoint.url,
        rows,
        agents__reasoner__max_reflections=0,
        agents__checker__policy="calibrated",
        agents__relabeler__neighbours=2,
    )
    directory = run(load_config(config), tmp_path / "run", until="select").directory
    requests = len(endpoint.requests)
    samples = [Sample(id=row["id"], prompt=row["prompt"], response=row["completion"]) for row in rows]
    states = asyncio.run(decided(directory, samples))
    by_run = list(load_run(directory).decisions())
    assert [told_by(state) for state in states] == [told(decision) for decision in by_run]
    new = [decision.final for decision in by_run if decision.status == "relabelled"]
    assert any(final is not None and final.startswith("<think>") for final in new)
    assert None in new, "one without thoughts is of another form"
    assert len(endpoint.requests) == requests
