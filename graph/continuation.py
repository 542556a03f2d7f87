"""What a run that is continued does again: what its config no longer agrees with, and nothing else.

Replies stay valid for as long as the same is asked: redoing a stage costs only the requests that differ.
"""

import logging
from collections.abc import Iterator
from itertools import zip_longest

from graph.config import ConfigError, RunConfig, parse_config
from graph.decision import read_state, to_entry
from graph.fingerprint import fingerprints
from graph.state import RunInput
from graph.workspace import SELECTED, Workspace
from stores.dataset import join_gold, read_samples
from stores.journal import Entry, Journal, Split

_LOG = logging.getLogger("robustft")


def begin_again(work: Workspace, request: RunInput) -> None:
    """Take a new config for a run, and forget the decisions that it makes invalid.

    Args:
        work: the run, opened with its old config; it has the new one afterwards.
        request: says which config, and whether failed samples are tried again.

    Raises:
        ConfigError: the config names other data.
        PromptError: a prompt file cannot be used.
    """
    if request.config:
        config = parse_config(request.config)
        _check_same_reading(work, config)
        if config.data.train not in (None, work.config.data.train):
            _check_same_data(work, "train", config.data.train)
        if config.data.test is not None and not work.journal.count_samples("test"):
            work.journal.add_samples("test", read_samples(config.data.test))
        elif config.data.test not in (None, work.config.data.test):
            _check_same_data(work, "test", config.data.test)
        work.adopt(config)
    changed = 0
    if request.retry_failed and (failed := work.journal.forget("failed")):
        changed += failed
        _LOG.info("%s failed samples are tried again", f"{failed:,}")
    now = fingerprints(work.config)
    if work.journal.fact("detect") != now.detect:
        if forgotten := work.journal.forget():
            changed += forgotten
            _LOG.info("the detecting agents differ: %s samples are judged again", f"{forgotten:,}")
    elif work.journal.fact("denoise") != now.denoise and (
        again := work.journal.record(_back_to_noisy(work.journal))
    ):
        changed += again
        _LOG.info("the relabeling agents differ: %s samples are relabelled again", f"{again:,}")
    if changed:
        work.journal.note(SELECTED, "")
    note_fingerprints(work.journal, work.config)


def note_fingerprints(journal: Journal, config: RunConfig) -> None:
    """Keep what the decisions of a run depend on.

    Raises:
        PromptError: a prompt file cannot be used.
    """
    now = fingerprints(config)
    journal.note("detect", now.detect)
    journal.note("denoise", now.denoise)


def _back_to_noisy(journal: Journal) -> Iterator[Entry]:
    """Yield the decisions on samples that came to be relabelled, as they were before."""
    for sample, entry in journal.entries():
        state = read_state(sample, entry)
        if state.check is not None and not state.check.reliable:
            yield to_entry(
                state.model_copy(
                    update={"context": None, "review": None, "conclusion": None, "failure": None}
                )
            )


def _check_same_reading(work: Workspace, config: RunConfig) -> None:
    """Check that the samples, which are not read again, would be read as they were."""
    limit, known = config.data.limit, work.config.data.limit
    if limit not in (None, known):
        raise _begun_otherwise(work, f"data.limit: {known if known is not None else 'none'}, not {limit}")
    gold = config.data.gold
    if gold not in (None, work.config.data.gold):
        joined = join_gold(work.journal.samples("train"), gold or "")
        if any(new.gold != old.gold for new, old in zip(joined, work.journal.samples("train"), strict=True)):
            raise _begun_otherwise(work, f"other right responses than {gold}")


def _check_same_data(work: Workspace, split: Split, path: str | None) -> None:
    """Check that a file holds the samples that a run was begun with, or, to train on, begins with them."""
    limit = work.journal.count_samples("train") if split == "train" else None
    given = read_samples(path or "", limit=limit, noisy=split == "train")
    for sample, known in zip_longest(given, work.journal.samples(split)):
        if sample is None or known is None or sample != known.model_copy(update={"gold": sample.gold}):
            raise _begun_otherwise(work, f"other data than {path}")


def _begun_otherwise(work: Workspace, how: str) -> ConfigError:
    return ConfigError(
        f"{work.files.path}: was begun with {how}; choose another --out "
        f"(its replies can be taken over with --reuse {work.files.path})"
    )
