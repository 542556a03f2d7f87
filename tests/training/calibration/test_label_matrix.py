import numpy

from tests.support.judged_records import record
from training.calibration.label_matrix import LabelMatrix, label_matrix, verdict_of, view_answers
from training.calibration.label_space import LabelSpace

VIEWS = ("base", "reasoning")
OPTIONS = ("oak", "sea", "sun")


def test_what_every_view_says_is_a_column_of_numbers() -> None:
    records = [
        record("sun", "sea", "The sun.", options=OPTIONS, judged="noisy"),
        record("moon", None, "A", options=OPTIONS),
    ]

    matrix = label_matrix(records, LabelSpace(OPTIONS, closed=True), VIEWS)

    assert len(matrix) == 2
    assert matrix.given.tolist() == [2, -1]
    assert {view: numbers.tolist() for view, numbers in matrix.answers.items()} == {
        "base": [1, -1],
        "reasoning": [2, 0],
    }
    assert matrix.verdicts.tolist() == [0, -1]
    assert matrix.sizes.tolist() == [3, 3]
    assert matrix.placed
    assert matrix.closed is not None
    assert matrix.closed.all()


def test_an_open_prompt_has_no_places_and_no_invalid_response() -> None:
    records = [record("Rome", "Paris", name="a"), record("7", "8", name="b")]

    matrix = label_matrix(records, LabelSpace(), VIEWS)

    assert not matrix.placed
    assert matrix.closed is not None
    assert not matrix.closed.any()
    assert matrix.given.tolist() == [0, 0]
    assert matrix.answers["base"].tolist() == [1, 1]


def test_only_the_views_asked_for_count() -> None:
    known = record("Rome", "Paris", "Oslo")

    assert view_answers(known, ("reasoning",)) == ["Oslo"]
    assert list(label_matrix([known], LabelSpace(), ("reasoning",)).answers) == ["reasoning"]


def test_a_judge_that_was_not_asked_says_nothing() -> None:
    assert [verdict_of(record("a", judged=judged).check) for judged in ("reliable", "noisy", None)] == [
        1,
        0,
        -1,
    ]
    assert verdict_of(None) == -1


def test_candidates_are_the_numbers_below_a_samples_size() -> None:
    none = numpy.full(2, -1)
    matrix = LabelMatrix(none, {}, none, numpy.array([1, 3]))

    assert matrix.width == 3
    assert matrix.candidates().tolist() == [[True, False, False], [True, True, True]]
