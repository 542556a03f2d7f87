"""Sending samples through a half of the graph: what comes out is journaled, and too many failures end it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents.checker import Check
from agents.errors import AgentError, EndpointDownError, ModelCallError
from graph.config.run import parse_config
from graph.engine import RunFailedError, StageProgress, ask_agents, count_failures
from graph.state import SampleState
from prompts.template import PromptError
from stores.journal import Journal
from stores.sample import Sample

SAMPLES = [Sample(id=f"{number:02}", prompt=f"Capital {number}?", response="Lima") for number in range(20)]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    opened.add_samples("train", SAMPLES)
    yield opened
    opened.close()


class Work:
    """The part of an open run that the engine sees."""

    def __init__(self, journal: Journal, max_failed: float) -> None:
        self.journal = journal
        self.config = parse_config({"run": {"concurrency": 1, "max_failed": max_failed}})
        self.files = SimpleNamespace(path=Path("runs/mine"))
        self.reports: list[tuple[Any, ...]] = []

    def report(self, *progress: Any) -> None:
        self.reports.append(progress)


async def ask(journal: Journal, failing: dict[str, Exception], max_failed: float = 1.0) -> Work:
    """Ask about all samples; those given fail with the error given."""
    work: Any = Work(journal, max_failed)
    cache: Any = SimpleNamespace(asked=Counter({"base": 7}), tokens=90)

    async def answer(state: SampleState) -> dict[str, Any]:
        if error := failing.get(state.sample.id):
            raise error
        return {"check": Check(clean=True, policy="majority", agreed=("base",), reason="agreed")}

    states = (SampleState(sample=sample) for sample in SAMPLES)
    progress = StageProgress(work, cache, done=0, total=len(SAMPLES))
    await ask_agents(work, states, answer, progress, dataset=len(SAMPLES))
    return work  # type: ignore[no-any-return]


def failed(journal: Journal) -> list[str]:
    return [sample.id for sample, _ in journal.entries("failed")]


async def test_what_came_out_is_in_the_journal_and_the_last_report_counts_all(journal: Journal) -> None:
    work = await ask(journal, {})
    assert [sample.id for sample, _ in journal.entries()] == [sample.id for sample in SAMPLES]
    assert failed(journal) == []
    assert work.reports[-1] == (20, 20, 90)


@pytest.mark.parametrize(
    "error", [AgentError("no answer"), ModelCallError("too long"), PromptError("no name")]
)
async def test_a_sample_that_fails_is_recorded_with_its_reason_and_stops_no_other(
    journal: Journal, error: Exception
) -> None:
    await ask(journal, {"03": error})
    assert failed(journal) == ["03"]
    [(_, entry)] = journal.entries("failed")
    assert f"{type(error).__name__}: {error}" in entry.record
    assert len(list(journal.entries())) == 20


async def test_too_many_failures_end_the_run_with_their_reasons_and_what_to_do(journal: Journal) -> None:
    failing: dict[str, Exception] = {f"{number:02}": ModelCallError("too long") for number in range(4)}
    failing["01"] = AgentError("no answer")
    with pytest.raises(RunFailedError) as error:
        await ask(journal, failing, max_failed=0.15)
    told = str(error.value)
    assert told.startswith(
        "more than 15% of the samples failed (run.max_failed): 3 x ModelCallError: too long"
    )
    assert "1 x AgentError: no answer" in told
    assert "`robustft resume --retry-failed runs/mine`" in told
    assert {"00", "01", "02", "03"} <= set(failed(journal))


async def test_as_many_failures_as_allowed_end_nothing(journal: Journal) -> None:
    await ask(journal, {f"{number:02}": ModelCallError("too long") for number in range(3)}, max_failed=0.15)
    assert len(failed(journal)) == 3


async def test_failures_of_an_earlier_start_count(journal: Journal) -> None:
    await ask(journal, {"00": ModelCallError("too long"), "01": ModelCallError("busy")})
    work: Any = Work(journal, 0.1)
    assert count_failures(work, 20) == {"ModelCallError: too long": 1, "ModelCallError: busy": 1}
    with pytest.raises(RunFailedError, match="1 x ModelCallError: too long; 1 x ModelCallError: busy"):
        count_failures(work, 19)


async def test_an_endpoint_that_is_down_is_no_samples_failure(journal: Journal) -> None:
    with pytest.raises(EndpointDownError):
        await ask(journal, {"05": EndpointDownError("down")})
    assert failed(journal) == []
