"""Text is UTF-8, or what its mark says; anything else is refused by its line."""

from pathlib import Path

import pytest

from stores.errors import DataError
from stores.files.encoding import find_encoding, open_text


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_text_is_read_without_its_mark(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "d"
    path.write_bytes("é,b\r\n".encode(codec))
    encoding = find_encoding(path.read_bytes(), path)
    with open_text(path, encoding) as text:
        assert text.read() == "é,b\r\n"


def test_what_is_not_utf_8_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "d"
    path.write_bytes(b"a\nb\ncaf\xe9\n")
    with (
        pytest.raises(DataError, match=r"line 3: is not UTF-8 text; .* Windows-1252, save it as UTF-8"),
        open_text(path, find_encoding(b"", path)) as text,
    ):
        text.read()
