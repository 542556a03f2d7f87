"""A run's folder: an earlier layout is refused, and a reader is told of files that do not fit together."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from stores.errors import RunDirectoryError
from stores.run_directory import RunDirectory, holds_run
from stores.staged_run import StagedRun, ensure_free


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_directory_of_the_earlier_layout_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{}")
    (tmp_path / "journal.sqlite").write_bytes(b"")
    before = names(tmp_path)
    for look in (RunDirectory, ensure_free):
        with pytest.raises(RunDirectoryError, match=r"holds a run of an earlier RobustFT.*another --out"):
            look(tmp_path)
    assert not holds_run(tmp_path)
    assert names(tmp_path) == before


def test_a_reader_is_warned_of_a_journal_of_another_moment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    StagedRun(tmp_path / "run", "a: config", {"base": "text"}).commit()
    files = RunDirectory(tmp_path / "run")
    older = shutil.copy(files.journal, tmp_path / "older.sqlite")
    with closing(files.open_journal()) as journal:
        made = files.manifest().model_copy(update={"files": {"summary.json": "0" * 64}})
        files.keep_manifest(made, journal)
    files.open_journal(read_only=True).close()
    assert not caplog.records
    shutil.copy(older, files.journal)
    files.open_journal(read_only=True).close()
    assert "is of another moment than the run's other files" in caplog.text
