"""Results go to stdout, all else to stderr, and text is printed as it is."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.table import Table

from robustft.cli.terminal import console, errors, say, show_log, tell, tell_error
from stores.errors import InputError

LONG = "robustft resume " + "run/" * 100
MARKUP = "[red]run[/red] [/nothing]"


@contextmanager
def log_shown(*, debug: bool) -> Iterator[None]:
    """Show the log as in a process of the command's own, whose root logger has no handlers yet."""
    logger, own = logging.getLogger(), logging.getLogger("robustft")
    handlers, levels = logger.handlers[:], (logger.level, own.level)
    logger.handlers.clear()
    try:
        show_log(debug=debug)
        yield
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(levels[0])
        own.setLevel(levels[1])


def test_a_message_is_one_line_of_stderr_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    tell(LONG)
    tell(MARKUP)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"{LONG}\n{MARKUP}\n")


def test_a_result_is_written_to_stdout_without_its_markup_being_obeyed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(MARKUP)
    told = capsys.readouterr()
    assert (told.out, told.err) == (f"{MARKUP}\n", "")


def test_our_own_log_is_shown_and_a_librarys_from_a_warning_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with log_shown(debug=False):
        logging.getLogger("robustft").info("ours")
        logging.getLogger("robustft").debug("ours in detail")
        logging.getLogger("library").info("theirs")
        logging.getLogger("library").warning("their warning")
    told = capsys.readouterr()
    assert (told.out, told.err.split()) == ("", ["ours", "their", "warning"])


@pytest.mark.parametrize("debug", [False, True])
def test_a_traceback_is_shown_for_debugging_alone(debug: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with log_shown(debug=debug):
        try:
            raise InputError("no such file")
        except InputError as exc:
            tell_error(exc)
    told = capsys.readouterr().err
    assert "robustft: no such file\n" in told
    assert ("Traceback" in told) is debug


@pytest.mark.parametrize(
    "text", ["allenai/ai2_arc:train", "a/b:test: is neither", ":smile: [red]x[/red] [/]"]
)
def test_a_name_is_neither_an_emoji_nor_markup_wherever_it_is_shown(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    say(text)
    tell(text)
    console.print(text)
    errors.print(text)
    table = Table()
    table.add_row(text)
    console.print(table)
    with log_shown(debug=False):
        logging.getLogger("robustft.data").warning("%s: seen", text)
    told = capsys.readouterr()
    assert told.out.count(text) == 3
    assert told.err.count(text) == 3
