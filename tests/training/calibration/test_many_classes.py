"""Where there are many classes, each sample has a few candidates, and prompts tell how likely each is."""

from dataclasses import replace

import numpy
import pytest

from training.calibration import priors
from training.calibration.annotations import Annotations
from training.calibration.arrays import Numbers, Reals
from training.calibration.label_matrix import LabelMatrix
from training.calibration.many_classes import OTHER, ManyClasses, named_candidates, open_candidates

CLASSES, SAMPLES = 100, 1500


def drawn() -> tuple[LabelMatrix, Numbers, Reals]:
    """Prompts in a hundred clouds; a tenth of the responses is wrong, and the agent names a class beside."""
    random = numpy.random.default_rng(0)
    right = numpy.arange(SAMPLES) % CLASSES
    centres = random.normal(size=(CLASSES, 64))
    vectors = centres[right] + random.normal(size=(SAMPLES, 64))
    vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
    given = numpy.where(random.random(SAMPLES) < 0.1, (right + 7) % CLASSES, right)
    silent = numpy.full(SAMPLES, -1)
    matrix = LabelMatrix(
        given,
        {"base": (right + 3) % CLASSES},
        silent,
        numpy.full(SAMPLES, CLASSES),
        folds=numpy.arange(SAMPLES) // CLASSES % priors.FOLDS,
    )
    return matrix, right, vectors


def learned(matrix: LabelMatrix, vectors: Reals) -> ManyClasses:
    assert matrix.folds is not None
    ones = numpy.ones((len(matrix), 1))
    return ManyClasses.learn(vectors, matrix.given[:, None], ones, matrix.folds, CLASSES)


def test_the_right_class_is_among_few_candidates_though_nobody_named_it() -> None:
    matrix, right, vectors = drawn()

    known, numbers = learned(matrix, vectors).candidates(matrix, vectors)

    assert numbers.shape == (SAMPLES, priors.CANDIDATES_OF_MANY)
    wrong = matrix.given != right
    assert (numbers[wrong] == right[wrong, None]).any(1).mean() > 0.95
    assert known.told is not None
    numpy.testing.assert_allclose(known.told.sum(1), 1)
    likeliest = numbers[numpy.arange(SAMPLES), known.told.argmax(1)]
    assert (likeliest == right)[wrong].mean() > 0.8


def test_what_was_named_comes_first_and_any_other_response_last() -> None:
    matrix, _, vectors = drawn()

    known, numbers = learned(matrix, vectors).candidates(matrix, vectors)

    assert (numbers[:, 0] == matrix.given).all()
    assert (known.given == 0).all()
    said = numbers[numpy.arange(SAMPLES), known.answers["base"]]
    assert (said == matrix.answers["base"]).all()
    assert (numbers[:, -1] == OTHER).all()
    assert ((numbers == OTHER).sum(1) == 1).all()
    assert all(len(set(row)) == len(row) for row in numbers[:50].tolist())
    assert (known.choices == CLASSES).all()


def test_a_response_that_is_no_class_is_a_candidate_of_its_own() -> None:
    matrix, _, vectors = drawn()
    model = learned(matrix, vectors)
    few = LabelMatrix(
        numpy.array([CLASSES, 5, -1]),
        {"base": numpy.array([CLASSES + 1, CLASSES, -1])},
        numpy.full(3, -1),
        numpy.full(3, CLASSES + 2),
        folds=numpy.arange(3),
    )

    known, numbers = model.candidates(few, vectors[:3], numpy.array([8, CLASSES + 1, CLASSES]))

    assert numbers[0, :3].tolist() == [CLASSES, CLASSES + 1, 8]
    assert numbers[1, :3].tolist() == [5, CLASSES, CLASSES + 1]
    assert numbers[2, 0] == CLASSES
    assert known.given.tolist() == [0, 0, -1]
    assert known.told is not None
    assert (known.told > 0).all()


def test_a_prompt_is_predicted_by_the_model_that_never_learned_from_it() -> None:
    matrix, right, vectors = drawn()
    folds = matrix.folds
    assert folds is not None
    # A prompt like no other, with a response like no other's.
    vectors[0] = numpy.eye(64)[0]
    given = right.copy()
    given[0] = 50
    without = right[1:]

    ones = numpy.ones((SAMPLES, 1))
    whole = ManyClasses.learn(vectors, given[:, None], ones, folds, CLASSES)
    less = ManyClasses.learn(vectors[1:], without[:, None], ones[1:], folds[1:], CLASSES)

    numpy.testing.assert_allclose(whole.weights[folds[0]], less.weights[folds[0]], atol=1e-6)


def test_prompts_that_tell_nothing_are_known_to() -> None:
    matrix, _, vectors = drawn()
    folds = matrix.folds
    assert folds is not None
    unrelated = numpy.random.default_rng(1).normal(size=vectors.shape)
    unrelated /= numpy.linalg.norm(unrelated, axis=1, keepdims=True)

    assert learned(matrix, vectors).tells(vectors, folds, matrix.given) > 100
    assert learned(matrix, unrelated).tells(unrelated, folds, matrix.given) < priors.PROMPTS_TELL


def test_without_prompts_candidates_are_those_of_open_prompts() -> None:
    matrix, _, _ = drawn()

    known, numbers = open_candidates(matrix)

    assert known.sizes.tolist() == [priors.OPEN_CANDIDATES] * SAMPLES
    assert known.told is None
    assert (numbers[:, 2:] == OTHER).all()


def test_each_named_response_is_named_once() -> None:
    silent = numpy.full(2, -1)
    matrix = LabelMatrix(
        numpy.array([3, -1]), {"base": numpy.array([3, 4]), "reasoning": numpy.array([5, 4])}, silent, silent
    )

    assert named_candidates(matrix).tolist() == [[3, 5, -1], [4, -1, -1]]


def test_folds_are_needed() -> None:
    matrix, _, vectors = drawn()
    model = learned(matrix, vectors)
    none = numpy.full(1, -1)
    with pytest.raises(ValueError, match="folds"):
        model.candidates(LabelMatrix(none, {}, none, none), vectors[:1])


def test_what_people_say_is_a_candidate_among_many_classes() -> None:
    given, none = numpy.array([4, 7]), numpy.full(2, -1)
    said = Annotations.of_columns({"ann": numpy.array([4, -1]), "bob": numpy.array([90, -1])})
    matrix = LabelMatrix(given, {}, none, numpy.full(2, 100), annotations=said)

    known, numbers = open_candidates(matrix)

    assert numbers[0, :2].tolist() == [4, 90]
    assert known.annotations is not None
    assert known.annotations.said.tolist() == [0, 1]
    assert known.annotated().tolist() == [True, False]


def test_a_trusted_response_is_a_candidate_though_nobody_named_it() -> None:
    matrix, _, _ = drawn()
    trusted = numpy.full(SAMPLES, -1)
    trusted[0] = next(number for number in range(60) if number not in named_candidates(matrix)[0])

    known, numbers = open_candidates(replace(matrix, trusted=trusted))

    assert known.trusted is not None
    assert numbers[0, known.trusted[0]] == trusted[0]
    assert (known.trusted[1:] == -1).all()
