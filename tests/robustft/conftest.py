"""A hostile_run run that several files' tests look at."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robustft import run
from tests.support.cases import (
    Finished,
    script,
    write_run,
)
from tests.support.commands import ROWS, answer, write_config, write_rows
from tests.support.endpoint import Endpoint
from tests.support.started import Started


@pytest.fixture(scope="package")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("mixed")
    endpoint = script(Endpoint())
    config = write_run(folder, endpoint.url)
    summary = run(config, folder / "run", until="select").summary
    yield Finished(folder / "run", summary, endpoint)
    endpoint.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Start the command; what a test that fails leaves running is killed."""
    started: list[Started] = []

    def begin(*arguments: object) -> Started:
        started.append(Started(tmp_path, *arguments))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture(scope="package")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run until select of one clean, one noisy and one hostile sample."""
    folder = tmp_path_factory.mktemp("commands")
    endpoint = Endpoint()
    endpoint.reply = answer
    config = write_config(folder / "my.yaml", endpoint.url)
    data = write_rows(folder / "train.jsonl", ROWS)
    settings = config.read_text() + f"data: {{train: '{data}'}}\nselection: {{keep: 1}}\n"
    config.write_text(settings)
    run(config, folder / "run", until="select")
    yield folder / "run"
    endpoint.stop()
