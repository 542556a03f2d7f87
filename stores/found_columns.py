"""Finding the prompt, the response and the options of a file by its columns' names, and by what they hold."""

import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from stores.column_names import KEYS, OPTIONS, PASSAGES, PROMPTS, RESPONSES, SERIES, simple_name
from stores.fields import parse_nested
from stores.head import Head


def find_options(head: Head, key_column: str | None) -> dict[str, Any]:
    """Return where the options are, as the parts of a layout."""
    for name in OPTIONS:
        column = head.find(name)
        if column is None or column == key_column or not (name == "options" or head.says(column)):
            continue
        # Lists of right answers are called so, too: then nothing else says which is right.
        is_right = name == "answers" and head.find("label", "answerkey", "correctanswer") is None
        if not is_right and (name == "options" or _hold_options(head.values(column))):
            return {"options": (column,)}
    if (right := head.find("correctanswer", "bestanswer", "rightanswer")) and (wrong := _wrong_answers(head)):
        return {"options": (right, *wrong), "response": right, "wrong": wrong}
    return _option_series(head)


def _wrong_answers(head: Head) -> tuple[str, ...]:
    pattern = re.compile(r"(distractor|incorrectanswer|wronganswer)(\d+)")
    return tuple(
        column for column in head.columns if pattern.fullmatch(simple_name(column)) and head.says(column)
    )


def _hold_options(values: Sequence[object]) -> bool:
    nested = [parse_nested(value) for value in values[:50]]
    return bool(nested) and all(isinstance(value, list | dict) for value in nested)


def _option_series(head: Head) -> dict[str, Any]:
    """Return the columns that hold one option each, as A to D or option1 to option4."""
    for prefix in SERIES:
        for first in ("a", "0", "1"):
            if not prefix and first != "a":
                continue
            columns = []
            for place in range(26):
                name = prefix + (chr(ord("a") + place) if first == "a" else str(int(first) + place))
                column = head.find(name)
                if column is None:
                    break
                columns.append(column)
            if len(columns) >= 2:
                labels = ascii_uppercase if first == "a" else [str(int(first) + place) for place in range(26)]
                return {"options": tuple(columns), "labels": tuple(labels[: len(columns)])}
    return {}


def find_response(head: Head, *, has_options: bool, without: set[str]) -> str | None:
    names = (
        (*KEYS, *RESPONSES)
        if has_options and head.find("completion", "response", "output") is None
        else RESPONSES
    )
    silent = None
    for name in names:
        column = head.find(name)
        if column is None or name == "gold" or (column in without and name != "mc1targets"):
            continue
        if name == "code" and head.find("text", "prompt", "docstring", "instruction") is None:
            continue
        if head.says(column):
            return column
        silent = silent or column
    return silent


def find_prompt(head: Head, without: set[str]) -> tuple[str, ...]:
    """Return the columns that are asked, the passages before them; empty ones at last."""
    return _asked_columns(head, without, speaking=True) or _asked_columns(head, without, speaking=False)


def _asked_columns(head: Head, without: set[str], *, speaking: bool) -> tuple[str, ...]:
    for group in PROMPTS:
        columns = head.find_all(group)
        if columns is None or (without & set(columns) and group != ("translation",)):
            continue
        if (
            speaking
            and not all(head.says(column) for column in columns)
            and group != ("instruction", "input")
        ):
            continue
        passages = [
            column for name in PASSAGES if (column := head.find(name)) and column not in {*columns, *without}
        ]
        if group == ("translation",):
            return columns
        if len(columns) == 1 and group[0] in ("document", "article", "dialogue", "passage", "context"):
            passages = []
        if group[0] == "goal" or group[0] == "ctx":
            passages = []
        return (*dict.fromkeys(passages), *columns)
    return ()
