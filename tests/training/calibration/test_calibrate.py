"""The whole method without a run: records in memory in, verdicts and consensus out."""

import ast
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy
import pytest

import training.calibration.calibrate
from agents.record import SampleRecord
from tests.support.judged_records import WordEncoder, record, reviewed
from training.calibration import priors
from training.calibration.calibrate import Records, calibrate, calibrated, conclude, learn_reviewer
from training.calibration.groups import Groups
from training.calibration.measures import Measures

VIEWS = ("base", "reasoning")
KINDS = {
    "animal": "furry legs tail eats sleeps runs ears hunts",
    "plant": "green leaves roots grows blooms seeds bark soil",
    "vehicle": "wheels engine drives road fuel brakes doors gears",
}
OPTIONS = tuple(KINDS)
ROOM = Path(training.calibration.calibrate.__file__).parent


def classes() -> list[SampleRecord]:
    """Every fourth response is wrong; each agent errs on another sixth."""
    found = []
    for number in range(144):
        right, wrong, other = (OPTIONS[(number + by) % 3] for by in range(3))
        # No three come twice: copies would count once.
        words = list(combinations(KINDS[right].split(), 3))[5 * (number // 3) % 56]
        found.append(
            record(
                wrong if number % 4 == 0 else right,
                other if number % 6 == 1 else right,
                other if number % 6 == 2 else right,
                name=str(number),
                prompt=f"It has {words[0]}, {words[1]} and {words[2]}. What is it?",
                options=OPTIONS,
            )
        )
    return found


def texts() -> list[SampleRecord]:
    """Long answers, of which every third speaks of something else."""
    found = []
    for number in range(60):
        right = (
            f"the w{number} is what people of every town know very well for the v{number} kind of use it has"
        )
        other = f"nobody {number} ever asked for such long talk about other matters than those here meant"
        given = other if number % 3 == 0 else right
        found.append(record(given, right, right + " indeed", name=f"t{number}", prompt=f"What is w{number}?"))
    return found


def relabelled(judged: list[SampleRecord]) -> list[SampleRecord]:
    """Return the records once the noisy ones have the base agent's answer for their review."""
    return [reviewed(one, one.answers()["base"]) if one.status == "noisy" else one for one in judged]


def streamed(records: list[SampleRecord]) -> tuple[Records, list[int]]:
    """Return a stream that can be started anew, and how far each start was read."""
    starts: list[int] = []

    def start() -> Iterator[SampleRecord]:
        at = len(starts)
        starts.append(0)
        for one in records:
            starts[at] += 1
            yield one

    return start, starts


def test_wrong_responses_get_a_verdict_and_the_right_one_in_the_end() -> None:
    records, _ = streamed(classes())
    encoder = WordEncoder()

    measures = Measures(encoder)
    found = calibrate(records, measures, VIEWS, threshold=0.45)
    judged = list(calibrated(records, measures, found))

    assert [one.sample.id for one in judged if one.status == "noisy"] == [str(n) for n in range(0, 144, 4)]
    assert found.noise_rate == pytest.approx(0.25, abs=0.05)
    assert found.reliability["base"] == pytest.approx(5 / 6, abs=0.12)
    for one in judged:
        assert one.check is not None
        assert one.check.noise is not None
        assert 0 <= one.check.noise <= 1
        assert {"label", "agents"} <= set(one.check.weights)

    again, _ = streamed(relabelled(judged))
    found = learn_reviewer(again, measures, found, lambda one: True)
    concluded = list(conclude(again, measures, found, lambda one: True))

    right = [OPTIONS[number % 3] for number in range(144)]
    confidence = [one.consensus.confidence if one.consensus is not None else 0.0 for one in concluded]
    wrong = [row for row, one in enumerate(concluded) if one.final != right[row]]
    assert len(wrong) <= 2
    # What is not sure stays as it was given, and is left out by its confidence.
    assert all(confidence[row] < 0.5 for row in wrong)
    assert all(sure > 0.5 for row, sure in enumerate(confidence) if row not in wrong)


def test_free_text_is_measured_and_judged_by_the_same_call() -> None:
    records, _ = streamed(texts())
    encoder = WordEncoder()

    measures = Measures(encoder)
    found = calibrate(records, measures, VIEWS)
    judged = list(calibrated(records, measures, found))

    assert not found.uses_prompts
    assert [one.sample.id for one in judged if one.status == "noisy"] == [f"t{n}" for n in range(0, 60, 3)]
    said = {name for one in judged if one.check for name in one.check.weights}
    assert said <= {*VIEWS, "prompts", "prior"}
    again, _ = streamed(relabelled(judged))
    # Another model reviews.
    for one in conclude(again, measures, found, lambda one: False):
        assert one.consensus is not None
        right = one.sample.response if one.status == "clean" else one.answers()["base"]
        assert one.consensus.answer == right
        assert one.consensus.confidence > 0.5


def test_what_is_at_hand_is_not_made_again_and_changes_nothing() -> None:
    mixed = [*classes(), *texts()]
    records, _ = streamed(mixed)
    encoder = WordEncoder()
    asked = Measures(encoder)
    whole = list(calibrated(records, asked, calibrate(records, asked, VIEWS)))
    places = numpy.arange(len(mixed))
    measured = asked.similar(places, mixed, VIEWS)
    vectors = asked.vectors(places, [one.sample.prompt for one in mixed])

    silent = WordEncoder()
    at_hand = Measures(silent, lambda: vectors, lambda: measured)
    groups = Groups.of(one.sample for one in mixed)
    found = calibrate(records, at_hand, VIEWS, groups=groups)

    assert list(calibrated(records, at_hand, found)) == whole
    assert silent.encoded == []


def test_the_stream_is_read_anew_and_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    records, starts = streamed(classes())
    measures = Measures(WordEncoder())
    monkeypatch.setattr(priors, "JUDGED_AT_ONCE", 7)
    judged = calibrated(records, measures, calibrate(records, measures, VIEWS))
    begun = len(starts)

    next(judged)

    assert len(starts) == begun + 1
    assert starts[-1] == 7


def test_a_sample_that_failed_says_nothing_and_gets_no_consensus() -> None:
    lost = record("plant", name="lost", prompt="It has leaves. What is it?", options=OPTIONS)
    failed = lost.model_copy(update={"base": None, "turns": [], "check": None, "failure": "no answer"})
    records, _ = streamed([*classes(), failed])
    measures = Measures(WordEncoder())

    found = calibrate(records, measures, VIEWS)

    assert "lost" not in {one.sample.id for one in calibrated(records, measures, found)}
    assert "lost" not in {one.sample.id for one in conclude(records, measures, found, lambda one: False)}


def test_a_threshold_of_ones_own_decides() -> None:
    records, _ = streamed(classes())
    measures = Measures(WordEncoder())
    found = calibrate(records, measures, VIEWS, threshold=0.999)

    for one in calibrated(records, measures, found):
        assert one.check is not None
        assert one.check.noise is not None
        assert one.check.clean == (one.check.noise < 0.999)


def test_the_room_opens_no_file_but_its_own_and_knows_no_run() -> None:
    below = ("agents", "stores.sample", "stores.records", "stores.counts", "training.calibration")
    others = ("numpy", "sklearn", "pydantic", "langchain_core.embeddings", "collections", "dataclasses")
    small = ("typing", "functools", "itertools", "bisect", "math", "statistics", "hashlib")
    # What was learned is saved and loaded by one module, on behalf of one more.
    files = {"fitted_files.py": ("pathlib", "zipfile", "stores"), "fitted.py": ("pathlib",)}
    for module in ROOM.glob("*.py"):
        allowed = (*below, *others, *small, *files.get(module.name, ()))
        tree = ast.parse(module.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert str(node.module).startswith(allowed), (module.name, node.module)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("open", "print"), module.name


def test_copies_of_one_sample_change_no_verdict_on_the_others() -> None:
    once = classes()
    flood = [
        one.model_copy(update={"sample": one.sample.model_copy(update={"id": f"copy {number}"})})
        for number in range(60)
        for one in once[:1]
    ]
    measures = Measures(WordEncoder())

    def verdicts(records: list[SampleRecord]) -> list[float | None]:
        found = calibrate(lambda: records, measures, VIEWS)
        return [one.check.noise for one in calibrated(lambda: records, measures, found) if one.check]

    alone = verdicts(once)
    beside = verdicts([*once, *flood])
    assert beside[: len(once)] == pytest.approx(alone, abs=0.02)
    # Its copies are judged as it is.
    assert set(beside[len(once) :]) == {beside[0]}
