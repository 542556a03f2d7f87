"""A filled-in audit tells a run's figures, of the samples that the run judged by itself."""

import io
import json
from pathlib import Path

import pytest

from robustft import DataError, InputError, audit, resume, run, write_check_file
from robustft.audit import print_audit
from robustft.terminal import Terminal
from tests.support.cases import CASES, Finished, script, write_run
from tests.support.endpoint import Endpoint

# What is right of every case. "u" and "s" are right as given and called noisy; all others are judged well.
RIGHT = {case.id: case.label for case in CASES} | {
    "m": "Berlin",
    "k": "bus",
    "e": "oak",
    "b": "Lima",
    "a": "dog",
}


def fill(path: Path, ids: str, **others: str) -> Path:
    rows = [{"id": name, "response": (RIGHT | others)[name], "trusted": True} for name in ids]
    unchecked = [{"id": case.id, "response": "", "trusted": False} for case in CASES if case.id not in ids]
    path.write_text("\n".join(map(json.dumps, [*rows, *unchecked])))
    return path


def test_an_audit_of_all_samples_tells_the_true_figures(mixed: Finished, tmp_path: Path) -> None:
    found = audit(mixed.out, fill(tmp_path / "audit.jsonl", "zansmvkueb"))
    assert (found.samples, found.checked, found.not_blind) == (10, 10, 0)
    assert found.noise_rate.value == pytest.approx(0.4)
    assert found.precision.value == pytest.approx(4 / 6, abs=1e-6)
    assert found.recall.value == pytest.approx(1)
    # "It is Berlin", "Rome", "bus", "Oslo" and "Lima"; "e" has no new response.
    assert (found.repairs.value, found.repairs.checked) == (1, 5)
    assert found.noise_rate.low == found.noise_rate.high


def test_a_part_of_the_samples_tells_the_figures_with_an_interval(mixed: Finished, tmp_path: Path) -> None:
    found = audit(mixed.out, fill(tmp_path / "audit.jsonl", "zamks"))
    assert found.checked == 5
    assert found.noise_rate.low < 0.4 < found.noise_rate.high
    assert found.precision.checked == 3
    file = io.StringIO()
    print_audit(Terminal(file=file, width=120), found)
    assert "responses that are wrong" in file.getvalue()
    assert "of 3 checked" in file.getvalue()


def test_samples_that_the_run_was_told_of_are_no_longer_blind(tmp_path: Path, endpoint: Endpoint) -> None:
    run(write_run(tmp_path, script(endpoint).url), tmp_path / "run", until="select")
    file = fill(tmp_path / "audit.jsonl", "zam")
    assert audit(tmp_path / "run", file).checked == 3
    resume(tmp_path / "run", trusted=fill(tmp_path / "trusted.jsonl", "za"), until="select")
    found = audit(tmp_path / "run", file)
    assert (found.samples, found.checked, found.not_blind) == (8, 1, 2)
    resume(tmp_path / "run", trusted=file, until="select")
    with pytest.raises(InputError, match="no longer blind"):
        audit(tmp_path / "run", file)


def test_a_response_that_is_spelled_otherwise_is_the_same(mixed: Finished, tmp_path: Path) -> None:
    found = audit(mixed.out, fill(tmp_path / "audit.jsonl", "znm", z="paris.", n="4.0"))
    assert found.noise_rate.value == pytest.approx(1 / 3, abs=1e-6)


def test_a_row_that_is_none_of_the_runs_is_named(mixed: Finished, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text(json.dumps({"id": "nobody", "response": "x"}))
    with pytest.raises(DataError, match=r"line 1.*no sample has the id 'nobody'") as error:
        audit(mixed.out, file)
    assert "on_bad_row" not in str(error.value), "no setting of a finished run can be given to audit"


@pytest.mark.parametrize("name", ["check.jsonl", "check.csv"])
def test_samples_that_were_chosen_by_worth_are_no_audit(name: str, mixed: Finished, tmp_path: Path) -> None:
    write_check_file(mixed.out, tmp_path / name, 5)
    with pytest.raises(InputError, match=rf"{name}: has samples of `list --to-check`.*--audit N"):
        audit(mixed.out, tmp_path / name)


def test_the_figures_say_whether_the_samples_are_known_to_be_random(mixed: Finished, tmp_path: Path) -> None:
    own = fill(tmp_path / "own.jsonl", "zamks")
    drawn = tmp_path / "drawn.jsonl"
    write_check_file(mixed.out, drawn, 5, audit=True)
    rows = [json.loads(line) | {"trusted": True} for line in drawn.read_text().splitlines()]
    drawn.write_text("\n".join(map(json.dumps, rows)))
    for file, known in ((own, False), (drawn, True)):
        shown = io.StringIO()
        found = audit(mixed.out, file)
        print_audit(Terminal(file=shown, width=120), found)
        assert found.random is known
        assert ("does not say how its samples were drawn" in shown.getvalue()) is not known
