"""What a resumed run does again: what no longer follows from its config and prompts, and nothing else.

Replies stay valid for as long as the same is asked: doing a stage again costs only the requests that differ.
"""

import logging
from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from graph.config.own import check_own_config
from graph.config.run import ConfigError, DataConfig, RunConfig, parse_config
from graph.context import Prompts, load_prompts
from graph.fingerprint import fingerprints
from graph.stages.kinds import keep_kinds
from graph.stages.stage import Workspace
from graph.state import RunInput, SampleState
from prompts.template import PromptError
from stores.dataset import join_gold, read_rows, read_samples
from stores.journal import Entry, Journal, Split
from stores.manifest import Digesting, digest_of_texts
from stores.records import Skipped
from stores.sample import Sample
from stores.trusted import TrustedFile
from stores.validity import DecisionInputs
from stores.wordings import read_wordings

_LOG = logging.getLogger("robustft")

NO_TEST = (
    "data.paraphrases: there are no test samples that it could be of; name them with --test or data.test"
)

# Who asks with a prompt.
_ASKS = {
    "question": "every agent",
    "base": "base",
    "reason": "reasoner",
    "reflect": "reasoner's reflection",
    "check": "checker",
    "relabel": "relabeler",
    "review": "reviewer",
}


class ResumePlan(NamedTuple):
    """What a run is resumed with, and which of its decisions that makes invalid."""

    config: RunConfig
    prompts: Prompts
    inputs: DecisionInputs
    """What decisions with that config and those prompts are made from."""
    verdicts_differ: bool
    relabels_differ: bool
    counts: dict[str, int]
    """How many decisions there are of each status."""
    retry_failed: bool
    trusted: Mapping[str, str] | None = None
    """The trusted responses of a file that was read, by the samples' ids; None where none was."""
    trust_differs: bool = False
    """Whether they are others than the run's own."""
    wordings: Mapping[str, tuple[str, ...]] | None = None
    """The other wordings of a file that was read, by the test samples' ids; None where none was."""
    reads_guard: bool = False
    """Whether the guard set is read anew."""

    @property
    def redoes(self) -> bool:
        """Whether a decision that was made becomes invalid."""
        failed, relabelled = self.counts.get("failed"), self.counts.get("relabelled")
        return bool(
            (self.verdicts_differ and self.counts)
            or (self.relabels_differ and (relabelled or failed))
            or (self.retry_failed and failed)
            or (self.trust_differs and self.counts)
        )


def resumed_config(known: RunConfig, request: RunInput) -> RunConfig:
    """Return the config that a run is resumed with: a new one keeps the data that it does not name.

    Args:
        known: the run's own config.
        request: gives the one that is to take its place; none where the run keeps its own.

    Raises:
        ConfigError: a key or value of the new one is wrong.
    """
    if not request.config:
        return _naming(known, request)
    config = parse_config(request.config)
    default = DataConfig()
    named = {key: getattr(config.data, key) for key in DataConfig.model_fields}
    changes = {key: value for key, value in named.items() if value != getattr(default, key)}
    data = known.data.model_copy(update=changes)
    return _naming(config.model_copy(update={"data": data}), request)


def _naming(config: RunConfig, request: RunInput) -> RunConfig:
    """Return a config with the files that the request names beside it."""
    named = {"trusted": request.trusted, "guard": request.guard, "paraphrases": request.paraphrases}
    changes = {key: path for key, path in named.items() if path is not None}
    return config.model_copy(update={"data": config.data.model_copy(update=changes)}) if changes else config


def read_trusted(
    journal: Journal, data: DataConfig, skip: Callable[[Skipped], None] | None = None
) -> dict[str, str]:
    """Return the responses that the file of `data.trusted` vouches for, by the ids of a run's samples.

    Args:
        journal: holds the samples.
        data: names the file.
        skip: is told of each row that is set aside; None for a run that has begun.

    Raises:
        DataError: a row cannot be used, or matches no sample.
    """
    of_a_file = journal.validity.trusted

    def samples() -> Iterator[Sample]:
        # What an earlier file vouched for contradicts nothing: this one takes its place.
        for sample in journal.samples("train"):
            yield sample.model_copy(update={"trusted": None}) if sample.id in of_a_file else sample

    rules = data.rules("trusted")
    if skip is None:
        rules = rules.of_a_begun_run()
    return TrustedFile(data.trusted or "", rules, skip).match(samples)


