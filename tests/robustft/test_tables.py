"""Text from outside as it may be printed: what it says, and nothing that a terminal would obey."""

import io

import pytest
from rich.console import Console

from robustft.tables import printable


@pytest.mark.parametrize(
    "text", ["", "Capital of Perú?", "two\nlines", "[bold]no markup[/bold] [/red]", "日本語 🏔 ½"]
)
def test_a_text_stays_as_it_is(text: str) -> None:
    assert printable(text).plain == text


@pytest.mark.parametrize(
    "sign", ["\x1b", "\x00", "\x07", "\x08", "\r", "\x9b", "\u202e", "\u200b", "\ufeff", "\ud83d"]
)
def test_a_sign_that_a_terminal_would_obey_is_replaced(sign: str) -> None:
    assert printable(f"a{sign}b").plain == "a\ufffdb"


def test_markup_is_printed_and_not_carried_out() -> None:
    file = io.StringIO()
    Console(file=file, force_terminal=True, color_system="truecolor").print(printable("[red]a[/red]"))
    assert file.getvalue() == "[red]a[/red]\n"


@pytest.mark.parametrize(("limit", "text"), [(None, "abcdef"), (6, "abcdef"), (5, "abcd…"), (1, "…")])
def test_a_long_text_is_cut_at_the_limit(limit: int | None, text: str) -> None:
    assert printable("abcdef", limit).plain == text
