"""What is reported of an evaluation: categories, other wordings, and what tuning made the model forget."""

import pytest

from stores.records import Evaluation
from training.evaluation import Accuracy, Asked
from training.held_out import evaluation_figures, share_of


def answered(*rights: bool, task: str | None = None, others: int = 0, failed: int = -1) -> Accuracy:
    """Return the answers to samples named by their places, each with so many other wordings."""
    accuracy = Accuracy()
    add(accuracy, *rights, task=task, others=others, failed=failed)
    return accuracy


def add(
    accuracy: Accuracy, *rights: bool, task: str | None = None, others: int = 0, failed: int = -1
) -> None:
    for place, right in enumerate(rights):
        answer = Evaluation(
            model="tuned",
            id=f"{task}{place}",
            prompt="?",
            gold="a",
            right=right,
            task=task,
            failure="no" if place == failed else None,
        )
        accuracy.add(Asked([answer] * (1 + others), same=right))


def test_each_category_has_its_shares_with_intervals_the_largest_first() -> None:
    before, after = answered(True, False, task="b"), answered(True, True, task="b")
    add(before, True, True, False, task="a")
    add(after, True, False, False, task="a")
    figures = evaluation_figures({"untuned": before, "tuned": after}, {})
    assert list(figures.by_category) == ["a", "b"]
    found = figures.by_category["a"]
    assert found.untuned == share_of(2, 3)
    assert found.tuned == share_of(1, 3)
    assert found.tuned is not None
    assert found.tuned.low < 1 / 3 < found.tuned.high
    assert (figures.n, figures.untuned, figures.tuned) == (5, 0.6, 0.6)
    assert figures.intervals["tuned"][0] < 0.6 < figures.intervals["tuned"][1]
    assert figures.guard is None
    assert figures.paraphrases is None


def test_of_very_many_categories_the_smallest_are_counted_alone() -> None:
    accuracy = Accuracy()
    for place in range(130):
        add(accuracy, *[True] * (2 if place == 7 else 1), task=f"t{place:03}")
    figures = evaluation_figures({"untuned": accuracy}, {})
    assert (len(figures.by_category), figures.other_categories) == (100, 30)
    assert next(iter(figures.by_category)) == "t007"


def test_samples_without_a_task_are_in_no_category() -> None:
    assert evaluation_figures({"untuned": answered(True)}, {}).by_category == {}


def test_other_wordings_are_shares_of_the_samples_that_have_any() -> None:
    accuracy = answered(True, False, True, others=2)
    add(accuracy, False, task="unworded")
    found = evaluation_figures({"untuned": accuracy}, {}).paraphrases
    assert found is not None
    assert (found.samples, found.wordings, found.tuned) == (3, 6, None)
    assert found.untuned is not None
    assert found.untuned.right == found.untuned.same == share_of(2, 3)


def test_more_is_forgotten_than_by_chance_and_a_sentence_says_so() -> None:
    before, after = answered(*[True] * 40), answered(*[True] * 28, *[False] * 12)
    guard = evaluation_figures({}, {"untuned": before, "tuned": after}).guard
    assert guard is not None
    assert (guard.n, guard.lost, guard.won, guard.change) == (40, 12, 0, pytest.approx(-0.3))
    assert guard.change_interval is not None
    assert guard.change_interval[1] < 0
    assert guard.caution is not None
    assert "answers 70.0% of the guard set right, and answered 100.0% before" in guard.caution


@pytest.mark.parametrize("lost", [0, 1, 4])
def test_what_chance_explains_or_is_won_gives_no_caution(lost: int) -> None:
    before, after = answered(*[True] * 40), answered(*[False] * lost, *[True] * (40 - lost))
    for pair in ((before, after), (answered(*[False] * 40), answered(*[True] * 40))):
        guard = evaluation_figures({}, {"untuned": pair[0], "tuned": pair[1]}).guard
        assert guard is not None
        assert guard.caution is None


def test_a_request_that_failed_is_not_taken_for_forgotten() -> None:
    before, after = answered(True, True, True), answered(True, False, True, failed=1)
    guard = evaluation_figures({}, {"untuned": before, "tuned": after}).guard
    assert guard is not None
    assert (guard.failed, guard.lost, guard.change) == (1, 0, 0)


def test_without_an_adapter_nothing_is_compared() -> None:
    guard = evaluation_figures({}, {"untuned": answered(True, False)}).guard
    assert guard is not None
    assert (guard.n, guard.untuned, guard.tuned, guard.change) == (2, share_of(1, 2), None, None)
