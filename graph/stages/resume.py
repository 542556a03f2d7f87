"""What a run that is continued does again: what its config no longer agrees with, and nothing else.

Replies stay valid for as long as the same is asked: redoing a stage costs only the requests that differ.
"""

import logging
from collections import deque
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from graph.config.run import ConfigError, RunConfig, parse_config
from graph.fingerprint import Fingerprints, fingerprints
from graph.stages.stage import SELECTED, Workspace
from graph.state import RunInput, SampleState
from stores.dataset import join_gold, read_rows, read_samples
from stores.journal import Entry, Journal, Split
from stores.sample import Sample

_LOG = logging.getLogger("robustft")


class Continuation(NamedTuple):
    """What a run goes on with, and which of its decisions that makes invalid."""

    config: RunConfig
    now: Fingerprints
    """What the decisions of that config depend on."""
    verdicts_differ: bool
    relabels_differ: bool
    counts: dict[str, int]
    """How many decisions there are of each status."""
    retry_failed: bool

    @property
    def redoes(self) -> bool:
        """Whether a decision that was made no longer stands."""
        failed, relabelled = self.counts.get("failed"), self.counts.get("relabelled")
        return bool(
            (self.verdicts_differ and self.counts)
            or (self.relabels_differ and (relabelled or failed))
            or (self.retry_failed and failed)
        )


def continued_config(known: RunConfig, request: RunInput) -> RunConfig:
    """Return the config that a run goes on with: a new one keeps the data that it does not name.

    Args:
        known: the run's own config.
        request: says which is to take its place; none where it goes on with its own.

    Raises:
        ConfigError: a key or value of the new one is wrong.
    """
    if not request.config:
        return known
    config = parse_config(request.config)
    data = known.data.model_copy(update=config.data.model_dump(exclude_none=True))
    return config.model_copy(update={"data": data})


def plan_continuation(work: Workspace, request: RunInput) -> Continuation:
    """Check the config that a run is to go on with, and say what it makes invalid; nothing is changed.

    Args:
        work: the run, opened with its old config.
        request: says which config, and whether failed samples are tried again.

    Raises:
        ConfigError: the config names other data.
        DataError: its held-out data cannot be used.
        PromptError: a prompt file cannot be used.
    """
    config = continued_config(work.config, request)
    _check_given(work, request)
    if request.config:
        _check_same_reading(work, config)
        if config.data.train != work.config.data.train:
            _check_same_data(work, "train", config.data.train)
        if config.data.test is not None and not work.journal.count_samples("test"):
            # Only read: a row that cannot be used is told before anything is stored.
            deque(read_samples(config.data.test), maxlen=0)
        elif config.data.test != work.config.data.test:
            _check_same_data(work, "test", config.data.test)
    now = fingerprints(config)
    return Continuation(
        config,
        now,
        verdicts_differ=work.journal.fact("detect") != now.detect,
        relabels_differ=work.journal.fact("denoise") != now.denoise,
        counts=work.journal.count_status(),
        retry_failed=request.retry_failed,
    )


def begin_again(work: Workspace, going_on: Continuation) -> None:
    """Take a new config for a run, and forget the decisions that it makes invalid.

    Args:
        work: the run, opened with its old config; it has the new one afterwards.
        going_on: what was planned, once all that it needs was found to be there.

    Raises:
        DataError: the held-out data cannot be used.
    """
    config, journal = going_on.config, work.journal
    if config.data.test is not None and not journal.count_samples("test"):
        journal.add_samples("test", read_samples(config.data.test))
    if going_on.redoes:
        # First: killed after the decisions went, the training set would pass for theirs.
        journal.note(SELECTED, "")
    work.adopt(config)
    if going_on.retry_failed and (failed := journal.forget("failed")):
        _LOG.info("%s failed samples are tried again", f"{failed:,}")
    if going_on.verdicts_differ:
        if forgotten := journal.forget():
            _LOG.info("the detecting agents differ: %s samples are judged again", f"{forgotten:,}")
    elif going_on.relabels_differ and (again := journal.record(_back_to_noisy(journal))):
        _LOG.info("the relabeling agents differ: %s samples are relabelled again", f"{again:,}")
    _note(journal, going_on.now)


def note_fingerprints(journal: Journal, config: RunConfig) -> None:
    """Keep what the decisions of a run depend on.

    Raises:
        PromptError: a prompt file cannot be used.
    """
    _note(journal, fingerprints(config))


def _note(journal: Journal, now: Fingerprints) -> None:
    journal.note("detect", now.detect)
    journal.note("denoise", now.denoise)


def _back_to_noisy(journal: Journal) -> Iterator[Entry]:
    """Yield the decisions on samples that came to be relabelled, as they were before."""
    for sample, entry in journal.entries():
        state = SampleState.from_entry(sample, entry)
        if state.check is not None and not state.check.reliable:
            yield state.before_relabeling().model_copy(update={"failure": None}).to_entry()


def _check_same_reading(work: Workspace, config: RunConfig) -> None:
    """Check that the samples, which are not read again, would be read as they were."""
    limit, known = config.data.limit, work.config.data.limit
    if limit != known:
        raise _begun_otherwise(work, f"data.limit: {known if known is not None else 'none'}, not {limit}")
    gold = config.data.gold
    if gold != work.config.data.gold:
        joined = join_gold(work.journal.samples("train"), gold or "")
        if any(new.gold != old.gold for new, old in zip(joined, work.journal.samples("train"), strict=True)):
            raise _begun_otherwise(work, f"other right responses than {gold}")


def _check_given(work: Workspace, request: RunInput) -> None:
    """Check that samples in memory, if there are any, are those that the run was begun with."""
    if request.samples is not None:
        limit = work.journal.count_samples("train")
        given = read_rows(request.samples, "samples", limit=limit, noisy=True)
        _check_same_samples(work, "train", given, "samples")
    if request.test_samples is not None:
        _check_same_samples(work, "test", read_rows(request.test_samples, "test_samples"), "test_samples")


def _check_same_data(work: Workspace, split: Split, path: str | None) -> None:
    """Check that a file holds the samples that a run was begun with, or, to train on, begins with them."""
    limit = work.journal.count_samples("train") if split == "train" else None
    given = read_samples(path or "", limit=limit, noisy=split == "train")
    _check_same_samples(work, split, given, str(path))


def _check_same_samples(work: Workspace, split: Split, given: Iterator[Sample], source: str) -> None:
    for sample, known in zip_longest(given, work.journal.samples(split)):
        if sample is None or known is None or sample != known.model_copy(update={"gold": sample.gold}):
            raise _begun_otherwise(work, f"other data than {source}")


def _begun_otherwise(work: Workspace, how: str) -> ConfigError:
    return ConfigError(
        f"{work.files.path}: was begun with {how}; choose another --out "
        f"(its replies can be taken over with --reuse {work.files.path})"
    )
