import numpy
from numpy.typing import NDArray

from training.calibration.arrays import Numbers, Reals, one_hot
from training.calibration.prompt_classifier import FoldModels, PromptClassifier, drawn_folds

CLASSES = 3


def clouds(size: int) -> tuple[Reals, Numbers]:
    """Prompts in clouds that lie apart, and which cloud each is in."""
    random = numpy.random.default_rng(0)
    cloud = numpy.arange(size) % CLASSES
    vectors = 4 * numpy.eye(8)[cloud] + random.normal(size=(size, 8))
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True), cloud


def predict_crossed(vectors: Reals, right: Reals) -> Reals:
    """What the models of each prompt's own fold say of it."""
    folds = drawn_folds(len(vectors))
    return FoldModels.learn(vectors, right, folds).predict(vectors, folds)


def flipped(cloud: Numbers) -> tuple[Numbers, NDArray[numpy.bool_]]:
    """Every tenth is said to be in the next cloud."""
    wrong = numpy.arange(len(cloud)) % 10 == 0
    return numpy.where(wrong, (cloud + 1) % CLASSES, cloud), wrong


def test_what_is_said_of_a_question_does_not_tell_its_own_prediction() -> None:
    vectors, cloud = clouds(300)
    said, wrong = flipped(cloud)

    for likely in (
        PromptClassifier(vectors).predict(one_hot(said, CLASSES)),
        predict_crossed(vectors, one_hot(said, CLASSES)),
    ):
        numpy.testing.assert_allclose(likely.sum(1), 1)
        assert (likely.argmax(1) == cloud)[wrong].mean() > 0.9


def test_questions_tell_what_they_have_to_do_with_and_nothing_else() -> None:
    vectors, cloud = clouds(300)
    classifier = PromptClassifier(vectors)
    chance = numpy.random.default_rng(1).integers(0, CLASSES, 300)

    assert classifier.tells(one_hot(cloud, CLASSES)) > 100
    assert classifier.tells(one_hot(chance, CLASSES)) < 10


def test_others_are_predicted_from_those_learned_from() -> None:
    vectors, cloud = clouds(300)
    rows = numpy.arange(200, 300, 7)

    models = FoldModels.learn(vectors[:200], one_hot(cloud, CLASSES)[:200], drawn_folds(200))
    likely = models.predict(vectors[rows], rows % 5)

    assert (likely.argmax(1) == cloud[rows]).all()


def test_a_response_that_was_never_seen_stays_possible() -> None:
    vectors, cloud = clouds(60)

    first = one_hot(numpy.zeros(60, dtype=numpy.int64), CLASSES)
    alone = FoldModels.learn(vectors, first, drawn_folds(60)).predict(vectors[:5], numpy.arange(5))
    two = predict_crossed(vectors, one_hot(numpy.minimum(cloud, 1), CLASSES))

    assert (alone[:, 0] > 0.99).all()
    assert (alone > 0).all()
    assert ((two[:, 2] > 0) & (two[:, 2] < 0.01)).all()


def test_each_response_is_predicted_as_often_as_it_was_seen() -> None:
    random = numpy.random.default_rng(0)
    cloud = numpy.where(numpy.arange(300) % 10 < 7, 0, 1 + numpy.arange(300) % 2)
    vectors = numpy.eye(8)[cloud] + random.normal(size=(300, 8))
    vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)

    likely = PromptClassifier(vectors).predict(one_hot(cloud, CLASSES))

    numpy.testing.assert_allclose(likely.mean(0), one_hot(cloud, CLASSES).mean(0), atol=0.005)


def test_a_question_is_learned_from_by_how_likely_its_responses_are() -> None:
    vectors, cloud = clouds(300)
    sure = one_hot(cloud, CLASSES)
    doubtful = (sure + 0.9 * one_hot((cloud + 1) % CLASSES, CLASSES)) / 1.9

    by_cloud = (predict_crossed(vectors, right)[numpy.arange(300), cloud] for right in (sure, doubtful))

    certain, torn = (float(likely.mean()) for likely in by_cloud)
    assert certain > 0.8
    assert 0.45 < torn < 0.6
