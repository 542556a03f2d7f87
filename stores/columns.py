"""Which column of a file is what: the prompt, the response, the options, and what goes with them.

Columns are known by their names, as data sets publish them, and by what they hold. `data.columns` names any
others. A column that looks as if it belonged to the question and has no use stops the reading.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Any

from pydantic import BaseModel, ConfigDict

from stores.column_names import (
    CLASSES,
    HISTORY,
    KEYS,
    KINDS,
    OPTIONS,
    OTHERS,
    PASSAGES,
    PROMPTS,
    RESPONSES,
    SERIES,
    SYSTEM,
    TOOLS,
    TURNS,
    belongs_to_prompt,
    simple_name,
)
from stores.fields import RowError, is_blank, is_empty, parse_nested
from stores.turns import looks_like_turns, read_turns


class ColumnsConfig(BaseModel):
    """Which column is what, where the names do not tell. A dot reaches into nested ones: `choices.text`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prompt: str | None = None
    """The prompt's column, or a text with names of columns in braces: `"{context}\\n\\n{question}"`."""
    response: str | None = None
    """The column of the response."""
    options: str | tuple[str, ...] | None = None
    """The column of the options, or one column an option. Names that are no columns are the options."""
    answer: str | None = None
    """The column that says which option is the response: by letter, number, text or truth."""
    id: str | None = None
    """The column that names a sample."""
    task: str | None = None
    """The column that groups samples of one kind."""
    system: str | None = None
    """The column of the system turn."""
    context: str | None = None
    """A column that is shown before the prompt."""
    kind: str | None = None
    """The column that names the kind of the answers."""
    gold: str | None = None
    """The column of the right response, for metrics."""
    ignore: tuple[str, ...] = ()
    """Columns to do without, although they look as if they belonged to the question."""


@dataclass(frozen=True)
class Layout:
    """Which column of a file is what. All are names of columns, in the file's own spelling; None for none.

    Args:
        shape: what such files are called in messages.
        turns: the conversation.
        prompt: the columns that are asked, in their order, with a blank line between.
        template: in place of `prompt`, a text with names of columns in braces.
        response: the response, or what says which option it is.
        key: whether the response names an option rather than to be its text.
        options: the columns of the options: one that holds all, or one an option.
        labels: of one column an option, what the columns' names count as: letters or numbers.
        classes: what the response of every sample can be, where no column has it.
        wrong: of a right answer and wrong ones in columns of their own, the columns of the wrong ones.
        others: further right responses.
    """

    shape: str
    turns: str | None = None
    prompt: tuple[str, ...] = ()
    template: str | None = None
    response: str | None = None
    key: bool = False
    options: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    others: str | None = None
    text: str | None = None
    """The response in full, of samples whose `response` names an option and that have none."""
    system: str | None = None
    tools: str | None = None
    history: str | None = None
    id: str | None = None
    task: str | None = None
    gold: str | None = None
    kind: str | None = None
    columns: tuple[str, ...] = ()
    """All columns of the file, for messages."""
    ignored: tuple[str, ...] = ()
    """Columns that the user does without."""
    instruction: str | None = None
    """What is asked of a text that comes without a question."""

    def fits(self, row: Mapping[str, object]) -> bool:
        """Return whether a row has the columns of a conversation, or of a prompt and a response."""
        needed = [self.turns] if self.turns is not None else [self.response, *self.prompt[-1:]]
        return all(name is None or has_column(row, name) for name in needed)

    def used(self) -> set[str]:
        """Return the columns that have a use. Of a nested one it is the column that holds it."""
        named = {*self.prompt, *self.options, *self.wrong, *template_names(self.template or "")}
        named |= {
            name
            for name in (
                self.turns, self.response, self.text, self.others, self.system, self.tools, self.history,
                self.id, self.task, self.gold, self.kind,
            )
            if name is not None
        }  # fmt: skip
        return {name if name in self.columns else name.partition(".")[0] for name in named}


