"""A sample is decided in the sample graph as the run decided it, and the run stays as it is."""

import asyncio
import hashlib
import math
from pathlib import Path
from typing import Any

import pytest

from graph.sample_graph import sample_graph
from graph.state import SampleState
from robustft import Decision, Sample, load_config, load_run, run
from tests.support.cases import write_run
from tests.support.endpoint import Endpoint
from tests.support.finished import as_given, finish
from training.calibration import priors


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
    if found is None or not text.startswith("["):
        return "yes"
    if text.startswith("[check]"):
        return f"Verdict: {'noisy' if found % 4 == 1 else 'reliable'}"
    thoughts = f"<think>Now town {found}.</think>" if found % 8 == 1 else ""
    said = texts(found - 1 if found % 4 == 1 else found)["completion"].partition("</think>")[2]
    return f"{thoughts}{said} That is what {text[1 : text.index(']')]} says."


def run_on(folder: Path, endpoint: Endpoint, rows: list[dict[str, Any]]) -> Path:
    """Return the directory of a calibrated run on free text."""
    config = write_run(
        folder,
        endpoint.url,
        rows,
        agents__reasoner__max_reflections=0,
        agents__checker__policy="calibrated",
        agents__relabeler__neighbours=2,
    )
    return run(load_config(config), folder / "run", until="select").directory


def test_free_text_is_decided_as_the_run_decided_it_and_written_in_the_form_of_its_data(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.reply = tell
    rows = [texts(number) for number in range(49)]
    directory = run_on(tmp_path, endpoint, rows)
    requests = len(endpoint.requests)
    samples = [Sample(id=row["id"], prompt=row["prompt"], response=row["completion"]) for row in rows]
    states = asyncio.run(decided(directory, samples))
    by_run = list(load_run(directory).decisions())
    assert [told_by(state) for state in states] == [told(decision) for decision in by_run]
    new = [decision.final for decision in by_run if decision.status == "relabelled"]
    assert any(final is not None and final.startswith("<think>") for final in new)
    assert None in new, "one without thoughts is of another form"
    assert len(endpoint.requests) == requests


FACTS = "Is every statement in it true?"


def bridged(number: int) -> dict[str, Any]:
    """Free text as above; some have another number of bridges, which reads the same."""
    row = texts(number)
    if number % 8 == 3:
        row["completion"] = row["completion"].replace(f"and {number} bridges", f"and {number + 50} bridges")
    return row


def says_yes(reply: dict[str, Any], messages: list[dict[str, Any]], *, sees: bool) -> dict[str, Any]:
    """Rate "Yes" beside "No" where facts are asked for; a model that sees them knows each town's bridges."""
    text = messages[-1]["content"]
    if FACTS not in text:
        return reply
    number = next(at for at in range(48, -1, -1) if f"Tell of town {at} " in text)
    right = texts(number)["completion"].partition("</think>")[2] in text
    yes = (0.9 if right or not sees else 0.1) + number / 1000
    top = [{"token": word, "logprob": math.log(share)} for word, share in (("Yes", yes), ("No", 1 - yes))]
    reply["choices"][0]["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    return reply


@pytest.mark.parametrize("sees", [True, False])
def test_free_text_whose_facts_are_seen_is_decided_as_the_run_decided_it(
    sees: bool, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.reply = tell
    endpoint.alter = lambda reply, messages: says_yes(reply, messages, sees=sees)
    rows = [bridged(number) for number in range(49)]
    directory = run_on(tmp_path, endpoint, rows)
    finished = load_run(directory)
    asked = sum(FACTS in text for text in endpoint.texts())
    # Where nothing is seen, the others are not asked about. What is asked of the 20 is asked once.
    assert asked == priors.TURNED + (len(rows) if sees else priors.TURNED)
    assert finished.summary.turned_facts is not None
    assert finished.summary.turned_facts.seen is sees

    requests = len(endpoint.requests)
    samples = [Sample(id=row["id"], prompt=row["prompt"], response=row["completion"]) for row in rows]
    states = asyncio.run(decided(directory, samples))
    by_run = list(finished.decisions())
    assert [told_by(state) for state in states] == [told(decision) for decision in by_run]
    assert len(endpoint.requests) == requests
    weighed = [decision.check is not None and "plausibility" in decision.check.weights for decision in by_run]
    assert set(weighed) == {sees}
    alone = asyncio.run(decided(directory, samples[3:4]))
    assert told_by(alone[0]) == told(by_run[3])
    if sees:
        said = [decision.check.weights["plausibility"] for decision in by_run if decision.check is not None]
        assert max(said[3::8]) < 0 < min(said[0::4])
