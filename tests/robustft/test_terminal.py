"""What the commands write: a message may quote a data file or a record, and a terminal obeys none of it."""

import io
import logging
import subprocess
import sys
from collections.abc import Callable

import pytest
from rich.console import Console

from robustft.cli import terminal

_SAYS = """
from robustft.cli.terminal import show_log
show_log(debug=False)
from huggingface_hub.utils import logging
logging.get_logger("huggingface_hub.http").warning("no network")
"""
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


def test_the_hubs_messages_are_said_once() -> None:
    told = subprocess.run([sys.executable, "-c", _SAYS], capture_output=True, text=True, check=True)
    assert told.stderr.count("no network") == 1
