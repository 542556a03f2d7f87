"""Several runs in one event loop: each ends as it would alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from graph.stages.stage import Workspace
from robustft import RobustFTError, RunConfig, RunDirectoryError, aresume, arun, load_config
from stores.journal import Journal
from stores.lock import RunLock
from stores.replies import ReplyStore
from stores.staged_run import StagedRun
from tests.support.cases import CASES, reply, script, write_run
from tests.support.endpoint import Endpoint

SECONDS = 120


class Ending(NamedTuple):
    """What a run leaves: its decisions, or the error that ended it."""

    error: str
    decisions: str


async def ending(config: RunConfig, out: Path) -> Ending:
    try:
        await arun(config, out, until="select")
    except RobustFTError as exc:
        return Ending(f"{type(exc).__name__}: {exc}".replace(str(out), "OUT"), "")
    return Ending("", (out / "decisions.jsonl").read_text())


@pytest.fixture
def servers() -> Iterator[dict[str, Endpoint]]:
    """Endpoints by how they behave; the grudging one refuses to be asked about one sample."""
    found = {name: script(Endpoint()) for name in ("well", "down", "locked", "grudging")}
    found["well"].delay = 0.01
    found["down"].status = 500
    found["locked"].key = "another key"
    found["grudging"].refuse = lambda messages: 400 if "Spain" in messages[-1]["content"] else None
    yield found
    for server in found.values():
        server.stop()


def config_for(folder: Path, server: Endpoint, **changes: Any) -> RunConfig:
    folder.mkdir()
    return load_config(write_run(folder, server.url, **changes))


async def test_ten_runs_in_one_event_loop_end_as_each_does_alone(
    tmp_path: Path, servers: dict[str, Endpoint]
) -> None:
    given = [
        config_for(tmp_path / f"limit-{limit}", servers["well"], data__limit=limit)
        for limit in (1, 3, 5, 7, 9, 10)
    ]
    given += [
        config_for(tmp_path / "down", servers["down"], run__patience=0.1),
        config_for(tmp_path / "locked", servers["locked"]),
        config_for(tmp_path / "grudging", servers["grudging"], run__max_failed=0),
        config_for(tmp_path / "misspelt", servers["well"], models__default__name="misspelt"),
    ]
    async with asyncio.timeout(SECONDS):
        alone = [await ending(config, tmp_path / f"alone-{at}") for at, config in enumerate(given)]
        together = await asyncio.gather(
            *(ending(config, tmp_path / f"together-{at}") for at, config in enumerate(given))
        )
    assert together == alone
    assert [bool(end.error) for end in alone] == [False] * 6 + [True] * 4


async def test_a_cancelled_run_leaves_the_one_beside_it_alone(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    config = load_config(write_run(tmp_path, endpoint.url))
    waiting = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(messages: list[dict[str, Any]]) -> str:
        loop.call_soon_threadsafe(waiting.set)
        return reply(messages)

    endpoint.reply = hold
    endpoint.delay = 0.01
    async with asyncio.timeout(SECONDS):
        cancelled = asyncio.create_task(arun(config, tmp_path / "cancelled", until="select"))
        other = asyncio.create_task(arun(config, tmp_path / "other", until="select"))
        await waiting.wait()
        cancelled.cancel()
        finished = await other
        with pytest.raises(asyncio.CancelledError):
            await cancelled
    assert finished.summary.samples.total == len(CASES)


@pytest.mark.parametrize(
    ("owner", "name", "is_there"),
    [
        (StagedRun, "__init__", False),
        (StagedRun, "commit", True),
        (Journal, "add_samples", False),
        (RunLock, "__init__", False),
        (ReplyStore, "__init__", True),
        (Workspace, "__init__", True),
        (Workspace, "report", True),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_a_run_that_is_cancelled_at_any_moment_leaves_nothing_half_done_and_no_lock(
    owner: type,
    name: str,
    is_there: bool,
    tmp_path: Path,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = load_config(write_run(tmp_path, script(endpoint).url))
    (tmp_path / "runs").mkdir()
    out = tmp_path / "runs" / "run"
    loop = asyncio.get_running_loop()
    whole = getattr(owner, name)
    tasks: list[asyncio.Task[Any]] = []

    def cancelled(*args: Any, **kwargs: Any) -> Any:
        # The caller is cancelled while this is under way.
        monkeypatch.setattr(owner, name, whole)
        loop.call_soon_threadsafe(tasks[0].cancel)
        return whole(*args, **kwargs)

    monkeypatch.setattr(owner, name, cancelled)
    async with asyncio.timeout(SECONDS):
        tasks.append(asyncio.create_task(arun(config, out, until="select")))
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        assert out.is_dir() == is_there
        assert list((tmp_path / "runs").iterdir()) == ([out] if is_there else [])
        finished = await (aresume(out, until="select") if is_there else arun(config, out, until="select"))
    assert finished.summary.samples.total == len(CASES)


async def test_of_runs_into_one_directory_one_is_made_and_the_others_are_refused(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    config = load_config(write_run(tmp_path, script(endpoint).url))
    endpoint.delay = 0.01
    (tmp_path / "runs").mkdir()
    async with asyncio.timeout(SECONDS):
        ends = await asyncio.gather(
            *(arun(config, tmp_path / "runs" / "run", until="select") for _ in range(4)),
            return_exceptions=True,
        )
    refused = [end for end in ends if isinstance(end, RunDirectoryError)]
    assert len(refused) == 3, ends
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["run"]
