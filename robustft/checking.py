"""Files for a person to fill in: the samples whose check is worth most, or random ones for an audit."""

import csv
import hashlib
import heapq
import io
import json
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from agents.record import SampleRecord
from graph.state import SampleState
from robustft.api import check_out
from stores.atomic import write_text_atomically
from stores.errors import DataError, InputError
from stores.files.check_cells import DRAWN, Drawn, guard
from stores.journal import Journal
from stores.run_directory import RunDirectory, storage_errors
from stores.sample import Sample
from training.worth import Candidate, choose_to_check

# Options that so many samples have are classes: what is found of one class is found of all its samples.
_SHARED = 10
_LINES = (".jsonl", ".ndjson")


def write_check_file(
    directory: str | Path,
    out: str | Path,
    count: int,
    *,
    audit: bool = False,
    seed: int = 0,
    force: bool = False,
) -> int:
    """Write samples of a run into a file in which a person says what is right.

    Each row has the `id`, the `prompt`, the `options`, the `response` as given, and `trusted`. Whoever checks
    a row corrects its response where that is wrong, and sets `trusted` to true. The file is then one of
    trusted responses: rows that nobody has checked count for nothing. The column `robustft_drawn` says how
    the samples were chosen. In CSV, what a spreadsheet would take for a formula has an apostrophe before it.

    Args:
        directory: the run directory; nothing in it is opened for writing.
        out: the file to write, JSON lines or CSV by its name.
        count: how many samples. Those that are trusted already are left out.
        audit: take random samples in a random order, and show nothing that the run found: an audit is blind.
            Else the samples are those whose check is worth most (`training.worth`), with a `suggestion`
            where the run has another response.
        seed: decides which samples an audit takes. A larger audit of the same seed holds a smaller one.
        force: replace a file that exists.

    Returns:
        How many rows were written.

    Raises:
        RunDirectoryError: there is no run in that directory.
        InputError: the run has judged no sample yet, or `out` is inside the run directory.
        DataError: the file exists or cannot be written, or its name ends otherwise.
        StorageError: the run's journal cannot be read.
    """
    target = Path(out)
    if target.suffix.lower() not in (*_LINES, ".csv"):
        raise DataError("JSON lines or CSV are written: let its name end in .jsonl or .csv", path=target)
    check_out(directory, target, force=force)
    files = RunDirectory(Path(directory))
    with storage_errors(str(directory)), closing(files.open_journal(read_only=True)) as journal:
        chosen = _at_random(journal, count, seed) if audit else _worthiest(journal, count)
        if not chosen:
            raise InputError(f"{directory}: has no sample to check: none is judged yet, or all are trusted")
        states = [state for state in (_state(journal, identifier) for identifier in chosen) if state]
    drawn: Drawn = "random" if audit else "worth"
    rows = [{**_row(state, shows=not audit), DRAWN: drawn} for state in states]
    _write(target, rows)
    return len(rows)


def judged_samples(journal: Journal) -> Iterator[SampleState]:
    """Yield the samples of a run that have a verdict of their own: neither failed nor trusted ones."""
    for sample, entry in journal.entries():
        if sample.trusted is None:
            state = SampleState.from_entry(sample, entry)
            if state.check is not None and state.status != "failed":
                yield state


def risk_of(record: SampleRecord) -> float:
    """Return the probability that what became of a judged sample is wrong.

    Without any probability of the run's, it is the share of views that contradict the verdict, as if one more
    did and one more did not.
    """
    if record.final is not None and record.consensus is not None:
        return 1 - record.consensus.confidence
    check = record.check
    if check is None:
        return 0.5
    if check.noise is not None:
        return check.noise if check.clean else 1 - check.noise
    views = record.view_answers()
    agreed = sum(view in check.agreed for view in views)
    against = len(views) - agreed if check.clean else agreed
    return (against + 1) / (len(views) + 2)


def _at_random(journal: Journal, count: int, seed: int) -> list[str]:
    # By a hash of the id, the order of the data does not matter, and a larger audit holds a smaller one.
    def place(identifier: str) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed} {identifier}".encode()).digest(), identifier

    return heapq.nsmallest(count, (state.sample.id for state in judged_samples(journal)), key=place)


def _worthiest(journal: Journal, count: int) -> list[str]:
    shared = Counter(hash(sample.options) for sample in journal.samples("train") if sample.options)
    candidates = (
        Candidate(state.sample.id, risk_of(state), _group(state, shared)) for state in judged_samples(journal)
    )
    return choose_to_check(candidates, count)


def _group(state: SampleState, shared: Counter[int]) -> Hashable:
    """Return what a sample shares with those that look alike."""
    sample, check = state.sample, state.check
    agreed = check.agreed if check is not None else ()
    judged = check.judged if check is not None else None
    said: dict[str, object] = {
        view: None if answer is None else view in agreed for view, answer in state.view_answers().items()
    }
    options = hash(sample.options)
    if not sample.options or shared[options] < _SHARED:
        return sample.task, sample.kind, judged, *said.items()
    answers = {view: _plain(answer) for view, answer in state.view_answers().items()}
    return sample.task, options, _plain(sample.response), judged, *answers.items()


def _plain(answer: str | None) -> str | None:
    return None if answer is None else answer.strip().casefold()


def _state(journal: Journal, identifier: str) -> SampleState | None:
    sample, entry = journal.sample(identifier), journal.entry(identifier)
    return None if sample is None or entry is None else SampleState.from_entry(sample, entry)


def _row(state: SampleState, *, shows: bool) -> dict[str, Any]:
    sample = state.sample
    suggestion = {"suggestion": state.final if state.final != sample.response else None} if shows else {}
    return {
        "id": sample.id,
        "before": _before(sample),
        "prompt": sample.prompt,
        "options": list(sample.options),
        "response": sample.response,
        **suggestion,
        "trusted": False,
    }


def _before(sample: Sample) -> str:
    """Return the turns before a sample's response that its prompt does not hold, to read."""
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in (*sample.history, *sample.after))


def _write(target: Path, rows: Sequence[dict[str, Any]]) -> None:
    # The same columns in every row; those that no row needs are left out.
    used = [name for name in rows[0] if name == "trusted" or any(row[name] for row in rows)]
    columns = ["id", "prompt", "response", "trusted"]
    kept = [name for name in rows[0] if name in used or name in columns]
    shown = [{name: row[name] for name in kept} for row in rows]
    text = _as_lines(shown) if target.suffix.lower() in _LINES else _as_csv(shown, kept)
    try:
        write_text_atomically(target, text)
    except OSError as exc:
        raise DataError(f"cannot be written ({exc.strerror or exc})", path=target) from exc


def _as_lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _as_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    # As RFC 4180 has it. With another end, a lone carriage return would not be quoted.
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        options = {"options": json.dumps(row["options"], ensure_ascii=False)} if "options" in row else {}
        cells = {**row, **options, "trusted": ""}
        writer.writerow({name: guard(str(cell or "")) for name, cell in cells.items()})
    return text.getvalue()
