"""Text from outside as it may be shown: what it says, and nothing that a terminal would obey."""

import sys
import unicodedata

import pytest

from stores.printable import printable


@pytest.mark.parametrize(
    "text",
    ["", "Capital of Perú?", "two\nlines", "a\ttab", "[bold]no markup[/bold] [/red]", "日本語 🏔 ½\xa0"],
)
def test_a_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("sign", "spelled"),
    [
        ("\x1b", "\\x1b"),
        ("\x00", "\\x00"),
        ("\x08", "\\x08"),
        ("\r", "\\r"),
        ("\x7f", "\\x7f"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\u2066", "\\u2066"),
        ("\u200b", "\\u200b"),
        ("\u2028", "\\u2028"),
        ("\ufeff", "\\ufeff"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_a_sign_that_a_terminal_would_obey_is_spelled_out(sign: str, spelled: str) -> None:
    assert printable(f"a{sign}b") == f"a{spelled}b"


def test_no_sign_of_unicode_that_is_obeyed_or_unseen_is_left() -> None:
    shown = printable("".join(map(chr, range(sys.maxunicode + 1))))
    kinds = {sign: unicodedata.category(sign) for sign in set(shown)}
    assert {sign for sign, kind in kinds.items() if kind in ("Cc", "Cf", "Cs", "Zl", "Zp")} == {"\n", "\t"}


def test_the_line_ends_of_other_systems_are_line_ends() -> None:
    assert printable("a\r\nb") == "a\nb"


def test_what_is_printable_stays_so_when_it_is_shown_again() -> None:
    once = printable("\x1b[31m\u202e\r")
    assert printable(once) == once
