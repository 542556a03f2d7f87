"""The samples of a run, read into its journal: when it begins, and when a damaged journal is made anew."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from graph.config.run import ConfigError, RunConfig
from graph.stages.kinds import keep_kinds
from graph.stages.resume import NO_TEST, read_trusted
from graph.stages.stage import Workspace
from graph.state import RunInput
from stores.atomic import write_text_atomically
from stores.dataset import join_gold, read_rows, read_samples
from stores.journal import Journal, Split
from stores.manifest import DataDigest, Digesting, digest_of_texts
from stores.records import Skipped
from stores.sample import Sample, with_wordings
from stores.wordings import read_wordings

_HELD_OUT: tuple[Split, ...] = ("test", "guard")


def fill(
    journal: Journal, config: RunConfig, request: RunInput, known: Mapping[str, DataDigest]
) -> dict[str, DataDigest]:
    """Read the data that the journal does not hold yet.

    Args:
        journal: gets the samples, and a line for each row that is set aside.
        config: names the data.
        request: has samples in memory, if there are any.
        known: what was read before, where the run began earlier: nothing else is taken.

    Returns:
        The digests of what was read now.

    Raises:
        ConfigError: the data are others than the run was begun with.
        DataError: a row cannot be used.
    """
    aside: list[Skipped] = []
    found: dict[str, DataDigest] = {}

    def checked(name: str, samples: Iterable[Sample]) -> Iterator[Sample]:
        passed = Digesting(samples)
        yield from passed
        found[name] = _check(name, passed.digest(), known)

    if not journal.count_samples("train"):
        journal.add_samples("train", checked("train", _training_samples(config, request, aside.append)))
    # Its row comes last: a run that stopped before has samples that nobody vouches for yet.
    was_read = "trusted" in known or "train" in found
    if config.data.trusted is not None and was_read and not journal.validity.has_trusted:
        trusted = read_trusted(journal, config.data, aside.append)
        found["trusted"] = _check("trusted", digest_of_texts(trusted), known)
        journal.trust(trusted)
    if not journal.count_samples("test"):
        wordings = _wordings(config, request, aside.append)
        if wordings:
            found["paraphrases"] = _check("paraphrases", digest_of_texts(wordings), known)
        samples: Iterable[Sample] = checked("test", _test_samples(config, request, aside.append))
        journal.add_samples("test", with_wordings(samples, wordings) if wordings else samples)
    if config.data.guard is not None and not journal.count_samples("guard"):
        rules = config.data.rules("guard")
        guard = read_samples(config.data.guard, rules=rules, skip=aside.append)
        journal.add_samples("guard", checked("guard", guard))
    # A run that stopped between the two has samples without kinds.
    splits: tuple[Split, ...] = ("train", *_HELD_OUT)
    for split in splits:
        if any(sample.kind is None for sample in journal.samples(split)):
            keep_kinds(journal, split)
    journal.skip_rows(row.to_line() for row in aside)
    return found


def write_skipped(work: Workspace) -> int:
    """Write the rows of the data files that were set aside; returns how many, and makes no file for none."""
    rows = work.journal.skipped_rows()
    if rows:
        write_text_atomically(work.files.skipped, "".join(f"{row}\n" for row in rows))
        work.keep(work.files.skipped)
    return len(rows)


def _check(name: str, found: DataDigest, known: Mapping[str, DataDigest]) -> DataDigest:
    """Check that data are those that a run was begun with, where it has begun."""
    before = known.get(name)
    if before is not None and before != found:
        raise ConfigError(
            f"data.{name}: has other samples than the run was begun with ({found.samples:,} now, "
            f"{before.samples:,} then), and the run's journal, which held those, is lost; put the data back "
            "as they were, or begin a new run with --reuse, which asks nothing again that has a reply"
        )
    return found


def _training_samples(
    config: RunConfig, request: RunInput, skip: Callable[[Skipped], None]
) -> Iterator[Sample]:
    data = config.data
    rules = data.rules("train")
    if request.samples is not None:
        _check_unnamed("train", data.train)
        samples = read_rows(request.samples, "samples", limit=data.limit, rules=rules, skip=skip)
    elif data.train is not None:
        samples = read_samples(data.train, limit=data.limit, rules=rules, skip=skip)
    else:
        raise ConfigError("data.train: no training data; give a file with --data or in the config")
    if data.gold is None:
        return samples
    return join_gold(samples, data.gold, rules=data.rules("gold"), skip=skip)


def _test_samples(config: RunConfig, request: RunInput, skip: Callable[[Skipped], None]) -> Iterator[Sample]:
    rules = config.data.rules("test")
    if request.test_samples is not None:
        _check_unnamed("test", config.data.test)
        return read_rows(request.test_samples, "test_samples", rules=rules, skip=skip)
    if config.data.test is None:
        return iter(())
    return read_samples(config.data.test, rules=rules, skip=skip)


def _wordings(
    config: RunConfig, request: RunInput, skip: Callable[[Skipped], None]
) -> dict[str, tuple[str, ...]]:
    """Return the other wordings that `data.paraphrases` has of the test samples' prompts."""
    if config.data.paraphrases is None:
        return {}
    if config.data.test is None and request.test_samples is None:
        raise ConfigError(NO_TEST)
    return read_wordings(
        config.data.paraphrases,
        # What is set aside of the test samples is told where they are taken in.
        lambda: _test_samples(config, request, lambda row: None),
        rules=config.data.rules("paraphrases"),
        skip=skip,
    )


def _check_unnamed(key: str, path: str | None) -> None:
    if path is not None:
        raise ConfigError(f"data.{key}: names {path}, but samples are given too; leave one of them out")
