"""What a run has left is read back typed, without a file being opened for writing."""

import builtins
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from robustft import InputError, Run, RunConfig, StorageError, load_config, load_run, resume, run
from stores.errors import RunDirectoryError
from tests.support.cases import CASES, PROMPTS, Finished, read_lines, script, write_run
from tests.support.endpoint import Endpoint


@pytest.fixture
def finished(mixed: Finished) -> Run:
    return load_run(mixed.out)


def test_run_and_resume_return_what_load_run_reads(tmp_path: Path, endpoint: Endpoint) -> None:
    begun = run(write_run(tmp_path, script(endpoint).url), tmp_path / "run", until="detect")
    assert isinstance(begun, Run)
    assert begun.summary == load_run(tmp_path / "run").summary
    assert {decision.kept for decision in begun.decisions()} == {None}
    again = resume(tmp_path / "run", until="select")
    assert again.summary == load_run(str(tmp_path / "run")).summary
    assert again.directory == begun.directory == tmp_path / "run"


def test_its_records_are_those_of_its_files(finished: Run, mixed: Finished) -> None:
    for records, name in (
        (finished.decisions(), "decisions.jsonl"),
        (finished.training(), "training.jsonl"),
        (finished.dropped(), "dropped.jsonl"),
    ):
        ids = [row["id"] for row in read_lines(mixed.out / name)]
        assert [record.id for record in records] == ids
        assert ids
    assert isinstance(finished.config, RunConfig)
    assert finished.config.agents.checker.policy == "hybrid"


def test_a_decision_is_found_by_its_id(finished: Run) -> None:
    decision = finished.decision("u")
    assert (decision.status, decision.final, decision.drop_reason) == ("relabelled", "Oslo", "high_entropy")
    assert decision.agents["relabeler"].entropy is not None
    with pytest.raises(InputError, match="no sample 'U'; its ids look like z, a, n"):
        finished.decision("U")


def test_dropped_and_decisions_give_the_same_reasons(finished: Run) -> None:
    dropped = {record.id: record.reason for record in finished.dropped()}
    decided = {record.id: record.drop_reason for record in finished.decisions() if record.drop_reason}
    assert dropped == decided == {case.id: case.drop for case in CASES if case.drop}


def test_the_decisions_are_a_table(finished: Run) -> None:
    table = finished.to_pandas().set_index("id")
    assert list(table.index) == [case.id for case in CASES]
    assert (table.loc["u", "base"], table.loc["u", "reasoner"]) == ("Oslo", "Bergen")
    assert table["requests"].sum() == finished.summary.usage.requests
    assert {"status", "final", "kept", "noise_probability", "prompt_tokens"} <= set(table.columns)


def test_a_table_without_pandas_says_what_to_install(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        finished.to_pandas()


def test_nothing_is_opened_for_writing(mixed: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and str(arguments[0]).startswith(str(mixed.out)):
            opened.append(arguments[1])
            assert arguments[1] in ("r", "rb", None)
            assert not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        assert not (watching and event == "sqlite3.connect")

    opened: list[str] = []
    watching = True
    sys.addaudithook(read_only)
    try:
        loaded = load_run(mixed.out)
        read: list[object] = [loaded.config, loaded.summary, loaded.prompts(), loaded.decision("z")]
        read += [*loaded.decisions(), *loaded.training(), *loaded.dropped(), loaded.to_pandas()]
    finally:
        watching = False
    assert len(opened) > 4
    assert read


def test_its_prompts_are_the_templates_it_keeps(tmp_path: Path, endpoint: Endpoint) -> None:
    finished = run(write_run(tmp_path, script(endpoint).url, CASES[:1]), tmp_path / "run", until="detect")
    folder = tmp_path / "run" / "prompts"
    folder.mkdir(exist_ok=True)
    (folder / "folder.md").mkdir()
    assert finished.prompts()["base"] == PROMPTS["base"]
    (folder / "base.md").write_text("{{ question }}?")
    with pytest.raises(StorageError, match="was damaged, or another program changed it"):
        finished.prompts()
    (folder / "check.md").write_bytes(b"\xff")
    with pytest.raises(RunDirectoryError, match="a prompt cannot be read"):
        finished.prompts()


def test_what_is_not_there_yet_says_how_to_get_it(tmp_path: Path, endpoint: Endpoint) -> None:
    with pytest.raises(RunDirectoryError, match="holds no run"):
        load_run(tmp_path)
    unfinished = run(write_run(tmp_path, script(endpoint).url, CASES[:1]), tmp_path / "run", until="detect")
    for read in (unfinished.training, unfinished.evaluation):
        with pytest.raises(RunDirectoryError, match=f"robustft resume {tmp_path}/run"):
            read()
    (tmp_path / "run" / "decisions.jsonl").unlink()
    (tmp_path / "run" / "summary.json").unlink()
    killed = load_run(tmp_path / "run")
    with pytest.raises(RunDirectoryError, match=r"has no decisions.jsonl yet; `robustft resume"):
        killed.decisions()
    with pytest.raises(RunDirectoryError, match=r"has no summary.json yet; `robustft resume"):
        _ = killed.summary


def test_a_training_set_of_decisions_that_have_changed_is_not_read(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    assert list(run(write_run(tmp_path, script(endpoint).url), out, until="select").training())
    changed = load_config(out / "config.yaml", ["agents.relabeler.max_tokens=9"])
    again = resume(out, config=changed, until="denoise")
    assert {decision.kept for decision in again.decisions()} == {None}
    with pytest.raises(RunDirectoryError, match="has no training set of its decisions yet"):
        again.training()


def test_a_damaged_file_is_told_with_how_to_mend_it(tmp_path: Path, endpoint: Endpoint) -> None:
    out = tmp_path / "run"
    finished = run(write_run(tmp_path, script(endpoint).url), out, until="select")
    torn = (out / "decisions.jsonl").read_bytes()[:-20]
    (out / "decisions.jsonl").write_bytes(torn)
    with pytest.raises(StorageError, match=r"decisions\.jsonl: was damaged.*robustft resume"):
        list(finished.decisions())
    assert len(list(resume(out, until="select").decisions())) == 10


def test_a_run_says_where_it_is(finished: Run, mixed: Finished) -> None:
    assert repr(finished) == f"Run('{mixed.out}')"
    assert builtins.format(finished) == repr(finished)
