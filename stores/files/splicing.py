"""Putting new values into a JSON text and leaving every other byte as it is."""

import ast
import json
from collections.abc import Iterator, Mapping

_SPACE = " \t\r\n"
_decoder = json.JSONDecoder()


def splice(text: str, old: Mapping[str, object], changed: Mapping[str, object]) -> str:
    """Return a JSON object's text with some of its members changed or added.

    Args:
        text: the object, from bracket to bracket.
        old: what it holds.
        changed: the members that are new or other than in `old`. A list or an object in place of a text is
            written as text, as JSON or as Python writes it.
    """
    places = {name: (start, end) for name, start, end in members(text)}
    is_ascii = text.isascii() and "\\u" in text
    edits = []
    added = []
    for name, value in changed.items():
        if name in places:
            start, end = places[name]
            edits += _edits(text, start, end, old.get(name), value, is_ascii)
        else:
            added.append((name, value))
    text = _edited(text, edits)
    for name, value in added:
        text = _with_member(text, name, value, is_ascii)
    return text


def respell(old: str, value: object) -> str:
    """Return the text of a cell that held `old` and is to hold a value.

    A cell that holds JSON keeps its other bytes. One that holds a Python literal is written as one.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list | dict):
        return "" if value is None else str(value)
    try:
        held = json.loads(old)
    except ValueError:
        return repr(value) if _is_literal(old) else json.dumps(value, ensure_ascii=False)
    start = len(old) - len(old.lstrip(_SPACE))
    end = len(old.rstrip(_SPACE))
    is_ascii = old.isascii() and "\\u" in old
    return _edited(old, _edits(old, start, end, held, value, is_ascii))


def members(text: str, at: int = 0) -> Iterator[tuple[str, int, int]]:
    """Yield the name, start and end of each value in the JSON object that begins at a place of a text."""
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = _decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = _decoder.raw_decode(text, start)
        yield name, start, end
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at


def _elements(text: str, at: int) -> Iterator[tuple[int, int]]:
    at = _skip(text, at + 1)
    while text[at] != "]":
        _, end = _decoder.raw_decode(text, at)
        yield at, end
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at


def _edits(
    text: str, start: int, end: int, old: object, new: object, is_ascii: bool
) -> list[tuple[int, int, str]]:
    """Return the fewest edits, each a start, an end and a text, that make the value at a place another."""
    if old == new and type(old) is type(new):
        return []
    if isinstance(old, dict) and isinstance(new, dict) and list(old) == list(new):
        places = [(old[name], new[name], begin, stop) for name, begin, stop in members(text, start)]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        spans = list(_elements(text, start))
        places = [(was, now, *span) for was, now, span in zip(old, new, spans, strict=True)]
    elif isinstance(old, str) and isinstance(new, list | dict):
        return [(start, end, json.dumps(respell(old, new), ensure_ascii=is_ascii))]
    else:
        return [(start, end, json.dumps(new, ensure_ascii=is_ascii))]
    return [
        edit for was, now, begin, stop in places for edit in _edits(text, begin, stop, was, now, is_ascii)
    ]


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _with_member(text: str, name: str, value: object, is_ascii: bool) -> str:
    """Return an object with one member more, set apart as its others are."""
    places = [start for _, start, _ in members(text)]
    member_end = max((end for _, _, end in members(text)), default=1)
    first = _skip(text, 1)
    lead = text[1:first] if places else ""
    if len(places) == 1 and not lead:
        lead = text[places[0] - 1] if text[places[0] - 1] in _SPACE else ""
    if places and len(places) > 1:
        second = text.index(",", next(members(text))[2])
        lead = text[second + 1 : _skip(text, second + 1)]
    colon = text.index(":", _decoder.raw_decode(text, first)[1]) if places else 0
    after_colon = text[colon + 1 : places[0]] if places else " "
    written = json.dumps(value, ensure_ascii=is_ascii)
    member = f"{',' if places else ''}{lead}{json.dumps(name)}:{after_colon}{written}"
    return text[:member_end] + member + text[member_end:]


def _is_literal(text: str) -> bool:
    try:
        return isinstance(ast.literal_eval(text.strip()), list | tuple | dict)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
