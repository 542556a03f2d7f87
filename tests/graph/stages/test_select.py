"""The training set that a run hands on."""

import pytest

from graph.stages.select import training_set
from graph.stages.stage import Workspace
from stores.errors import InputError


def test_a_training_set_is_handed_on_while_it_follows_from_the_decisions(work: Workspace) -> None:
    with pytest.raises(InputError, match="has no training set yet"):
        training_set(work.files.path)
    work.files.training.write_text("{}\n")
    with pytest.raises(InputError, match=r"its training set is invalid.*--until select"):
        training_set(work.files.path)
    work.journal.validity.validate_selection()
    assert training_set(work.files.path) == work.files.training
