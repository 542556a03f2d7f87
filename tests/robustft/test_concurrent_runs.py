"""Several runs in one event loop: each ends as it would alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from robustft import RobustFTError, RunConfig, arun, load_config
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
