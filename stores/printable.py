"""Text from outside as it may be shown: the one function that everything printed passes."""

import logging
import unicodedata

# Controls, signs that change the direction or cannot be seen, halves of surrogate pairs, and the two
# separators that some terminals break a line at.
_OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str) -> str:
    r"""Return text in which signs that a terminal obeys, or that cannot be seen, are spelled out.

    A line feed stays, and so does a tab. What comes out is the same when it comes in again.

    Args:
        text: a prompt, a reply, an id, a path, a library's message, or anything else that came from outside.

    Example:
        >>> print(printable("red: \x1b[31m"))
        red: \x1b[31m
    """
    # One look by C code, for nearly all texts.
    if text.isprintable():
        return text
    return "".join(
        sign if sign in "\n\t" or sign.isprintable() or unicodedata.category(sign) not in _OBEYED
        else sign.encode("unicode_escape", "surrogatepass").decode()
        for sign in text.replace("\r\n", "\n")
    )  # fmt: skip


class PrintableLog(logging.Filter):
    """Makes the messages of our own log printable, whoever shows them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the arguments into the message, printable; keep every record."""
        record.msg, record.args = printable(record.getMessage()), None
        return True
