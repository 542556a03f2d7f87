"""What was learned decides a sample alone exactly as in the run, also when it was saved and loaded."""

from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from agents.record import SampleRecord
from tests.support.drawn_records import (
    LookedUp,
    assessed,
    choices,
    classes,
    recorded,
    seeing,
    sums,
    texts,
    vectors_of,
)
from tests.support.judged_records import reviewed
from training.calibration.calibrate import Records, calibrate, calibrated, conclude, learn_reviewer
from training.calibration.fitted import FittedCalibration
from training.calibration.measures import Measures

VIEWS = ("base", "reasoning")
MOODS = ("negative", "neutral", "positive")
INTENTS = tuple(f"intent {number}" for number in range(60))


def stream(records: list[SampleRecord]) -> Records:
    return lambda: records


def repeats(record: SampleRecord) -> bool:
    return True


def relabelled(judged: list[SampleRecord]) -> list[SampleRecord]:
    """Every noisy one gets a new answer: in turns the base agent's, and another."""
    found = []
    for row, one in enumerate(judged):
        answer = one.answers()["base"] if row % 3 else one.sample.response
        found.append(reviewed(one, answer) if one.status == "noisy" else one)
    return found


def run(
    records: list[SampleRecord], encoder: LookedUp
) -> tuple[FittedCalibration, list[SampleRecord], list[SampleRecord]]:
    """Return what a run learns, its judged samples, and the same with their consensus."""
    measures = Measures(encoder)
    fitted = calibrate(stream(records), measures, VIEWS)
    judged = list(calibrated(stream(records), measures, fitted))
    again = stream(relabelled(judged))
    fitted = learn_reviewer(again, measures, fitted, repeats)
    return fitted, judged, list(conclude(again, measures, fitted, repeats))


def mixture(encoder: LookedUp) -> list[SampleRecord]:
    moods, _ = classes(encoder, 120, MOODS, odd=0.1)
    intents, _ = classes(encoder, 900, INTENTS, task="intent")
    return [*moods, *intents, *choices(60), *sums(60), *texts(60)]


@pytest.mark.parametrize("kind", ["49 classes", "mixture"])
def test_a_sample_is_decided_alone_as_in_the_run(kind: str, tmp_path: Path) -> None:
    encoder = LookedUp()
    records = classes(encoder, 49, MOODS, options=True)[0] if kind == "49 classes" else mixture(encoder)
    fitted, judged, concluded = run(records, encoder)
    fitted.save(tmp_path / "kept")

    loaded, measures = FittedCalibration.load(tmp_path / "kept"), Measures(encoder)

    chosen = range(0, len(records), 1 if kind == "49 classes" else 7)
    for row in chosen:
        (alone,) = calibrated(stream([records[row]]), measures, loaded)
        assert alone == judged[row]
        (done,) = conclude(stream(relabelled(judged)[row : row + 1]), measures, loaded, repeats)
        assert done.consensus == concluded[row].consensus
    assert any(not judged[row].check.clean for row in chosen if judged[row].check)
    assert all(concluded[row].consensus is not None for row in chosen)


def alike(size: int) -> Measures:
    """Free text that is all equally similar to the answers."""
    return Measures(LookedUp(), similarities=lambda: numpy.full((size, 3), 0.5))


@pytest.mark.parametrize("groups", [True, False])
def test_free_text_whose_facts_are_seen_is_decided_alone_as_in_the_run(groups: bool, tmp_path: Path) -> None:
    measures = Measures(LookedUp()) if groups else alike(60)
    records = assessed(texts(60))
    fitted = calibrate(stream(records), measures, VIEWS, sight=seeing())
    judged = list(calibrated(stream(records), measures, fitted))
    fitted.save(tmp_path / "kept")
    loaded = FittedCalibration.load(tmp_path / "kept")

    assert fitted.uses_plausibility
    assert loaded.uses_plausibility
    for row in range(60):
        (alone,) = calibrated(stream([records[row]]), measures, loaded)
        assert alone == judged[row]
    doubts = numpy.array([one.check.noise for one in judged if one.check])
    right = [
        row for row in range(60) if row % 10 and (not groups or "indeed" in records[row].sample.response)
    ]
    assert doubts[::10].min() > doubts[right].max()


