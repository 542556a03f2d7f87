"""A finished run is opened for reading: what it knows is what its agents knew."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agents.record import SampleRecord
from agents.room import measure
from graph.frozen_run import FrozenRun, stamp_of
from stores.errors import InputError, RunDirectoryError
from stores.run_directory import RunDirectory
from stores.sample import Sample
from tests.support.finished import as_given
from tests.support.judged_records import record, relabelled
from training.form import DataForm


@pytest.fixture
def run(finished: Path) -> Iterator[FrozenRun]:
    opened = FrozenRun(finished)
    yield opened
    opened.close()


def test_a_sample_of_the_run_is_known_as_the_run_has_it(run: FrozenRun) -> None:
    plain = Sample(id="q3", prompt=as_given(3).prompt, response=as_given(3).response)
    for given in (as_given(3), plain, plain.model_copy(update={"gold": "plant"})):
        known = run.known(given)
        assert (known.options, known.kind, known.gold) == (as_given(3).options, "choice", None)


@pytest.mark.parametrize(
    "changes", [{"id": "new"}, {"prompt": "What is a yak?"}, {"response": "lamina"}, {"options": ("a", "b")}]
)
def test_any_other_sample_is_a_new_one_of_the_kind_that_its_task_tells(
    changes: dict[str, object], run: FrozenRun
) -> None:
    given = Sample.model_validate({**as_given(3).model_dump(), **changes})
    assert run.known(given) == given.model_copy(update={"kind": "choice"})


def test_a_kind_that_does_not_exist_is_named(run: FrozenRun) -> None:
    with pytest.raises(InputError, match="sample 'x': kind: 'poem' is none of"):
        run.known(Sample(id="x", prompt="?", response="!", kind="poem"))


def test_replies_have_the_room_that_they_had_in_the_run(run: FrozenRun) -> None:
    with closing(run.files.open_journal(read_only=True)) as journal:
        assert run.lengths == measure(journal.samples("train"))


async def test_the_examples_are_a_copy_and_the_runs_own_stay_as_they_are(run: FrozenRun) -> None:
    before = hashes(run.files.chroma)
    examples = run.examples()
    assert examples is not None
    assert run.examples() is examples
    near = await examples.nearest(as_given(3), 3)
    assert len(near) == 3
    assert "q3" not in {neighbour.sample.id for neighbour in near}
    assert hashes(run.files.chroma) == before


async def test_examples_are_found_where_the_run_needed_none(finished: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(finished, tmp_path / "run"))
    shutil.rmtree(directory / ".state" / "chroma")
    whole, bare = FrozenRun(finished), FrozenRun(directory)
    found = []
    for opened in (whole, bare):
        examples = opened.examples()
        assert examples is not None
        found.append([near.sample.id for near in await examples.nearest(as_given(0), 3)])
        opened.close()
    assert found[0] == found[1]
    assert not (directory / ".state" / "chroma").exists()


def hashes(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_run_that_has_gone_on_has_another_stamp(finished: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(finished, tmp_path / "run"))
    before = stamp_of(directory)
    assert stamp_of(directory) == before
    with closing(RunDirectory(directory).open_journal()) as journal:
        journal.validity.invalidate_selection()
    assert stamp_of(directory) != before


def test_a_new_response_is_put_in_the_form_of_the_runs_data(run: FrozenRun) -> None:
    open_prompt = relabelled(record("Lima", prompt="Capital?"), "Quito")
    assert run.in_form(open_prompt) is open_prompt, "the data have no form"
    run._form = DataForm(frozenset({"answer"}))
    found: SampleRecord = run.in_form(open_prompt)
    assert (found.other_form, found.final) == (True, None)
    chosen = relabelled(record("Lima", options=("Lima", "Quito")), "Quito")
    assert run.in_form(chosen) is chosen


def test_a_run_without_its_weights_says_how_to_get_some(finished: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(finished, tmp_path / "run"))
    shutil.rmtree(RunDirectory(directory).calibration)
    with pytest.raises(InputError, match=rf"an earlier version, which kept no weights.*--reuse {directory}"):
        FrozenRun(directory)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no run"):
        FrozenRun(tmp_path)


def test_a_run_whose_verdicts_are_being_made_is_not_finished(finished: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(finished, tmp_path / "run"))
    with closing(RunDirectory(directory).open_journal()) as journal:
        journal.forget("failed")
        journal.validity.invalidate_calibration()
    with pytest.raises(InputError, match=r"has not come to its final responses yet; `robustft resume"):
        FrozenRun(directory)
