"""Making text from outside safe to print."""

import unicodedata

from rich.text import Text


def printable(text: str, limit: int | None = None) -> Text:
    """Return data as it may be shown: no markup, no escape sequences, cut at `limit` characters.

    Args:
        text: a prompt, a reply or anything else that came from outside.
        limit: the most characters to show; None for all.
    """
    clean = "".join(
        character
        if character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        else "\ufffd"
        for character in text
    )
    if limit is not None and len(clean) > limit:
        clean = clean[: limit - 1] + "…"
    return Text(clean)
