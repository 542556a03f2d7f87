"""Records as the cells of Markdown tables."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = dict[str, Any]
NOT_RUN = "not run"
_LONGEST = 120


def table(corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Return a table whose rows have names."""
    return grid((corner, *columns), ((name, *cells) for name, cells in rows.items()))


def grid(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Return a text that cannot break a table or be taken for markup."""
    short = " ".join(text.split())[:_LONGEST]
    return "".join(f"\\{sign}" if sign in "\\|<>`*_[]&" else sign for sign in short)


def share(value: float | None) -> str:
    """Return a share in percent."""
    return "-" if value is None else f"{100 * value:.1f}"


def decimal(value: float | None) -> str:
    """Return a figure with two decimals."""
    return "-" if value is None else f"{value:.2f}"


def accuracies(records: Iterable[Record], **cell: object) -> list[float]:
    """Return the accuracies of a cell's seeds, in percent, where answers could be told right or wrong."""
    known = (record["accuracy"] for record in records if cell.items() <= record.items())
    return [100 * share for share in known if share is not None]


def accuracy(records: Iterable[Record], **cell: object) -> str:
    """Return a cell's mean accuracy over its seeds, their range, and how many there are, if several."""
    known = accuracies(records, **cell)
    if not known:
        return NOT_RUN
    mean = f"{statistics.mean(known):.1f}"
    return mean if len(known) == 1 else f"{mean} ({min(known):.1f} to {max(known):.1f}; {len(known)} seeds)"


def named(records: Iterable[Record], known: Iterable[str]) -> list[str]:
    """Return those of the known methods that were run."""
    run = {record["method"] for record in records}
    return [name for name in known if name in run]


def means(records: Iterable[Record], figures: str) -> dict[str, dict[str, float]]:
    """Return each method's named figures, means over its seeds; a list's are named by their place from 1."""
    known: dict[str, dict[str, list[float]]] = {}
    for record in records:
        given = record.get(figures) or {}
        if isinstance(given, list):
            given = {str(place): value for place, value in enumerate(given, start=1)}
        for name, value in given.items():
            if value is not None:
                known.setdefault(record["method"], {}).setdefault(name, []).append(value)
    return {
        method: {name: statistics.mean(values) for name, values in figures.items()}
        for method, figures in known.items()
    }