_NAME = re.compile(r"\{([^{}\n]{1,200})\}")
_MAPPED = ("prompt", "response", "answer", "id", "task", "system", "context", "kind", "gold")


def template_names(template: str) -> tuple[str, ...]:
    """Return the names in braces."""
    return tuple(dict.fromkeys(_NAME.findall(template)))


def fill_template(template: str, texts: Mapping[str, str]) -> str:
    """Return a template with its columns' texts in their places; what a text holds is never filled in."""
    return _NAME.sub(lambda match: texts[match[1]], template)


def look_up(row: Mapping[str, Any], name: str) -> object:
    """Return what a column holds; a dot reaches into nested ones, and through lists of objects.

    Example: of `{"choices": {"text": ["a", "b"]}}`, `choices.text` is the list.
    """
    if name in row:
        return row[name]
    found: object = row
    for part in name.split("."):
        found = parse_nested(found)
        if isinstance(found, list):
            found = [entry.get(part) if isinstance(entry, Mapping) else None for entry in found]
        elif isinstance(found, Mapping):
            found = found.get(part)
        else:
            return None
    return found


def has_column(row: Mapping[str, Any], name: str) -> bool:
    """Return whether a row has a column; of a nested one, the column that holds it."""
    return name in row or name.partition(".")[0] in row


class _Head:
    """The first rows of a file: its columns, and what they hold."""

    def __init__(self, rows: Sequence[Mapping[str, object]], without: Sequence[str] = ()) -> None:
        left_out = self.without = set(without)
        self.rows = rows
        self.columns = tuple(dict.fromkeys(name for row in rows for name in row if name not in left_out))
        self._by_name: dict[str, str] = {}
        for column in self.columns:
            self._by_name.setdefault(simple_name(column), column)
        self._by_name |= {column: column for column in self.columns}

    def find(self, *names: str) -> str | None:
        """Return the first column of these names."""
        return next((self._by_name[name] for name in names if name in self._by_name), None)

    def find_all(self, names: Sequence[str]) -> tuple[str, ...] | None:
        """Return the columns of all these names; None where one is missing."""
        found = tuple(self._by_name[name] for name in names if name in self._by_name)
        return found if len(found) == len(names) else None

    def values(self, column: str) -> list[object]:
        """Return what a column holds, the empty values left out."""
        return [value for row in self.rows if not is_empty(value := look_up(row, column))]

    def says(self, column: str) -> bool:
        """Return whether a column holds anything."""
        return bool(self.values(column))

    def is_text(self, column: str) -> bool:
        """Return whether a column holds text or nothing."""
        return all(isinstance(value, str) for value in self.values(column))


def find_layout(
    rows: Sequence[Mapping[str, object]],
    config: ColumnsConfig | None = None,
    *,
    names: Mapping[str, Sequence[str]] | None = None,
    strict: bool = True,
) -> Layout:
    """Return which column is what.

    Args:
        rows: the first rows of a file; more of them tell more.
        config: names columns; it goes before what the names tell.
        names: by column, the names of its numbers: classes that the file itself describes.
        strict: whether a column of the config that is missing is an error; else it is as if not named.

    Raises:
        RowError: the columns tell no prompt or no response, or one is missing that the config names.
    """
    config = config or ColumnsConfig()
    if not strict:
        config = _those_there(config, _Head(rows).columns)
    head = _Head(rows, config.ignore)
    check_named(config, rows)
    found = _by_config(config, head)
    if (turns := _conversation(head)) and "prompt" not in found and not _is_pair(head):
        layout = _of_turns(head, turns, found)
    else:
        layout = _of_columns(head, found, dict(names or {}))
    return replace(layout, ignored=config.ignore)


def _is_pair(head: _Head) -> bool:
    return head.find("prompt") is not None and head.find("completion", "response") is not None


