"""Compressed files are streams; one that is cut off, or unpacks to far too much, is refused."""

import gzip
import io
from pathlib import Path

import pyarrow
import pytest

from stores.errors import DataError
from stores.files.packing import open_seekable, open_unpacked, pack, packing_of


@pytest.mark.parametrize("packing", ["gzip", "bzip2", "xz", "zstd", None])
def test_what_is_packed_is_unpacked(tmp_path: Path, packing: str | None) -> None:
    sink = io.BytesIO()
    with pack(packing, sink) as stream:  # type: ignore[arg-type]
        stream.write(b"some text\n" * 1000)
    assert not sink.closed
    path = tmp_path / "packed"
    path.write_bytes(sink.getvalue())
    assert packing_of(path) == packing
    with open_unpacked(path) as stream:
        assert stream.read() == b"some text\n" * 1000
    with open_seekable(path) as stream:
        stream.seek(5)
        assert stream.read(4) == b"text"


@pytest.mark.parametrize("packing", ["gzip", "bzip2", "xz", "zstd"])
def test_what_is_cut_off_is_refused(tmp_path: Path, packing: str) -> None:
    sink = io.BytesIO()
    with pack(packing, sink) as stream:  # type: ignore[arg-type]
        stream.write(bytes(range(256)) * 400)
    path = tmp_path / "packed"
    path.write_bytes(sink.getvalue()[: len(sink.getvalue()) * 2 // 3])
    with pytest.raises(DataError, match="cannot be"), open_unpacked(path) as stream:
        stream.read()


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb_is_refused(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "bomb"
    zeros = b" " * (96 << 20)
    packed = (
        gzip.compress(zeros) if packing == "gzip" else pyarrow.compress(zeros, codec="zstd", asbytes=True)
    )
    path.write_bytes(packed)
    with pytest.raises(DataError, match="unpacks to more than 250 times its size"):
        read_through(path)


def read_through(path: Path) -> None:
    with open_unpacked(path) as stream:
        for _ in iter(lambda: stream.read(1 << 20), b""):
            pass
