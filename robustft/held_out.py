"""Reading what a model is evaluated on without a run: test samples, their other wordings, a guard set."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from graph.config.run import RunConfig
from stores.dataset import ReadingRules, read_rows, read_samples
from stores.errors import InputError
from stores.records import HeldOut
from stores.sample import Sample, with_wordings
from stores.wordings import read_wordings

Rows = Iterable[Sample | Mapping[str, Any]]
"""Samples in memory: each a `Sample`, or a row in a shape that a data file may have."""


def read_held_out(
    config: RunConfig,
    test: str | Path | Rows | None,
    guard: str | Path | Rows | None,
    paraphrases: str | Path | None,
) -> dict[HeldOut, list[Sample]]:
    """Return the samples of each part that there is.

    Args:
        config: names what is not given, and says how files are read.
        test: held-out samples, or where they are.
        guard: a guard set, or where it is.
        paraphrases: a file of other wordings of the test samples' prompts; the config's only where `test` is
            not given.

    Raises:
        InputError: nothing is named, or what is named cannot be used.
    """
    data = config.data
    wordings = paraphrases if paraphrases is not None or test is not None else data.paraphrases
    test = test if test is not None else data.test
    guard = guard if guard is not None else data.guard
    found: dict[HeldOut, list[Sample]] = {}
    if test is not None:
        found["test"] = _read(test, "test", data.rules("test"))
    if wordings is not None:
        if test is None:
            raise InputError("--paraphrases: there are no test samples that they could be of; give --test")
        rules = data.rules("paraphrases")
        told = read_wordings(wordings, lambda: found["test"], rules=rules)
        found["test"] = list(with_wordings(found["test"], told))
    if guard is not None:
        found["guard"] = _read(guard, "guard", data.rules("guard"))
    if not found:
        raise InputError("nothing to evaluate on; name held-out data with --test or a guard set with --guard")
    return found


def _read(given: str | Path | Rows, name: str, rules: ReadingRules) -> list[Sample]:
    if isinstance(given, str | Path):
        return list(read_samples(given, rules=rules))
    return list(read_rows(given, name, rules=rules))