def _conversation(head: _Head) -> str | None:
    there = [column for name in TURNS if (column := head.find(name))]
    for column in there:
        values = head.values(column)
        if values and all(looks_like_turns(value) for value in values[:20]):
            return column
        # A file of broken conversations is one all the same: each row says what is wrong with it.
        if simple_name(column) in ("messages", "conversations"):
            return column
        if simple_name(column) == "turns":
            # Texts under this name are what a user says, one after another.
            continue
        nested = [parse_nested(value) for value in values]
        if nested and all(
            isinstance(value, list) and all(isinstance(turn, str) for turn in value) for value in nested
        ):
            return None if head.find("question", "query", "prompt", "instruction", "summary") else column
    chosen = head.find("chosen")
    if chosen is None or head.find(*(name for group in PROMPTS for name in group)):
        return None
    values = head.values(chosen)
    return chosen if values and all(looks_like_turns(value) for value in values[:20]) else None


def _of_turns(head: _Head, turns: str, found: dict[str, Any]) -> Layout:
    last_user = head.find("chosen") if _ends_open(head, turns) else None
    options = {} if "options" in found else _find_options(head, key_column=None)
    shape = {"messages": "messages", "conversations": "sharegpt"}.get(simple_name(turns), "messages")
    return Layout(
        **{
            "shape": shape,
            "turns": turns,
            "system": head.find(*SYSTEM),
            "tools": head.find(*TOOLS),
            "response": last_user,
            **_common(head),
            **options,
            **found,
            "columns": head.columns,
        }
    )


def _ends_open(head: _Head, column: str) -> bool:
    """Return whether conversations end with a user's turn, and the response is elsewhere."""
    for value in head.values(column)[:20]:
        try:
            if (turns := read_turns(value, column)) and turns[-1].role == "assistant":
                return False
        except RowError:
            continue
    return head.find("chosen") is not None


def _of_columns(head: _Head, found: dict[str, Any], names: dict[str, Sequence[str]]) -> Layout:
    answer = found.get("response")
    named = _Head(head.rows, [*head.without, *_named_in(found)])
    options: dict[str, Any] = {} if "options" in found else _find_options(named, answer)
    given: dict[str, Any] = {**options, **found}
    has_options = bool(given.get("options") or given.get("classes"))
    taken = {*given.get("options", ()), *given.get("wrong", ())}
    if "response" not in given and (response := _find_response(head, has_options=has_options, without=taken)):
        given["response"] = response
    if "response" not in given and has_options and (gold := head.find("gold")):
        # As in documents of evaluation harnesses, which have no other.
        given |= {"response": gold, "gold": None}
    response = given.get("response")
    if response is not None and has_options and "key" not in given:
        given["key"] = simple_name(response) in KEYS
    if not ("prompt" in given or "template" in given):
        prompt = _find_prompt(head, {response, given.get("text"), *taken} - {None})
        if prompt:
            given["prompt"] = prompt
    if not (given.get("prompt") or given.get("template")) or response is None:
        raise _unknown_columns(head, given)
    if response in names and not has_options:
        given |= {"classes": tuple(names[response]), "key": True}
    if simple_name(response) in ("summary", "highlights") and len(given.get("prompt", ())) == 1:
        given["instruction"] = "Summarise this text:"
    if others := head.find(OTHERS.get(simple_name(response), "")):
        given["others"] = others
    known = {"system": head.find(*SYSTEM), "tools": head.find(*TOOLS), "history": head.find(*HISTORY)}
    asked = given.get("prompt", ())
    known = {role: column for role, column in known.items() if column not in (*asked, response)}
    return Layout(**{"shape": _shape_of(given), **known, **_common(head), **given, "columns": head.columns})


def _named_in(found: Mapping[str, Any]) -> set[str]:
    """Return the columns that a config uses: they are nothing else besides."""
    names = {found.get(role) for role in ("response", "text", "id", "task", "system", "kind", "gold")}
    names |= {*found.get("prompt", ()), *template_names(found.get("template", ""))}
    return {part for name in names if name is not None for part in (name, name.partition(".")[0])}


