"""The first pass over a file: which column is what, and how its answers say which option they mean.

Both are told from all rows. A number may count the options from 0 or from 1, and no single row can tell.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from stores.column_names import CLASSES, IDS, VERDICTS, simple_name
from stores.columns import ColumnsConfig, Layout, look_up, unused_columns
from stores.fields import RowError, is_blank, is_empty
from stores.layouts import find_layout
from stores.named_columns import check_named
from stores.options import Keys, Options, whole_number
from stores.responses import UNANSWERABLE, may_be_unanswerable
from stores.sample import Sample
from stores.shapes import given_id, row_options, to_sample

# So many rows tell which column is what; all of them tell how answers are counted.
_HEAD = 1000
_MOST_CLASSES = 300
_CLASS_COLUMNS = ("label", "labels", "labeltext", "labelname", "sentiment", "category", "intent", "class")
_FINAL_DECISIONS = ("yes", "no", "maybe")
# Published sets whose numbers are known to stand for these names: by their columns.
_KNOWN_NAMES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("label", "sentence"): ("negative", "neutral", "positive"),
    ("label", "passage", "question"): ("no", "yes"),
    ("idx", "label", "passage", "question"): ("no", "yes"),
}
_KEY_COLUMNS = (
    *_CLASS_COLUMNS,
    "answer",
    "answerkey",
    "answeridx",
    "answerindex",
    "cop",
    "target",
    "correctoption",
)
_LETTER = re.compile(r"\W{0,2}[A-Za-zＡ-Ｚ]\W{0,2}")
_BARE = re.compile(r"[A-F]|\d")
_FEWEST_BARE = 3


@dataclass(frozen=True)
class Reading:
    """How the rows of a file are read.

    Args:
        layout: which column is what.
        keys: how answers say which option they mean.
        notes: what was decided, in words.
    """

    layout: Layout
    keys: Keys
    notes: tuple[str, ...] = ()

    def sample(self, row: Mapping[str, object], *, noisy: bool = False) -> Sample:
        """Turn a row into a sample; see `to_sample`."""
        return to_sample(row, self.layout, self.keys, noisy=noisy)


def survey(
    rows: Iterator[Mapping[str, object]],
    config: ColumnsConfig | None = None,
    *,
    names: Mapping[str, Sequence[str]] | None = None,
    strict: bool = True,
) -> Reading | None:
    """Return how the rows of a file are read; None where there are none.

    Args:
        rows: all rows of the file.
        config: names columns.
        names: by column, the names of its numbers, where the file itself describes them.
        strict: whether a column that the config names must be there.

    Raises:
        RowError: the columns tell no prompt or no response, or one that belongs to the question has no use.
    """
    config = config or ColumnsConfig()
    head = list(islice(rows, _HEAD))
    if not head:
        return None
    layout = _layout_of(head, config, names=names, strict=strict)
    seen = _Seen(layout)
    for row in chain(head, rows):
        seen.add(row)
    _check_unused(layout, seen, config, head)
    layout, notes = _with_classes(
        layout, seen, explicit=config.response is not None or config.answer is not None
    )
    if layout.id is None:
        layout = replace(layout, id=seen.id_column)
    layout, lacking = _with_unanswerable(layout, seen)
    notes += lacking
    keys, how = _keys(layout, seen)
    if keys.base == 0 and seen.smallest == 0 and layout.labels[:1] == ("1",):
        # Columns called 1 and 2, answers 0 and 1: the columns' numbers are no keys.
        layout = replace(layout, labels=())
    return Reading(layout, keys, (*notes, *how))


def _layout_of(
    head: Sequence[Mapping[str, object]],
    config: ColumnsConfig,
    *,
    names: Mapping[str, Sequence[str]] | None,
    strict: bool,
) -> Layout:
    """Return the layout of most rows: a row of other columns among them says nothing of those of the file."""
    if strict:
        check_named(config, head)
    usual = Counter(frozenset(row) for row in head).most_common(1)[0][0]
    layout = find_layout([row for row in head if row.keys() == usual], config, names=names, strict=False)
    alike = [row for row in head if layout.fits(row)]
    return find_layout(alike, config, names=names, strict=strict) if alike else layout


class _Seen:
    """What the answers of a file's rows are, added up."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.said: dict[str, None] = {}
        """The columns that say anything."""
        self.rows = 0
        self.responses: Counter[str] = Counter()
        """Responses as texts; only so many different ones are told apart."""
        self.shown = 0
        """Rows whose prompt itself holds the letter or number that is the response."""
        self.with_options = self.letters = self.letter_texts = self.digits = self.digit_texts = 0
        self.texts = 0
        """Answers that are an option's text to the letter."""
        self.smallest: int | None = None
        self.counts_from_one = False
        self.without_answer = 0
        """Rows whose list of answers is empty."""
        self._ids: dict[str, set[str]] = {}
        """By column, the ids that it gives the rows, while each differs."""
        columns = {simple_name(column): column for column in layout.columns if column not in layout.used()}
        self._ids |= {columns[name]: set() for name in IDS if name in columns}

    def add(self, row: Mapping[str, object]) -> None:
        if not self._layout.fits(row):
            return
        self.rows += 1
        for column, value in row.items():
            if column not in self.said and not is_empty(value):
                self.said[column] = None
        self._add_ids(row)
        layout = self._layout
        if layout.turns is not None or layout.response is None:
            return
        value = look_up(row, layout.response)
        self.without_answer += isinstance(value, list | dict) and is_empty(value)
        if isinstance(value, list):
            for entry in value:
                if not isinstance(entry, list | dict):
                    self._add_key(row, entry)
        if isinstance(value, list | dict):
            return
        try:
            text = str(value).strip() if not is_blank(value) else ""
        except ValueError:
            # A number of too many digits: who reads the row says so.
            return
        if len(self.responses) <= 2 * _MOST_CLASSES or text in self.responses:
            self.responses[text] += 1
        if _BARE.fullmatch(text):
            asked = " ".join(str(look_up(row, column)) for column in layout.prompt)
            self.shown += re.search(rf"(?<!\w){re.escape(text)}(?!\w)", asked) is not None
        self._add_key(row, value)

    def _add_ids(self, row: Mapping[str, object]) -> None:
        for column, ids in list(self._ids.items()):
            try:
                name = given_id(row, column)
            except RowError:
                name = None
            if name is None or name in ids:
                del self._ids[column]
            else:
                ids.add(name)

    @property
    def id_column(self) -> str | None:
        """The first column that gives every row an id of its own."""
        return next(iter(self._ids), None) if self.rows else None

    def _add_key(self, row: Mapping[str, object], value: object) -> None:
        try:
            options = row_options(row, self._layout)
        except RowError:
            return
        if options is None or is_blank(value):
            return
        self.with_options += 1
        is_text = str(value).strip() in options.texts
        self.texts += is_text
        number = whole_number(value)
        if number is None:
            is_letter = isinstance(value, str) and _LETTER.fullmatch(value.strip()) is not None
            self.letters += is_letter
            self.letter_texts += is_letter and is_text
            return
        if options.labels and not self._layout.labels and str(number) in options.labels:
            return
        # One that no option has, by place or text, is noise and tells nothing.
        if number > len(options.texts) and not is_text:
            return
        self.digits += 1
        self.digit_texts += is_text or str(number) in options.texts
        self.smallest = number if self.smallest is None else min(number, self.smallest)
        self.counts_from_one |= number == len(options.texts)


