"""Unicode normal forms of text that may be crafted, in linear time.

`unicodedata.normalize` sorts every run of combining marks by insertion, in one call that nothing can
interrupt: 100,000 marks of alternating class take half a minute. No language writes more than a few marks on
a letter, so runs are cut to 30 first, as in Unicode's stream-safe text format (UAX 15, section 13).
"""

import re
import unicodedata
from functools import cache
from typing import Literal

_MOST_MARKS = 30
# One call holds up every thread for some 3 microseconds a sign: a longer text is left as it is.
_LONGEST = 1 << 16
# No combining mark stands behind this; a test looks.
_LAST_MARK = 0x1FFFF

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


def normal_form(form: Form, text: str) -> str:
    r"""Return a text in a Unicode normal form; of more than 30 combining marks in a row, the first 30.

    Args:
        form: which one.
        text: any text; one of more than 65,536 signs is returned as it is.

    Example:
        >>> normal_form("NFKD", "ﬁ"), len(normal_form("NFC", "e" + "\u0316" * 1000))
        ('fi', 31)
    """
    if text.isascii() or len(text) > _LONGEST:
        return text
    return unicodedata.normalize(form, _long_runs().sub(r"\1", text))


@cache
def _long_runs() -> re.Pattern[str]:
    """Return what finds runs that are too long, of signs whose decomposition begins with a mark."""
    marks = [
        code
        for code in range(0x300, _LAST_MARK + 1)
        if unicodedata.combining(unicodedata.normalize("NFKD", chr(code))[0])
    ]
    ranges: list[list[int]] = []
    for code in marks:
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    signs = "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
    return re.compile(f"([{signs}]{{{_MOST_MARKS}}})[{signs}]+")
