"""What the commands write: a message may quote a data file or a record, and a terminal obeys none of it."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rich.panel import Panel
from rich.progress import Progress, TextColumn
from rich.style import Style
from rich.table import Table
from rich.text import Text

from robustft.cli import terminal
from robustft.terminal import LogRecord, Terminal, shown_as
from stores.errors import StorageError
from tests.support.hostile import HOSTILE, obeyed

_SAYS = """
from robustft.cli.terminal import show_log
show_log(debug=False)
from huggingface_hub.utils import logging
logging.get_logger("huggingface_hub.http").warning("no network")
"""


def a_terminal() -> tuple[Terminal, io.StringIO]:
    """Return a terminal without colours, so that every control sign in its text came from elsewhere."""
    file = io.StringIO()
    return Terminal(file=file, force_terminal=True, color_system=None, width=100), file


def in_a_table(console: Terminal, text: str) -> None:
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    table.add_row(Text(text))
    console.print(table)


def in_progress(console: Terminal, text: str) -> None:
    columns = (
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=console, auto_refresh=False) as bars:
        bars.add_task(text, note=text)
        bars.refresh()


WAYS: dict[str, Callable[[Terminal, str], Any]] = {
    "print": lambda console, text: console.print(text),
    "text": lambda console, text: console.print(Text(text)),
    "styled": lambda console, text: console.print(text, style="red", soft_wrap=True),
    "say": lambda console, text: console.say(text),
    "panel": lambda console, text: console.print(Panel(Text(text), title=shown_as(text))),
    "table": in_a_table,
    "link": lambda console, text: console.print(Text(text, Style(link=f"https://x/{text}"))),
    "object": lambda console, text: console.print([text, {text: text}]),
    "json": lambda console, text: console.say_json({text: text}),
    "progress": in_progress,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_way_to_print_lets_text_be_obeyed(way: str, kind: str) -> None:
    console, file = a_terminal()
    WAYS[way](console, f"so {HOSTILE[kind]} it is")
    assert obeyed(file.getvalue()) == set()
    # Markup and emoji codes are shown as they stand.
    if kind in ("markup", "emoji") and way in ("print", "say", "text"):
        assert HOSTILE[kind] in file.getvalue()


def test_json_reads_back_as_it_was() -> None:
    file = io.StringIO()
    value = {kind: text for kind, text in HOSTILE.items() if kind != "surrogate"}
    Terminal(file=file, width=20).say_json(value)
    assert json.loads(file.getvalue()) == value


@pytest.mark.parametrize(("limit", "text"), [(None, "abcdef"), (6, "abcdef"), (5, "abcd…"), (1, "…")])
def test_a_long_text_is_cut_at_the_limit(limit: int | None, text: str) -> None:
    assert shown_as("abcdef", limit).plain == text


def raise_with(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("elsewhere").exception("%s", text)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize(
    "shown",
    [
        terminal.tell,
        terminal.say,
        lambda text: terminal.tell_error(ValueError(text)),
        lambda text: logging.getLogger("robustft.data").warning("%s", text),
        raise_with,
        lambda text: sys.excepthook(ValueError, ValueError(text), None),
    ],
    ids=["tell", "say", "error", "log", "traceback", "uncaught"],
)
def test_nothing_that_a_message_quotes_is_obeyed(
    shown: Callable[[str], None], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    console, file = a_terminal()
    for name in ("console", "errors"):
        monkeypatch.setattr(terminal, name, console)
    for logger in (logging.getLogger(), logging.getLogger("robustft")):
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "level", logger.level)
    terminal.show_log(debug=False)
    shown(f"field '{HOSTILE[kind]}' end")
    assert "field" in file.getvalue()
    assert obeyed(file.getvalue()) == set()


def test_a_librarys_own_handler_is_given_a_printable_message_and_traceback() -> None:
    file = io.StringIO()
    handler = logging.StreamHandler(file)
    text = "\x1b[2J"
    try:
        raise ValueError(text)
    except ValueError:
        record = LogRecord("library", logging.ERROR, "x.py", 1, "no %s", (text,), sys.exc_info())
    handler.emit(record)
    assert file.getvalue().startswith("no \\x1b[2J\nTraceback")
    assert "\x1b" not in file.getvalue()


_ODD = """
import sys, threading, warnings
from robustft.cli import main
from robustft.cli.terminal import show_log
show_log(debug=False)
bad = "\\x1b[2J \\u202e \\x9b31m"
warnings.warn(bad)
def fail():
    raise ValueError(bad)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
class Dying:
    def __del__(self):
        raise ValueError(bad)
Dying()
fail()
"""


def test_what_python_itself_writes_is_not_obeyed_either() -> None:
    done = subprocess.run([sys.executable, "-c", _ODD], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    # A warning, a thread's error, one in a finaliser, and the last one.
    assert done.stderr.count("\\x1b[2J") >= 4
    assert obeyed(done.stderr + done.stdout) == set()


def test_a_program_that_sets_up_no_log_is_not_harmed_by_ours() -> None:
    code = "import logging, robustft; logging.getLogger('robustft.data').warning('%s', '\\x1b[2J')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "\\x1b[2J\n"


def test_a_terminal_that_knows_no_unicode_is_shown_it_spelled_out() -> None:
    code = "from robustft.cli.terminal import *; show_log(debug=False); say('✓ Perú')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout == b"\\u2713 Per\\xfa\n"


def test_the_hubs_messages_are_said_once() -> None:
    told = subprocess.run([sys.executable, "-c", _SAYS], capture_output=True, text=True, check=True)
    assert told.stderr.count("no network") == 1


def test_an_output_that_is_full_is_one_error() -> None:
    # Closing it fails once more.
    with (
        suppress(OSError),
        Path("/dev/full").open("w") as full,
        pytest.raises(StorageError, match="cannot be written"),
    ):
        Terminal(file=full).print("a line")
