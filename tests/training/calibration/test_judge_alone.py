"""What is decided where nothing can be calibrated: what the judge says, and nothing where nobody does."""

from typing import Any

import pytest

from agents.checker import Judgement
from tests.support.judged_records import record
from training.calibration.judge_alone import decide_alone

TEXT = "You can send it back within thirty days of the day on which it came."


def decided(
    judged: Judgement | None, *, response: str = TEXT, agreed: tuple[str, ...] = ()
) -> dict[str, Any]:
    known = record(response, judged=judged)
    assert known.check is not None
    check = known.check.model_copy(update={"agreed": agreed, "noise": 0.3, "weights": {"prior": 0.85}})
    return decide_alone(known.model_copy(update={"check": check}))


@pytest.mark.parametrize(
    ("judged", "agreed", "response", "clean", "reason"),
    [
        ("reliable", (), TEXT, True, "the judge says reliable"),
        ("noisy", (), TEXT, False, "the judge says noisy"),
        ("noisy", ("base",), TEXT, False, "the judge says noisy"),
        ("unreadable", (), TEXT, True, "the judge's reply is unreadable: the response stays"),
        (None, ("base", "reasoning"), TEXT, True, "base, reasoning match the response"),
        (None, (), TEXT, True, "nothing readable speaks against the response"),
        ("reliable", (), "", False, "the response is empty"),
        (None, ("base", "reasoning"), "", False, "the response is empty"),
        ("unreadable", (), " \n\t", False, "the response is empty"),
        (None, (), "\u3000", False, "the response is empty"),
    ],
)
def test_the_judge_decides_and_nothing_is_changed_where_nobody_says_anything(
    judged: Judgement | None, agreed: tuple[str, ...], response: str, clean: bool, reason: str
) -> None:
    found = decided(judged, response=response, agreed=agreed)
    assert (found["clean"], found["reason"]) == (clean, reason)


def test_no_probability_is_invented() -> None:
    found = decided("noisy")
    assert found["noise"] is None
    assert found["weights"] == {}


def test_a_response_of_nothing_but_space_is_empty() -> None:
    assert not record(" \n").sample.says_something
    assert record(".").sample.says_something
