"""The README's figures are those of the study's records, and its commands and promises are there."""

import math
import re
import statistics
from pathlib import Path

import pytest
from paper import read_records
from study.tables import accuracies

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECORDS = ROOT / "docs" / "results" / "paper.jsonl"
METHODS = {
    "untuned": "vanilla",
    "tuned on the responses as given": "sft",
    "RobustFT, default": "robustft-calibrated",
    "RobustFT, `training.weighting: soft`": "robustft-calibrated-soft",
    "tuned on the right responses": "sft-gold",
}


def interval(share: float, questions: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    z = 1.96
    middle = (share + z * z / (2 * questions)) / (1 + z * z / questions)
    reach = (
        z * math.sqrt(share * (1 - share) / questions + (z / (2 * questions)) ** 2) / (1 + z * z / questions)
    )
    return middle - reach, middle + reach


@pytest.mark.parametrize("row", METHODS)
def test_the_result_is_the_median_of_the_records_with_its_interval(row: str) -> None:
    records = read_records(RECORDS)
    cells = []
    for rate in (30, 50, 70):
        median = statistics.median(
            accuracies(records, dataset="fpb", kind=None, method=METHODS[row], rate=rate)
        )
        low, high = interval(median / 100, 200)
        cells.append(f"{median:.1f} ({100 * low:.0f} to {100 * high:.0f})")
    assert f"| {row} | {' | '.join(cells)} |" in README


@pytest.mark.parametrize("method", ["sft", "robustft-calibrated", "robustft-calibrated-soft"])
def test_what_is_said_of_the_study_is_what_it_found(method: str) -> None:
    records = read_records(RECORDS)
    low, middle, high = (
        f"{statistics.mean(accuracies(records, dataset='fpb', kind=None, method=method, rate=rate)):.1f}"
        for rate in (30, 50, 70)
    )
    page = (ROOT / "docs" / "results" / "conclusion-earlier.md").read_text(encoding="utf-8")
    assert f"{low}, {middle} and {high}" in " ".join(page.split())


@pytest.mark.parametrize(
    "promise", ["make demo", "make test", "make studio", "make torture", "langgraph.json"]
)
def test_what_the_readme_promises_is_there(promise: str) -> None:
    assert promise in README
    if promise.startswith("make "):
        target = promise.removeprefix("make ")
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    else:
        assert (ROOT / promise).is_file()
