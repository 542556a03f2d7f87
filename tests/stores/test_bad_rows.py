"""Rows that cannot be used are set aside, or told together: the first in full, five by line, all counted."""

import logging

import pytest

from stores.bad_rows import BadRows
from stores.errors import DataError
from stores.fields import RowError
from stores.records import Skipped


def refused(bad: BadRows, used: int) -> str:
    with pytest.raises(DataError) as caught:
        bad.end(used)
    return str(caught.value)


def test_without_any_the_reading_just_ends() -> None:
    bad = BadRows("f", "error", None)
    bad.end(0)
    assert not bad.stops


def test_the_first_line_is_told_whatever_comes_first() -> None:
    bad = BadRows("f", "error", None)
    for line in (9, 2, 7, 5, 30, 4, 8):
        bad.add(line, RowError("id", f"is odd in {line}", "is odd"))
    assert refused(bad, 3) == (
        "f, line 2, field 'id': is odd in 2; in all 7 of 10 rows cannot be used: 7 is odd "
        "(lines 2, 4, 5, 7, 8 and 2 more); data.on_bad_row: skip sets such rows aside"
    )


@pytest.mark.parametrize(("on_bad_row", "used"), [(None, 5), ("error", 0), ("skip", 0)])
def test_no_setting_is_named_that_would_not_help(on_bad_row: str | None, used: int) -> None:
    bad = BadRows("f", on_bad_row, None)  # type: ignore[arg-type]
    bad.add(1, RowError(None, "is odd"))
    assert refused(bad, used) == "f, line 1: is odd"


def test_rows_in_memory_have_places() -> None:
    bad = BadRows("samples", None, None, has_lines=False)
    for place in (0, 3):
        bad.add(place, RowError(None, "is odd"))
    assert refused(bad, 0) == "samples[0]: is odd; in all 2 of 2 rows cannot be used: 2 is odd (places 0, 3)"


def test_rows_that_are_set_aside_are_told_one_by_one_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    aside: list[Skipped] = []
    bad = BadRows("f", "skip", aside.append)
    bad.add(3, RowError("id", "is odd"))
    with caplog.at_level(logging.WARNING, "robustft.data"):
        bad.end(4)
    assert [(row.line, row.field, row.reason) for row in aside] == [(3, "id", "is odd")]
    assert "1 of 5 rows are set aside: 1 is odd (lines 3)" in caplog.text
