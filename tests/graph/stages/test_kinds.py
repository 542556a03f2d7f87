"""The kind of the answers to every sample is kept: the training data's tasks tell it."""

import pytest

from graph.config.run import ConfigError
from graph.stages.kinds import keep_kinds
from graph.stages.stage import Workspace
from stores.sample import Sample


def test_the_training_datas_task_tells_the_kind_of_held_out_samples_too(work: Workspace) -> None:
    work.journal.add_samples("test", [Sample(id="t", prompt="Capital of Chad?", response="42")])
    keep_kinds(work.journal, "train")
    keep_kinds(work.journal, "test")
    kinds = [sample.kind for split in ("train", "test") for sample in work.journal.samples(split)]
    assert kinds == ["short"] * 4


def test_a_kind_that_does_not_exist_is_refused(work: Workspace) -> None:
    work.journal.add_samples("test", [Sample(id="t", prompt="What is 6 * 7?", response="42", kind="nummer")])
    with pytest.raises(ConfigError, match="'nummer' is none of choice, "):
        keep_kinds(work.journal, "test")
