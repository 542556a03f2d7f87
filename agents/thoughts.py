"""The thoughts in a model's text: where they are marked, and what is said besides.

What counts as thoughts:

- A block at the start of a text, from its opening mark to its closing one: `<think>`, `<thinking>`,
  `<thought>`, `<reasoning>`, `<seed:think>`, `[THINK]`, `<|think|>` and others of their kind, in capitals
  too.
- Further blocks of such a text: directly after the first, or at the start of a line.
- All that comes before a closing mark that no opening mark precedes: some chat templates write the opening
  one into the prompt.
- All that follows an opening mark without a closing one. Such a text did not end.
- The channels of gpt-oss but the last (`final`), whether or not their marks were left out.
- What Granite writes between "Here is my thought process:" and "Here is my response:".

A mark in quotes, in a closed code block or in the middle of a text is text: an answer about tags has them.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple


class Said(NamedTuple):
    """A model's text, apart from its thoughts."""

    thoughts: str | None
    """None where there are none."""
    text: str
    ended: bool = True
    """Whether the thoughts ended: where they did not, no text can have followed."""


_WORDS = r"(?:ant_?|inner_?|seed:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|scratchpad|monologue|reflection)"
_MARK = re.compile(
    rf"<(?P<tag>/?){_WORDS}\s{{0,3}}>"
    rf"|\[(?P<square>/?)THINK\]|<\|(?P<pipe>/?){_WORDS}\|>|◁(?P<kimi>/?)think▷"
    r"|(?P<opens><\|begin_of_thought\|>|<\|START_THINKING\|>|<\|inner_prefix\|>|<unused94>(?:thought\n)?"
    r"|<\|channel>(?:thought\n)?)"
    r"|(?P<closes><\|end_of_thought\|>|<\|END_THINKING\|>|<\|inner_suffix\|>|<unused95>|<channel\|>)",
    re.IGNORECASE,
)
# What some models put around what they say after their thoughts.
_WRAPPED = re.compile(
    r"\s*(?:<(?:answer|response|output|final_?answer)>|<\|begin_of_solution\|>|<\|START_RESPONSE\|>)",
    re.IGNORECASE,
)
_WRAP_END = re.compile(
    r"(?:</(?:answer|response|output|final_?answer)>|<\|end_of_solution\|>|<\|END_RESPONSE\|>)\s{0,9}\Z",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
_DEEPEST = 40
_OPENING_QUOTES, _CLOSING_QUOTES = "`'\"“‘«", "`'\"”’»"

_CHANNEL = re.compile(
    r"(?:<\|start\|>assistant[^<]{0,99})?<\|channel\|>\s{0,3}(?P<channel>\w+)[^<]{0,99}"
    r"(?:<\|constrain\|>[^<]{0,99})?<\|message\|>"
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
# What is left of the channels where a server leaves out the marks.
_BARE_CHANNEL = re.compile(r"\s{0,9}analysis(?=[A-Z\"'“(*\d\n])")
_BARE_FINAL = re.compile(r"assistant\s{0,3}final")

_SPOKEN = (
    (
        re.compile(r"\s{0,9}(?:#{1,4} )?(?:\*\*)?Here(?:'s| is) my thought process:?", re.IGNORECASE),
        re.compile(r"Here(?:'s| is) my response:?(?:\*\*)?", re.IGNORECASE),
    ),
    (re.compile(r"\s{0,9}## Thinking\s*\n"), re.compile(r"^## Final Response\s*\n", re.MULTILINE)),
)

_CONTROL_MARK = re.compile(
    rf"{_MARK.pattern}|<\|(?:channel|message|start|end|constrain|begin_of_solution|end_of_solution"
    r"|START_RESPONSE|END_RESPONSE)\|>",
    re.IGNORECASE,
)


def split_thoughts(text: str) -> Said:
    r"""Return what a text says, apart from its thoughts. It takes linear time.

    Args:
        text: a model's reply, or a response of the data.

    Examples:
        >>> split_thoughts("<think>\nFrance, so\n</think>\n\nParis")
        Said(thoughts='France, so', text='Paris', ended=True)
        >>> split_thoughts("France, so</think>Paris").text
        'Paris'
        >>> split_thoughts("<think>\nFrance, so")
        Said(thoughts='France, so', text='', ended=False)
        >>> split_thoughts("Close it with `</think>`.").thoughts is None
        True
    """
    if _CHANNEL.match(text.lstrip()):
        return _split_channels(text)
    bare = _BARE_CHANNEL.match(text)
    # A heading "analysis" on a line of its own may be text.
    if bare is not None and (text[bare.end()] != "\n" or _BARE_FINAL.search(text)):
        return _split_spoken(text, bare.end(), _BARE_FINAL)
    for opening, closing in _SPOKEN:
        if (begun := opening.match(text)) is not None and closing.search(text, begun.end()):
            return _split_spoken(text, begun.end(), closing)
    return _split_blocks(text)


def is_mark(token: str) -> bool:
    """Say whether a control token marks thoughts, so that a text without it could not be split."""
    return _CONTROL_MARK.fullmatch(token) is not None


class Mark(NamedTuple):
    """Where a mark of thoughts stands in a text, and whether it closes them."""

    start: int
    end: int
    closes: bool


def _split_blocks(text: str) -> Said:
    marks = list(find_marks(text))
    if not marks:
        return Said(None, text)
    thoughts: list[str] = []
    said: list[str] = []
    fences = _fences(text)
    at, opened, blank = 0, False, True
    index = 0
    while index < len(marks):
        mark = marks[index]
        index += 1
        if mark.closes:
            # Without an opening one before it, or after a block that held another.
            if not opened and not _within(fences, mark.start):
                thoughts.append("".join(said) + text[at : mark.start])
                said, at, blank = [], mark.end, True
            continue
        blank = blank and not text[at : mark.start].strip()
        if not blank and not (thoughts and _begins_line(text, mark.start)):
            # In the middle of a text: this mark is text, and so is the one that closes it.
            said.append(text[at : mark.end])
            at, opened = mark.end, True
            continue
        while index < len(marks) and not marks[index].closes:
            index += 1
        said.append("" if blank else text[at : mark.start])
        if index == len(marks):
            thoughts.append(text[mark.end :])
            return Said(_joined(thoughts), _trimmed("".join(said)), ended=False)
        thoughts.append(text[mark.end : marks[index].start])
        at, opened = marks[index].end, False
        index += 1
    if not thoughts:
        return Said(None, text)
    return Said(_joined(thoughts), _unwrapped(_trimmed("".join(said) + text[at:])))


def find_marks(text: str) -> Iterator[Mark]:
    """Yield the marks of thoughts in a text, but for those in quotes."""
    for found in _MARK.finditer(text):
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        if before and after and before in _OPENING_QUOTES and after in _CLOSING_QUOTES:
            continue
        slash = any(found[name] for name in ("tag", "square", "pipe", "kimi"))
        yield Mark(found.start(), found.end(), slash or found["closes"] is not None)


def _fences(text: str) -> list[tuple[int, int]]:
    """Return where closed code blocks are; one that is not closed says nothing of what follows."""
    starts = [found.start() for found in _FENCE.finditer(text)]
    return list(zip(starts[::2], starts[1::2], strict=False))


def _within(spans: list[tuple[int, int]], place: int) -> bool:
    before = bisect_right(spans, (place, place)) - 1
    return before >= 0 and place <= spans[before][1]


def _begins_line(text: str, place: int) -> bool:
    indentation = text[max(0, place - _DEEPEST) : place]
    return "\n" in indentation and not indentation.rpartition("\n")[2].strip()


def _split_channels(text: str) -> Said:
    thoughts: list[str] = []
    final: str | None = None
    place = 0
    while (found := _CHANNEL.search(text, place)) is not None:
        end = _CHANNEL_END.search(text, found.end())
        place = end.start() if end else len(text)
        body = text[found.end() : place]
        if found["channel"] == "final":
            final = body
        else:
            thoughts.append(body)
    return Said(_joined(thoughts), _trimmed(final or ""), ended=final is not None)


def _split_spoken(text: str, start: int, closing: re.Pattern[str]) -> Said:
    found = closing.search(text, start)
    if found is None:
        return Said(_joined([text[start:]]), "", ended=False)
    return Said(_joined([text[start : found.start()]]), _trimmed(text[found.end() :]))


def _joined(thoughts: list[str]) -> str | None:
    """Return the thoughts as one text; None where a model only marked that it had none."""
    return "\n".join(part for thought in thoughts if (part := thought.strip())) or None


def _trimmed(text: str) -> str:
    """Return a text without the blank lines before it; its first line keeps its indentation."""
    blank = _BLANK_LINES.match(text)
    assert blank is not None  # noqa: S101 - the pattern matches nothing, too
    return text[blank.end() :] if blank.end() else text.lstrip(" ")


def _unwrapped(text: str) -> str:
    wrap = _WRAPPED.match(text)
    if wrap is None:
        return text
    inner = text[wrap.end() :]
    end = _WRAP_END.search(inner, max(0, len(inner) - 40))
    return _trimmed(inner[: end.start()] if end else inner)
