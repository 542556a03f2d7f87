"""What a stage has made is used again for the same inputs, and for no others."""

import json
from pathlib import Path

import pytest

from graph.stages.outcomes import (
    forget_outcomes,
    hash_inputs,
    keep_outcome,
    reuse_outcome,
    too_long_samples,
    valid_outcomes,
)
from graph.stages.stage import Workspace

TRAINED = {"loss": 0.5, "dropped": ["b"]}


def end(work: Workspace, stage: str, inputs: str, outcome: dict[str, object]) -> None:
    keep_outcome(work, outcome, inputs)
    work.journal.end_stage(stage, 1.0, json.dumps(work.outcome))


@pytest.fixture
def file(work: Workspace) -> Path:
    path = work.files.path / "file"
    path.write_text("made")
    work.keep(path)
    return path


def test_the_same_inputs_are_not_made_twice(work: Workspace, file: Path) -> None:
    assert reuse_outcome(work, "train", "x", file) is None
    end(work, "train", "x", TRAINED)
    assert reuse_outcome(work, "train", "x", file) == TRAINED
    assert reuse_outcome(work, "evaluate", "x", file) is None


def test_other_inputs_are_made(work: Workspace, file: Path) -> None:
    end(work, "train", "x", TRAINED)
    assert reuse_outcome(work, "train", "y", file) is None


def test_what_is_lost_is_made_again(work: Workspace, file: Path) -> None:
    end(work, "train", "x", TRAINED)
    file.unlink()
    assert reuse_outcome(work, "train", "x", file) is None


def test_what_is_no_longer_what_was_made_is_made_again(work: Workspace, file: Path) -> None:
    end(work, "train", "x", TRAINED)
    file.write_text("mad")
    assert reuse_outcome(work, "train", "x", file) is None


def test_what_found_nothing_to_do_leaves_no_file(work: Workspace, tmp_path: Path) -> None:
    skipped = {"skipped": "nothing to train on"}
    end(work, "train", "x", skipped)
    assert reuse_outcome(work, "train", "x", tmp_path / "missing") == skipped


def test_an_interrupted_stage_has_made_nothing(work: Workspace, file: Path) -> None:
    end(work, "train", "x", TRAINED)
    work.journal.end_stage("train", 1.0, None)
    assert reuse_outcome(work, "train", "x", file) is None


def test_outcomes_are_valid_with_the_selection_that_they_follow_from(work: Workspace) -> None:
    end(work, "train", "x", TRAINED)
    assert valid_outcomes(work.journal) == {}
    assert too_long_samples(work.journal) == set()
    work.journal.validity.validate_selection()
    assert valid_outcomes(work.journal) == {"train": TRAINED}
    assert too_long_samples(work.journal) == {"b"}
    work.journal.validity.invalidate_selection()
    assert valid_outcomes(work.journal) == {}


def test_forgotten_outcomes_are_made_again(work: Workspace, file: Path) -> None:
    end(work, "train", "x", TRAINED)
    work.journal.validity.validate_selection()
    forget_outcomes(work.journal)
    assert valid_outcomes(work.journal) == {}
    assert reuse_outcome(work, "train", "x", file) is None


def test_a_hash_tells_texts_and_files_apart_by_their_contents(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("same")
    other.write_text("same")
    assert hash_inputs("a", one) == hash_inputs("a", other)
    assert (
        len({hash_inputs("ab", "c"), hash_inputs("a", "bc"), hash_inputs("abc"), hash_inputs("c", "ab")}) == 4
    )
    other.write_text("changed")
    assert hash_inputs("a", one) != hash_inputs("a", other)
