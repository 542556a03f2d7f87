"""Whole runs with responses that the user vouches for: in a file, in a column, and changed on the way."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from robustft import DataError, InputError, Run, export, load_config, load_run, resume, run
from tests.graph.stages.conftest import encoder  # noqa: F401 - a fixture
from tests.support.cases import CASES, asked, command, read_lines, script, write_run
from tests.support.endpoint import Endpoint
from tests.support.judged_records import WordEncoder

# Of the cases: "m" is noisy, "z" is clean and spelled otherwise here, "v" is clean and said to be wrong.
TRUSTED = [
    {"id": "m", "response": "Berlin"},
    {"id": "z", "response": "paris"},
    {"prompt": "", "id": "v", "response": "Toledo"},
]


def write_trusted(
    folder: Path, rows: Sequence[dict[str, Any]] = TRUSTED, name: str = "trusted.jsonl"
) -> Path:
    file = folder / name
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return file


def begin(folder: Path, endpoint: Endpoint, *settings: str, **data: Any) -> Run:
    config = load_config(write_run(folder, script(endpoint).url), settings, **data)
    return run(config, folder / "run", until="select")


def by_id(finished: Run) -> dict[str, Any]:
    return {decision.id: decision for decision in finished.decisions()}


@pytest.mark.parametrize("policy", ["hybrid", "calibrated"])
def test_a_trusted_sample_is_as_the_user_says(
    policy: str,
    tmp_path: Path,
    endpoint: Endpoint,
    encoder: WordEncoder,  # noqa: F811
) -> None:
    trusted = write_trusted(tmp_path)
    finished = begin(tmp_path, endpoint, f"agents.checker.policy={policy}", trusted=str(trusted))
    found = by_id(finished)
    assert {name: (found[name].status, found[name].final) for name in "mzv"} == {
        "m": ("relabelled", "Berlin"),
        "z": ("clean", "paris"),
        "v": ("relabelled", "Toledo"),
    }
    assert {name: found[name].noise_probability for name in "mzv"} == {"m": 1.0, "z": 0.0, "v": 1.0}
    assert {found[name].check.reason for name in "mzv"} == {"trusted"}
    assert all(found[name].kept for name in "mzv")
    if policy == "calibrated":
        assert {found[name].confidence for name in "mzv"} == {1.0}
    rows = {row.id: row for row in finished.training()}
    assert {rows[name].source for name in "mzv"} == {"trusted"}
    assert rows["v"].completion[0].content == "Toledo"
    assert finished.summary.samples.trusted == 3
    # Its views are asked for, and nobody is asked for another response.
    of_trusted = {role for role, name in asked(endpoint) if name in "mzv"}
    assert {"base", "reason"} <= of_trusted
    assert not of_trusted & {"relabel", "review"}


def test_a_trusted_sample_takes_no_part_of_the_share_that_is_kept(tmp_path: Path, endpoint: Endpoint) -> None:
    trusted = write_trusted(tmp_path, [{"id": "m", "response": "Berlin"}])
    finished = begin(tmp_path, endpoint, "selection.keep=0", trusted=str(trusted))
    kept = {name for name, decision in by_id(finished).items() if decision.kept}
    assert kept == {case.id for case in CASES if case.status == "clean"} | {"m"}
    samples = finished.summary.samples
    assert (samples.kept, samples.trusted_kept) == (1, 1)


def test_a_column_of_the_data_vouches_for_its_rows(tmp_path: Path, endpoint: Endpoint) -> None:
    rows = [{**case.row(), "trusted": "yes" if case.id == "b" else ""} for case in CASES]
    config = write_run(tmp_path, script(endpoint).url, rows)
    found = by_id(run(config, tmp_path / "run", until="select"))
    assert (found["b"].status, found["b"].final, found["b"].trusted) == ("clean", "Rome", "Rome")
    assert found["m"].trusted is None


def test_a_row_that_matches_nothing_ends_the_command_before_anything_is_asked(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    trusted = write_trusted(tmp_path, [{"id": "nobody", "response": "x"}])
    out = tmp_path / "run"
    assert command(monkeypatch, "run", config, "--trusted", trusted, "--out", out) == 2
    assert "trusted.jsonl, line 1, field 'id': matches no sample" in "".join(
        capsys.readouterr().err.split("\n")
    )
    assert endpoint.requests == []
    assert not out.exists()


@pytest.mark.parametrize("policy", ["hybrid", "calibrated"])
def test_other_trusted_responses_make_verdicts_anew_without_a_reply_asked_for_again(
    policy: str,
    tmp_path: Path,
    endpoint: Endpoint,
    encoder: WordEncoder,  # noqa: F811
) -> None:
    settings = (f"agents.checker.policy={policy}",)
    whole = begin(tmp_path, endpoint, *settings)
    before, known = by_id(whole), asked(endpoint)
    finished = resume(tmp_path / "run", trusted=write_trusted(tmp_path), until="select")
    found = by_id(finished)
    assert (found["v"].status, found["v"].final) == ("relabelled", "Toledo")
    assert finished.config.data.trusted == str(tmp_path / "trusted.jsonl")
    again = asked(endpoint) - known
    # A sample that is noisy in the light of what is trusted may be relabelled; nothing is asked twice.
    # Of a trusted one, the agents that were spared are to learn.
    trusted = {row["id"] for row in TRUSTED}
    assert {role for role, name in again if name not in trusted} <= {"relabel", "review"}
    assert [pair for pair in again if pair in known] == []
    # A file that vouches for less takes back what the first said.
    less = write_trusted(tmp_path, TRUSTED[:2])
    back = by_id(resume(tmp_path / "run", trusted=less, until="select"))
    assert (back["v"].status, back["v"].final, back["v"].trusted) == ("clean", "Madrid", None)
    assert back["m"].final == "Berlin"
    assert [pair for pair in asked(endpoint) - known - again if pair in known] == []
    assert back["k"].response == before["k"].response


def test_the_same_trusted_responses_change_nothing(tmp_path: Path, endpoint: Endpoint) -> None:
    trusted = write_trusted(tmp_path)
    begin(tmp_path, endpoint, trusted=str(trusted))
    lines = read_lines(tmp_path / "run" / "decisions.jsonl")
    endpoint.requests.clear()
    resume(tmp_path / "run", trusted=trusted, until="select")
    assert endpoint.requests == []
    assert read_lines(tmp_path / "run" / "decisions.jsonl") == lines


def test_a_broken_trusted_file_leaves_the_run_as_it_was(tmp_path: Path, endpoint: Endpoint) -> None:
    begin(tmp_path, endpoint)
    lines = read_lines(tmp_path / "run" / "decisions.jsonl")
    with pytest.raises(DataError, match="no sample has the id") as error:
        resume(tmp_path / "run", trusted=write_trusted(tmp_path, [{"id": "?", "response": "x"}]))
    assert "on_bad_row" not in str(error.value), "a run that has begun takes no other one"
    assert read_lines(tmp_path / "run" / "decisions.jsonl") == lines
    assert load_run(tmp_path / "run").config.data.trusted is None


def test_a_trusted_sample_that_no_model_answers_does_not_fail(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.refuse = lambda messages: 400 if "Germany" in messages[-1]["content"] else None
    trusted = write_trusted(tmp_path, [{"id": "m", "response": "Berlin"}])
    finished = begin(tmp_path, endpoint, "run.max_failed=0", trusted=str(trusted))
    found = by_id(finished)["m"]
    assert (found.status, found.final, found.kept) == ("relabelled", "Berlin", True)


def test_trusted_samples_are_shown_first(
    tmp_path: Path,
    endpoint: Endpoint,
    encoder: WordEncoder,  # noqa: F811
) -> None:
    trusted = write_trusted(tmp_path, [{"id": "m", "response": "Berlin"}])
    finished = begin(tmp_path, endpoint, "agents.relabeler.neighbours=2", trusted=str(trusted))
    shown = by_id(finished)["b"].agents["relabeler"].neighbours
    assert "m" in {neighbour.id for neighbour in shown}
    texts = [json.dumps(messages) for messages in (request["messages"] for request in endpoint.requests)]
    assert any("Capital of Germany?" in text and "Berlin" in text and "[relabel]" in text for text in texts)


def test_a_run_in_python_takes_trusted_responses_too(tmp_path: Path, endpoint: Endpoint) -> None:
    config = load_config(write_run(tmp_path, script(endpoint).url))
    finished = run(config, tmp_path / "run", trusted=write_trusted(tmp_path), until="select")
    assert by_id(finished)["v"].final == "Toledo"
    config.data.train = None
    rows = [{**case.row(), "trusted": case.id == "m"} for case in CASES]
    again = run(config, tmp_path / "again", samples=rows, until="select")
    assert by_id(again)["m"].final == "Rome"


def test_the_same_data_elsewhere_are_those_that_the_run_was_begun_with(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    begin(tmp_path, endpoint, trusted=str(write_trusted(tmp_path)))
    copy = tmp_path / "copy.jsonl"
    copy.write_text((tmp_path / "train.jsonl").read_text())
    config = load_config(tmp_path / "my.yaml", train=str(copy))
    finished = resume(tmp_path / "run", config=config, until="select")
    assert by_id(finished)["v"].final == "Toledo"


def test_a_run_on_several_annotators_keeps_what_each_gave(tmp_path: Path, endpoint: Endpoint) -> None:
    rows = [
        {**case.row(), "completion": case.label if name != "cy" else "Rome", "annotator": name}
        for name in ("ann", "bob", "cy")
        for case in CASES
        if not case.options
    ]
    config = write_run(tmp_path, script(endpoint).url, rows)
    finished = run(config, tmp_path / "run", until="select")
    found = by_id(finished)
    assert len(found) == len([case for case in CASES if not case.options])
    assert found["z"].annotations == {"ann": "Paris", "bob": "Paris", "cy": "Rome"}
    assert (found["z"].response, found["z"].status) == ("Paris", "clean")
    with pytest.raises(InputError, match="several annotators"):
        export(tmp_path / "run", tmp_path / "out.jsonl", "same")
    assert export(tmp_path / "run", tmp_path / "out.jsonl", "messages") == len(list(finished.training()))