def plan_resume(work: Workspace, request: RunInput) -> ResumePlan:
    """Check what a run is to be resumed with, and say what that makes invalid; nothing is changed.

    A run that keeps its config keeps its prompts. With a new config, the prompt files that it names are read;
    with `keep_prompts`, only those that the old one did not name.

    Args:
        work: the run, opened with its old config.
        request: gives the config, and says whether failed samples are tried again.

    Raises:
        ConfigError: the config names other data.
        RunDirectoryError: the run keeps its config, and that was changed or damaged.
        DataError: its held-out data cannot be used.
        PromptError: a prompt cannot be used.
    """
    config = resumed_config(work.config, request)
    if not request.config:
        check_own_config(work.files, work.manifest)
    _check_given(work, request)
    if request.config:
        _check_same_reading(work, config)
        if config.data.train != work.config.data.train:
            _check_same_data(work, config, "train", config.data.train)
        if config.data.test is not None and not work.journal.count_samples("test"):
            # Only read: an unusable row is reported before anything is stored.
            deque(read_samples(config.data.test, rules=config.data.rules("test")), maxlen=0)
        elif config.data.test != work.config.data.test:
            _check_same_data(work, config, "test", config.data.test)
    # A setting is no word about the file that the run has read.
    reads = config.data.trusted != work.config.data.trusted or (request.config and not request.keep_prompts)
    trusted = None
    if config.data.trusted is not None and (reads or request.trusted is not None):
        trusted = read_trusted(work.journal, config.data)
    prompts = _read_named(work, config, request.keep_prompts) if request.config else work.prompts
    inputs, known = fingerprints(config, prompts).decisions, work.journal.validity.inputs
    return ResumePlan(
        config,
        prompts,
        inputs,
        verdicts_differ=inputs.verdicts != known.verdicts,
        relabels_differ=inputs.relabels != known.relabels,
        counts=work.journal.count_status(),
        retry_failed=request.retry_failed,
        trusted=trusted,
        wordings=_new_wordings(work, config, request),
        reads_guard=_reads_guard(work, config, request),
        trust_differs=trusted is not None and _trusts_otherwise(work.journal, trusted),
    )


def _new_wordings(
    work: Workspace, config: RunConfig, request: RunInput
) -> Mapping[str, tuple[str, ...]] | None:
    """Return the other wordings of a file that the run has not read; None where there is none."""
    path, journal = config.data.paraphrases, work.journal
    if path is None or (request.paraphrases is None and path == work.config.data.paraphrases):
        return None
    test, has_read = config.data.test, journal.count_samples("test") > 0
    if not has_read and test is None:
        raise ConfigError(NO_TEST)

    def samples() -> Iterator[Sample]:
        return (
            journal.samples("test") if has_read else read_samples(str(test), rules=config.data.rules("test"))
        )

    rules = config.data.rules("paraphrases").of_a_begun_run()
    return read_wordings(path, samples, rules=rules)


def _reads_guard(work: Workspace, config: RunConfig, request: RunInput) -> bool:
    """Say whether a config names a guard set that the run has not read, and check that it can be read."""
    path = config.data.guard
    if path is None or (request.guard is None and path == work.config.data.guard):
        return False
    deque(read_samples(path, rules=config.data.rules("guard").of_a_begun_run()), maxlen=0)
    return True


def _trusts_otherwise(journal: Journal, trusted: Mapping[str, str]) -> bool:
    """Say whether a file vouches for other responses than a run's samples have."""
    of_a_file = journal.validity.trusted
    for identifier in {*of_a_file, *trusted}:
        sample = journal.sample(identifier)
        if sample is not None and sample.trusted != trusted.get(identifier):
            return True
    return False


def carry_out(work: Workspace, plan: ResumePlan) -> None:
    """Take a new config and new prompts for a run, and forget the decisions that they make invalid.

    The order of writing is that of `stores.validity`.

    Args:
        work: the run, opened with its old config; it has the new one afterwards.
        plan: what was planned, once all that it needs was found to be there.

    Raises:
        DataError: the held-out data cannot be used.
    """
    config, journal = plan.config, work.journal
    aside: list[Skipped] = []
    if config.data.test is not None and not journal.count_samples("test"):
        rules = config.data.rules("test")
        test = Digesting(read_samples(config.data.test, rules=rules, skip=aside.append))
        journal.add_samples("test", test)
        work.keep_data({"test": test.digest()})
        keep_kinds(journal, "test")
        journal.skip_rows(row.to_line() for row in aside)
    if plan.wordings is not None:
        journal.set_wordings(plan.wordings)
        work.keep_data({"paraphrases": digest_of_texts(plan.wordings)})
    if plan.reads_guard:
        rules = config.data.rules("guard").of_a_begun_run()
        guard = Digesting(read_samples(str(config.data.guard), rules=rules))
        journal.add_samples("guard", guard)
        work.keep_data({"guard": guard.digest()})
        keep_kinds(journal, "guard")
    if plan.redoes:
        journal.validity.invalidate_selection()
    if plan.trust_differs and plan.trusted is not None:
        _take_trusted(work, plan.trusted)
    _adopt(work, plan)
    if plan.retry_failed and (failed := journal.forget("failed")):
        _LOG.info("%s failed samples are tried again", f"{failed:,}")
    if plan.verdicts_differ:
        if forgotten := journal.forget():
            _LOG.info("the detecting agents differ: %s samples are judged again", f"{forgotten:,}")
    elif plan.relabels_differ and (again := journal.record(_back_to_noisy(journal))):
        _LOG.info("the relabeling agents differ: %s samples are relabelled again", f"{again:,}")
    journal.validity.keep_inputs(plan.inputs)


