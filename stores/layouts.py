"""Which column of a file is what, by what the user names, else by what data sets call their columns."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stores.column_names import HISTORY, KEYS, KINDS, OTHERS, PROMPTS, SYSTEM, TOOLS, TURNS, simple_name
from stores.columns import ColumnsConfig, Layout, template_names
from stores.fields import RowError, parse_nested
from stores.found_columns import find_options, find_prompt, find_response
from stores.head import Head
from stores.named_columns import check_named, keep_those_there, parts_by_config
from stores.turns import looks_like_turns, read_turns


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
        config = keep_those_there(config, Head(rows).columns)
    head = Head(rows, config.ignore)
    check_named(config, rows)
    found = parts_by_config(config, head)
    if (turns := _conversation(head)) and "prompt" not in found and not _is_pair(head):
        layout = _of_turns(head, turns, found)
    else:
        layout = _of_columns(head, found, dict(names or {}))
    return replace(layout, ignored=config.ignore)


def _is_pair(head: Head) -> bool:
    return head.find("prompt") is not None and head.find("completion", "response") is not None


def _conversation(head: Head) -> str | None:
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


def _of_turns(head: Head, turns: str, found: dict[str, Any]) -> Layout:
    last_user = head.find("chosen") if _ends_open(head, turns) else None
    options = {} if "options" in found else find_options(head, key_column=None)
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


def _ends_open(head: Head, column: str) -> bool:
    """Return whether conversations end with a user's turn, and the response is elsewhere."""
    for value in head.values(column)[:20]:
        try:
            if (turns := read_turns(value, column)) and turns[-1].role == "assistant":
                return False
        except RowError:
            continue
    return head.find("chosen") is not None


def _of_columns(head: Head, found: dict[str, Any], names: dict[str, Sequence[str]]) -> Layout:
    answer = found.get("response")
    named = Head(head.rows, [*head.without, *_named_in(found)])
    options: dict[str, Any] = {} if "options" in found else find_options(named, answer)
    given: dict[str, Any] = {**options, **found}
    has_options = bool(given.get("options") or given.get("classes"))
    taken = {*given.get("options", ()), *given.get("wrong", ())}
    if "response" not in given and (response := find_response(head, has_options=has_options, without=taken)):
        given["response"] = response
    if "response" not in given and has_options and (gold := head.find("gold")):
        # As in documents of evaluation harnesses, which have no other.
        given |= {"response": gold, "gold": None}
    response = given.get("response")
    if response is not None and has_options and "key" not in given:
        given["key"] = simple_name(response) in KEYS
    if not ("prompt" in given or "template" in given):
        prompt = find_prompt(head, {response, given.get("text"), *taken} - {None})
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
    roles = ("response", "text", "id", "task", "system", "kind", "gold", "trusted", "annotator")
    names = {found.get(role) for role in roles} | {*found.get("annotators", ())}
    names |= {*found.get("prompt", ()), *template_names(found.get("template", ""))}
    return {part for name in names if name is not None for part in (name, name.partition(".")[0])}


def _common(head: Head) -> dict[str, Any]:
    found = {name: head.find(name) for name in ("id", "task", "gold", "kind", "trusted", "annotator")}
    if found["kind"] and not any(value in KINDS for value in head.values(found["kind"])):
        found["kind"] = None
    return found


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


def _unknown_columns(head: Head, given: Mapping[str, Any]) -> RowError:
    found = ", ".join(map(str, head.columns)) or "none"
    names = {simple_name(column) for column in head.columns}
    if {"messageid", "parentid", "role"} <= names:
        return RowError(
            None,
            f"each row is one message of a tree: join them into `messages` first; found: {found}",
        )
    if {"chosen", "rejected"} <= names and not find_prompt(head, set()):
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
    if not given.get("response") and not find_prompt(head, set()):
        lacks = "prompt and no response"
    return RowError(
        None,
        f"the columns fit no known shape: there is no {lacks}; found: {found}; "
        "known: prompt-completion (prompt, completion); messages (messages); alpaca (instruction, output); "
        "sharegpt (conversations); "
        "question-answer (question, answer); and others (docs/data.md); "
        "name yours with data.columns, as in data.columns.prompt=...",
    )
