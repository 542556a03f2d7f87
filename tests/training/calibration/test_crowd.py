"""People who annotate, each with a confusion of their own: what is made of them against a majority vote."""

from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from agents.record import SampleRecord
from stores.annotations import commonest
from stores.sample import Annotation
from tests.support.drawn_records import LookedUp, choices, classes
from training.calibration import priors
from training.calibration.annotations import Annotations
from training.calibration.arrays import Numbers, one_hot
from training.calibration.calibrate import calibrate, calibrated
from training.calibration.crowd import CrowdSource, crowd
from training.calibration.fitted import FittedCalibration
from training.calibration.label_matrix import LabelMatrix
from training.calibration.label_model import LabelModel
from training.calibration.measures import Measures
from training.calibration.sources import given_responses

SAMPLES, CLASSES = 400, 3
SKILLS = {"ann": 0.9, "bob": 0.7}
FIRST = "zed"
"""Always says the first class."""


def columns(right: Numbers, skills: dict[str, float], seed: int = 1) -> dict[str, Numbers]:
    """Return what people of some accuracies say."""
    random = numpy.random.default_rng(seed)
    return {
        name: numpy.where(
            random.random(len(right)) < skill,
            right,
            (right + random.integers(1, CLASSES, len(right))) % CLASSES,
        )
        for name, skill in skills.items()
    }


def plurality(said: dict[str, Numbers]) -> Numbers:
    """Return the commonest response; of equally common ones that of the first by name."""
    ranked = [one_hot(said[name], CLASSES) * (1 - place / 100) for place, name in enumerate(sorted(said))]
    return numpy.asarray(numpy.stack(ranked).sum(0).argmax(1), dtype=numpy.int64)


def drawn(
    said: dict[str, Numbers], right: Numbers, *, shared: bool = True, agents: float = 0.5
) -> LabelMatrix:
    """Return the matrix of people's responses, agents that know so many, and prompts in clouds."""
    random = numpy.random.default_rng(2)
    size = len(right)
    prompts = 2 * numpy.eye(20)[right] + random.normal(size=(size, 20))
    prompts /= numpy.linalg.norm(prompts, axis=1, keepdims=True)
    answers = {
        view: numpy.where(random.random(size) < agents, right, random.integers(0, CLASSES, size))
        for view in ("base", "reasoning")
    }
    return LabelMatrix(
        plurality(said),
        answers,
        numpy.full(size, -1),
        numpy.full(size, CLASSES),
        prompts if shared else None,
        placed=not shared,
        annotations=Annotations.of_columns(said),
    )


@pytest.fixture(scope="module")
def right() -> Numbers:
    return numpy.random.default_rng(0).integers(0, CLASSES, SAMPLES)


@pytest.fixture(scope="module")
def people(right: Numbers) -> dict[str, Numbers]:
    return {**columns(right, SKILLS), FIRST: numpy.zeros(SAMPLES, dtype=numpy.int64)}


@pytest.mark.parametrize("shared", [True, False])
def test_consensus_beats_the_majority_and_each_is_believed_what_they_deserve(
    shared: bool, right: Numbers, people: dict[str, Numbers]
) -> None:
    matrix = drawn(people, right, shared=shared)

    model = LabelModel.learn(matrix)
    found = model.estimate(matrix)

    wrong = matrix.given != right
    assert (found.posterior.argmax(1) == right).mean() > (1 - wrong.mean()) + 0.06
    assert model.annotators == ("ann", "bob", FIRST)
    ann, bob, zed = model.learned["annotators"]["right"]
    assert ann.mean() == pytest.approx(0.9, abs=0.06)
    assert bob.mean() == pytest.approx(0.7, abs=0.06)
    assert zed.mean() == pytest.approx(1 / CLASSES, abs=0.06)
    assert found.noise.mean() == pytest.approx(wrong.mean(), abs=0.05)
    least, most = found.noise_interval
    assert least <= wrong.mean() <= most < least + 0.3


def test_who_always_says_one_class_says_nothing(right: Numbers, people: dict[str, Numbers]) -> None:
    matrix = drawn(people, right)

    model = LabelModel.learn(matrix)
    zed = model.learned["annotators"]["right"][2], model.learned["annotators"]["wrongly"][2]

    assert zed[0][0] > 0.95
    assert zed[0][1:].max() < 0.05
    assert zed[1][1:, 0].min() > 0.95
    others = {name: said for name, said in people.items() if name != FIRST}
    without = replace(matrix, annotations=Annotations.of_columns(others))
    changed = model.estimate(matrix).posterior - LabelModel.learn(without).estimate(without).posterior
    assert numpy.abs(changed).mean() < 0.01


def test_the_given_response_does_not_count_beside_its_own_annotations(
    right: Numbers, people: dict[str, Numbers]
) -> None:
    people = {name: numpy.where(numpy.arange(SAMPLES) < 300, said, -1) for name, said in people.items()}
    matrix = replace(drawn(people, right), given=plurality(people))

    found = LabelModel.learn(matrix).estimate(matrix)

    assert not found.weights["label"][:300].any()
    assert found.weights["annotators"][:300].any()
    assert found.weights["label"][300:].all()
    assert not found.weights["annotators"][300:].any()
    likely = given_responses(matrix, 0.2).fit(found.posterior, numpy.arange(SAMPLES))
    assert not likely.log_likelihood(numpy.arange(300)).any()


