"""Text that means harm to whoever prints it, one of each kind, and what of it a terminal would obey."""

import unicodedata

HOSTILE = {
    "escape": "\x1b",
    "colour": "\x1b[31mred\x1b[0m",
    "erase": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "hyperlink": "\x1b]8;;https://example.org\x1b\\here\x1b]8;;\x1b\\",
    "c1": "\x9b31m \x9d0;owned\x9c \x90q\x9c \x85",
    "override": "\u202edetrevni\u202c",
    "isolate": "\u2066left\u2069 \u2067right\u2069",
    "mark": "\u200e\u200f\u061c",
    "unseen": "a\u200bb\u200cc\u200dd\u2060e\ufeff\u00ad",
    "tags": "\U000e0041\U000e0042",
    "separators": "a\u2028b\u2029c",
    "return": "all is well\rall is lost",
    "backspace": "yes\b\b\bno ",
    "bell": "\x07",
    "feeds": "a\x0bb\x0cc",
    "delete": "a\x7fb",
    "surrogate": "a\ud83db",
    "emoji": ":train: :smile: name:train:",
    "markup": "[red]red[/red] [bold]loud[/bold] [/nothing] [link=https://example.org]here[/link]",
    "brackets": "[[[ ]]] [] [/] \\[red]",
}
"""By kind. NUL has no place in a text of the data, which refuses it; see `NUL`."""
NUL = "a\x00b"
# What rich draws progress with on a terminal, and colours.
_OURS = {"\n", "\t"}


def obeyed(shown: str) -> set[str]:
    """Return the signs of an output that a terminal obeys, or that cannot be seen; without colours, all."""
    plain = _without_movements(shown)
    return {
        sign
        for sign in set(plain) - _OURS
        if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    } | {emoji for emoji in ("🚆", "😄") if emoji in plain}  # fmt: skip


def _without_movements(shown: str) -> str:
    """Take away what rich's progress writes to draw over itself."""
    for own in ("\x1b[?25l", "\x1b[?25h", "\r\x1b[2K", "\r\x1b[1A\x1b[2K"):
        shown = shown.replace(own, "")
    return shown
