"""A run decides by the weights that it has learned itself, and by no others."""

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graph.config.run import load_config
from graph.frozen_run import FrozenRun
from graph.run_weights import figures_of_weights, load_weights
from robustft import resume
from stores.errors import RecordError
from stores.run_directory import RunDirectory
from tests.support.drawn_records import LookedUp, classes
from training.calibration.calibrate import calibrate
from training.calibration.measures import Measures


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunDirectory:
    """A copy of it, to be damaged."""
    return RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))


def known_of(run: RunDirectory) -> dict[str, Any] | None:
    with closing(run.open_journal(read_only=True)) as journal:
        return journal.validity.calibration


def put_another_runs_weights(run: RunDirectory) -> None:
    encoder = LookedUp()
    records, _ = classes(encoder, 200, ("good", "bad"), options=True)
    views = load_config(run.config).agents.checker.views
    calibrate(lambda: records, Measures(encoder), views).save(run.calibration)


def test_a_run_reads_its_own_weights_with_the_figures_in_its_journal(run: RunDirectory) -> None:
    known = known_of(run)
    assert known is not None
    fitted = load_weights(run, load_config(run.config), known)
    assert json.loads(json.dumps(figures_of_weights(fitted))).items() <= known.items()


def test_another_runs_weights_are_refused_by_readers_and_learned_again_by_a_resumed_run(
    run: RunDirectory,
) -> None:
    own = {path.name: path.read_bytes() for path in run.calibration.iterdir()}
    put_another_runs_weights(run)
    with pytest.raises(RecordError, match=rf"learned by another run: .*--reuse {run.path}"):
        FrozenRun(run.path)
    resume(run.path, until="conclude")
    assert {path.name: path.read_bytes() for path in run.calibration.iterdir()} == own


def test_weights_of_other_views_are_refused(run: RunDirectory) -> None:
    config = load_config(run.config, ["agents.checker.views=[base]"])
    with pytest.raises(RecordError, match="not of the views that the config names"):
        load_weights(run, config, known_of(run))


def test_a_number_changed_by_hand_is_refused_before_a_sample_is_decided(run: RunDirectory) -> None:
    file = run.calibration / "calibration.json"
    text = json.loads(file.read_text(encoding="utf-8"))
    text["groups"][0]["threshold"] += 0.01
    file.write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(RecordError, match="changed or damaged"):
        FrozenRun(run.path)
