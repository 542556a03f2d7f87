"""Writing in one step: readers see the old file or the whole new one, whatever happens in between."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stores.atomic import atomic_path, atomic_writer, write_json_atomically, write_text_atomically
from tests.support.odd import KINDS, Outside, plant


def write_half(path: Path, error: type[BaseException]) -> None:
    with atomic_writer(path) as file:
        file.write("half of")
        raise error


def fail_while_writing(path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        write_half(path, error)


def test_a_file_is_there_once_it_is_written_in_full(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with atomic_writer(path) as file:
        file.write("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_older_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file.txt"
    path.write_text("the old one")
    fail_while_writing(path, error)
    assert path.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("file", "hard_link")])
def test_nothing_but_a_file_is_replaced(tmp_path: Path, kind: str) -> None:
    outside, path = Outside(tmp_path), tmp_path / "out.txt"
    plant(kind, path, outside)
    before, there = path.lstat().st_ino, set(tmp_path.iterdir())
    with pytest.raises(OSError, match="it is a "):
        write_text_atomically(path, "text")
    assert outside.is_as_it_was()
    assert (path.lstat().st_ino, set(tmp_path.iterdir())) == (before, there)


def test_what_is_put_there_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    outside, path = Outside(tmp_path), tmp_path / "out.txt"

    def write() -> None:
        with atomic_writer(path) as file:
            file.write("text")
            path.symlink_to(outside.file)

    with pytest.raises(OSError, match="symbolic link"):
        write()
    assert outside.is_as_it_was()


def test_another_name_of_the_file_keeps_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("old")
    (tmp_path / "out").hardlink_to(tmp_path / "other")
    write_text_atomically(tmp_path / "out", "new")
    assert ((tmp_path / "other").read_text(), (tmp_path / "out").read_text()) == ("old", "new")


def test_a_failure_leaves_no_file_where_none_was(tmp_path: Path) -> None:
    fail_while_writing(tmp_path / "file.txt", ValueError)
    assert list(tmp_path.iterdir()) == []


def test_bytes_are_written_to_the_path_that_is_given(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "file") as temporary:
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"\x00\xff")
    assert (tmp_path / "file").read_bytes() == b"\x00\xff"


def test_the_file_may_be_read_by_whoever_may_read_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_text_atomically(tmp_path / "file", "")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_text_is_written_as_it_is_on_every_platform(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "file", "é\r\n\u2028\n")
    assert (tmp_path / "file").read_bytes() == "é\r\n\u2028\n".encode()


def test_json_is_indented_readable_and_ends_with_a_newline(tmp_path: Path) -> None:
    write_json_atomically(tmp_path / "file.json", {"name": "é", "values": [1, None]})
    text = (tmp_path / "file.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "é", "values": [1, None]}
    assert '\n  "name": "é"' in text
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    ("value", "error"), [(float("nan"), ValueError), (float("inf"), ValueError), ({1, 2}, TypeError)]
)
def test_what_json_cannot_say_leaves_the_older_file(
    tmp_path: Path, value: object, error: type[Exception]
) -> None:
    path = tmp_path / "file.json"
    write_json_atomically(path, "the old one")
    with pytest.raises(error):
        write_json_atomically(path, [value])
    assert json.loads(path.read_text()) == "the old one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "write", [lambda path: write_text_atomically(path, ""), lambda path: write_json_atomically(path, {})]
)
def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "none" / "file")
