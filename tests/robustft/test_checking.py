"""Files to fill in: what they show, whom they ask about, and that they are read back as trusted responses."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from agents.checker import Check
from agents.record import Consensus
from robustft import DataError, InputError, resume, run, write_check_file
from robustft.checking import risk_of
from stores.rows import read_source
from stores.sample import Sample
from stores.trusted import TrustedFile
from tests.support.cases import CASES, Finished, read_lines, script, write_run
from tests.support.endpoint import Endpoint
from tests.support.judged_records import record, relabelled

SUGGESTED = {"suggestion", "noise_probability", "verdict", "final"}


def test_an_audit_shows_nothing_that_the_run_found(mixed: Finished, tmp_path: Path) -> None:
    out = tmp_path / "audit.jsonl"
    assert write_check_file(mixed.out, out, 6, audit=True) == 6
    rows = read_lines(out)
    given = {case.id: case for case in CASES}
    for row in rows:
        assert not SUGGESTED & row.keys()
        assert row["trusted"] is False
        assert row["prompt"] == given[row["id"]].query
    assert [row["response"] for row in rows if row["id"] == "m"] in ([], ["Rome"])


def test_a_larger_audit_of_a_seed_holds_a_smaller_one(mixed: Finished, tmp_path: Path) -> None:
    def ids(count: int, seed: int, name: str) -> list[str]:
        write_check_file(mixed.out, tmp_path / name, count, audit=True, seed=seed)
        return [row["id"] for row in read_lines(tmp_path / name)]

    few, many = ids(3, 1, "a.jsonl"), ids(8, 1, "b.jsonl")
    assert many[:3] == few
    assert len({tuple(ids(3, seed, f"{seed}.jsonl")) for seed in range(2, 8)}) > 1


def test_what_is_worth_a_check_comes_with_a_suggestion(mixed: Finished, tmp_path: Path) -> None:
    out = tmp_path / "check.jsonl"
    assert write_check_file(mixed.out, out, 100) == len(CASES)
    rows = {row["id"]: row for row in read_lines(out)}
    assert rows["m"]["suggestion"] == "It is Berlin"
    assert rows["z"]["suggestion"] is None
    assert rows["k"]["options"] == ["dog", "bus", "oak"]


@pytest.mark.parametrize("name", ["check.jsonl", "check.csv"])
def test_a_file_that_was_filled_in_is_one_of_trusted_responses(
    name: str, mixed: Finished, tmp_path: Path
) -> None:
    out = tmp_path / name
    write_check_file(mixed.out, out, 100)
    changes = {"m": "Berlin", "k": "B", "z": "Paris"}
    if name.endswith(".csv"):
        with out.open(newline="") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
    else:
        rows = read_lines(out)
    for row in rows:
        if row["id"] in changes:
            row |= {"response": changes[row["id"]], "trusted": "yes"}
    if name.endswith(".csv"):
        with out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        out.write_text("\n".join(map(json.dumps, rows)))
    samples = [
        Sample(id=case.id, prompt=case.query, response=case.label, options=tuple(case.options or ()))
        for case in CASES
    ]
    assert TrustedFile(out).match(lambda: samples) == {"m": "Berlin", "k": "bus", "z": "Paris"}


@pytest.mark.parametrize("name", ["check.jsonl", "check.csv"])
def test_no_cell_is_a_formula_and_all_are_read_back_as_they_are(
    name: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    texts = ["=HYPERLINK(A1)", "+1", "-5", "@a", "\t=1", "\r=1", "'=1", "''-1", "'tis", "1-5"]
    rows = [{"id": f"={text}", "prompt": f"{text}?", "completion": text} for text in texts]
    endpoint.reply = lambda messages: "yes"
    run(write_run(tmp_path, endpoint.url, rows), tmp_path / "run", until="detect")
    out = tmp_path / name
    write_check_file(tmp_path / "run", out, 100, audit=True)
    with out.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row] if name.endswith(".csv") else []
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n")]
    found = {row["id"]: row for _, row in read_source(out) if isinstance(row, dict)}
    assert {name: (row["prompt"], row["response"]) for name, row in found.items()} == {
        row["id"]: (row["prompt"], row["completion"]) for row in rows
    }


@pytest.mark.parametrize("name", ["check.jsonl", "check.csv"])
@pytest.mark.parametrize("is_audit", [True, False])
def test_a_file_says_how_its_samples_were_drawn(
    name: str, is_audit: bool, mixed: Finished, tmp_path: Path
) -> None:
    write_check_file(mixed.out, tmp_path / name, 3, audit=is_audit)
    assert TrustedFile(tmp_path / name).drawn() == {"random" if is_audit else "worth"}


def test_what_is_trusted_already_is_not_asked_again(tmp_path: Path, endpoint: Endpoint) -> None:
    run(write_run(tmp_path, script(endpoint).url), tmp_path / "run", until="detect")
    trusted = tmp_path / "trusted.jsonl"
    trusted.write_text(json.dumps({"id": "m", "response": "Berlin"}))
    resume(tmp_path / "run", trusted=trusted, until="detect")
    for audit in (True, False):
        write_check_file(tmp_path / "run", tmp_path / "out.jsonl", 100, audit=audit, force=True)
        assert {row["id"] for row in read_lines(tmp_path / "out.jsonl")} == {case.id for case in CASES} - {
            "m"
        }


def test_no_file_is_replaced_and_none_written_into_the_run(mixed: Finished, tmp_path: Path) -> None:
    there = tmp_path / "there.jsonl"
    there.write_text("mine")
    with pytest.raises(DataError, match="there"):
        write_check_file(mixed.out, there, 3)
    assert there.read_text() == "mine"
    with pytest.raises(InputError, match="inside the run directory"):
        write_check_file(mixed.out, mixed.out / "check.jsonl", 3)
    with pytest.raises(DataError, match=r"\.jsonl or \.csv"):
        write_check_file(mixed.out, tmp_path / "check.xlsx", 3)


def test_the_risk_is_that_of_the_decision_and_not_of_the_response() -> None:
    judged = record("Rome", "Paris", "Paris")
    found = Check(clean=False, policy="calibrated", agreed=(), reason="", noise=0.9)
    noisy = judged.model_copy(update={"check": found})
    assert risk_of(noisy) == pytest.approx(0.1)
    clean = judged.model_copy(update={"check": found.model_copy(update={"clean": True})})
    assert risk_of(clean) == pytest.approx(0.9)
    consensus = Consensus(answer="Paris", confidence=0.6)
    replaced = relabelled(noisy, "Paris").model_copy(update={"consensus": consensus})
    assert risk_of(replaced) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("clean", "agreed", "risk"),
    [(True, ("base", "reasoning"), 0.25), (True, ("base",), 0.5), (False, (), 0.25), (False, ("base",), 0.5)],
)
def test_without_probabilities_the_risk_is_how_far_views_contradict(
    clean: bool, agreed: tuple[str, ...], risk: float
) -> None:
    known = record("Rome", "Paris", "Paris")
    check = Check(clean=clean, policy="hybrid", agreed=agreed, reason="")
    assert risk_of(known.model_copy(update={"check": check})) == pytest.approx(risk)
