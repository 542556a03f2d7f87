"""Compressed files, told by their first bytes: read as streams, and written again the same way."""

import bz2
import gzip
import io
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from stores.errors import DataError

Packing = Literal["gzip", "bzip2", "xz", "zstd"]

_MAGIC: tuple[tuple[bytes, Packing], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
# Text unpacks to ten or twenty times its size. What unpacks to far more is made to fill a memory.
_LEAST_SUSPECT = 64 << 20
_LARGEST_RATIO = 250


def check_growth(unpacked: int, packed: int, path: Path) -> None:
    """Check that a file does not unpack out of all proportion.

    Args:
        unpacked: the bytes that were made of it so far.
        packed: the bytes that they were made of.
        path: the file.

    Raises:
        DataError: it does.
    """
    if unpacked > max(_LEAST_SUSPECT, _LARGEST_RATIO * packed):
        raise DataError(
            f"unpacks to more than {_LARGEST_RATIO} times its size, as no data do; "
            "if it is yours, unpack it and name the unpacked file",
            path=path,
        )


def packing_of(path: Path) -> Packing | None:
    """Return how a file is compressed, or None.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(8)
    return next((packing for magic, packing in _MAGIC if start.startswith(magic)), None)


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading its bytes, unpacked where it is compressed.

    Raises:
        DataError: it cannot be read or unpacked, or unpacks to far more than data do.
    """
    try:
        packing = packing_of(path)
        with path.open("rb") as packed:
            if packing is None:
                yield packed
                return
            with _opened(packing, packed, "rb") as stream:
                yield cast(BinaryIO, io.BufferedReader(_Bounded(stream, packed, path), 1 << 16))
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(
            f"cannot be unpacked ({error}); is it whole? Compress it or fetch it again", path=path
        ) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path=path) from error


@contextmanager
def open_seekable(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading from any place; a compressed one is unpacked to the disk for it.

    Raises:
        DataError: as `open_unpacked`.
    """
    with open_unpacked(path) as stream:
        if stream.seekable():
            yield stream
            return
        with tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(stream, unpacked)
            unpacked.seek(0)
            yield cast(BinaryIO, unpacked)


@contextmanager
def pack(packing: Packing | None, target: BinaryIO) -> Iterator[BinaryIO]:
    """Give a stream whose bytes go to `target`, compressed that way."""
    if packing is None:
        yield target
    else:
        with _opened(packing, target, "wb") as stream:
            yield stream


def _opened(packing: Packing, file: BinaryIO, mode: Literal["rb", "wb"]) -> Any:
    if packing == "gzip":
        return gzip.GzipFile(filename="", fileobj=file, mode=mode)
    if packing == "bzip2":
        return bz2.BZ2File(file, mode)
    if packing == "xz":
        return lzma.LZMAFile(file, mode)
    # Imported here: it takes a quarter of a second. Python's own zstd came with 3.14.
    import pyarrow  # type: ignore[import-untyped]

    if mode == "rb":
        return pyarrow.CompressedInputStream(pyarrow.PythonFile(file), "zstd")
    return pyarrow.CompressedOutputStream(pyarrow.PythonFile(_Sink(file)), "zstd")


class _Sink(io.RawIOBase):
    """Passes on what is written; closing it leaves the file behind it open, as gzip does."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        return self._file.write(content)


class _Bounded(io.RawIOBase):
    """An unpacked stream that ends with an error where it grows out of all proportion."""

    def __init__(self, stream: Any, packed: BinaryIO, path: Path) -> None:
        self._stream, self._packed, self._path = stream, packed, path
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        self._size += len(content)
        check_growth(self._size, self._packed.tell(), self._path)
        buffer[: len(content)] = content
        return len(content)
