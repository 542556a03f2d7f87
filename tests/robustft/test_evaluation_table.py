"""How an evaluation reads in a table."""

from robustft.evaluation_table import evaluation_rows
from stores.records import (
    CategoryFigures,
    EvaluationFigures,
    GuardFigures,
    ParaphraseFigures,
    Share,
    Steadiness,
)

HALF = Share(value=0.5, low=0.25, high=0.75, n=8)
MORE = Share(value=0.75, low=0.5, high=0.9, n=8)


def test_accuracy_alone_is_one_row() -> None:
    figures = EvaluationFigures(n=4, untuned=0.25, tuned=0.5, left_out=2)
    assert evaluation_rows(figures) == [
        ("accuracy", "untuned 25.0%, tuned 50.0% on 4 held-out (2 left out: free text)")
    ]
    failed = EvaluationFigures(n=4, untuned=0.25, failed={"untuned": 1})
    assert evaluation_rows(failed)[1] == ("failed", "untuned 1 requests, whose samples count as wrong")
    assert evaluation_rows(EvaluationFigures(skipped="no test data")) == [
        ("evaluation", "skipped: no test data")
    ]


def test_the_largest_categories_are_shown_and_the_others_counted() -> None:
    named = {f"a  long\nname {place}": CategoryFigures(untuned=HALF, tuned=MORE) for place in range(12)}
    figures = EvaluationFigures(n=96, untuned=0.5, by_category=named, other_categories=3)
    (shown,) = [text for name, text in evaluation_rows(figures) if name == "by category"]
    lines = shown.split("\n")
    assert lines[0] == "a long name 0 (8): untuned 50.0% (25.0% to 75.0%), tuned 75.0% (50.0% to 90.0%)"
    assert lines[-1] == "and 7 smaller categories (summary.json)"
    assert len(lines) == 9


def test_wordings_and_what_was_forgotten_have_rows_with_their_intervals() -> None:
    steady = Steadiness(right=HALF, same=MORE)
    guard = GuardFigures(
        n=8, untuned=MORE, tuned=HALF, lost=2, won=0, change=-0.25, change_interval=(-0.5, 0.1), failed=1
    )
    figures = EvaluationFigures(
        n=8,
        untuned=0.5,
        paraphrases=ParaphraseFigures(samples=8, wordings=9, untuned=steady),
        guard=guard.model_copy(update={"caution": "tuning made the model forget"}),
    )
    rows = dict(evaluation_rows(figures))
    assert rows["other wordings"].split("\n") == [
        "9 wordings of 8 samples",
        "untuned: 50.0% (25.0% to 75.0%) right in every one, 75.0% (50.0% to 90.0%) answered alike",
    ]
    assert "changed by -25.0 points (-50.0 to +10.0): 2 lost, 0 won" in rows["guard set"]
    assert "1 sample without a reply" in rows["guard set"]
    assert rows["caution"] == "tuning made the model forget"


def test_a_guard_set_alone_has_no_row_of_accuracy() -> None:
    assert [name for name, _ in evaluation_rows(EvaluationFigures(guard=GuardFigures(n=8)))] == ["guard set"]