def _with_unanswerable(layout: Layout, seen: _Seen) -> tuple[Layout, list[str]]:
    """Return a layout whose prompts say that there may be no answer, where a question has none."""
    if not seen.without_answer or not may_be_unanswerable(layout):
        return layout, []
    ask = f'Answer from the text, or reply "{UNANSWERABLE}" where it holds no answer.'
    note = f"{seen.without_answer} questions have no answer: {UNANSWERABLE}"
    return replace(layout, instruction=ask), [note]


def _check_unused(
    layout: Layout, seen: _Seen, config: ColumnsConfig, head: Sequence[Mapping[str, object]]
) -> None:
    """Check that no column is without use that looks as if it belonged to the question."""
    asking, others = unused_columns(layout, list(seen.said), config.ignore)
    _check_verdicts(layout, others, head)
    asking = [column for column in asking if not _is_shown(column, layout, head)]
    asking = [
        column
        for column in asking
        if simple_name(column) not in ("image", "images", "audio", "video", "videos")
    ]
    if asking:
        named = ", ".join(f"`{column}`" for column in asking)
        first = asking[0]
        belongs = "looks as if it belonged" if len(asking) == 1 else "look as if they belonged"
        question = layout.prompt[-1] if layout.prompt else "question"
        raise RowError(
            None,
            f"{named} {belongs} to the question and would be ignored; to show it: "
            f'data.columns.prompt: "{{{first}}}\\n\\n{{{question}}}" (or data.columns.options, system); '
            f"to do without: data.columns.ignore: [{', '.join(asking)}]",
        )


def _check_verdicts(layout: Layout, columns: Sequence[str], head: Sequence[Mapping[str, object]]) -> None:
    """Check that no column says which responses are right: a wrong one would be taken for one to train on."""
    if layout.options or layout.turns is not None or simple_name(layout.response or "") in CLASSES:
        return
    for column in columns:
        if simple_name(column) not in VERDICTS:
            continue
        values = [row[column] for row in head if not is_empty(row.get(column))]
        if {*map(str, values)} in ({"True", "False"}, {"0", "1"}):
            raise RowError(
                None,
                f"`{column}` says which responses are right, and has no use here: leave the wrong ones out, "
                "or write the right ones as `gold`; to take all as they are: "
                f"data.columns.ignore: [{column}]",
            )


def _is_shown(column: str, layout: Layout, head: Sequence[Mapping[str, object]]) -> bool:
    """Return whether what a column says is asked or answered already, in the first rows."""
    shown = 0
    for row in head[:50]:
        value = look_up(row, column)
        if is_empty(value):
            continue
        if not isinstance(value, str):
            return _same_turns(value, row, layout)
        try:
            sample = to_sample(row, layout, noisy=True)
        except RowError:
            continue
        texts = [sample.prompt, sample.response, *(turn.content for turn in sample.history)]
        if not any(value.strip() in text for text in texts):
            return False
        shown += 1
    return shown > 0


