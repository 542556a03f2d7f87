"""One file of several kinds of samples: each kind is decided as if it were alone, in any order."""

from collections.abc import Sequence

import numpy
import pytest

from agents.record import SampleRecord
from tests.support.drawn_records import LookedUp, choices, classes, recorded, sums, texts
from training.calibration.calibrate import calibrate, calibrated
from training.calibration.fitted import FittedCalibration
from training.calibration.measures import Measures

VIEWS = ("base", "reasoning")
MOODS = ("negative", "neutral", "positive")
INTENTS = tuple(f"intent {number}" for number in range(150))


def decided(
    records: Sequence[SampleRecord], encoder: LookedUp
) -> tuple[FittedCalibration, dict[str, tuple[bool, float | None]]]:
    """Return the fit, and by the samples' ids, their verdicts and noise probabilities."""
    measures = Measures(encoder)
    fitted = calibrate(lambda: records, measures, VIEWS)
    found = {}
    for one in calibrated(lambda: records, measures, fitted):
        assert one.check is not None
        found[one.sample.id] = (one.check.clean, one.check.noise)
    return fitted, found


def shuffle(records: list[SampleRecord]) -> list[SampleRecord]:
    return [records[row] for row in numpy.random.default_rng(0).permutation(len(records))]


def area(
    found: dict[str, tuple[bool, float | None]], records: list[SampleRecord], wrong: list[bool]
) -> float:
    """The chance that a wrong sample's noise probability is above a right one's."""
    noise = numpy.array([found[one.sample.id][1] for one in records], dtype=float)
    is_wrong = numpy.array(wrong)
    above = noise[is_wrong][:, None] - noise[~is_wrong][None]
    return float((above > 0).mean() + (above == 0).mean() / 2)


def recall(
    found: dict[str, tuple[bool, float | None]], records: list[SampleRecord], wrong: list[bool]
) -> float:
    called = [not found[one.sample.id][0] for one, is_wrong in zip(records, wrong, strict=True) if is_wrong]
    return float(numpy.mean(called))


@pytest.mark.parametrize("options", [True, False], ids=["options", "classes"])
def test_parts_of_a_mixture_are_decided_as_each_of_them_alone(options: bool) -> None:
    encoder = LookedUp()
    moods, _ = classes(encoder, 300, MOODS, options=options)
    parts = [moods, choices(200), sums(200), texts(120)]

    fitted, mixed = decided([one for part in parts for one in part], encoder)

    assert len(fitted.groups) == len(parts)
    for part in parts:
        assert {one.sample.id: mixed[one.sample.id] for one in part} == decided(part, encoder)[1]


def test_a_second_task_with_classes_of_its_own_is_a_group_of_its_own() -> None:
    encoder = LookedUp()
    moods, wrong = classes(encoder, 300, MOODS, task="mood", skill=0.0)
    topics, _ = classes(encoder, 300, ("law", "science", "sport", "trade"), seed=1, task="topic")

    fitted, found = decided([*moods, *topics], encoder)

    assert [group.name for group in fitted.groups.groups] == ["classes of mood", "classes of topic"]
    # The agents guess: that wrong responses are found is the prompts' doing.
    assert area(found, moods, wrong) > 0.9


@pytest.mark.parametrize("size", [30, 300])
def test_one_sample_with_other_options_changes_nothing_for_the_others(size: int) -> None:
    encoder = LookedUp()
    moods, _ = classes(encoder, size, MOODS, options=True)
    other = recorded("other", "maybe", ["no", "no"], options=("yes", "no", "maybe"))

    _, alone = decided(moods, encoder)
    _, found = decided([*moods[:20], other, *moods[20:]], encoder)

    assert found.pop("other")[1] is not None
    assert found == alone


@pytest.mark.parametrize("odd", [0.0, 0.11, 0.25, 0.3])
def test_odd_spellings_do_not_switch_the_classifier_off(odd: float) -> None:
    encoder = LookedUp()
    records, wrong = classes(encoder, 400, MOODS, odd=odd, skill=0.0)

    fitted, found = decided(records, encoder)

    assert fitted.uses_prompts
    assert [set(group.space.classes) for group in fitted.groups.groups if group.space] == [set(MOODS)]
    spelt = [one.sample.response in MOODS for one in records]
    plain = [one for one, is_plain in zip(records, spelt, strict=True) if is_plain]
    told = [is_wrong for is_wrong, is_plain in zip(wrong, spelt, strict=True) if is_plain]
    assert area(found, plain, told) > 0.9


def test_a_few_repeats_among_open_answers_are_no_classes() -> None:
    answers = [recorded(f"open {row}", f"entity{row}", [f"entity{row}"] * 2) for row in range(460)]
    repeats = [recorded(f"yes {row}", "yes", ["yes", "no"]) for row in range(40)]

    fitted, _ = decided([*answers, *repeats], LookedUp())

    assert [group.nature for group in fitted.groups.groups] == ["open"]


def test_wrong_responses_of_many_classes_are_found_about_as_well_as_of_few() -> None:
    areas, recalls = [], []
    for names, size in ((INTENTS[:20], 800), (INTENTS, 3000)):
        encoder = LookedUp()
        records, wrong = classes(encoder, size, names, skill=0.5, spread=1.5, dimensions=96)
        fitted, found = decided(records, encoder)
        assert fitted.uses_prompts
        areas.append(area(found, records, wrong))
        recalls.append(recall(found, records, wrong))

    assert min(areas) > 0.97
    assert abs(areas[0] - areas[1]) < 0.02
    assert recalls[1] > recalls[0] - 0.05


@pytest.mark.parametrize("skill", [0.0, 0.5])
def test_right_responses_of_many_classes_stay(skill: float) -> None:
    encoder = LookedUp()
    records, _ = classes(encoder, 3000, INTENTS, wrong=0.0, skill=skill, spread=2.0, dimensions=96)

    _, found = decided(records, encoder)

    assert numpy.mean([clean for clean, _ in found.values()]) > 0.99


def test_a_group_of_another_scale_leaves_the_threshold_of_the_others() -> None:
    encoder = LookedUp()
    moods, _ = classes(encoder, 300, MOODS)
    unsure = texts(200, wrong=0.45)

    alone, verdicts = decided(moods, encoder)
    fitted, found = decided([*moods, *unsure], encoder)

    assert fitted.threshold == alone.threshold
    assert {name: verdict for name, verdict in found.items() if name in verdicts} == verdicts


def test_the_order_of_the_samples_changes_no_verdict() -> None:
    encoder = LookedUp()
    moods, _ = classes(encoder, 250, MOODS)
    records = [*moods, *choices(100), *sums(100), *texts(50)]
    shuffled = shuffle(records)

    _, found = decided(records, encoder)
    _, again = decided(shuffled, encoder)

    assert len(records) == 500
    assert again == found


def test_the_order_of_samples_of_many_classes_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.calibration.priors.LEARNED_FROM", 1500)
    monkeypatch.setattr("training.calibration.priors.JUDGED_AT_ONCE", 400)
    encoder = LookedUp()
    records, _ = classes(encoder, 2000, INTENTS[:60])
    shuffled = shuffle(records)

    assert decided(shuffled, encoder)[1] == decided(records, encoder)[1]
