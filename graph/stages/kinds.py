"""The kind of the answers to every sample of a run, kept in its journal."""

from agents.answers.task import count_kinds
from graph.config.run import ConfigError
from stores.journal import Journal, Split


def keep_kinds(journal: Journal, split: Split) -> None:
    """Keep the kind of every sample's answers: the training data's tasks tell it, of the test data too.

    A guard set has nothing to do with those: its own tasks tell it.

    Args:
        journal: holds the samples.
        split: the data set whose samples get their kinds.

    Raises:
        ConfigError: a sample names a kind that does not exist.
    """
    kinds = count_kinds(journal.samples("guard" if split == "guard" else "train"))
    try:
        journal.set_kinds(split, kinds.kind)
    except ValueError as error:
        raise ConfigError(str(error)) from error
