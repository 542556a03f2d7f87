"""An open run that nothing was done in yet, and an encoder that is quickly loaded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.config.run import RunConfig
from graph.context import load_prompts
from graph.stages.stage import Workspace
from stores.sample import Sample
from stores.staged_run import StagedRun
from tests.support.judged_records import WordEncoder

SAMPLES = [
    Sample(id=name, prompt=f"Capital of {country}?", response=city)
    for name, country, city in (("a", "France", "Paris"), ("b", "Peru", "Rome"), ("c", "Italy", "Rome"))
]


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    config = RunConfig()
    staged = StagedRun(tmp_path / "run", config.to_yaml(), load_prompts(config).texts)
    staged.journal.add_samples("train", SAMPLES)
    staged.commit()
    opened = Workspace(tmp_path / "run", "select", lambda event: None)
    yield opened
    opened.journal.close()


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> WordEncoder:
    """The encoder of every run from here on."""
    encoder = WordEncoder()
    for module in ("stores.vectors", "graph.readiness"):
        monkeypatch.setattr(f"{module}.load_encoder", lambda config: encoder)
    return encoder
