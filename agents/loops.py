"""Replies that repeat themselves to their end."""

import re
from collections.abc import Sequence
from typing import Any

# How much of a reply's end is looked at, in characters; a longer unit than half of it is no loop.
_TAIL = 4000
# A reply that ended by itself may repeat a little: a chorus, a row of zeros.
_TIMES, _TIMES_IF_ENDED = 4, 6
_SHORTEST, _SHORTEST_IF_ENDED = 24, 120
# What a line lacks of a whole unit where the space after it was taken away.
_SLACK = 2
# The same of a reply that is still being written, in tokens.
_TOKENS, _SHORTEST_IN_TOKENS = 1000, 48
# Of so many words at the end, so few different runs of four: it says the same with small changes.
_WORDS, _FEWEST, _DISTINCT = 200, 80, 0.25
_RUN = 4


def is_loop(text: str, *, ended: bool) -> bool:
    r"""Say whether a reply repeats a line, a phrase or a word to its end. It takes linear time.

    Numbers count as the same, since many a loop counts. What holds no letter (a table's rule, a row of
    zeros) is no loop.

    Args:
        text: the reply.
        ended: whether the model ended it; such a reply must repeat itself for longer.

    Examples:
        >>> is_loop("It is blue. " * 9, ended=False), is_loop("ha ha ha", ended=True)
        (True, False)
    """
    # What is cut in the middle of a unit repeats all the same.
    tail = re.sub(r"\d+", "0", text.rstrip()[-_TAIL:])[::-1]
    times, shortest = (_TIMES_IF_ENDED, _SHORTEST_IF_ENDED) if ended else (_TIMES, _SHORTEST)
    for period, same in enumerate(_matches(tail)):
        length = period + same
        if (
            period
            and length >= shortest
            and length + _SLACK >= times * period
            and _has_letters(tail[:period])
        ):
            return True
    return not ended and _is_monotonous(text)


def is_circling(tokens: Sequence[int]) -> bool:
    """Say whether a reply under way ends six times in the very same tokens. It takes linear time.

    Numbers differ here: of a list that counts, nobody knows yet whether it ends.

    Args:
        tokens: of the reply so far.

    Example:
        >>> is_circling([5, *[1, 2, 3, 4, 5, 6, 7, 8] * 6]), is_circling(range(100))
        (True, False)
    """
    tail = tokens[-_TOKENS:][::-1]
    # Most have not even their last token six times: a batch of a thousand is looked at in no time.
    if not tail or tail.count(tail[0]) < _TIMES_IF_ENDED:
        return False
    return any(
        period + same >= max(_TIMES_IF_ENDED * period, _SHORTEST_IN_TOKENS)
        for period, same in enumerate(_matches(tail))
        if period
    )


def _has_letters(unit: str) -> bool:
    return any(sign.isalpha() for sign in unit)


def _is_monotonous(text: str) -> bool:
    words = [word for word in text[-_TAIL:].casefold().split() if _has_letters(word)][-_WORDS:]
    if len(words) < _FEWEST:
        return False
    runs = {tuple(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1)}
    return len(runs) < _DISTINCT * len(words)


def _matches(text: Sequence[Any]) -> list[int]:
    """Return for each place of a text how long what begins there is the same as the text's own beginning.

    This is the Z function (Gusfield, Algorithms on Strings, Trees and Sequences, 1997, section 1.4).
    """
    found = [0] * len(text)
    left = right = 0
    for at in range(1, len(text)):
        same = min(right - at, found[at - left]) if at < right else 0
        while at + same < len(text) and text[same] == text[at + same]:
            same += 1
        found[at] = same
        if at + same > right:
            left, right = at, at + same
    return found
