"""What a filled-in audit tells of a run."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy
from rich.table import Table

from agents.answers.kind import agree_with_any, sample_kind
from agents.record import SampleRecord
from graph.config.own import own_config
from robustft.checking import judged_samples
from robustft.terminal import Terminal
from stores.counts import counted
from stores.errors import InputError
from stores.records import Audit, Figure
from stores.run_directory import RunDirectory, storage_errors
from stores.sample import Sample
from stores.trusted import TrustedFile
from training.audit import Share, audit_figures

_NAMES = {
    "noise_rate": "responses that are wrong",
    "precision": "of those judged noisy, wrong (precision)",
    "recall": "of the wrong ones, judged noisy (recall)",
    "repairs": "new responses that are right",
}


class _Told(NamedTuple):
    """What is known of one sample: its verdict, and what a person said where it was checked."""

    noisy: bool
    noise: float
    repaired: bool
    checked: bool
    wrong: bool
    right: bool


def audit(directory: str | Path, file: str | Path) -> Audit:
    """Return what a filled-in audit tells of a run: noise, precision, recall and right repairs.

    The file is one that `write_check_file` has written with `audit`, filled in by a person. The figures are
    of the samples that the run judged by itself. An audited sample that the run was told of is left out.

    Args:
        directory: the run directory; nothing in it is opened for writing.
        file: the responses that a person vouches for.

    Raises:
        RunDirectoryError: there is no run in that directory.
        DataError: the file cannot be read, or a row matches no sample of the run.
        InputError: its samples were chosen by worth, or none of them can be used.
        StorageError: the run's journal cannot be read.
    """
    files = RunDirectory(Path(directory))
    rules = own_config(files).data.rules("trusted").of_a_begun_run()
    with storage_errors(str(directory)), closing(files.open_journal(read_only=True)) as journal:

        def samples() -> Iterator[Sample]:
            # What the run was told contradicts nothing here.
            for sample in journal.samples("train"):
                yield sample.model_copy(update={"trusted": None})

        source = TrustedFile(file, rules)
        drawn = source.drawn()
        if "worth" in drawn:
            raise InputError(
                f"{file}: has samples of `list --to-check`, which were not drawn at random: they tell "
                f"nothing of all others; `robustft list {directory} --audit N` draws an audit"
            )
        truths = source.match(samples)
        judged, incomparable = [], 0
        for state in judged_samples(journal):
            told = _told(state, truths.get(state.sample.id))
            judged.append(told)
            incomparable += state.sample.id in truths and not told.checked
        known = sum(
            (sample := journal.sample(name)) is not None and sample.trusted is not None for name in truths
        )
    checked = sum(told.checked for told in judged)
    if not checked:
        raise InputError(
            f"{file}: has no sample that can be used: {known} are trusted in this run, and no longer blind; "
            f"of {incomparable} nobody can tell whether the responses say the same; "
            f"`robustft list {directory} --audit N` writes another audit"
        )
    found = _audit(judged, checked, known, incomparable)
    return found.model_copy(update={"random": "random" in drawn})


def print_audit(console: Terminal, found: Audit) -> None:
    """Print the figures of an audit."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, title in _NAMES.items():
        figure: Figure = getattr(found, name)
        known = figure.value is not None
        value = f"{figure.value:.0%}" if known else "unknown"
        between = f"{figure.low:.0%} to {figure.high:.0%}" if known else ""
        table.add_row(title, value, between, f"of {figure.checked} checked")
    console.print(table)
    console.print(f"checked: {found.checked} of {counted(found.samples, 'sample')}; intervals of 95 %")
    for count, why in (
        (found.not_blind, "the run was told what is right of them"),
        (found.incomparable, "nobody can tell whether two responses say the same"),
    ):
        if count:
            console.print(f"left out: {counted(count, 'checked sample')}; {why}")
    if not found.random:
        console.print(
            "the file does not say how its samples were drawn: the figures hold if it was at random"
        )


def _told(state: SampleRecord, truth: str | None) -> _Told:
    """Return what is known of a judged sample.

    Args:
        state: the sample.
        truth: the response that a person vouches for; None where nobody checked it.
    """
    check, sample, final = state.check, state.sample, state.final
    noisy = check is not None and not check.clean
    noise = check.noise if check is not None and check.noise is not None else float(noisy)
    compares = sample_kind(sample).comparable
    new = state.is_replaced and compares
    if truth is None:
        return _Told(noisy, noise, new, False, False, False)
    same = _says(sample, (sample.response, *sample.other_responses), truth)
    if same is None and compares:
        return _Told(noisy, noise, False, False, False, False)
    # Who checks free text corrects the given one: one that differs was wrong.
    right = _says(sample, (final,), truth) if new and final is not None else None
    return _Told(noisy, noise, new and right is not None, True, not same, bool(right))


def _says(sample: Sample, responses: tuple[str, ...], truth: str) -> bool | None:
    return agree_with_any(sample, truth, responses) if any(text.strip() for text in responses) else False


def _audit(judged: list[_Told], checked: int, known: int, incomparable: int) -> Audit:
    columns = _Told(*(numpy.array(column) for column in zip(*judged, strict=True)))  # type: ignore[arg-type]
    figures = audit_figures(
        numpy.asarray(columns.noisy),
        numpy.asarray(columns.wrong, dtype=numpy.float64),
        numpy.asarray(columns.checked),
        numpy.asarray(columns.noise, dtype=numpy.float64),
        numpy.asarray(columns.repaired),
        numpy.asarray(columns.right, dtype=numpy.float64),
    )
    told = {name: _figure(share) for name, share in figures._asdict().items()}
    return Audit(samples=len(judged), checked=checked, not_blind=known, incomparable=incomparable, **told)


def _figure(share: Share) -> Figure:
    value = None if share.value is None else round(share.value, 6)
    return Figure(value=value, low=round(share.low, 6), high=round(share.high, 6), checked=share.checked)
