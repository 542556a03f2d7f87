"""Where the commands write: results to stdout; messages, warnings and errors to stderr."""

import logging
import warnings

from rich.console import Console
from rich.logging import RichHandler

console = Console()
errors = Console(stderr=True)


def show_log(*, debug: bool) -> None:
    """Show log messages on stderr.

    Args:
        debug: show those of the libraries too, and tracebacks.
    """
    handler = RichHandler(console=errors, show_path=False, show_time=False, show_level=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    logging.getLogger("robustft").setLevel(logging.INFO)
    if debug:
        logging.getLogger().setLevel(logging.DEBUG)
    # It has a handler of its own, and would say everything twice.
    logging.getLogger("huggingface_hub").propagate = False
    # What a library will rename one day is its makers' business, not the user's.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")


def tell(text: str, style: str | None = None) -> None:
    """Write a line to stderr as it is: no markup, not wrapped, for a command in it is there to be copied."""
    errors.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """Write a line to stdout as it is."""
    console.print(text, markup=False, highlight=False)


def tell_error(error: Exception) -> None:
    """Write an error's message to stderr; its traceback only to the log, which `--debug` shows."""
    logging.debug("where it happened", exc_info=True)
    tell(f"robustft: {error}", style="red")
