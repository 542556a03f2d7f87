"""The one console that RobustFT prints on, and the one shape of its log: neither obeys text from outside."""

import json
import logging
import traceback
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from stores.errors import StorageError
from stores.printable import printable


class Terminal(Console):
    """A console on which no text is obeyed: no control sign, no markup, no emoji code, no link.

    It holds for whatever is printed, since it is done where the console's text leaves it. What a terminal
    does obey are the colours and the movements of rich itself. A test refuses any other way to print.

    Args:
        options: as of rich's `Console`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "emoji": False, "markup": False, "highlight": False})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is written for anything that can be printed, all of its text printable."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
                continue
            style = segment.style
            if style is not None and style.link:
                style = style.update_link(None)
            yield Segment(printable(segment.text), style)

    def render_str(self, text: str, **how: Any) -> Text:
        """Return a plain string as it is printed; before it is laid out, so that widths are right."""
        return super().render_str(printable(text), **{**how, "emoji": False, "markup": False})

    def print(self, *objects: Any, **how: Any) -> None:
        """Print as rich does.

        Raises:
            StorageError: what is printed on cannot be written, as a file on a full disk.
        """
        try:
            super().print(*objects, **how)
        except BrokenPipeError:
            raise
        except OSError as exc:
            raise StorageError(f"the output cannot be written ({exc.strerror or exc})") from exc

    def say(self, text: str | Text, style: str | None = None) -> None:
        """Print a line that is not wrapped: a command in it is there to be copied."""
        shown = text if isinstance(text, Text) else shown_as(text)
        self.print(shown, style=style, soft_wrap=True)

    def say_json(self, value: object, indent: int | None = 2) -> None:
        """Print a value as JSON in ASCII, which reads back as it was."""
        self.say(json.dumps(value, indent=indent))


def shown_as(text: str, limit: int | None = None) -> Text:
    """Return text from outside for a table or a panel: printable, and cut at `limit` signs.

    Args:
        text: a prompt, a reply or anything else that came from outside.
        limit: the most signs to show; None for all.
    """
    shown = printable(text if limit is None else text[: limit + 1])
    if limit is not None and len(shown) > limit:
        shown = shown[: limit - 1] + "…"
    return Text(shown)


class LogRecord(logging.LogRecord):
    """A message of the log, ours or a library's: printable, whichever handler writes it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if self.exc_info and self.exc_info[0] is not None:
            # A handler that finds a text writes it, and makes none of its own.
            self.exc_text = printable("".join(traceback.format_exception(*self.exc_info)).rstrip("\n"))

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        """Return the message with its arguments."""
        return printable(super().getMessage())
