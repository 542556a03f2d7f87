"""A run directory has one writer, for one stage or for a whole run."""

from pathlib import Path

import pytest

from graph.stages.hold import held, holding
from stores.errors import RunDirectoryError
from stores.lock import RunLock
from stores.places import STATE


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / STATE).mkdir()
    return tmp_path


def is_free(directory: Path) -> bool:
    try:
        RunLock(directory).release()
    except RunDirectoryError:
        return False
    return True


async def test_a_stage_alone_holds_the_directory_while_it_works(directory: Path) -> None:
    async with held(str(directory)):
        assert not is_free(directory)
    assert is_free(directory)


async def test_a_run_holds_the_directory_between_its_stages(directory: Path) -> None:
    with holding():
        for _ in range(2):
            async with held(str(directory)):
                assert not is_free(directory)
            assert not is_free(directory)
    assert is_free(directory)


async def test_a_directory_is_free_after_an_error(directory: Path) -> None:
    with pytest.raises(RuntimeError), holding():
        async with held(str(directory)):
            raise RuntimeError
    assert is_free(directory)


async def test_what_another_holds_is_refused(directory: Path) -> None:
    lock = RunLock(directory)
    with holding():
        with pytest.raises(RunDirectoryError, match="one run at a time"):
            async with held(str(directory)):
                raise AssertionError("entered")
        lock.release()
        async with held(str(directory)):
            assert not is_free(directory)


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_directory_that_is_moved_away_is_not_entered_again(tmp_path: Path, replaced: bool) -> None:
    directory = tmp_path / "run"
    (directory / STATE).mkdir(parents=True)
    with holding():
        async with held(str(directory)):
            directory.rename(tmp_path / "moved")
        if replaced:
            (directory / STATE).mkdir(parents=True)
            RunLock(directory).release()
        with pytest.raises(RunDirectoryError, match="moved or removed while a run worked in it"):
            async with held(str(directory)):
                raise AssertionError("entered")
