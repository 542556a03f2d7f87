"""What is valid: an outcome that becomes invalid takes everything with it that was made from it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stores.journal import Journal
from stores.validity import DecisionInputs, Validity


@pytest.fixture
def validity(tmp_path: Path) -> Iterator[Validity]:
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal.validity
    journal.close()


def state(validity: Validity) -> tuple[bool, bool, bool]:
    return validity.calibration is not None, validity.has_consensus, validity.has_selection


def test_nothing_is_valid_at_first(validity: Validity) -> None:
    assert state(validity) == (False, False, False)
    assert validity.inputs == DecisionInputs("", "")


@pytest.mark.parametrize(
    ("invalidate", "left"),
    [
        (Validity.invalidate_calibration, (False, False, False)),
        (Validity.invalidate_consensus, (True, False, False)),
        (Validity.invalidate_selection, (True, True, False)),
    ],
)
def test_what_follows_from_an_invalid_outcome_is_invalid_too(
    invalidate: Callable[[Validity], None], left: tuple[bool, bool, bool], validity: Validity
) -> None:
    validity.validate_calibration({"noise": 0.3})
    validity.validate_consensus()
    validity.validate_selection()
    assert state(validity) == (True, True, True)
    invalidate(validity)
    assert state(validity) == left


def test_a_calibration_that_found_nothing_is_valid(validity: Validity) -> None:
    validity.validate_calibration({})
    assert validity.calibration == {}


def test_everything_is_there_when_the_journal_is_opened_again(tmp_path: Path) -> None:
    inputs = DecisionInputs("verdicts", "relabels")
    first = Journal(tmp_path / "journal.sqlite")
    first.validity.keep_inputs(inputs)
    first.validity.validate_calibration({"noise": 0.3})
    first.validity.validate_selection()
    first.close()
    again = Journal(tmp_path / "journal.sqlite", read_only=True)
    assert again.validity.inputs == inputs
    assert again.validity.calibration == {"noise": 0.3}
    assert state(again.validity) == (True, False, True)
    again.close()
