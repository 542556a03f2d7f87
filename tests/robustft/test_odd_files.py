"""What RobustFT did not make it does not delete, replace, follow or wait for, wherever it lies."""

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from robustft import run
from robustft.api import default_directory
from tests.support.cases import command, script, write_run
from tests.support.endpoint import Endpoint
from tests.support.odd import KINDS, Outside, plant

# What a run until selection has not made.
LATER = ("evaluation.jsonl", "skipped.jsonl", "adapter", "adapter/adapter_config.json", ".state/checkpoints")
LATER += (".state/turned.json", ".state/similarities.npy", ".state/glance", ".state/replacement")
LATER += ("adapter/adapter_model.safetensors", ".state/checkpoints/inputs", "prompts/base.md")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Endpoint]]:
    folder = tmp_path_factory.mktemp("odd")
    endpoint = script(Endpoint())
    config = write_run(folder, endpoint.url, agents__relabeler__neighbours=2)
    run(config, folder / "run", until="select")
    yield folder / "run", endpoint
    endpoint.stop()


def places(directory: Path) -> list[str]:
    """Return the paths of a run directory, those that are made later too."""
    there = {str(path.relative_to(directory)) for path in directory.rglob("*")}
    # Chroma names its folder of an index by chance.
    return sorted({place for place in there if place.count("/") < 2 or "prompts" in place} | set(LATER))


