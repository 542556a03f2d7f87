"""The page on data is right: every row of its tables is read, and becomes what the page says."""

import json
import re
from pathlib import Path

import pytest

from stores.fields import RowError
from stores.options import Keys, Options, find_option
from stores.survey import survey
from stores.turns import read_turns

PAGE = (Path(__file__).parent.parent / "docs" / "data.md").read_text(encoding="utf-8")


def table(heading: str, head: str) -> list[list[str]]:
    """Return the cells of a table in a section, by the first cell of its head."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = section.partition(f"| {head} |")[2].splitlines()[2:]
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("| ").split(" | ")])
    return found


def spans(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


SETS = table("Columns", "data set")
ODD = table("Odd rows", "a row with")
STOPS = table("Other columns", "a file with")
ANSWERS = table("Answers to options", "answer")
ROLES = table("Turns", "role")


def test_the_tables_are_found() -> None:
    assert min(map(len, (SETS, ODD))) >= 20
    assert min(map(len, (STOPS, ANSWERS, ROLES))) >= 4


@pytest.mark.parametrize(("name", "rows", "prompt", "response"), SETS, ids=[cells[0] for cells in SETS])
def test_a_published_set_loads_without_renaming(name: str, rows: str, prompt: str, response: str) -> None:
    parsed = [json.loads(row) for row in spans(rows)]
    reading = survey(iter(parsed))
    assert reading is not None
    sample = reading.sample(parsed[0], noisy=True)
    assert (sample.prompt, sample.response) == tuple(
        json.loads(spans(cell)[0]) for cell in (prompt, response)
    )
    assert sample.response in sample.options or not sample.options


@pytest.mark.parametrize(("name", "row", "becomes"), ODD, ids=[cells[0] for cells in ODD])
def test_an_odd_row_becomes_what_the_page_says(name: str, row: str, becomes: str) -> None:
    parsed = json.loads(spans(row)[0])
    usual = {**parsed, **({"completion": "x"} if "prompt" in parsed else {})}
    reading = survey(iter([usual, parsed]))
    assert reading is not None
    if becomes == "noise":
        sample = reading.sample(parsed, noisy=True)
        assert not sample.says_something or sample.response not in sample.options
        return
    with pytest.raises(RowError) as caught:
        reading.sample(parsed, noisy=True)
    assert becomes in caught.value.message


@pytest.mark.parametrize(("name", "row", "message"), STOPS, ids=[cells[0] for cells in STOPS])
def test_a_column_that_cannot_be_ignored_stops_the_reading(name: str, row: str, message: str) -> None:
    with pytest.raises(RowError) as caught:
        survey(iter([json.loads(spans(row)[0])] * 3))
    assert message in caught.value.message


@pytest.mark.parametrize(("answer", "option"), ANSWERS)
def test_an_answer_means_the_option_that_the_page_says(answer: str, option: str) -> None:
    options = Options(("red", "green", "blue"))
    place = find_option(json.loads(spans(answer)[0]), options, Keys(), "answer")
    assert options.texts[place] == spans(option)[0]


@pytest.mark.parametrize(("role", "names"), ROLES)
def test_a_role_has_the_names_that_the_page_lists(role: str, names: str) -> None:
    for name in spans(names):
        assert read_turns([{"role": name, "content": "x"}], "messages")[0].role == role
