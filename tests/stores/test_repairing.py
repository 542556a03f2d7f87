"""A run directory is made whole before a run goes on in it, or told in one message and left as it is."""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import numpy
import pytest

from stores.errors import RunDirectoryError, StorageError
from stores.journal import Entry
from stores.repairing import make_whole
from stores.run_directory import RunDirectory, storage_errors
from stores.sample import Sample
from stores.staged_run import StagedRun


def make(path: Path, config: str = "run: {}\n") -> RunDirectory:
    """Make a run of three samples, two of them decided."""
    staged = StagedRun(path, config, {"base": "{{ question }}"})
    staged.journal.add_samples("train", [Sample(id=name, prompt=name, response="x") for name in "abc"])
    staged.journal.record([Entry("a", "clean", "{}"), Entry("b", "noisy", "{}")])
    staged.journal.validity.validate_selection()
    staged.commit()
    staged.discard()
    files = RunDirectory(path)
    files.open_replies().close()
    return files


@pytest.fixture
def files(tmp_path: Path) -> RunDirectory:
    return make(tmp_path / "run")


def content(files: RunDirectory) -> dict[str, bytes]:
    return {
        str(path.relative_to(files.path)): path.read_bytes()
        for path in files.path.rglob("*")
        if path.is_file()
    }


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def ids(files: RunDirectory) -> tuple[list[str], list[str]]:
    with closing(files.open_journal()) as journal:
        return [one.id for one in journal.samples("train")], [one.id for one, _ in journal.entries()]


def test_what_is_whole_is_left_as_it_is(files: RunDirectory) -> None:
    before = content(files)
    assert make_whole(files) == []
    assert content(files) == before


def test_a_damaged_decision_goes_and_so_does_what_follows_from_all(files: RunDirectory) -> None:
    change(files.journal, "UPDATE decisions SET status = 'clean' WHERE id = 'b'")
    (note,) = make_whole(files)
    assert "1 rows were damaged" in note
    assert ids(files) == (["a", "b", "c"], ["a"])
    with closing(files.open_journal()) as journal:
        assert not journal.validity.has_selection


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE samples SET data = replace(data, 'x', 'y')",
        "DELETE FROM samples WHERE id = 'b'",
        "UPDATE owner SET run = 'another'",
        "INSERT INTO skipped VALUES (0, '{}', 0)",
    ],
)
def test_a_journal_without_all_of_its_samples_is_set_aside(damage: str, files: RunDirectory) -> None:
    change(files.journal, damage)
    (note,) = make_whole(files)
    assert "is made anew" in note
    assert files.journal.with_name("journal.sqlite.damaged").is_file()
    assert ids(files) == ([], [])


@pytest.mark.parametrize("damaged", [None, b"", b"x" * 99])
def test_a_lost_manifest_is_put_back_from_the_journal(damaged: bytes | None, files: RunDirectory) -> None:
    before = files.own.read_bytes()
    files.own.unlink()
    if damaged is not None:
        files.own.write_bytes(damaged)
    assert files.manifest().config == "run: {}\n"
    (note,) = make_whole(files)
    assert "put back from the journal" in note
    assert files.own.read_bytes() == before


def test_a_run_that_knows_nothing_of_itself_is_refused_with_what_to_do(files: RunDirectory) -> None:
    files.own.write_bytes(b"")
    files.journal.write_bytes(b"")
    with pytest.raises(RunDirectoryError, match="--reuse"):
        make_whole(files)


@pytest.mark.parametrize("name", ["config.yaml", "prompts/base.md"])
def test_what_is_gone_or_empty_is_put_back_and_an_edit_is_left(name: str, files: RunDirectory) -> None:
    own = (files.path / name).read_text()
    (files.path / name).unlink()
    (note,) = make_whole(files)
    assert note.endswith("was gone or empty; the run's own is put back")
    assert (files.path / name).read_text() == own
    (files.path / name).write_text("edited")
    assert make_whole(files) == []
    assert (files.path / name).read_text() == "edited"


def test_a_link_in_the_place_of_a_file_is_left(files: RunDirectory, tmp_path: Path) -> None:
    files.config.unlink()
    files.config.symlink_to(tmp_path / "nowhere")
    assert make_whole(files) == []
    assert not (tmp_path / "nowhere").exists()


def test_files_of_another_run_are_told(files: RunDirectory, tmp_path: Path) -> None:
    other = make(tmp_path / "other", "run: {seed: 1}\n")
    shutil.copyfile(other.own, files.own)
    (note,) = make_whole(files)
    assert "was another run's; it is put back" in note
    shutil.copyfile(other.journal, files.journal)
    (note,) = make_whole(files)
    assert "is another run's journal" in note
    shutil.copyfile(other.replies, files.replies)
    before = content(files)
    with pytest.raises(RunDirectoryError, match=r"replies\.sqlite: has the replies of another run"):
        make_whole(files)
    assert content(files) == before


def test_a_journal_and_a_manifest_that_nothing_tells_apart_are_refused(
    files: RunDirectory, tmp_path: Path
) -> None:
    other = make(tmp_path / "other")
    shutil.copyfile(other.journal, files.journal)
    with pytest.raises(RunDirectoryError, match="are of two runs"):
        make_whole(files)


def test_half_written_files_are_removed(files: RunDirectory) -> None:
    left = files.state / ".manifest.json.123.tmp"
    left.write_text("half")
    make_whole(files)
    assert not left.exists()


def test_an_index_that_does_not_fit_its_table_is_made_anew(files: RunDirectory) -> None:
    with closing(sqlite3.connect(files.journal)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        change_index = "UPDATE sqlite_master SET sql = replace(sql, '(status)', '(id)') WHERE type = 'index'"
        connection.execute(f"{change_index} AND sql LIKE '%(status)%'")
        connection.commit()
    make_whole(files)
    with closing(files.open_journal()) as journal:
        assert journal.count_status() == {"clean": 1, "noisy": 1}


@pytest.mark.parametrize("name", ["journal.sqlite", "replies.sqlite"])
def test_bytes_of_the_first_pages_that_are_changed_are_told_or_made_anew(
    files: RunDirectory, name: str, tmp_path: Path
) -> None:
    whole = (files.state / name).read_bytes()
    for seed in range(150):
        random = numpy.random.default_rng(seed)
        damaged = bytearray(whole)
        at, length = int(random.integers(8192)), int(random.integers(1, 3000)) if seed % 2 else 1
        damaged[at : at + length] = random.bytes(len(damaged[at : at + length]))
        copy = RunDirectory(shutil.copytree(files.path, tmp_path / f"copy-{seed}"))
        (copy.state / name).write_bytes(damaged)
        with (
            suppress(RunDirectoryError, StorageError),
            storage_errors(str(copy.path)),
            closing(copy.open_journal(read_only=True)) as journal,
        ):
            list(journal.entries())
        with suppress(RunDirectoryError):
            make_whole(copy)
            copy.open_journal().close()
            copy.open_replies().close()
        shutil.rmtree(copy.path)