def _common(head: _Head) -> dict[str, Any]:
    found = {name: head.find(name) for name in ("id", "task", "gold", "kind")}
    if found["kind"] and not any(value in KINDS for value in head.values(found["kind"])):
        found["kind"] = None
    return found


def _find_options(head: _Head, key_column: str | None) -> dict[str, Any]:
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


def _wrong_answers(head: _Head) -> tuple[str, ...]:
    pattern = re.compile(r"(distractor|incorrectanswer|wronganswer)(\d+)")
    return tuple(
        column for column in head.columns if pattern.fullmatch(simple_name(column)) and head.says(column)
    )


def _hold_options(values: Sequence[object]) -> bool:
    nested = [parse_nested(value) for value in values[:50]]
    return bool(nested) and all(isinstance(value, list | dict) for value in nested)


def _option_series(head: _Head) -> dict[str, Any]:
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


def _find_response(head: _Head, *, has_options: bool, without: set[str]) -> str | None:
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


def _find_prompt(head: _Head, without: set[str]) -> tuple[str, ...]:
    """Return the columns that are asked, the passages before them; empty ones at last."""
    return _asked_columns(head, without, speaking=True) or _asked_columns(head, without, speaking=False)


def _asked_columns(head: _Head, without: set[str], *, speaking: bool) -> tuple[str, ...]:
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


def _shape_of(given: Mapping[str, Any]) -> str:
    if given.get("template"):
        return "data.columns"
    prompt = tuple(simple_name(column) for column in given["prompt"])
    response = simple_name(given["response"])
    if prompt == ("prompt",) and response in ("completion", "response"):
        return "prompt-completion"
    if "instruction" in prompt and response == "output":
        return "alpaca"
    if prompt == ("question",) and response == "answer":
        return "question-answer"
    return f"{' + '.join(given['prompt'])} -> {given['response']}"


def _those_there(config: ColumnsConfig, columns: Sequence[str]) -> ColumnsConfig:
    """Return a config without the columns that a file lacks."""

    def is_there(name: str) -> bool:
        return name in columns or name.partition(".")[0] in columns

    kept: dict[str, Any] = {}
    for role in (*_MAPPED, "options"):
        value = getattr(config, role)
        if value is None:
            continue
        named = template_names(value) or (value,) if isinstance(value, str) else value
        literal = role == "options" and not isinstance(value, str) and not any(map(is_there, named))
        if literal or all(map(is_there, named)):
            kept[role] = value
    return ColumnsConfig(**kept, ignore=config.ignore)


def check_named(config: ColumnsConfig, rows: Sequence[Mapping[str, object]]) -> None:
    """Check that the columns are there that the config names.

    Raises:
        RowError: one is not.
    """
    head = _Head(rows)
    for role in _MAPPED:
        value = getattr(config, role)
        if value is None:
            continue
        names = template_names(value) if role == "prompt" and template_names(value) else (value,)
        for name in names:
            if not _is_there(name, head):
                raise _no_column(role, name, head)
    if isinstance(config.options, str) and not _is_there(config.options, head):
        raise _no_column("options", config.options, head)
    if isinstance(config.options, tuple):
        missing = [name for name in config.options if not _is_there(name, head)]
        if missing and len(missing) < len(config.options):
            raise _no_column("options", missing[0], head)
        if len(config.options) < 2:
            raise RowError(None, "data.columns.options: needs at least two columns, or two options")


def _is_there(name: str, head: _Head) -> bool:
    return name in head.columns or name.partition(".")[0] in head.columns


def _no_column(role: str, name: str, head: _Head) -> RowError:
    return RowError(
        None, f"data.columns.{role}: there is no column '{name}'; found: {', '.join(head.columns)}"
    )


