"""How a text file is encoded: UTF-8, or what its byte order mark says."""

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from stores.errors import DataError
from stores.files.packing import open_unpacked


class Encoding(NamedTuple):
    """A codec that leaves byte order marks alone, and the mark that the file begins with."""

    codec: str
    mark: bytes


# The longer first: the mark of UTF-32 begins with the one of UTF-16.
_MARKED = (
    Encoding("utf-8", codecs.BOM_UTF8),
    Encoding("utf-32-le", codecs.BOM_UTF32_LE),
    Encoding("utf-32-be", codecs.BOM_UTF32_BE),
    Encoding("utf-16-le", codecs.BOM_UTF16_LE),
    Encoding("utf-16-be", codecs.BOM_UTF16_BE),
)


def find_encoding(head: bytes, path: Path) -> Encoding:
    """Return how a text that begins so is encoded.

    Raises:
        DataError: it looks like UTF-16, but has no mark to say so.
    """
    for encoding in _MARKED:
        if head.startswith(encoding.mark):
            return encoding
    for zeros, name in ((head[1:200:2], "UTF-16-LE"), (head[0:200:2], "UTF-16-BE")):
        if len(zeros) > 3 and zeros.count(0) > 0.6 * len(zeros):
            raise DataError(f"looks like {name} without a byte order mark; save it as UTF-8", path=path)
    return Encoding("utf-8", b"")


@contextmanager
def open_text(path: Path, encoding: Encoding) -> Iterator[TextIO]:
    """Open a text file, unpacked where it is compressed, without its mark; line ends stay as they are.

    Raises:
        DataError: it cannot be read, or is not text in this encoding.
    """
    try:
        with open_unpacked(path) as file:
            file.read(len(encoding.mark))
            yield io.TextIOWrapper(file, encoding=encoding.codec, newline="")
    except UnicodeDecodeError as error:
        line = _first_bad_line(path) if encoding.codec == "utf-8" else None
        name = encoding.codec.upper()
        raise DataError(
            f"is not {name} text; if it is of an older encoding, as Windows-1252, save it as UTF-8",
            path=path,
            line=line,
        ) from error


def _first_bad_line(path: Path) -> int | None:
    # The decoder works in blocks, so its error does not know the line.
    with open_unpacked(path) as file:
        for line, raw in enumerate(file, start=1):
            try:
                raw.decode()
            except UnicodeDecodeError:
                return line
    return None