@pytest.mark.parametrize("skill", [1.0, 0.7])
def test_one_person_alone_is_believed_as_given_responses_are(skill: float, right: Numbers) -> None:
    matrix = drawn(columns(right, {"ann": skill}), right)

    found = LabelModel.learn(matrix).estimate(matrix)
    plain = replace(matrix, annotations=None)
    given = LabelModel.learn(plain).estimate(plain)

    kept = numpy.where(found.noise < priors.DOUBTFUL, matrix.given, found.posterior.argmax(1))
    assert (kept == right).mean() >= skill - 0.01
    assert (found.posterior.argmax(1) == given.posterior.argmax(1)).mean() > 0.95
    assert found.noise.mean() == pytest.approx(given.noise.mean(), abs=0.05)


def test_of_one_annotation_a_sample_it_shows_whose_is_wrong(right: Numbers) -> None:
    said = columns(right, {"ann": 0.95, "bob": 0.6})
    who = numpy.random.default_rng(3).integers(0, 2, SAMPLES)
    said = {name: numpy.where(who == place, said[name], -1) for place, name in enumerate(("ann", "bob"))}
    given = numpy.maximum(said["ann"], said["bob"])
    matrix = replace(drawn(said, right), given=given)

    model = LabelModel.learn(matrix)
    found = model.estimate(matrix)

    ann, bob = model.learned["annotators"]["right"].mean(1)
    assert ann == pytest.approx(0.95, abs=0.08)
    assert bob == pytest.approx(0.6, abs=0.08)
    assert (found.posterior.argmax(1) == right).mean() > (given == right).mean() + 0.1


def test_two_classes_are_not_taken_for_each_other_where_there_are_people_alone() -> None:
    random = numpy.random.default_rng(5)
    right = random.integers(0, 2, SAMPLES)
    said = {name: numpy.where(random.random(SAMPLES) < 0.7, right, 1 - right) for name in ("a", "b", "c")}
    matrix = replace(drawn(said, right), answers={}, prompts=None, placed=True, sizes=numpy.full(SAMPLES, 2))

    found = LabelModel.learn(matrix).estimate(matrix)

    unanimous = (said["a"] == said["b"]) & (said["b"] == said["c"])
    assert found.posterior[unanimous, said["a"][unanimous]].min() > 0.7


def test_learned_shares_are_checked_before_they_are_applied(
    right: Numbers, people: dict[str, Numbers]
) -> None:
    matrix = drawn(people, right)
    source = crowd(matrix, confusion=False)
    assert isinstance(source, CrowdSource)
    learned = dict(source.fit(one_hot(right, CLASSES), numpy.arange(SAMPLES)).learned)

    rows = numpy.arange(5)
    assert source.apply(learned).log_likelihood(rows).shape == (5, CLASSES)
    for name, broken in (
        ("right", learned["right"][:1]),
        ("right", learned["right"] + 1),
        ("right", learned["right"][:, :1]),
        ("wrongly", learned["wrongly"][:, :1]),
        ("wrongly", learned["wrongly"] - 1),
    ):
        with pytest.raises(ValueError, match="annotators"):
            source.apply({**learned, name: broken})
    assert crowd(replace(matrix, annotations=None), confusion=False) is None


def annotated(record: SampleRecord, right: str, seed: int, **skills: float) -> SampleRecord:
    """Return a record with people's responses, of the classes or options that the sample has."""
    random = numpy.random.default_rng(seed)
    options = record.sample.options
    said = tuple(
        Annotation(
            annotator=name,
            response=right if random.random() < skill else options[int(random.integers(len(options)))],
        )
        for name, skill in skills.items()
    )
    update = {"annotations": said, "response": commonest(said)}
    return record.model_copy(update={"sample": record.sample.model_copy(update=update)})


def mixture(encoder: LookedUp) -> list[SampleRecord]:
    """Return samples with options that all share, and with options of their own; every ninth is as it was."""
    moods, _ = classes(encoder, 200, ("good", "bad", "so so"), options=True)
    records = [*moods, *choices(60)]
    firsts = [record.sample.response for record in records]
    return [
        record
        if place % 9 == 0
        else annotated(record, firsts[place], place, ann=0.9, bob=0.6, **{"../x": 0.7})
        for place, record in enumerate(records)
    ]


def test_what_was_learned_of_people_decides_the_same_once_it_is_kept(tmp_path: Path) -> None:
    encoder = LookedUp()
    records, measures = mixture(encoder), Measures(encoder)
    fitted = calibrate(lambda: records, measures, ("base", "reasoning"))
    fitted.save(tmp_path)

    judged = list(calibrated(lambda: records, measures, FittedCalibration.load(tmp_path)))

    assert judged == list(calibrated(lambda: records, measures, fitted))
    weighed = [record.check.weights for record in judged if record.check is not None]
    assert all(("annotators" in weights) != ("label" in weights) for weights in weighed)


def test_somebody_unknown_says_nothing() -> None:
    encoder = LookedUp()
    records, measures = mixture(encoder), Measures(encoder)
    fitted = calibrate(lambda: records, measures, ("base", "reasoning"))
    new = annotated(records[0], records[0].sample.response, 0, stranger=1.0)

    strange, plain = calibrated(lambda: [new, records[0]], Measures(encoder), fitted)

    assert strange.check == plain.check
