"""Which column of a file is what: the prompt, the response, the options, and what goes with them.

`data.columns` names columns; `stores.layouts` finds those that it does not name.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from stores.column_names import belongs_to_prompt
from stores.fields import parse_nested

_NAME = re.compile(r"\{([^{}\n]{1,200})\}")


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
    trusted: str | None = None
    """The column that says of which rows you vouch for the response: true, yes or 1."""
    annotator: str | None = None
    """The column that names who gave the response. Rows of one id, or of one prompt, are one sample then."""
    annotators: tuple[str, ...] = ()
    """In place of `response`, a column an annotator, each with that annotator's response."""
    ignore: tuple[str, ...] = ()
    """Columns to do without, although they look as if they belonged to the question."""

    @model_validator(mode="after")
    def _check_annotators(self) -> "ColumnsConfig":
        others = [name for name in ("response", "answer", "annotator") if getattr(self, name) is not None]
        if self.annotators and others:
            raise ValueError(f"annotators takes the place of {others[0]}; leave one of the two out")
        if len(self.annotators) == 1:
            raise ValueError("annotators needs at least two columns; one is data.columns.response")
        return self


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
        trusted: whether the user vouches for the response.
        annotator: who gave the response.
        annotators: columns of responses, one an annotator; `response` is the first of them.
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
    trusted: str | None = None
    annotator: str | None = None
    annotators: tuple[str, ...] = ()
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
        named = {
            *self.prompt,
            *self.options,
            *self.wrong,
            *self.annotators,
            *template_names(self.template or ""),
        }
        named |= {
            name
            for name in (
                self.turns, self.response, self.text, self.others, self.system, self.tools, self.history,
                self.id, self.task, self.gold, self.kind, self.trusted, self.annotator,
            )
            if name is not None
        }  # fmt: skip
        return {name if name in self.columns else name.partition(".")[0] for name in named}


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


def has_column(columns: Container[str], name: str) -> bool:
    """Return whether a row, or its columns, has one; of a nested one, the column that holds it."""
    return name in columns or name.partition(".")[0] in columns


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
