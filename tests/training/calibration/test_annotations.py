import numpy
import pytest

from agents.record import SampleRecord
from stores.sample import Annotation
from tests.support.judged_records import record
from training.calibration import priors
from training.calibration.annotations import Annotations, AnnotationsBuilder
from training.calibration.label_matrix import LabelMatrixBuilder, label_matrix
from training.calibration.label_space import LabelSpace

OPTIONS = ("oak", "sea")
SPACE = LabelSpace(OPTIONS, closed=True)
COLUMNS = {
    "bob": numpy.array([1, -1, 0, -1]),
    "ann": numpy.array([0, -1, 0, 3]),
    "cy": numpy.array([1, -1, -1, -1]),
}


def entries(found: Annotations | None) -> list[tuple[int, str, int]]:
    assert found is not None
    names = [found.names[place] for place in found.who]
    return list(zip(found.rows.tolist(), names, found.said.tolist(), strict=True))


def annotated(name: str, response: str, options: tuple[str, ...], said: dict[str, str]) -> SampleRecord:
    """Return a record with people's responses, by their names."""
    known = record(response, name=name, options=options)
    annotations = tuple(Annotation(annotator=who, response=what) for who, what in said.items())
    return known.model_copy(update={"sample": known.sample.model_copy(update={"annotations": annotations})})


def test_each_annotation_is_an_entry() -> None:
    found = Annotations.of_columns(COLUMNS)

    assert found.names == ("ann", "bob", "cy")
    assert entries(found) == [
        (0, "ann", 0),
        (0, "bob", 1),
        (0, "cy", 1),
        (2, "ann", 0),
        (2, "bob", 0),
        (3, "ann", 3),
    ]
    assert found.annotated(4).tolist() == [True, False, True, True]


def test_samples_in_another_order_keep_their_annotations() -> None:
    found = Annotations.of_columns(COLUMNS).of(numpy.array([3, 1, 2]))

    assert sorted(entries(found)) == [(0, "ann", 3), (2, "ann", 0), (2, "bob", 0)]
    assert found.annotated_twice()
    assert not found.of(numpy.array([0, 1])).annotated_twice()


def test_the_commonest_responses_are_named_first_and_at_most_ten() -> None:
    assert Annotations.of_columns(COLUMNS).named(4).tolist() == [[1, 0], [-1, -1], [0, -1], [3, -1]]

    many = Annotations.of_columns({f"{number:02}": numpy.array([number]) for number in range(40)})
    assert many.named(1).shape == (1, priors.CANDIDATES_OF_MANY)


def test_a_response_that_is_no_candidate_is_left_out() -> None:
    placed = Annotations.of_columns(COLUMNS).placed(numpy.array([[5, 1], [0, 1], [7, 0], [0, 1]]))

    assert entries(placed) == [(0, "bob", 1), (0, "cy", 1), (2, "ann", 1), (2, "bob", 1)]


def test_annotations_reach_the_label_matrix_in_the_words_of_the_space() -> None:
    records = [
        annotated("a", "oak", OPTIONS, {"bob": "The sea.", "ann": "oak", "cy": "moon", "eve": " "}),
        record("sea", name="b", options=OPTIONS),
    ]

    matrix = label_matrix(records, SPACE, ())

    assert sorted(entries(matrix.annotations)) == [(0, "ann", 0), (0, "bob", 1)]
    assert matrix.annotated().tolist() == [True, False]


def test_an_annotation_of_an_open_prompt_is_a_candidate() -> None:
    known = annotated("a", "Rome", (), {"ann": "Rome", "bob": "Paris"})
    space = LabelSpace()

    matrix = label_matrix([known], space, ())

    assert sorted(entries(matrix.annotations)) == [(0, "ann", 0), (0, "bob", 1)]
    assert space.decode(known, 1) == "Paris"


def test_of_very_many_responses_to_an_open_prompt_those_that_fit_are_taken() -> None:
    known = annotated("a", "7", (), {f"a{number:03}": str(number) for number in range(7, 300)})

    matrix = label_matrix([known], LabelSpace(), ())

    assert matrix.annotations is not None
    assert matrix.annotations.said.max() < priors.OPEN_CANDIDATES


def test_an_order_of_the_samples_is_that_of_their_annotations_too() -> None:
    builder = LabelMatrixBuilder(SPACE, ())
    builder.add(record("oak", name="a", options=OPTIONS))
    builder.add(annotated("b", "oak", OPTIONS, {"ann": "sea"}))

    assert entries(builder.build(numpy.array([1, 0])).annotations) == [(0, "ann", 1)]


def test_only_annotators_that_count_say_something() -> None:
    known = annotated("a", "oak", OPTIONS, {"ann": "oak", "bob": "sea"})

    found = label_matrix([known], SPACE, (), ("bob", "zoe")).annotations
    assert found is not None
    assert found.names == ("bob", "zoe")
    assert entries(found) == [(0, "bob", 1)]
    assert label_matrix([known], SPACE, (), ()).annotations is None


def test_of_too_many_annotators_those_with_the_most_annotations_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(priors, "MOST_ANNOTATORS", 2)
    builder = AnnotationsBuilder(SPACE, None)
    builder.add(0, annotated("a", "oak", OPTIONS, {"ann": "oak", "bob": "sea", "cy": "sea"}))
    builder.add(1, annotated("b", "oak", OPTIONS, {"cy": "sea"}))

    found = builder.build()

    assert found is not None
    assert found.names == ("ann", "cy")
    assert found.left_out == 1
    assert found.of(numpy.array([1])).left_out == 1
    # Who is asked for by name leaves nobody out unsaid.
    known = AnnotationsBuilder(SPACE, ("ann",))
    known.add(0, annotated("a", "oak", OPTIONS, {"ann": "oak", "bob": "sea"}))
    assert (only := known.build()) is not None
    assert only.left_out == 0
