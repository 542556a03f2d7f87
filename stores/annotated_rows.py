"""Rows by several annotators, put together: one sample where a file has a row for each annotator."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from stores.annotations import commonest, plain_response
from stores.fields import RowError
from stores.shapes import ReadRow, content_hash, prompt_hash

Refuse = Callable[[int, RowError], None]
"""Takes a row that cannot be used, by its line."""


def merge_annotations(rows: Iterable[ReadRow], refuse: Refuse) -> Iterator[ReadRow]:
    """Put the rows of each sample together, in the order of their first rows; all are held in memory.

    Rows are of one sample where they share the id that they give, else where history, prompt and options are
    the same.

    Args:
        rows: every row of a file whose column names an annotator.
        refuse: takes a row that contradicts an earlier one of its sample.
    """
    groups: dict[tuple[bool, str], list[ReadRow]] = {}
    for row in rows:
        asked = prompt_hash(row.sample)
        known = groups.setdefault((row.explicit, row.sample.id if row.explicit else asked), [])
        if known and (error := _contradiction(known, row, asked)):
            refuse(row.line, error)
        else:
            known.append(row)
    yield from map(_merged, groups.values())


def _contradiction(known: Sequence[ReadRow], row: ReadRow, asked: str) -> RowError | None:
    """Return why a row cannot be of the same sample as earlier ones; None where it can."""
    first = known[0]
    if prompt_hash(first.sample) != asked:
        return RowError("id", f"has another prompt or other options than line {first.line} of the same id")
    for other in known:
        same = {said.annotator for said in other.sample.annotations} & {
            said.annotator for said in row.sample.annotations
        }
        if same and plain_response(other.sample.response) != plain_response(row.sample.response):
            return RowError(
                "annotator", f"'{min(same)}' gives another response to this sample in line {other.line}"
            )
        trusted = (other.sample.trusted, row.sample.trusted)
        if None not in trusted and plain_response(trusted[0] or "") != plain_response(trusted[1] or ""):
            return RowError("trusted", f"another response to this sample is trusted in line {other.line}")
    return None


def _merged(group: Sequence[ReadRow]) -> ReadRow:
    """Return the rows of one sample as one."""
    first = group[0].sample
    by_name = {said.annotator: said for row in group for said in row.sample.annotations}
    annotations = tuple(by_name[name] for name in sorted(by_name))
    response = commonest(annotations) if annotations else first.response
    hashed = content_hash(
        first.history, first.prompt, first.options, response, after=first.after, tools=first.tools
    )
    told = next((row.sample for row in group if row.sample.gold is not None), first)
    merged = first.model_copy(
        update={
            "id": first.id if group[0].explicit else hashed,
            "response": response,
            "annotations": annotations,
            "gold": told.gold,
            "other_golds": told.other_golds,
            "trusted": next((row.sample.trusted for row in group if row.sample.trusted is not None), None),
        }
    )
    return group[0]._replace(sample=merged)
