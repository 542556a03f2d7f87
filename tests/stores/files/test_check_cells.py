"""A guarded cell is text for a spreadsheet, and what it was for us."""

import csv
from pathlib import Path

import pytest

from stores.files.check_cells import DRAWN, guard, unguard
from stores.rows import read_source

FORMULAS = ["=1+1", "+1", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]
TEXTS = ["", "'", "'tis", "1-5", " =1", "a=b", "''quoted''"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_what_a_spreadsheet_would_reckon_begins_with_an_apostrophe(cell: str) -> None:
    assert guard(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", TEXTS)
def test_any_other_text_stays_as_it_is(cell: str) -> None:
    assert guard(cell) == unguard(cell) == cell


@pytest.mark.parametrize("before", ["", "'", "''"])
@pytest.mark.parametrize("cell", [*FORMULAS, *TEXTS])
def test_every_text_is_read_back_as_it_was(before: str, cell: str) -> None:
    assert unguard(guard(before + cell)) == before + cell


@pytest.mark.parametrize(("column", "read"), [(DRAWN, "=1"), ("note", "'=1")])
def test_an_apostrophe_is_taken_away_in_check_files_alone(column: str, read: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "response", column], ["a", "'=1", "worth"]])
    assert [row["response"] for _, row in read_source(path) if isinstance(row, dict)] == [read]
