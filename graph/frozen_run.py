"""A finished run, opened to decide about samples as it did: from Studio, from Python, or new ones.

Nothing of it is written. What only opens for writing, its example store, is opened as a copy.
"""

import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from agents.answers.task import TaskKinds
from agents.cache import ReplyCache
from agents.record import SampleRecord
from agents.room import measure
from graph.config.own import own_config
from graph.config.run import RunConfig
from graph.frozen_weights import FrozenWeights
from graph.glance import Glance, sure_below
from stores.encoder import load_encoder
from stores.errors import InputError
from stores.examples import Example, ExampleStore
from stores.journal import Journal
from stores.replies import KnownReplies
from stores.run_directory import RunDirectory, storage_errors
from stores.sample import Sample
from stores.vectors import PromptEncoder, PromptVectors
from training.form import DataForm, FormTally, in_form

# They feed metrics, or are told from the task.
_NOT_ASKED = {"gold", "other_golds", "kind"}
_THINKS = "thinks"


class FrozenRun:
    """What a finished run knows: its config, prompts, replies, examples and weights.

    Opening it reads its samples once, and takes as long as that. It belongs to one event loop.

    Args:
        directory: the run directory.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: the run has not come to its final responses, or has no weights though it is calibrated.
        WeightsError: its encoder cannot be loaded.
        StorageError: its files cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self.files = RunDirectory(directory)
        self.stamp = stamp_of(directory)
        self.config: RunConfig = own_config(self.files)
        self._kinds = TaskKinds()
        self._form = DataForm()
        with storage_errors(str(directory)), closing(self._journal()) as journal:
            self._counts = journal.count_status()
            _check_finished(journal, self.config, self._counts, directory)
            self.inputs = journal.validity.inputs
            self.thinking = thinking_models(journal)
            glances = journal.validity.has_glance
            tally = FormTally()
            self.lengths = measure(self._looked_at(journal, tally))
            if journal.validity.has_selection:
                self._form = tally.form()
            figures = journal.validity.calibration
        self._vectors = PromptVectors(self.files.state, self.config.encoder)
        self.weights: FrozenWeights | None = None
        if self.config.calibrates:
            self.weights = FrozenWeights(self.files, self._vectors, self.config, figures)
        self.glance: Glance | None = None
        if glances and sure_below(self.config):
            self.glance = Glance(self.files.glance, self._vectors, self.config)
        self._replies = KnownReplies(self.files.replies)
        self.cache = ReplyCache(self._replies)
        self._examples: ExampleStore | None = None
        self._opening = threading.Lock()

    def close(self) -> None:
        """End its threads, and let go of the copy of its example store."""
        self._replies.close()
        if self.weights is not None:
            self.weights.close()
        if self.glance is not None:
            self.glance.close()
        if self._examples is not None:
            self._examples.close()

    def known(self, sample: Sample) -> Sample:
        """Return a sample as the run has it; of one that it has not, with the kind that its task tells.

        A sample is the run's own if the run has one of this id with all that is given of this one.

        Raises:
            InputError: the sample names a kind that does not exist.
            StorageError: the run's journal cannot be read.
        """
        with storage_errors(str(self.files.path)), closing(self._journal()) as journal:
            own = journal.sample(sample.id)
        if own is not None and all(getattr(own, name) == value for name, value in _given(sample)):
            return own
        try:
            return sample.model_copy(update={"kind": self._kinds.kind(sample)})
        except ValueError as exc:
            raise InputError(f"sample '{sample.id}': {exc}") from exc

    def examples(self) -> ExampleStore | None:
        """Return the run's clean samples for the relabeler; None where there are none.

        Raises:
            StorageError: the store cannot be copied or read.
        """
        if not self._counts.get("clean"):
            return None
        with self._opening, storage_errors(str(self.files.path)):
            if self._examples is None:
                self._examples = self._open_examples()
        return self._examples

    def in_form(self, record: SampleRecord) -> SampleRecord:
        """Return a sample with its new response in the form of the run's data, as selection writes it."""
        if not self._form.marks or record.sample.options or record.status != "relabelled":
            return record
        return in_form(record, self._form)

    def _journal(self) -> Journal:
        return self.files.open_journal(read_only=True)

    def _looked_at(self, journal: Journal, tally: FormTally) -> Iterator[Sample]:
        """Yield the run's samples, and learn from each what all of them tell."""
        for sample, entry in journal.entries():
            self._kinds.add(sample)
            if not sample.options:
                tally.add(sample.response, clean=entry.status == "clean")
            yield sample

    def _open_examples(self) -> ExampleStore:
        # Now, and in one thread: two cannot import transformers at once.
        load_encoder(self.config.encoder)
        folder = Path(tempfile.mkdtemp(prefix="robustft-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        encoder = PromptEncoder(self._vectors)
        # The store of a run that has relabelled nothing may be one of former verdicts, or not there at all.
        if self._counts.get("relabelled") and self.files.chroma.is_dir():
            shutil.copytree(self.files.chroma, folder / "chroma")
            return ExampleStore(folder / "chroma", encoder)
        store = ExampleStore(folder / "chroma", encoder)
        with closing(self._journal()) as journal:
            clean = (SampleRecord.from_entry(*found) for found in journal.entries("clean"))
            for _ in store.fill(Example(record.sample, record.trust) for record in clean):
                pass
        return store


def _given(sample: Sample) -> Iterator[tuple[str, Any]]:
    """Yield what is said of a sample, and may be asked."""
    for name, field in Sample.model_fields.items():
        value = getattr(sample, name)
        if name not in _NOT_ASKED and value != field.default:
            yield name, value


def thinking_models(journal: Journal) -> frozenset[str]:
    """Return the config's names of the models that were seen to think when the run asked them first."""
    outcome = journal.outcome("load") or {}
    return frozenset(map(str, outcome.get(_THINKS, ())))


def keep_thinking(names: frozenset[str]) -> dict[str, Any]:
    """Return what the stage that looks at the models has to report of that."""
    return {_THINKS: sorted(names)} if names else {}


def stamp_of(directory: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what differs when a run has gone on, or was given another config."""
    files = RunDirectory(directory)
    log = files.journal.with_name(f"{files.journal.name}-wal")
    found = []
    for file in (files.config, files.journal, log):
        if file.is_file():
            status = file.stat()
            found.append((file.name, status.st_mtime_ns, status.st_size))
    return tuple(found)


def _check_finished(journal: Journal, config: RunConfig, counts: dict[str, int], directory: Path) -> None:
    decided = sum(counts.values()) == journal.count_samples("train") and not counts.get("noisy")
    if not decided or (config.calibrates and not journal.validity.has_consensus):
        raise InputError(
            f"{directory}: has not come to its final responses yet; "
            f"`robustft resume {directory} --until conclude` goes on with it"
        )
