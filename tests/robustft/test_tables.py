"""What a run found, as a table that a person reads."""

import io
from pathlib import Path
from typing import Any

from robustft.tables import print_summary
from robustft.terminal import Terminal
from stores.records import (
    CalibrationFigures,
    ClassShare,
    FreeText,
    JudgedAlone,
    Relabel,
    Samples,
    Summary,
    TrainingFigures,
    TrainingRetry,
    TrainingSet,
)
from tests.support.records import SUMMARY


def test_a_class_that_training_sees_more_often_than_the_data_have_it_is_told() -> None:
    even = ClassShare(data=0.5, training=0.48)
    off = ClassShare(data=0.13, training=0.22)
    assert "│ classes off     │ bad is 22 % of the training set and 13 % of the data" in printed(
        balance={"good": even, "bad": off}
    )
    assert "classes off" not in printed(balance={"good": even})


FEW = "too few free-text samples (12 < 20) to calibrate: the judge decides"
NOTHING: dict[str, Any] = {"detection": None, "relabel": None, "training_set": None}


def printed(**changes: Any) -> str:
    file = io.StringIO()
    summary = Summary.model_validate({**SUMMARY.model_dump(), **changes})
    print_summary(Terminal(file=file, width=200), summary, Path("runs/x"))
    return file.getvalue()


def test_where_nothing_was_estimated_no_estimate_is_printed_and_one_line_says_why() -> None:
    text = printed(
        **NOTHING,
        samples=Samples(total=12, clean=12),
        calibration=None,
        judged_alone=JudgedAlone(samples=12, unreadable=2, reasons=(FEW,)),
    )
    assert "%" not in text.partition("accuracy")[0]
    assert "│ estimated" not in text
    assert f"│ not estimated │ {FEW}; 2 responses without a readable verdict left as given" in text
    assert "kept by entropy" in text


def test_an_estimate_of_some_says_of_how_many() -> None:
    text = printed(
        calibration=CalibrationFigures(samples=60, noisy=18, noise_rate=0.3, threshold=0.5, reliability={}),
        judged_alone=JudgedAlone(samples=12, reasons=(FEW,)),
    )
    assert "30.0% of the 60 others are wrong " in text
    assert "kept by confidence or entropy" in text


def test_responses_that_the_user_vouches_for_are_not_counted_as_kept_by_confidence() -> None:
    samples = Samples(total=20, clean=10, noisy=10, relabelled=10, kept=7, trusted_kept=3, trusted=4)
    text = printed(**NOTHING, samples=samples)
    assert "10, of which 4 kept by " in text
    assert "and 3 as you say" in text
    assert "as you say" not in printed(**NOTHING, samples=Samples(total=20, relabelled=10, kept=7))


def test_an_estimate_that_points_at_no_sample_says_so() -> None:
    figures = CalibrationFigures(samples=8, noisy=0, noise_rate=0.3, threshold=1.0, reliability={})
    assert "30.0% of the responses are wrong, but not which" in printed(calibration=figures)
    few = figures.model_copy(update={"noise_rate": 0.01})
    assert "but not which" not in printed(calibration=few)


def test_free_text_is_described_and_not_called_right() -> None:
    text = printed(
        free_text=FreeText(relabelled=9, length_ratio=0.8231, repeating=1, unfinished=2),
        relabel=Relabel(
            accuracy=None, kept_accuracy=None, dropped_accuracy=None, relabelled=0, kept=0, dropped=0
        ),
        training_set=TrainingSet(purity=None, size=0, purity_before=None),
        samples=Samples(total=12, clean=3, noisy=9, relabelled=9, other_form=4, empty=1, kept=2),
    )
    assert (
        "9, not compared with gold, 0.82 times as long as clean responses (median), 1 repeat themselves, "
        "2 end unfinished"
    ) in text
    assert "relabels right" not in text
    assert "right responses" not in text
    assert "9 (1 without a readable answer, 4 of another form than the data), of which 2 kept" in text


def test_a_training_that_was_retried_says_why_and_how() -> None:
    retry = TrainingRetry(
        step=7,
        samples=("a", "b"),
        fault="the loss was nan",
        cause="unknown",
        setting="float32, eager attention",
        float32=True,
        halved=False,
    )
    told = printed(training=TrainingFigures(samples=2, steps=9, loss=0.5, retry=retry))
    assert "training retried" in told
    assert (
        "the loss was nan at step 7; it went on with float32, eager attention (likely cause: unknown)" in told
    )
    assert "training retried" not in printed()