def _by_config(config: ColumnsConfig, head: _Head) -> dict[str, Any]:
    """Return the parts of a layout that the config names."""
    found: dict[str, Any] = {
        role: value
        for role in ("id", "task", "system", "kind", "gold")
        if (value := getattr(config, role)) is not None
    }
    if config.prompt is not None:
        found["template" if template_names(config.prompt) else "prompt"] = (
            config.prompt if template_names(config.prompt) else (config.prompt,)
        )
    if config.context is not None:
        if "template" in found:
            found["template"] = f"{{{config.context}}}\n\n{found['template']}"
        else:
            found["prompt"] = (config.context, *found.get("prompt", _find_prompt(head, {config.context})))
    if isinstance(config.options, str):
        found["options"] = (config.options,)
    elif config.options is not None and _is_there(config.options[0], head):
        found["options"] = config.options
        found["labels"] = _labels_of(config.options)
    elif config.options is not None:
        found["classes"] = config.options
    if config.answer is not None:
        found |= {"response": config.answer, "key": True, "text": config.response}
    elif config.response is not None:
        found["response"] = config.response
        found["key"] = simple_name(config.response) in (*KEYS, *CLASSES)
    return found


def _labels_of(columns: Sequence[str]) -> tuple[str, ...]:
    """Return what columns are counted as by the ends of their names: A to D, 1 to 4, 0 to 3; else A to D."""
    ends = [column[-1:] for column in columns]
    if all(end.isdigit() for end in ends) and len(set(ends)) == len(ends):
        return tuple(ends)
    return tuple(ascii_uppercase[: len(columns)]) if len(columns) <= len(ascii_uppercase) else ()


def _unknown_columns(head: _Head, given: Mapping[str, Any]) -> RowError:
    found = ", ".join(map(str, head.columns)) or "none"
    names = {simple_name(column) for column in head.columns}
    if {"messageid", "parentid", "role"} <= names:
        return RowError(
            None,
            f"each row is one message of a tree: join them into `messages` first; found: {found}",
        )
    if {"chosen", "rejected"} <= names and not _find_prompt(head, set()):
        return RowError(
            None,
            "`chosen` and `rejected` hold whole dialogues as text, and nothing says where the last response "
            f"begins: split them into `prompt` and `chosen`, or `messages`; found: {found}",
        )
    if "tokens" in names and any(name.endswith("tags") for name in names):
        return RowError(
            None,
            "each token has a label of its own, and RobustFT judges one response a prompt: write the "
            f"sentence as `prompt` and its entities as `completion`; found: {found}",
        )
    if "text" in names and not given.get("response"):
        return RowError(
            None,
            "the column `text` holds prompt and response in one, and nothing says where the response begins: "
            f"split it into `prompt` and `completion`, or `messages`; found: {found}",
        )
    lacks = "prompt" if given.get("response") else "response"
    if not given.get("response") and not _find_prompt(head, set()):
        lacks = "prompt and no response"
    return RowError(
        None,
        f"the columns fit no known shape: there is no {lacks}; found: {found}; "
        "known: prompt-completion (prompt, completion); messages (messages); alpaca (instruction, output); "
        "sharegpt (conversations); "
        "question-answer (question, answer); and others (docs/data.md); "
        "name yours with data.columns, as in data.columns.prompt=...",
    )


def unused_columns(
    layout: Layout, columns: Sequence[str], ignore: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the columns without a use: those that look as if they belonged to the question, and the others.

    Args:
        layout: which column is what.
        columns: all columns of the file that hold anything.
        ignore: those to do without.
    """
    used = layout.used()
    without = [column for column in columns if column not in used and column not in ignore]
    asking = [column for column in without if belongs_to_prompt(column)]
    letters = [column for column in without if re.fullmatch("[A-Za-z]", column.strip())]
    if len(letters) > 1:
        asking += letters
    return asking, [column for column in without if column not in asking]


def is_blank_row(row: Mapping[str, object]) -> bool:
    """Return whether no column of a row says anything."""
    return all(is_blank(value) for value in row.values())
