"""What the commands write: a message may quote a data file or a record, and a terminal obeys none of it."""

import io
import logging
from collections.abc import Callable

import pytest
from rich.console import Console

from robustft.cli import terminal

HOSTILE = "\x1b[2J\x1b]0;title\x07 \x9b31m \u202e"


@pytest.mark.parametrize(
    "shown",
    [
        terminal.tell,
        terminal.say,
        lambda text: terminal.tell_error(ValueError(text)),
        lambda text: logging.getLogger("robustft.data").warning("%s", text),
    ],
    ids=["tell", "say", "error", "log"],
)
def test_nothing_that_a_message_quotes_is_obeyed(
    shown: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    for name in ("console", "errors"):
        monkeypatch.setattr(terminal, name, Console(file=file, force_terminal=True, color_system=None))
    for logger in (logging.getLogger(), logging.getLogger("robustft")):
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "level", logger.level)
    terminal.show_log(debug=False)
    shown(f"field '{HOSTILE}' [bold]")
    assert "title" in file.getvalue()
    assert "[bold]" in file.getvalue()
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(file.getvalue())