def _take_trusted(work: Workspace, trusted: Mapping[str, str]) -> None:
    """Take the trusted responses of another file: what was decided without them is invalid, and nothing else.

    The samples that change are judged again. That costs a request only of agents that were spared
    (`graph/stages/glance.py`). Relabels are made again, since trusted samples are shown as examples. A
    calibrated run does both when it is calibrated again.
    """
    if not work.config.calibrates:
        work.journal.record(_back_to_noisy(work.journal))
    changed = work.journal.trust(trusted)
    work.keep_data({"trusted": digest_of_texts(trusted)})
    _LOG.info("the trusted responses of %s samples differ: the verdicts are made again", f"{changed:,}")


def _read_named(work: Workspace, config: RunConfig, keep: bool) -> Prompts:
    try:
        return load_prompts(config, work.files, work.config) if keep else load_prompts(config)
    except PromptError as exc:
        own = work.files.prompts
        name = "base" if (own / "base").is_dir() else "base.md"
        raise PromptError(
            f"{exc}; the run's own is in {own}: name it with --set, as in agents.base.prompt={own}/{name}"
        ) from exc


def _adopt(work: Workspace, plan: ResumePlan) -> None:
    """Put a plan's config and prompts in place of the run's own where they differ."""
    texts, known = plan.prompts.texts, work.manifest.prompts
    for turn in dict.fromkeys(map(_turn_of, texts)):
        before, after = (_of_turn(turn, kept) for kept in (known, texts))
        if before and before != after:
            _LOG.info("the prompt of %s differs: what depends on it is asked again", _ASKS.get(turn, turn))
    if plan.config != work.config or texts != known or not work.files.has_own(work.manifest):
        work.adopt(plan.config, plan.prompts)


def _turn_of(name: str) -> str:
    return name.partition("/")[0]


def _of_turn(turn: str, texts: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if _turn_of(name) == turn}


def _back_to_noisy(journal: Journal) -> Iterator[Entry]:
    """Yield the decisions on samples that came to be relabelled, as they were before."""
    for sample, entry in journal.entries():
        state = SampleState.from_entry(sample, entry)
        if state.check is not None and not state.check.clean:
            yield state.before_relabeling().model_copy(update={"failure": None}).to_entry()


def _check_same_reading(work: Workspace, config: RunConfig) -> None:
    """Check that the samples, which are not read again, would be read as they were."""
    limit, known = config.data.limit, work.config.data.limit
    if limit != known:
        raise _begun_otherwise(work, f"data.limit: {known if known is not None else 'none'}, not {limit}")
    for key in ("columns", "on_bad_row"):
        if getattr(config.data, key) != getattr(work.config.data, key):
            raise _begun_otherwise(work, f"another data.{key}")
    gold = config.data.gold
    if gold != work.config.data.gold:
        joined = join_gold(work.journal.samples("train"), gold or "", rules=config.data.rules("gold"))
        pairs = zip(joined, work.journal.samples("train"), strict=True)
        if any(_rights(new) != _rights(old) for new, old in pairs):
            raise _begun_otherwise(work, f"other right responses than {gold}")


def _check_given(work: Workspace, request: RunInput) -> None:
    """Check that samples in memory, if there are any, are those that the run was begun with."""
    data = work.config.data
    if request.samples is not None:
        limit = work.journal.count_samples("train")
        given = read_rows(request.samples, "samples", limit=limit, rules=data.rules("train"))
        _check_same_samples(work, "train", given, "samples")
    if request.test_samples is not None:
        given = read_rows(request.test_samples, "test_samples", rules=data.rules("test"))
        _check_same_samples(work, "test", given, "test_samples")


def _check_same_data(work: Workspace, config: RunConfig, split: Split, path: str | None) -> None:
    """Check that a file holds the samples that a run was begun with, or, to train on, begins with them."""
    limit = work.journal.count_samples("train") if split == "train" else None
    given = read_samples(path or "", limit=limit, rules=config.data.rules(split))
    _check_same_samples(work, split, given, str(path))


def _check_same_samples(work: Workspace, split: Split, given: Iterator[Sample], source: str) -> None:
    trusted = work.journal.validity.trusted if split == "train" else {}
    for sample, known in zip_longest(given, work.journal.samples(split)):
        if sample is None or known is None or sample != _as_given(known, sample, trusted):
            raise _begun_otherwise(work, f"other data than {source}")


def _as_given(known: Sample, given: Sample, of_a_file: Container[str]) -> Sample:
    """Return a sample of the journal without what its data did not give it.

    That is the gold, a trusted response and the wordings of other files, and the kind of its task.
    """
    told: dict[str, Any] = {
        "gold": given.gold,
        "other_golds": given.other_golds,
        "wordings": given.wordings,
    }
    if known.id in of_a_file:
        told["trusted"] = None
    return known.model_copy(update=told if given.kind is not None else {**told, "kind": None})


def _rights(sample: Sample) -> tuple[str | None, tuple[str, ...]]:
    return sample.gold, sample.other_golds


def _begun_otherwise(work: Workspace, how: str) -> ConfigError:
    return ConfigError(
        f"{work.files.path}: was begun with {how}; choose another --out "
        f"(its replies can be taken over with --reuse {work.files.path})"
    )
