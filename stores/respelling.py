"""Giving a raw row another response in the row's own spelling: the way back from a sample to its row.

Every row that comes out is read again. What does not read as the new response to the same prompt is not used.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stores.column_names import simple_name
from stores.fields import RowError, is_blank, parse_nested
from stores.options import Options, find_option, respell_option, whole_number
from stores.sample import Sample
from stores.survey import Reading, options_of

# Columns that say the answer once more, by its key or in words.
_BESIDE = (
    "answer", "answeridx", "answerindex", "answerkey", "answertext", "correctanswer", "correctidx",
    "correctindex", "correctoption", "cop", "label", "labelname", "labeltext",
)  # fmt: skip

_Path = tuple[str | int, ...]


def respell(row: Mapping[str, Any], reading: Reading, response: str) -> dict[str, Any] | None:
    """Return a row with another response; all else in it stays. None where the row has no way to say it.

    Args:
        row: the columns as the file holds them.
        reading: how the file is read.
        response: the new response; of multiple choice an option's text.

    Example:
        `{"choices": ["red", "blue"], "answer": 0}` with the response "blue" has the answer 1.
    """
    sample = reading.sample(row, noisy=True)
    if sample.response == response:
        return dict(row)
    for candidate in _candidates(row, reading, sample, response):
        try:
            again = reading.sample(candidate)
        except RowError:
            continue
        if again.response == response and _asks_the_same(again, sample):
            return candidate
    return None


def _asks_the_same(one: Sample, other: Sample) -> bool:
    return all(
        getattr(one, name) == getattr(other, name) for name in ("prompt", "options", "history", "after")
    )


def _candidates(
    row: Mapping[str, Any], reading: Reading, sample: Sample, response: str
) -> Iterator[dict[str, Any]]:
    """Yield rows that may say the response, the one that changes least first."""
    layout = reading.layout
    if layout.wrong:
        yield from _swapped(row, reading, response)
    named = [layout.text, layout.response, layout.turns]
    for column in dict.fromkeys(name for name in named if name is not None):
        yield from _in_column(row, column, reading, sample, response)


def _swapped(row: Mapping[str, Any], reading: Reading, response: str) -> Iterator[dict[str, Any]]:
    """Yield a row in which the right answer and a wrong one, in columns of their own, changed places."""
    right = reading.layout.response
    for column in reading.layout.wrong:
        if right is not None and str(row.get(column)) == response:
            yield {**row, right: row[column], column: row[right]}


def _in_column(
    row: Mapping[str, Any], column: str, reading: Reading, sample: Sample, response: str
) -> Iterator[dict[str, Any]]:
    root = column if column in row else column.partition(".")[0]
    if root not in row:
        return
    held = parse_nested(row[root])
    for value in _values(held, column, row, reading, sample, response):
        # The same conversation may be there twice, as `chosen` and as `messages`.
        repeated = [name for name in row if isinstance(held, list | dict) and row[name] == row[root]]
        new = {**row, **dict.fromkeys(repeated, value), root: value}
        yield {**new, **_beside(row, root, reading, sample, response)}
        yield new


def _values(
    held: Any, column: str, row: Mapping[str, Any], reading: Reading, sample: Sample, response: str
) -> Iterator[Any]:
    """Yield what a column may hold in place of what it holds."""
    options = options_of(reading, row)
    if isinstance(held, dict) and isinstance(held.get("labels"), list) and options:
        texts = held.get("choices") or held.get("text") or []
        yield {**held, "labels": [int(str(text).strip() == response) for text in texts]}
    if isinstance(held, list | dict) and reading.layout.turns != column:
        yield from _as_only_one(held, sample, response)
    if isinstance(held, bool) and not options:
        yield not held
    for path in reversed(list(_leaves(held))):
        leaf = _at(held, path)
        if options and response in options.texts:
            yield from (_put(held, path, key) for key in _keys(leaf, options, reading, sample, response))
        if str(leaf) == sample.response or sample.response == "":
            yield _put(held, path, _like(leaf, response))
        elif isinstance(leaf, str) and sample.response and leaf.strip() == sample.response.strip():
            yield _put(held, path, response)
    if not isinstance(held, list | dict):
        yield _like(held, response)


def _as_only_one(held: Any, sample: Sample, response: str) -> Iterator[Any]:
    """Yield a list of right answers as a list of one. Lists beside it that are as long go with it."""
    if isinstance(held, list) and all(isinstance(entry, str | int | float) for entry in held):
        yield [_like(held[0], response)] if held else [response]
    if not isinstance(held, dict):
        return
    if str(held.get("value")) == sample.response:
        yield {**held, "value": response, **{name: [] for name in held if name.endswith("aliases")}}
    for name, value in held.items():
        if isinstance(value, list) and (not value or str(value[0]) == sample.response):
            beside = {
                other: _start(sample, response) if "start" in other else entries[:1]
                for other, entries in held.items()
                if other != name and isinstance(entries, list) and len(entries) == len(value)
            }
            yield {**held, **beside, name: [response]}


def _start(sample: Sample, response: str) -> list[int]:
    """Return where a passage has the response, as extractive sets say it; -1 where it has not."""
    passage = sample.prompt.rpartition("\n\n")[0]
    return [passage.find(response)]


def _keys(old: object, options: Options, reading: Reading, sample: Sample, response: str) -> Iterator[object]:
    """Yield how an answer that is a key says another option: a number as a number first."""
    place = options.texts.index(response)
    number = whole_number(old)
    if number is not None and sample.response in options.texts:
        moved = number - options.texts.index(sample.response) + place
        yield type(old)(moved) if isinstance(old, int | float) else str(moved)
    yield respell_option(old, options, reading.keys, place)


def _beside(
    row: Mapping[str, Any], root: str, reading: Reading, sample: Sample, response: str
) -> dict[str, Any]:
    """Return what the other columns that say the old response are to hold."""
    layout = reading.layout
    taken = {root, layout.gold, *layout.prompt, *layout.options, *layout.wrong}
    options = options_of(reading, row)
    said: dict[str, Any] = {}
    for name, value in row.items():
        if name in taken or simple_name(name) not in _BESIDE or isinstance(value, bool | list | dict):
            continue
        if value == sample.response:
            said[name] = response
        elif options and {sample.response, response} <= set(options.texts) and not is_blank(value):
            said[name] = _key_beside(value, options, reading, sample, response)
    return said


def _key_beside(value: Any, options: Options, reading: Reading, sample: Sample, response: str) -> object:
    try:
        is_same = options.texts[find_option(value, options, reading.keys, "answer")] == sample.response
    except RowError:
        return value
    return next(_keys(value, options, reading, sample, response)) if is_same else value


def _like(old: object, response: str) -> object:
    """Return a response as a number, where the old one is and it can be."""
    if isinstance(old, int | float) and not isinstance(old, bool):
        for kind in (int, float):
            try:
                number = kind(response)
            except ValueError:
                continue
            if str(number) == response:
                return number
    return response


def _leaves(value: object, path: _Path = ()) -> Iterator[_Path]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path


def _at(value: Any, path: _Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _put(value: Any, path: _Path, new: object) -> Any:
    if not path:
        return new
    step, *rest = path
    if isinstance(value, Mapping):
        return {**value, step: _put(value[str(step)], tuple(rest), new)}
    place = int(step)
    return [*value[:place], _put(value[place], tuple(rest), new), *value[place + 1 :]]
