import pytest

from stores.sample import Sample
from training.metrics import Tally, is_right, says_gold


def test_detection_counts_wrong_responses_judged_noisy() -> None:
    tally = Tally()
    for judged_noisy, response_right, times in [
        (True, False, 6),
        (True, True, 2),
        (False, False, 3),
        (False, True, 9),
    ]:
        for _ in range(times):
            tally.add(
                judged_noisy=judged_noisy,
                response_right=response_right,
                relabelled=False,
                final_right=None,
                kept=False,
            )
    detection = tally.report().detection
    assert detection.precision == pytest.approx(6 / 8)
    assert detection.recall == pytest.approx(6 / 9)
    assert detection.f1 == pytest.approx(12 / 17)


def test_relabelling_is_split_by_what_selection_kept() -> None:
    tally = Tally()
    for final_right, kept, times in [(True, True, 3), (False, True, 1), (True, False, 1), (False, False, 3)]:
        for _ in range(times):
            tally.add(
                judged_noisy=True, response_right=False, relabelled=True, final_right=final_right, kept=kept
            )
    # Neither a clean sample nor a failed one was relabelled.
    tally.add(judged_noisy=False, response_right=True, relabelled=False, final_right=True, kept=True)
    tally.add(judged_noisy=True, response_right=False, relabelled=False, final_right=None, kept=False)
    relabel = tally.report().relabel
    assert (relabel.accuracy, relabel.kept_accuracy, relabel.dropped_accuracy) == (0.5, 0.75, 0.25)
    assert (relabel.relabelled, relabel.kept, relabel.dropped) == (8, 4, 4)


def test_purity_is_of_what_is_trained_on_and_purity_before_of_what_was_given() -> None:
    tally = Tally()
    tally.add(judged_noisy=False, response_right=True, relabelled=False, final_right=True, kept=True)
    tally.add(judged_noisy=False, response_right=False, relabelled=False, final_right=False, kept=True)
    tally.add(judged_noisy=True, response_right=False, relabelled=True, final_right=True, kept=True)
    tally.add(judged_noisy=True, response_right=False, relabelled=True, final_right=False, kept=False)
    report = tally.report()
    assert (report.training_set.size, report.samples) == (3, 4)
    assert report.training_set.purity == pytest.approx(2 / 3)
    assert report.training_set.purity_before == 0.25


def test_a_figure_that_nothing_was_measured_for_is_none_and_not_zero() -> None:
    empty = Tally().report()
    assert empty.detection.model_dump() == {
        "precision": None,
        "recall": None,
        "f1": None,
        "wrong": 0,
        "found": 0,
    }
    assert empty.relabel.accuracy is None
    assert empty.training_set.model_dump() == {"purity": None, "size": 0, "purity_before": None}


def test_nothing_judged_noisy_has_no_precision_but_a_recall_of_zero() -> None:
    tally = Tally()
    tally.add(judged_noisy=False, response_right=False, relabelled=False, final_right=False, kept=True)
    detection = tally.report().detection
    assert (detection.precision, detection.recall, detection.f1) == (None, 0, 0)


@pytest.mark.parametrize(("relabelled", "kept"), [(False, True), (True, False)])
def test_a_sample_without_a_response_is_neither_relabelled_nor_in_the_training_set(
    relabelled: bool, kept: bool
) -> None:
    with pytest.raises(ValueError, match="final response"):
        Tally().add(
            judged_noisy=True, response_right=False, relabelled=relabelled, final_right=None, kept=kept
        )


@pytest.mark.parametrize(
    ("response", "gold", "options", "expected"),
    [
        ("B", "blue", ("red", "blue"), True),
        ("red", "blue", ("red", "blue"), False),
        ("1,000", "1000", (), True),
        ("It is Paris.", "Paris", (), True),
        ("Rome", "Paris", (), False),
        (
            "The sun rises in the east, and it sets in the west.",
            "the sun rises in the east and it sets in the west",
            (),
            True,
        ),
        ("The sun rises in the east.", "It is in the east that the sun comes up every single day", (), False),
    ],
)
def test_right_means_the_answers_agree(
    response: str, gold: str, options: tuple[str, ...], expected: bool
) -> None:
    assert is_right(response, gold, options) is expected


def test_free_text_counts_for_detection_alone() -> None:
    tally = Tally()
    tally.add(
        judged_noisy=True, response_right=False, relabelled=True, final_right=False, kept=True, compares=False
    )
    tally.add(judged_noisy=False, response_right=True, relabelled=False, final_right=True, kept=True)
    report = tally.report()
    assert (report.detection.wrong, report.detection.found) == (1, 1)
    assert (report.relabel.relabelled, report.relabel.accuracy) == (0, None)
    assert (report.training_set.size, report.training_set.purity_before) == (1, 1.0)


def test_of_an_answer_that_may_be_the_gold_one_nobody_can_tell() -> None:
    sample = Sample(id="s", prompt="Where?", response="Lyon", gold="New York")

    assert says_gold("It is in New York", sample) is True
    assert says_gold("New York City", sample) is None
    assert says_gold("Lyon", sample) is False
    assert is_right("10", "12", kind="number") is False
