"""An open run that nothing was done in yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.config.run import RunConfig
from graph.context import load_prompts
from graph.stages.stage import Workspace
from stores.run_directory import StagedRun
from stores.sample import Sample

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