def _same_turns(value: object, row: Mapping[str, object], layout: Layout) -> bool:
    """Return whether a column repeats the conversation that another one holds."""
    return simple_name(layout.response or "") == "chosen" and value == row.get(layout.response or "")


def _with_classes(layout: Layout, seen: _Seen, *, explicit: bool) -> tuple[Layout, list[str]]:
    """Return a layout that knows the classes of the responses, where they are classes."""
    if layout.options or layout.classes or layout.turns is not None or layout.response is None:
        return layout, []
    response = simple_name(layout.response)
    said = [text for text in seen.responses if text]
    numbers = {number for text in said if (number := whole_number(text)) is not None}
    known = _KNOWN_NAMES.get(tuple(sorted(map(simple_name, layout.columns))))
    named = known is not None and bool(said) and len(numbers) == len(said)
    # Two numbers of three may be those of another set.
    named = named and (len(known or ()) == 2 or len(known or ()) - 1 in numbers)
    if known is not None and named and numbers <= set(range(len(known))):
        note = f"{layout.response} 0 to {len(known) - 1} read as {', '.join(known)}"
        return replace(layout, classes=known, key=True), [note]
    if response == "finaldecision" and {text.casefold() for text in said} <= set(_FINAL_DECISIONS):
        return replace(layout, classes=_FINAL_DECISIONS, key=True), []
    if not explicit:
        _check_no_keys(layout, seen, said)
    if response not in _CLASS_COLUMNS or not 2 <= len(said) <= _MOST_CLASSES or len(said) * 2 > seen.rows + 1:
        return layout, []
    fewest = 1 if seen.rows < 50 else 2
    classes = tuple(sorted(text for text in said if seen.responses[text] >= fewest))
    folded = {text.casefold() for text in classes}
    if not 2 <= len(classes) == len(folded):
        return layout, []
    note = f"the {len(classes)} classes of {layout.response} are the options"
    return replace(layout, classes=classes, key=True), [note]


def _check_no_keys(layout: Layout, seen: _Seen, said: Sequence[str]) -> None:
    """Check that responses are no keys to options that the file does not hold.

    Raises:
        RowError: all are single letters or digits, and the prompts do not name them.
    """
    if seen.shown * 2 > seen.rows or len(said) < 2 or not all(_BARE.fullmatch(text) for text in said):
        return
    name, digits = simple_name(layout.response or ""), all(text.isdigit() for text in said)
    if not digits:
        is_keys = all(not text.isdigit() for text in said) and seen.rows >= _FEWEST_BARE
    elif name in _CLASS_COLUMNS:
        is_keys = True
    else:
        is_keys = name in _KEY_COLUMNS and seen.rows >= 20 and len(said) <= 5
    if not is_keys:
        return
    kind = "digits" if digits else "letters"
    raise RowError(
        None,
        f"every response (`{layout.response}`) is one of the {kind} {', '.join(sorted(said)[:6])}, and "
        "nothing says what they mean; name the columns of the options, or the options themselves, as in "
        f"data.columns.options: [negative, positive]; to take them as they are: "
        f"data.columns.response: {layout.response}",
    )


def _keys(layout: Layout, seen: _Seen) -> tuple[Keys, list[str]]:
    """Return how a file's answers say which option they mean, and that in words."""
    # A right answer in a column beside the wrong ones is a text. So are letters that are options everywhere.
    are_texts = bool(layout.wrong) or 0 < seen.letters == seen.letter_texts
    letters_first = layout.key and not are_texts
    if not seen.digits:
        all_texts = bool(layout.wrong) or 0 < seen.texts == seen.with_options
        return Keys(None if all_texts else _base_of_labels(layout), letters_first), []
    if layout.wrong or (
        seen.digit_texts == seen.digits
        and not (layout.classes and all(text.isdigit() for text in layout.classes))
    ):
        return Keys(None, letters_first), ["numbers are read as the options' own texts"]
    column = layout.response
    if seen.smallest == 0:
        return Keys(0, letters_first), [f"{column} counts the options from 0"]
    if seen.counts_from_one or seen.letters:
        return Keys(1, letters_first), [f"{column} counts the options from 1"]
    base = _base_of_labels(layout)
    note = f"{column} seems to count the options from {base}: no row has 0, or the number of the last option"
    return Keys(base, letters_first), [note]


def _base_of_labels(layout: Layout) -> int:
    """Return what columns of options are counted from; 0 where their names do not tell."""
    first = layout.labels[:1]
    return int(first[0]) if first and first[0].isdigit() else 0


def options_of(reading: Reading, row: Mapping[str, object]) -> Options | None:
    """Return a row's options as `respell_option` takes them; None where it has none.

    Raises:
        RowError: they are no options.
    """
    return row_options(row, reading.layout)
