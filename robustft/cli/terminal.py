"""Where the commands write: results to stdout; messages, warnings and errors to stderr."""

import contextlib
import io
import logging
import sys
import threading
import traceback
import warnings
from types import TracebackType

from rich.logging import RichHandler
from rich.text import Text

from robustft.terminal import LogRecord, Terminal, shown_as

console = Terminal()
errors = Terminal(stderr=True)


def show_log(*, debug: bool) -> None:
    """Show log messages on stderr, and let nothing that Python or a library prints be obeyed.

    Args:
        debug: show those of the libraries too, and tracebacks.
    """
    _guard_exits()
    handler = _Handler(console=errors, show_path=False, show_time=False, show_level=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    logging.getLogger("robustft").setLevel(logging.INFO)
    if debug:
        logging.getLogger().setLevel(logging.DEBUG)
    # It has a handler of its own, and would say everything twice.
    logging.getLogger("huggingface_hub").propagate = False
    # What a library will rename one day is its makers' business, not the user's.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")


class _Handler(RichHandler):
    """Shows messages of which parts may come from outside."""

    def render_message(self, record: logging.LogRecord, message: str) -> Text:
        return shown_as(message)


def _guard_exits() -> None:
    """Take the ways by which Python itself writes to stderr: the log, warnings, uncaught errors."""
    logging.setLogRecordFactory(LogRecord)
    logging.captureWarnings(True)
    sys.excepthook = _tell_uncaught
    threading.excepthook = lambda args: _tell_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _tell_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows fewer signs than UTF-8 is shown the others spelled out.
        with contextlib.suppress(ValueError, OSError):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")


def _tell_uncaught(
    kind: type[BaseException], error: BaseException | None, where: TracebackType | None
) -> None:
    """Write a traceback, which quotes the error's message, to stderr."""
    if kind is not SystemExit:
        tell("".join(traceback.format_exception(kind, error, where)).rstrip("\n"))


def tell(text: str, style: str | None = None) -> None:
    """Write a line to stderr: no markup, not wrapped, for a command in it is there to be copied."""
    errors.say(text, style)


def say(text: str) -> None:
    """Write a line to stdout."""
    console.print(shown_as(text))


def tell_error(error: Exception) -> None:
    """Write an error's message to stderr; its traceback only to the log, which `--debug` shows."""
    logging.debug("where it happened", exc_info=True)
    tell(f"robustft: {error}", style="red")
