r"""The form that the responses of a data set have in common, so that a relabel is written in the same.

| mark | a response has it that |
|---|---|
| `thoughts` | holds thoughts between markers before its answer: `<think>..</think>`, `[THINK]..[/THINK]` |
| `json` | is a JSON object or array |
| `fence` | begins with a code fence |
| `tags` | lies between tags: `<answer>..</answer>` |
| `list` | is a list: each line has a bullet or a number |
| `hash` | ends with a line `#### 42` |
| `boxed` | holds a `\boxed{..}` |
| `answer` | ends with a line `Answer: ..` |

All marks but the first are looked for behind the thoughts. A data set is of a form where at least
`SHARE` of its responses have the mark. The rest may be noise, cut off before its end above all.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple

from agents.record import SampleRecord
from agents.thoughts import find_marks

Mark = Literal["thoughts", "json", "fence", "tags", "list", "hash", "boxed", "answer"]

SHARE = 0.8
"""The share of responses that must have a mark. Not measured: up to one response in five may be noise."""

FEWEST_CLEAN = 5
"""With fewer clean responses than this, the given ones are looked at as well. Not measured."""

_FIRST_TAG = re.compile(r"<([A-Za-z][\w:-]{0,40})>")
_ITEM = re.compile(r"\s{0,20}(?:[-*+\u2022]|\d{1,4}[.)])\s")
_ANSWER = re.compile(
    r"\W{0,10}(?:(?:the|final|correct|so|therefore)\W{1,3}){0,3}answer(?: is\b|\W{0,4}[:\uff1a])", re.I
)


class Thoughts(NamedTuple):
    """How a response writes thoughts: the text up to them, between them and the answer, and after that.

    Example: `<think>\\n`, `\\n</think>\\n\\n`.
    """

    opening: str
    closing: str


class DataForm(NamedTuple):
    """The marks that the responses of a data set have in common, and how they write thoughts."""

    marks: frozenset[Mark] = frozenset()
    thoughts: Thoughts | None = None

    def fits(self, response: str) -> bool:
        """Say whether a response has all marks of this form."""
        return self.marks <= marks_of(response)

    def write(self, response: str, thoughts: str | None) -> str | None:
        """Return a new response in this form; None where that takes more than to add its thoughts.

        Args:
            response: what a model answered.
            thoughts: what it thought before, without markers; None where it has shown nothing of that.
        """
        if self.fits(response):
            return response
        if self.thoughts is None or not thoughts or split_thoughts(response) is not None:
            return None
        written = f"{self.thoughts.opening}{thoughts.strip()}{self.thoughts.closing}{response}"
        return written if self.fits(written) else None


def in_form(record: SampleRecord, form: DataForm) -> SampleRecord:
    """Return a relabelled sample with its response in the data's form, or marked as of another.

    Args:
        record: a relabelled sample; what an earlier call found is found anew.
        form: the data's.
    """
    plain = record.model_copy(update={"rewritten": None, "other_form": False})
    final = plain.final
    # A response that nobody replaced keeps its own words.
    if final is None or not plain.is_replaced or form.fits(final):
        return plain
    author = plain.author
    # The whole reply may have the form where the answer that was read from it has not.
    texts = (final,) if author is None else (final, author.reply or final)
    thoughts = None if author is None else author.thoughts
    written = next(filter(None, (form.write(text, thoughts) for text in texts)), None)
    return plain.model_copy(update={"rewritten": written, "other_form": written is None})


class FormTally:
    """Finds the form of a data set, one response at a time."""

    def __init__(self) -> None:
        self._marks: Counter[tuple[bool, Mark]] = Counter()
        self._sizes: Counter[bool] = Counter()
        self._thoughts: Counter[Thoughts] = Counter()

    def add(self, response: str, *, clean: bool) -> None:
        """Count a response as the data give it, and whether it is judged clean."""
        self._sizes[clean] += 1
        self._marks.update((clean, mark) for mark in marks_of(response))
        parts = split_thoughts(response)
        # Distinct ones are few: what stands between markers and text is white space.
        if parts is not None:
            self._thoughts[parts.written] += 1

    def form(self) -> DataForm:
        """Return the form of the clean responses; of all, where fewer than `FEWEST_CLEAN` are clean."""
        looked_at = (True,) if self._sizes[True] >= FEWEST_CLEAN else (True, False)
        size = sum(self._sizes[clean] for clean in looked_at)
        counts: Counter[Mark] = Counter()
        for (clean, mark), count in self._marks.items():
            counts[mark] += count if clean in looked_at else 0
        marks = frozenset(mark for mark, count in counts.items() if size and count >= SHARE * size)
        usual = self._thoughts.most_common(1)
        return DataForm(marks, usual[0][0] if usual and "thoughts" in marks else None)


class _Parts(NamedTuple):
    thoughts: str
    answer: str
    written: Thoughts


def split_thoughts(response: str) -> _Parts | None:
    """Return the thoughts and the answer of a response; None where no markers tell them apart.

    A closing marker alone is enough: some data leave the opening one to the chat template.
    """
    marks = list(find_marks(response))
    last = next((mark for mark in reversed(marks) if mark.closes), None)
    if last is None:
        return None
    before, closing, answer = response[: last.start], response[last.start : last.end], response[last.end :]
    first = marks[0]
    opened = not first.closes and not before[: first.start].strip()
    opening, thoughts = (
        (before[first.start : first.end], before[first.end :]) if opened else ("", before.lstrip())
    )
    written = Thoughts(
        opening + _space_before(thoughts),
        _space_before(thoughts[::-1])[::-1] + closing + _space_before(answer),
    )
    return _Parts(thoughts.strip(), answer.lstrip(), written)


def marks_of(response: str) -> frozenset[Mark]:
    """Return the marks of one response."""
    parts = split_thoughts(response)
    body = response if parts is None else parts.answer
    found = {mark for mark, has in _TESTS.items() if has(body.strip())}
    return frozenset(found if parts is None else {"thoughts", *found})


def _space_before(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def _is_json(text: str) -> bool:
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_tagged(text: str) -> bool:
    first = _FIRST_TAG.match(text)
    return first is not None and text.endswith(f"</{first[1]}>")


def _is_list(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and all(map(_ITEM.match, lines))


def _last_line(text: str) -> str:
    return text.rpartition("\n")[2].strip()


_TESTS: dict[Mark, Callable[[str], bool]] = {
    "json": _is_json,
    "fence": lambda text: text.startswith(("```", "~~~")),
    "tags": _is_tagged,
    "list": _is_list,
    "hash": lambda text: _last_line(text).startswith("####"),
    "boxed": lambda text: "\\boxed{" in text,
    "answer": lambda text: _ANSWER.match(_last_line(text)) is not None,
}
