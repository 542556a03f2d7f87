"""A SIGTERM ends a run in every stage, whatever its threads are at; it goes on as if nothing had happened."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from robustft import resume, run
from tests.support.cases import script, write_run
from tests.support.endpoint import Endpoint
from tests.support.tiny_models import save_tiny_model
from tests.support.waiting import wait_while_running

# Those that do most in threads; all others work by the same means.
STAGES = ("load", "calibrate", "train", "evaluate")
RECORDS = ("decisions.jsonl", "training.jsonl", "dropped.jsonl", "evaluation.jsonl")
# The command, with a thread of one stage that computes for ever.
BUSY = """
import asyncio, pathlib, sys

stage, mark = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
in_thread = asyncio.to_thread

def compute(*_):
    mark.touch()
    while True:
        sum(range(1000))

async def to_thread(work, *args, **named):
    caller = sys._getframe(1).f_code.co_filename
    # Loading is stopped where it has half made the run's directory.
    held = caller.endswith(f"stages/{stage}.py") and (stage != "load" or work.__name__ == "_fill_new")
    return await in_thread(compute if held else work, *args, **named)

asyncio.to_thread = to_thread
from robustft.cli import main
main()
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    endpoint = script(Endpoint())
    yield endpoint
    endpoint.stop()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    save_tiny_model(folder / "model")
    config = write_run(
        folder,
        endpoint.url,
        agents__checker={"prompt": "check.md", "policy": "calibrated"},
        models__student={"provider": "embedded", "name": str(folder / "model")},
        training={"model": "student", "epochs": 1},
        data={"train": "train.jsonl", "test": "test.jsonl"},
    )
    rows = [{"id": "t", "prompt": "Capital of France?", "completion": "Paris"}]
    (folder / "test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return config


@pytest.fixture(scope="module")
def expected(config: Path) -> dict[str, bytes]:
    run(config, config.parent / "undisturbed")
    return records(config.parent / "undisturbed")


def records(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in RECORDS}


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_sigterm_ends_a_run_in_every_stage(
    stage: str, config: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    out, mark = tmp_path / "run", tmp_path / "mark"
    command = [sys.executable, "-c", BUSY, stage, mark, "run", config, "--out", out]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=Path(__file__).parents[3], stderr=said, text=True
        )
    wait_while_running(process, mark.exists, seconds=240)
    process.send_signal(signal.SIGTERM)
    # Far more than the two seconds, and far less than for ever.
    assert process.wait(timeout=60) == 130
    told = (tmp_path / "said").read_text()
    assert "Traceback" not in told
    if stage == "load":
        # Nothing is at its place yet.
        assert not out.exists()
        run(config, out)
    else:
        assert f"robustft resume {out}" in told
        resume(out)
    assert records(out) == expected
