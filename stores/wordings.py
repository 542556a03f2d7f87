"""Other wordings of prompts, in a file of their own: read, and met with the samples they are of."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from stores.bad_rows import BadRows
from stores.column_names import IDS
from stores.columns import look_up, template_names
from stores.dataset import ReadingRules
from stores.errors import DataError
from stores.fields import RowError, is_blank, name_type, read_prompt
from stores.found_columns import find_prompt
from stores.head import Head
from stores.named_columns import keep_those_there
from stores.records import Skipped
from stores.rows import read_source
from stores.sample import Sample
from stores.shapes import given_id

_HEAD = 1000
# What other wordings are called where the prompt as it is has a column too.
_NAMES = ("wording", "paraphrase", "paraphrased", "paraphrasedprompt", "paraphrasedquestion", "rephrased")


class _Layout(NamedTuple):
    """Which columns name the sample, and hold the other wording."""

    id: str
    prompt: tuple[str, ...]


def read_wordings(
    source: str | Path,
    samples: Callable[[], Iterable[Sample]],
    *,
    rules: ReadingRules,
    skip: Callable[[Skipped], None] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Return the other wordings of prompts, by the ids of the samples that they are of.

    A row has the `id` of a sample, and another wording of its prompt. Several rows may be of one sample.

    Args:
        source: a data file or a data set of the hub.
        samples: starts the samples' stream.
        rules: how the file is read.
        skip: is told of each row that is set aside, where `rules.on_bad_row` is `skip`.

    Raises:
        DataError: the file cannot be read, or its columns tell no ids or no prompts. Or rows name no sample,
            say nothing, or repeat the sample's own prompt or another row.
    """
    bad = BadRows(source, rules.on_bad_row, skip)
    rows = list(_read(source, _layout_of(source, rules), bad))
    wanted = {identifier for _, identifier, _ in rows}
    prompts = {sample.id: sample.prompt for sample in samples() if sample.id in wanted}
    found: dict[str, list[str]] = {}
    used = 0
    for line, identifier, wording in rows:
        try:
            _check(wording, identifier, prompts, found)
        except RowError as error:
            bad.add(line, error)
            continue
        found.setdefault(identifier, []).append(wording)
        used += 1
    bad.end(used)
    if not found:
        raise DataError("holds no rows", path=source)
    return {identifier: tuple(wordings) for identifier, wordings in found.items()}


def _check(wording: str, identifier: str, prompts: Mapping[str, str], found: Mapping[str, list[str]]) -> None:
    """Check that a wording is another one of a sample that there is.

    Raises:
        RowError: it is not.
    """
    if identifier not in prompts:
        reason = "matches no sample"
        raise RowError("id", f"{reason}: no test sample has the id '{identifier[:60]}'", reason)
    known = (prompts[identifier], *found.get(identifier, ()))
    if wording.strip() in map(str.strip, known):
        reason = "repeats a wording"
        raise RowError("prompt", f"{reason} that the sample '{identifier[:60]}' has already", reason)


def _layout_of(source: str | Path, rules: ReadingRules) -> _Layout:
    rows = (row for _, row in read_source(source) if isinstance(row, Mapping))
    head = Head([row for row in islice(rows, _HEAD) if all(isinstance(name, str) for name in row)])
    columns = keep_those_there(rules.columns, head.columns)
    identifier = columns.id or head.find("id", *IDS)
    prompt: tuple[str, ...] = ()
    if columns.prompt is not None and not template_names(columns.prompt):
        prompt = (columns.prompt,)
    elif worded := head.find(*_NAMES):
        prompt = (worded,)
    elif identifier is not None:
        prompt = find_prompt(head, {identifier})
    if identifier is None or not prompt:
        lacks = "id" if identifier is None else "prompt"
        raise DataError(
            f"there is no {lacks}: a row has the `id` of a test sample, and a `prompt` in other words; "
            f"found: {', '.join(head.columns) or 'none'}",
            path=source,
            line=1,
        )
    return _Layout(identifier, prompt)


def _read(source: str | Path, layout: _Layout, bad: BadRows) -> Iterator[tuple[int, str, str]]:
    """Yield each row's line, the id that it names, and its wording."""
    for line, row in read_source(source):
        try:
            if isinstance(row, RowError):
                raise row
            if not isinstance(row, Mapping):
                raise RowError(None, f"must be an object, not {name_type(row)}")
            identifier = given_id(row, layout.id)
            if identifier is None:
                raise RowError(layout.id, "is empty")
            # Passages before the question may be empty, the question may not.
            *before, last = layout.prompt
            told = [name for name in before if not is_blank(look_up(row, name))]
            wording = "\n\n".join(read_prompt(look_up(row, name), name) for name in (*told, last))
        except RowError as error:
            bad.add(line, error)
            continue
        yield line, identifier, wording
