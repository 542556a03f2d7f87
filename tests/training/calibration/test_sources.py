"""What each source observes, and what one more source costs."""

import difflib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

import training
from training.calibration.arrays import Reals, one_hot
from training.calibration.label_matrix import LabelMatrix
from training.calibration.sources import given_responses, judge, sources_of, validity

SAMPLES = 90
ROWS = numpy.arange(SAMPLES)
RIGHT = ROWS % 3
FLOOR = Path(training.__file__).parent


def matrix() -> LabelMatrix:
    """Every third response is wrong, and always the same: 1 for 0."""
    given = numpy.where(RIGHT == 0, 1, RIGHT)
    silent = numpy.full(SAMPLES, -1)
    return LabelMatrix(given, {"base": RIGHT, "reasoning": RIGHT}, silent, numpy.full(SAMPLES, 3))


def posterior() -> Reals:
    return one_hot(RIGHT, 3)


def test_a_response_is_wrong_as_often_as_the_noise_rate_says_and_any_other_is_as_likely() -> None:
    source = given_responses(matrix(), 0.3)

    fitted = source.fit(posterior(), ROWS)
    likely = numpy.exp(fitted.log_likelihood(ROWS))

    assert likely[0, 1] == pytest.approx(0.7)
    assert likely[0, 0] == likely[0, 2] == pytest.approx(0.3 / 2)
    assert fitted.log_prior == 0


def test_a_missing_response_says_nothing() -> None:
    given = numpy.where(ROWS < 3, -1, RIGHT)
    missing = replace(matrix(), given=given, closed=ROWS >= 3)

    likely = given_responses(missing, 0.3).fit(posterior(), ROWS).log_likelihood(ROWS)

    assert (numpy.ptp(likely[:3], axis=1) == 0).all()


def test_a_judge_that_is_right_speaks_for_and_against_the_given_response_alone() -> None:
    verdicts = numpy.where(RIGHT == 0, 0, 1)
    verdicts[6:9] = -1
    source = judge(replace(matrix(), verdicts=verdicts), confusion=False)
    assert source is not None

    likely = source.fit(posterior(), ROWS).log_likelihood(ROWS)

    assert likely[0, 1] < likely[0, 0] == likely[0, 2]
    assert likely[1, 1] > likely[1, 0]
    assert (numpy.ptp(likely[6:9], axis=1) == 0).all()
    assert judge(matrix(), confusion=False) is None


def test_an_invalid_response_is_its_own_source() -> None:
    some = numpy.where(ROWS < 9, -1, RIGHT)
    invalid = replace(matrix(), given=some)

    assert [source.name for source in sources_of(matrix(), 0.2)] == ["label", "agents"]
    assert [source.name for source in sources_of(invalid, 0.2)] == ["label", "agents", "valid"]
    source = validity(invalid, confusion=False)
    assert source is not None
    likely = source.fit(posterior(), ROWS).log_likelihood(ROWS)
    # Wrong responses show themselves here: a valid one is likelier to be right.
    assert (likely[9:][ROWS[9:] >= 0, some[9:]] > likely[9:].min(1)).all()


def test_all_but_validity_count_for_less_in_the_end() -> None:
    verdicts = numpy.ones(SAMPLES, dtype=numpy.int64)
    found = sources_of(replace(matrix(), verdicts=verdicts, given=numpy.where(ROWS < 9, -1, RIGHT)), 0.2)

    assert [source.name for source in found if source.share == 1] == ["valid"]


NEAREST = '''"""A toy source: what the nearest other prompt is given as its response."""

import numpy

from training.calibration.categorical import CategoricalSource
from training.calibration.label_matrix import LabelMatrix


def nearest(matrix: LabelMatrix, confusion: bool) -> CategoricalSource | None:
    if matrix.prompts is None:
        return None
    alike = matrix.prompts @ matrix.prompts.T
    numpy.fill_diagonal(alike, -1)
    others = matrix.given[alike.argmax(1)][:, None]
    patterns = (others != numpy.arange(matrix.width)[None]).astype(numpy.int64)
    groups = numpy.zeros(2, dtype=numpy.int64)
    return CategoricalSource("nearest", patterns, groups, numpy.array([7.0, 3.0]), share=0.5)
'''
PROBE = """
import json, numpy
from training.calibration.label_matrix import LabelMatrix
from training.calibration.label_model import estimate
random = numpy.random.default_rng(0)
right = numpy.arange(150) % 3
vectors = 3 * numpy.eye(8)[right] + random.normal(size=(150, 8))
vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
silent = numpy.full(150, -1)
given = numpy.where(numpy.arange(150) % 5 == 0, (right + 1) % 3, right)
found = estimate(LabelMatrix(given, {"base": right}, silent, numpy.full(150, 3), vectors))
print(json.dumps([list(found.weights), float((found.posterior.argmax(1) == right).mean())]))
"""


def test_one_more_source_is_one_file_and_its_entry(tmp_path: Path) -> None:
    copy = tmp_path / "training"
    shutil.copytree(FLOOR, copy, ignore=shutil.ignore_patterns("__pycache__"))
    room = copy / "calibration"
    (room / "nearest.py").write_text(NEAREST, encoding="utf-8")
    listed = room / "sources.py"
    entry = ", validity)"
    text = listed.read_text(encoding="utf-8")
    assert text.count(entry) == 1
    imported = "from training.calibration.label_matrix import LabelMatrix\n"
    text = text.replace(imported, imported + "from training.calibration.nearest import nearest\n")
    listed.write_text(text.replace(entry, ", validity, nearest)"), encoding="utf-8")

    asked = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(FLOOR.parent)])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    weights, accuracy = json.loads(asked.stdout)
    assert weights == ["prompts", "label", "agents", "nearest"]
    assert accuracy > 0.95
    touched = [
        file.relative_to(copy)
        for file in copy.rglob("*.py")
        if not (FLOOR / file.relative_to(copy)).is_file()
        or (FLOOR / file.relative_to(copy)).read_bytes() != file.read_bytes()
    ]
    assert sorted(map(str, touched)) == ["calibration/nearest.py", "calibration/sources.py"]
    before = (FLOOR / "calibration" / "sources.py").read_text(encoding="utf-8").splitlines()
    changed = [
        line
        for line in difflib.ndiff(before, listed.read_text(encoding="utf-8").splitlines())
        if line[0] in "+-"
    ]
    # Its entry in the tuple, and the import that the entry needs.
    assert [line for line in changed if line[0] == "+"] == [
        "+ from training.calibration.nearest import nearest",
        "+ SOURCES: tuple[Callable[[LabelMatrix, bool], LabelSource | None], ...] = "
        "(agents, crowd, judge, validity, nearest)",
    ]
    assert len(changed) == 3
