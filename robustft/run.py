"""Reading what a run has left, typed: its config, its records and its figures."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from graph.config.own import own_config
from graph.config.run import RunConfig
from prompts.template import PromptError, read_kept
from stores.errors import DamageError, InputError, RunDirectoryError
from stores.record_files import read_records, read_summary
from stores.records import Decision, Dropped, Evaluation, HeldOut, Record, Skipped, Summary, TrainingRow
from stores.run_directory import RunDirectory

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

R = TypeVar("R", bound=Record)


class Run:
    """A run's directory, for reading. Nothing is opened for writing, so that a read-only disk will do.

    What is large is read as it is asked for, one record at a time.

    Args:
        directory: the run directory.

    Raises:
        RunDirectoryError: there is no run in it.
    """

    def __init__(self, directory: str | Path) -> None:
        self._files = RunDirectory(Path(directory))
        # Files that were found to be whole, and what would tell that they changed.
        self._checked: set[tuple[Path, int, int]] = set()

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r})"

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self._files.path

    @cached_property
    def config(self) -> RunConfig:
        """The config that the run was made with.

        Raises:
            ConfigError: it cannot be read.
        """
        return own_config(self._files)

    @cached_property
    def summary(self) -> Summary:
        """The run's figures.

        Raises:
            RunDirectoryError: the run has not come so far.
            RecordError: the file is of another version.
            DamageError: it is not what the run wrote.
        """
        return read_summary(self._there(self._files.summary))

    def decisions(self) -> Iterator[Decision]:
        """Yield what was decided on each sample, in the order of the data; see `summary` for the errors."""
        return self._records(self._files.decisions, Decision)

    def decision(self, identifier: str) -> Decision:
        """Return what was decided on one sample. The file is read up to it.

        Raises:
            InputError: the run has no such sample.
        """
        known: list[str] = []
        for decision in self.decisions():
            if decision.id == identifier:
                return decision
            if len(known) < 3:
                known.append(decision.id)
        raise InputError(f"{self.directory}: no sample '{identifier}'; its ids look like {', '.join(known)}")

    def training(self) -> Iterator[TrainingRow]:
        """Yield what is trained on.

        Raises:
            RunDirectoryError: there is no training set, or one of decisions that have changed since.
        """
        first = next(self.decisions(), None)
        if first is not None and first.kept is None:
            raise self._missing("training set of its decisions")
        return self._records(self._files.training, TrainingRow)

    def dropped(self) -> Iterator[Dropped]:
        """Yield which samples are not trained on, and why."""
        return self._records(self._files.dropped, Dropped)

    def skipped(self) -> Iterator[Skipped]:
        """Yield which rows of the data files were set aside, and why; nothing where none were."""
        file = self._files.skipped
        return read_records(self._there(file), Skipped) if file.is_file() else iter(())

    def evaluation(self, part: HeldOut = "test", *, reworded: bool = False) -> Iterator[Evaluation]:
        """Yield what the models answered to the held-out samples; nothing where there are none.

        Args:
            part: the test samples, or those of the guard set.
            reworded: the answers to other wordings of the prompts, in place of those to the samples' own.

        Raises:
            RunDirectoryError: there is no evaluation, or one of decisions that have changed since.
        """
        figures = self.summary.evaluation
        if figures is None:
            raise self._missing("evaluation")
        if figures.skipped:
            return iter(())
        answers = self._records(self._files.evaluation, Evaluation)
        return (answer for answer in answers if answer.part == part and bool(answer.wording) == reworded)

    def prompts(self) -> dict[str, str]:
        """Return the templates that the run has used, by their names: `TURN`, or `TURN/FORM`.

        Raises:
            RunDirectoryError: one cannot be read.
            DamageError: they are not what the run wrote.
        """
        folder = self._files.prompts
        try:
            files = sorted(file for file in folder.rglob("*.md") if not file.is_dir())
            names = {str(file.relative_to(folder).with_suffix("")): file for file in files}
            texts = {name: read_kept(file.parent, file.stem)[1] for name, file in names.items()}
        except (OSError, PromptError) as exc:
            raise RunDirectoryError(f"{folder}: a prompt cannot be read ({exc})") from exc
        if texts != self._files.manifest().prompts:
            raise DamageError(folder, self.directory)
        return texts

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the decisions as a table with one row a sample: what became of it, its answers, its cost.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            # Imported here: it is optional, and takes half a second.
            import pandas
        except ImportError as exc:
            raise InputError("to_pandas needs pandas: pip install pandas") from exc
        rows = [_flat(decision) for decision in self.decisions()]
        return pandas.DataFrame(rows, columns=None if rows else [*_COLUMNS])

    def _records(self, path: Path, kind: type[R]) -> Iterator[R]:
        return read_records(self._there(path), kind)

    def _there(self, path: Path) -> Path:
        if not path.is_file():
            raise self._missing(path.name)
        seen = path.stat()
        stamp = (path, seen.st_mtime_ns, seen.st_size)
        if stamp not in self._checked:
            self._files.check_made(path)
            self._checked.add(stamp)
        return path

    def _missing(self, what: str) -> RunDirectoryError:
        return RunDirectoryError(
            f"{self.directory}: has no {what} yet; `robustft resume {self.directory}` goes on with the run"
        )


def load_run(directory: str | Path) -> Run:
    """Return what a run has left in its directory, for reading.

    Raises:
        RunDirectoryError: there is no run in that directory.

    Example:
        >>> run = load_run("runs/demo-20260101-120000")  # doctest: +SKIP
        >>> run.summary.samples.relabelled  # doctest: +SKIP
        >>> [d.id for d in run.decisions() if d.status == "relabelled"]  # doctest: +SKIP
    """
    return Run(directory)


_COLUMNS = (
    "id",
    "status",
    "prompt",
    "response",
    "final",
    "kept",
    "drop_reason",
    "failure",
    "gold",
    "trusted",
    "noise_probability",
    "confidence",
)


def _flat(decision: Decision) -> dict[str, Any]:
    """Return a decision as one row: what became of the sample, each agent's answer, the cost."""
    row: dict[str, Any] = {name: getattr(decision, name) for name in _COLUMNS}
    row |= {name: agent.answer for name, agent in decision.agents.items()}
    return row | decision.usage.model_dump()