def try_everything(
    directory: Path,
    place: str,
    kind: str,
    outside: Outside,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> dict[str, object]:
    """Plant an odd thing, run every command that reads or writes the run, and look at what they did."""
    plant(kind, directory / place, outside)
    left = (directory / place).lstat()
    ended: dict[str, object] = {}
    for arguments in (
        ["trace", directory, "z", "--prompts"],
        ["list", directory],
        ["export", directory, "--format", "messages", "--out", "out.jsonl", "--force"],
        ["resume", directory, "--until", "select"],
        ["run", directory.parent / "my.yaml", "--resume", "--out", directory, "--until", "select"],
    ):
        code = command(monkeypatch, *arguments)
        told = "".join(capfd.readouterr())
        assert "Traceback" not in told, (arguments, told)
        assert code in (0, 1, 2), (arguments, told)
        assert code == 0 or told.count("robustft: ") == 1, (arguments, told)
        assert outside.is_as_it_was(), arguments
        ended[str(arguments[0])] = code
    if all(ended.values()):
        # Who refuses it leaves it where it lies.
        assert (directory / place).lstat().st_ino == left.st_ino
    return ended


def copy_of(finished: Path, folder: Path) -> Path:
    for path in finished.parent.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    return Path(shutil.copytree(finished, folder / "run"))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


QUICK = ("link_to_file", "link_to_folder", "fifo")


@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_an_odd_thing_at_any_place_of_a_run_directory_harms_nothing(
    kind: str,
    finished: tuple[Path, Endpoint],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    linked = kind.startswith("link") or kind in ("dangling_link", "fifo", "unix_socket")
    found = list(places(finished[0]))
    if kind not in QUICK:
        # Each at half of the places: what is alike is met by two kinds.
        found = found[list(KINDS).index(kind) % 2 :: 2]
    for number, place in enumerate(found):
        folder = tmp_path / str(number)
        folder.mkdir()
        outside, directory = Outside(folder), copy_of(finished[0], folder)
        ended = try_everything(directory, place, kind, outside, monkeypatch, capfd)
        if linked and place.split("/")[0] in (
            "prompts",
            "adapter",
            ".state",
            "config.yaml",
            "training.jsonl",
        ):
            assert set(ended.values()) == {2}, (place, ended)
        if (kind, place) == ("folder", "prompts"):
            assert (directory / place / "theirs.txt").read_text() == "theirs"
        shutil.rmtree(folder)


def test_a_hard_linked_copy_of_a_run_keeps_what_it_holds(
    finished: tuple[Path, Endpoint],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = copy_of(finished[0], tmp_path)
    backup = Path(shutil.copytree(directory, tmp_path / "backup", copy_function=os.link))
    held = {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()}
    assert command(monkeypatch, "resume", directory, "--until", "select") == 2
    assert "hard links" in capsys.readouterr().err
    # Who reads it may.
    assert command(monkeypatch, "trace", backup, "z") == 0
    assert {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()} == held


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("file", "hard_link")])
def test_no_command_writes_in_the_place_of_anything_but_a_file(
    kind: str,
    finished: tuple[Path, Endpoint],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    outside, out = Outside(tmp_path), tmp_path / "out.jsonl"
    directory = copy_of(finished[0], tmp_path)
    data = tmp_path / "train.jsonl"
    for form in ("messages", "alpaca", "parquet", "same"):
        refuses(monkeypatch, capfd, outside, out, kind, "export", directory, "--format", form, "--out", out)
    refuses(monkeypatch, capfd, outside, out, kind, "list", directory, "--to-check", 3, "--out", out)
    refuses(monkeypatch, capfd, outside, out, kind, "check", directory, "--data", data, "--out", out)
    refuses(monkeypatch, capfd, outside, out, kind, "noise", data, "--rate", "0.5", "--out", out)
    if kind not in ("link_to_folder", "dangling_link", "folder"):
        config = tmp_path / "my.yaml"
        refuses(monkeypatch, capfd, outside, out, kind, "run", config, "--until", "detect", "--out", out)
        refuses(monkeypatch, capfd, outside, out, kind, "schema", "--out", out)
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    place = schemas / "config.schema.json"
    refuses(monkeypatch, capfd, outside, place, kind, "schema", "config", "--out", schemas)


def refuses(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    outside: Outside,
    out: Path,
    kind: str,
    *arguments: object,
) -> None:
    """Check that a command refuses the odd thing at `out` in one message, with --force too."""
    for force in ([], ["--force"] if arguments[0] not in ("run", "schema") else []):
        plant(kind, out, outside)
        before = out.lstat()
        assert command(monkeypatch, *arguments, *force) == 2, arguments
        told = "".join(capfd.readouterr())
        assert told.count("robustft: ") == 1, told
        assert "Traceback" not in told
        assert (out.lstat().st_ino, out.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert outside.is_as_it_was()


def test_a_file_of_somebody_elses_is_not_taken_for_a_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "audit.schema.json").write_text("mine")
    assert command(monkeypatch, "schema", "--out", tmp_path) == 2
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"audit.schema.json": "mine"}
    (tmp_path / "audit.schema.json").unlink()
    assert command(monkeypatch, "schema", "--out", tmp_path) == 0
    assert command(monkeypatch, "schema", "--out", tmp_path) == 0


def test_a_linked_folder_takes_whatever_is_written_into_it(
    finished: tuple[Path, Endpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here").symlink_to("elsewhere")
    directory = copy_of(finished[0], tmp_path)
    assert command(monkeypatch, "export", directory, "--format", "messages", "--out", "here/out.jsonl") == 0
    assert command(monkeypatch, "schema", "--out", "here") == 0
    assert command(monkeypatch, "run", "my.yaml", "--until", "detect", "--out", "here/run") == 0
    (tmp_path / "link").symlink_to("run")
    assert command(monkeypatch, "resume", "link", "--until", "select") == 0
    assert command(monkeypatch, "trace", "link", "z") == 0
    assert (tmp_path / "here").is_symlink()
    assert {"out.jsonl", "run", "audit.schema.json"} <= {path.name for path in Path("elsewhere").iterdir()}


ENDLESS = {
    "fifo": None,
    "unix_socket": None,
    "zero": "/dev/zero",
    "random": "/dev/urandom",
    "tty": "/dev/full",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_has_no_end_is_refused_wherever_a_file_is_read(
    kind: str,
    finished: tuple[Path, Endpoint],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    outside, directory, config = Outside(tmp_path), copy_of(finished[0], tmp_path), tmp_path / "my.yaml"
    odd: Path | str = ENDLESS[kind] or tmp_path / "odd.jsonl"
    if ENDLESS[kind] is None:
        plant(kind, tmp_path / "odd.jsonl", outside)
    for arguments in (
        ["run", odd],
        ["doctor", odd],
        *(
            ["run", config, f"--{option}", odd, "--out", "new"]
            for option in ("data", "test", "guard", "gold", "trusted", "reuse")
        ),
        ["run", config, "--test", tmp_path / "train.jsonl", "--paraphrases", odd, "--out", "new"],
        ["run", config, "--set", f"agents.base.prompt={odd}", "--out", "new"],
        ["doctor", config, "--data", odd],
        ["resume", directory, "--trusted", odd],
        ["resume", odd],
        ["audit", directory, odd],
        ["check", directory, "--data", odd],
        ["evaluate", config, "--test", odd],
        ["evaluate", directory, "--test", odd],
        ["noise", odd, "--rate", "0.5", "--out", "noisy.jsonl"],
        ["trace", odd, "z"],
        ["list", odd],
        ["export", odd, "--format", "same", "--out", "out.jsonl"],
    ):
        assert command(monkeypatch, *arguments) == 2, arguments
        told = "".join(capfd.readouterr())
        assert "Traceback" not in told, told
        assert not Path("new").exists(), arguments


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o700), (0o027, 0o750), (0o022, 0o755), (0o002, 0o775)])
def test_who_may_read_a_run_is_what_the_umask_says(
    umask: int, mode: int, tmp_path: Path, endpoint: Endpoint
) -> None:
    config = write_run(tmp_path, script(endpoint).url, agents__relabeler__neighbours=2)
    before = os.umask(umask)
    try:
        run(config, tmp_path / "new" / "run", until="select")
    finally:
        os.umask(before)
    paths = [tmp_path / "new", tmp_path / "new" / "run", *(tmp_path / "new" / "run").rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {mode}
    assert {path: oct(found) for path, found in modes.items() if found & umask} == {}
    assert {path for path in paths if path.suffix in (".jsonl", ".yaml", ".md")} <= {
        path for path, found in modes.items() if found in (mode & 0o666, mode)
    }


def test_files_that_others_keep_in_a_run_directory_stay_there(
    finished: tuple[Path, Endpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = copy_of(finished[0], tmp_path)
    theirs = [
        ".notes.tmp",
        ".notes.0123456789ab.tmp",
        "prompts/notes.txt",
        "prompts/old/notes.txt",
        "notes/a",
    ]
    for name in theirs:
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text("mine")
    ours = directory / ".decisions.jsonl.0123456789ab.tmp"
    ours.write_text("half of")
    (directory / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(directory / "pipe")
    new = tmp_path / "other.md"
    new.write_text("[base] Now: {{ question }}")
    given = ["resume", directory, "--until", "select", "--set", f"agents.base.prompt={new}"]
    assert command(monkeypatch, *given) == 0
    assert {name: (directory / name).read_text() for name in theirs} == dict.fromkeys(theirs, "mine")
    assert "Now" in (directory / "prompts" / "base.md").read_text()
    assert not ours.exists()


def test_a_folder_of_somebody_elses_is_not_taken_for_an_adapter(
    finished: tuple[Path, Endpoint],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    directory = copy_of(finished[0], tmp_path)
    (directory / "adapter").mkdir()
    (directory / "adapter" / "diary.txt").write_text("mine")
    assert command(monkeypatch, "resume", directory) == 2
    assert "no adapter" in capsys.readouterr().err
    assert (directory / "adapter" / "diary.txt").read_text() == "mine"


def test_a_clock_that_was_set_back_gives_a_directory_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped:
        @staticmethod
        def now() -> datetime:
            return datetime(2026, 1, 2)

    monkeypatch.setattr("robustft.api.datetime", Stopped)
    made = []
    for _ in range(3):
        made.append(default_directory("demo"))
        made[-1].mkdir(parents=True)
    assert len(set(made)) == 3
