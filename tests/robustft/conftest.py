"""A finished run that several files' tests look at."""

from collections.abc import Iterator

import pytest

from robustft import run
from tests.support.cases import Finished, script, write_run
from tests.support.endpoint import Endpoint


@pytest.fixture(scope="package")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("mixed")
    endpoint = script(Endpoint())
    config = write_run(folder, endpoint.url)
    summary = run(config, folder / "run", until="select").summary
    yield Finished(folder / "run", summary, endpoint)
    endpoint.stop()
