"""A run's weights decide one sample, or many at once, as the run has decided them."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agents.record import SampleRecord
from graph.config.run import load_config
from graph.frozen_weights import FrozenWeights
from stores.errors import RecordError
from stores.run_directory import RunDirectory
from stores.vectors import PromptVectors


def weights_of(directory: Path) -> FrozenWeights:
    files = RunDirectory(directory)
    config = load_config(files.config)
    with closing(files.open_journal(read_only=True)) as journal:
        figures = journal.validity.calibration
    return FrozenWeights(files, PromptVectors(files.state, config.encoder), config, figures)


@pytest.fixture
def weights(finished: Path) -> Iterator[FrozenWeights]:
    opened = weights_of(finished)
    yield opened
    opened.close()


@pytest.fixture
def records(finished: Path) -> list[SampleRecord]:
    with closing(RunDirectory(finished).open_journal(read_only=True)) as journal:
        return [SampleRecord.from_entry(*found) for found in journal.entries()]


async def test_samples_are_judged_one_by_one_as_all_together(
    weights: FrozenWeights, records: list[SampleRecord]
) -> None:
    together = await asyncio.gather(*map(weights.judge, records))
    assert [found.check for found in together] == [record.check for record in records]
    for record, found in zip(records[:5], together, strict=False):
        assert await weights.judge(record) == found


async def test_a_consensus_is_found_of_samples_in_any_order_and_beside_verdicts(
    weights: FrozenWeights, records: list[SampleRecord]
) -> None:
    bare = [record.model_copy(update={"consensus": None}) for record in reversed(records)]
    calls = [call for record in bare for call in (weights.conclude(record), weights.judge(record))]
    concluded = (await asyncio.gather(*calls))[::2]
    assert [found.consensus for found in concluded] == [record.consensus for record in reversed(records)]


async def test_a_judged_sample_has_no_new_answers_any_more(
    weights: FrozenWeights, records: list[SampleRecord]
) -> None:
    relabelled = next(record for record in records if record.status == "relabelled")
    assert (await weights.judge(relabelled)).review is None


def test_weights_that_cannot_be_read_are_refused(finished: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(finished, tmp_path / "run"))
    (RunDirectory(directory).calibration / "calibration.json").write_text("{")
    with pytest.raises(RecordError, match=r"calibration\.json"):
        weights_of(directory)