def test_where_plausibility_alone_tells_no_rate_is_reported_and_no_new_text_is_vouched_for() -> None:
    measures, records = alike(120), [*assessed(texts(60)), *choices(60)]
    fitted = calibrate(stream(records), measures, VIEWS, threshold=0.02, sight=seeing())
    judged = list(calibrated(stream(records), measures, fitted))
    concluded = list(conclude(stream(relabelled(judged)), measures, fitted, repeats))

    assert [model.noise_rate is None for model in fitted.models].count(True) == 1
    assert fitted.estimated == 60, "the rate is of the choices alone"
    assert fitted.judged_alone == 0
    assert fitted.threshold == 0.02
    of_texts = [(one.status, one.consensus is not None) for one in concluded[:60]]
    assert set(of_texts) == {("clean", True), ("relabelled", False)}


def test_a_sight_that_sees_nothing_changes_nothing() -> None:
    measures, records = Measures(LookedUp()), assessed(texts(60))
    blind = replace(seeing(), auc=0.5)
    fitted = calibrate(stream(records), measures, VIEWS, sight=blind)
    without = calibrate(stream(records), measures, VIEWS)

    assert not fitted.uses_plausibility
    assert list(calibrated(stream(records), measures, fitted)) == list(
        calibrated(stream(records), measures, without)
    )


def test_what_is_reported_survives_the_file(tmp_path: Path) -> None:
    encoder = LookedUp()
    fitted, *_ = run(mixture(encoder), encoder)
    fitted.save(tmp_path)
    loaded = FittedCalibration.load(tmp_path)

    assert (loaded.noise_rate, loaded.noise_interval, loaded.cautions) == (
        fitted.noise_rate,
        fitted.noise_interval,
        fitted.cautions,
    )
    assert (loaded.reliability, loaded.silence) == (fitted.reliability, fitted.silence)
    assert [model.reviewer for model in loaded.models] == [model.reviewer for model in fitted.models]
    assert len({model.reviewer for model in loaded.models} - {0.5}) > 1
    assert loaded.uses_prompts
    assert loaded.uses_similarities


def test_a_new_sample_is_decided_whatever_is_new_of_it() -> None:
    encoder = LookedUp()
    fitted, *_ = run(mixture(encoder), encoder)
    for name in ("class", "intent", "options", "task"):
        encoder.known[f"Prompt {name}?"] = next(iter(encoder.known.values()))
    new = [
        recorded("class", "never seen", ["negative", "negative"]),
        recorded("intent", "a new intent", ["intent 3", "another new intent"], task="intent"),
        recorded("options", "f", ["f", "g"], options=tuple("abcdefgh")),
        recorded("task", "99", ["98", "98"], task="new"),
    ]

    judged = list(calibrated(stream(new), Measures(encoder), fitted))
    done = list(conclude(stream(relabelled(judged)), Measures(encoder), fitted, repeats))

    assert len(done) == len(new)
    noise = {one.sample.id: one.check.noise for one in judged if one.check}
    assert all(noise[name] is not None for name in ("class", "intent", "options"))
    # No group is like it: no sample of that task, and no pool of small tasks.
    assert noise["task"] is None
    assert (noise["class"] or 0) > 0.5 > (noise["options"] or 1)


def test_a_new_response_among_many_classes_can_be_the_right_one() -> None:
    encoder = LookedUp()
    records, _ = classes(encoder, 900, INTENTS, skill=0.9)
    fitted, *_ = run(records, encoder)
    encoder.known["Prompt new?"] = vectors_of(encoder, records[:1])[0].tolist()

    (judged,) = calibrated(
        stream([recorded("new", "intent 4 or so", ["brand new", "brand new"])]), Measures(encoder), fitted
    )
    (done,) = conclude(stream([reviewed(judged, "brand new")]), Measures(encoder), fitted, repeats)

    assert judged.check is not None
    assert not judged.check.clean
    assert done.consensus is not None
    assert done.consensus.answer in ("brand new", records[0].sample.response)


def test_rows_that_do_not_fit_the_samples_are_refused() -> None:
    encoder = LookedUp()
    records, _ = classes(encoder, 120, MOODS)
    fitted, *_ = run(records, encoder)

    with pytest.raises(ValueError, match="120 samples, but 3 rows"):
        fitted.judge(records, vectors_of(encoder, records)[:3], None)
    with pytest.raises(ValueError, match="vectors are needed"):
        fitted.judge(records, None, None)


def test_a_failed_sample_comes_back_as_it_is() -> None:
    encoder = LookedUp()
    records, _ = classes(encoder, 120, MOODS)
    fitted, *_ = run(records, encoder)
    lost = records[0].model_copy(update={"check": None, "failure": "no answer"})

    vectors = numpy.zeros((1, 24))
    assert fitted.judge([lost], vectors, None) == [lost]
    assert fitted.conclude([lost], vectors, None, [True]) == [lost]
