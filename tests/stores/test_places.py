"""What lies at a path, told without following or opening it."""

import os
from pathlib import Path

import pytest

from stores.errors import RunDirectoryError
from stores.places import (
    check_plain,
    check_replaceable,
    check_run_directory,
    check_unshared,
    is_in_making,
    keep_others,
    make_folder,
    mark_making,
    odd_kind,
    remove_folder,
    remove_left_over,
    unmark,
)
from tests.support.odd import Outside, plant

TOLD = {
    "link_to_file": "a symbolic link",
    "link_to_folder": "a symbolic link",
    "dangling_link": "a symbolic link",
    "link_to_itself": "a symbolic link",
    "fifo": "a FIFO",
    "unix_socket": "a socket",
    "folder": "a folder",
    "file": None,
    "hard_link": None,
}


@pytest.mark.parametrize(("kind", "told"), TOLD.items())
def test_each_kind_is_told_and_only_a_file_is_replaceable(
    kind: str, told: str | None, tmp_path: Path
) -> None:
    plant(kind, tmp_path / "it", Outside(tmp_path))
    assert odd_kind(tmp_path / "it") == told
    if told is None:
        check_replaceable(tmp_path / "it")
    else:
        with pytest.raises(OSError, match=told):
            check_replaceable(tmp_path / "it")


def test_devices_are_told_and_nothing_is_nothing(tmp_path: Path) -> None:
    assert odd_kind(Path("/dev/zero")) == "a device"
    assert odd_kind(tmp_path / "none") is None
    assert odd_kind(tmp_path / "none" / "below") is None


@pytest.mark.parametrize("kind", ["fifo", "unix_socket"])
def test_what_has_no_end_is_not_plain_even_behind_a_link(kind: str, tmp_path: Path) -> None:
    plant(kind, tmp_path / "odd", Outside(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path / "odd")
    for path in (tmp_path / "odd", tmp_path / "link", Path("/dev/zero")):
        with pytest.raises(OSError, match="write what it holds into a file"):
            check_plain(path)


def test_a_file_a_link_to_one_and_nothing_may_be_opened(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    (tmp_path / "link").symlink_to(outside.file)
    (tmp_path / "loop").symlink_to("loop")
    for path in (outside.file, tmp_path / "link", tmp_path / "none", tmp_path / "loop", outside.folder):
        check_plain(path)


def a_run(folder: Path) -> Path:
    run = folder / "run"
    for name in ("prompts/base.md", "adapter/adapter_config.json", ".state/run.lock", ".state/chroma/x/y"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("ours")
    (run / "config.yaml").write_text("{}")
    return run


def test_a_run_is_what_it_should_be_and_others_files_in_it_do_not_matter(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    (run / "notes").symlink_to("nowhere")
    os.mkfifo(run / "pipe")
    check_run_directory(run)
    check_unshared(run)
    (tmp_path / "link").symlink_to(run)
    check_run_directory(tmp_path / "link")


@pytest.mark.parametrize(
    "place", ["config.yaml", "summary.json", "adapter", ".state/chroma/x/z", "prompts/x/y.md", ".state/new"]
)
@pytest.mark.parametrize("kind", ["link_to_file", "link_to_folder", "dangling_link", "fifo", "unix_socket"])
def test_an_odd_thing_is_found_wherever_it_lies(place: str, kind: str, tmp_path: Path) -> None:
    run = a_run(tmp_path)
    plant(kind, run / place, Outside(tmp_path))
    with pytest.raises(RunDirectoryError, match=f"{place}: is {TOLD[kind]} where a run has"):
        check_run_directory(run)


@pytest.mark.parametrize(
    ("place", "kind"), [("config.yaml", "folder"), ("prompts", "file"), ("adapter", "folder")]
)
def test_a_folder_for_a_file_and_the_reverse_are_found(place: str, kind: str, tmp_path: Path) -> None:
    run = a_run(tmp_path)
    plant(kind, run / place, Outside(tmp_path))
    with pytest.raises(RunDirectoryError, match=place):
        check_run_directory(run)


def test_a_new_folder_is_for_those_whom_the_umask_lets_in(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        one, two = make_folder(tmp_path, ".a-"), make_folder(tmp_path, ".a-")
    finally:
        os.umask(before)
    assert one != two
    assert (oct(one.stat().st_mode & 0o777), len(one.name)) == ("0o750", len(".a-") + 8)


def test_the_mark_holds_for_its_own_folder_alone(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    assert not is_in_making(run)
    mark_making(run)
    assert is_in_making(run)
    run.rename(tmp_path / "other")
    assert not is_in_making(tmp_path / "other")
    (tmp_path / "run").symlink_to("other")
    assert not is_in_making(tmp_path / "run")
    unmark(tmp_path / "other")
    unmark(tmp_path / "other")
    assert not (tmp_path / "other" / ".state" / "making.json").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"making": 1}', b"\xff", b"x" * 10_000])
def test_what_only_looks_like_a_mark_is_none(content: bytes, tmp_path: Path) -> None:
    run = a_run(tmp_path)
    (run / ".state" / "making.json").write_bytes(content)
    assert not is_in_making(run)


def test_a_folder_is_removed_with_what_it_holds_and_no_more(tmp_path: Path) -> None:
    run, outside = a_run(tmp_path), Outside(tmp_path)
    (run / "adapter" / "link").symlink_to(outside.folder)
    remove_folder(run / "adapter", run / ".state")
    remove_folder(run / "adapter", run / ".state")
    assert not (run / "adapter").exists()
    assert not list((run / ".state").glob("removed-*"))
    assert outside.is_as_it_was()


def test_left_overs_of_ours_go_and_those_of_others_stay(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    ours = [run / ".summary.json.0123456789ab.tmp", run / ".state" / ".x.npy.0123456789ab.tmp"]
    theirs = [run / ".notes.0123456789ab.tmp", run / ".tmp", run / ".summary.json.tmp"]
    for file in (*ours, *theirs):
        file.write_text("half")
    (run / ".config.yaml.0123456789ab.tmp").mkdir()
    remove_left_over(run)
    assert [file for file in ours if file.exists()] == []
    assert [file for file in theirs if not file.exists()] == []


def test_prompts_that_are_replaced_leave_what_is_no_prompt(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for name in ("base.md", "old.md", "README.md", "notes.txt", "turn/any.md", "turn/notes.txt"):
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).write_text("old")
    new.mkdir()
    (new / "base.md").write_text("new")
    keep_others(old, new, {"base", "old", "turn/any"})
    keep_others(tmp_path / "none", new, {"base"})
    found = {str(path.relative_to(new)): path.read_text() for path in new.rglob("*") if path.is_file()}
    kept = ("README.md", "notes.txt", "turn/notes.txt")
    assert found == {"base.md": "new", **dict.fromkeys(kept, "old")}
