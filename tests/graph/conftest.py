"""The pools of models that are closed, and a finished run."""

from pathlib import Path

import pytest

from agents.models.pool import ModelPool
from tests.support.endpoint import Endpoint
from tests.support.finished import finish


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[ModelPool]:
    """The pools that were closed from here on."""
    found: list[ModelPool] = []
    close = ModelPool.close

    async def noting(self: ModelPool, **options: bool) -> None:
        if not options:
            found.append(self)
        await close(self, **options)

    monkeypatch.setattr(ModelPool, "close", noting)
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, serving: Endpoint) -> Path:
    """The directory of a finished, calibrated run (`tests/support/finished.py`)."""
    return finish(tmp_path_factory.mktemp("finished"), serving)
