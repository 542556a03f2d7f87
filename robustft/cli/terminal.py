"""Where the commands write: results to stdout; messages, warnings and errors to stderr."""

import logging
import warnings

from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

# Texts from outside go through both: `:train:` in a name is no emoji, and brackets are no markup.
console = Console(emoji=False, markup=False, highlight=False)
errors = Console(stderr=True, emoji=False, markup=False, highlight=False)


def show_log(*, debug: bool) -> None:
    """Show log messages on stderr.

    Args:
        debug: show those of the libraries too, and tracebacks.
    """
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
        return _harmless(message)


def tell(text: str, style: str | None = None) -> None:
    """Write a line to stderr: no markup, not wrapped, for a command in it is there to be copied."""
    errors.print(_harmless(text), style=style, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Write a line to stdout."""
    console.print(_harmless(text), highlight=False)


def _harmless(text: str) -> Text:
    """Return a line without what a terminal would obey: a message may quote a data file or a record."""
    # Imported here: it reads the records' models.
    from robustft.tables import printable

    return printable(text)


def tell_error(error: Exception) -> None:
    """Write an error's message to stderr; its traceback only to the log, which `--debug` shows."""
    logging.debug("where it happened", exc_info=True)
    tell(f"robustft: {error}", style="red")
