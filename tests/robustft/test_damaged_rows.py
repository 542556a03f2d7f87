"""Rows of a run's databases that are not what was written: one typed error, or the right text."""

import io
import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from robustft import StorageError, resume, run
from robustft.terminal import Terminal
from robustft.trace import print_trace
from stores.database import Database
from stores.errors import DamageError
from stores.journal import LAYOUT as JOURNAL_LAYOUT
from stores.replies import LAYOUT as REPLIES_LAYOUT
from tests.support.cases import CASES, Finished, asked, script, write_run
from tests.support.endpoint import Endpoint

IDS = [case.id for case in CASES]


def deflated(*parts: bytes) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join(map(deflate.compress, parts)) + deflate.flush()


class Damage(NamedTuple):
    """A value put in place of a column of every row of a table."""

    database: str
    table: str
    column: str
    value: str
    """An SQL expression, in which `?` is the argument."""
    argument: Any = None


VALUES: list[tuple[str, Any]] = [
    ("?", b"\xff\xfe" * 20),
    ("?", b""),
    ("?", 1.5),
    ("?", 2**62),
    ("?", "[" * 100_000),
    ("?", '"\\ud800"'),
    ("?", "null"),
    ("cast(? as text)", b"\xff\xfe"),
    ("?", deflated(*[bytes(1 << 20)] * 200)),
    ("?", deflated(b'{"model":"m","messages":[{"role":"\x1b[2J","content":"\x1b]0;x\x07"}]}')),
]
REQUESTS = [
    Damage("replies", table, column, value, argument)
    for table, column in (
        ("replies", "request"),
        ("replies", "alike"),
        ("replies", "dictionary"),
        ("dictionaries", "content"),
    )
    for value, argument in VALUES
]
REQUESTS += [
    Damage("replies", "replies", "request", "(SELECT max(request) FROM replies)"),
    Damage("replies", "replies", "request", "substr(request, 1, length(request) - 3)"),
    Damage("replies", "dictionaries", "content", "(SELECT max(content) FROM dictionaries)"),
    Damage("replies", "replies", "alike", "key"),
]
JOURNAL = [
    Damage("journal", table, column, value, argument)
    for table, column in (("samples", "data"), ("decisions", "record"))
    for value, argument in VALUES
    if value == "?"
]
JOURNAL += [
    Damage("journal", "decisions", "record", "?", record)
    for record in ('{"base": 1}', "[]", '{"turns": [{}]}', '{"unknown": 1}')
]


def damage(out: Path, done: Damage, *, forged: bool = False) -> None:
    """Damage rows; where they are forged, their checksums are those of what they hold now."""
    layout = {"journal": JOURNAL_LAYOUT, "replies": REPLIES_LAYOUT}[done.database]
    with closing(Database(out / ".state" / f"{done.database}.sqlite", layout)) as database:
        arguments = (done.argument,) if "?" in done.value else ()
        database.change(f"UPDATE {done.table} SET {done.column} = {done.value}", *arguments)  # noqa: S608
        if forged:
            whole = layout.sum_of(done.table, raw=True)
            database.change(f"UPDATE {done.table} SET checksum = {whole}")  # noqa: S608


def traced(out: Path, identifier: str) -> str:
    file = io.StringIO()
    print_trace(out, identifier, Terminal(file=file, width=200), prompts=True)
    return file.getvalue()


@pytest.fixture
def out(tmp_path: Path, mixed: Finished) -> Path:
    return Path(shutil.copytree(mixed.out, tmp_path / "run"))


def name_of(done: Damage) -> str:
    return f"{done.table}.{done.column}={str(done.argument or done.value)[:20]!r}"


@pytest.mark.parametrize("forged", [False, True])
@pytest.mark.parametrize("done", REQUESTS, ids=name_of)
def test_a_request_is_shown_as_it_was_sent_or_not_at_all(done: Damage, forged: bool, out: Path) -> None:
    expected = {identifier: traced(out, identifier) for identifier in IDS[:3]}
    damage(out, done, forged=forged)
    for identifier, text in expected.items():
        try:
            shown = traced(out, identifier)
        except StorageError:
            continue
        assert shown == text or "the request is no longer stored" in shown


@pytest.mark.parametrize("done", JOURNAL, ids=name_of)
def test_a_damaged_row_of_the_journal_is_one_error_to_a_reader_and_made_anew_by_resume(
    done: Damage, out: Path, mixed: Finished
) -> None:
    decided = (out / "decisions.jsonl").read_bytes()
    before = asked(mixed.endpoint)
    damage(out, done)
    with pytest.raises(DamageError):
        traced(out, IDS[0])
    resume(out, until="select")
    assert (out / "decisions.jsonl").read_bytes() == decided
    assert asked(mixed.endpoint) == before


@pytest.mark.parametrize("done", JOURNAL, ids=name_of)
def test_a_forged_row_of_the_journal_is_one_error(done: Damage, out: Path) -> None:
    damage(out, done, forged=True)
    for work in (lambda: traced(out, IDS[0]), lambda: resume(out, until="select")):
        with pytest.raises(StorageError):
            work()


def test_a_reply_that_is_damaged_is_asked_for_again(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    out = tmp_path / "run"
    run(write_run(tmp_path, endpoint.url), out, until="select")
    decided, before = (out / "decisions.jsonl").read_bytes(), len(endpoint.requests)
    damage(out, Damage("replies", "replies", "reply", "substr(reply, 1, 20)"))
    damage(out, Damage("replies", "replies", "prompt_tokens", "'many'"))
    with closing(sqlite3.connect(out / ".state" / "journal.sqlite")) as connection:
        connection.execute("DELETE FROM decisions")
        connection.commit()
    resume(out, until="select")
    assert len(endpoint.requests) > before
    assert (out / "decisions.jsonl").read_bytes() == decided
