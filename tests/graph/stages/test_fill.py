"""A journal is filled with the data that the run was begun with, and with no other."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from graph.config.run import ConfigError, RunConfig
from graph.stages.fill import fill, write_skipped
from graph.stages.stage import Workspace
from graph.state import RunInput
from robustft import InputError, load_config, resume, run
from stores.journal import Journal
from tests.support.cases import CASES, script, write_run
from tests.support.endpoint import Endpoint

RECORDS = ("decisions.jsonl", "training.jsonl", "dropped.jsonl")


def rows(path: Path, *labels: str) -> str:
    lines = [
        json.dumps({"id": f"{at}", "prompt": f"{at}?", "completion": one}) for at, one in enumerate(labels)
    ]
    path.write_text("\n".join(lines))
    return str(path)


def test_what_is_read_has_a_digest_and_nothing_else_is_taken_later(tmp_path: Path) -> None:
    data = rows(tmp_path / "data.jsonl", "a", "b")
    config = RunConfig.model_validate({"data": {"train": data}})
    request = RunInput(directory="run")
    with closing(Journal(tmp_path / "one.sqlite")) as journal:
        found = fill(journal, config, request, {})
        assert found["train"].samples == 2
        assert fill(journal, config, request, found).keys() <= {"test"}
    rows(tmp_path / "data.jsonl", "a", "c")
    with closing(Journal(tmp_path / "two.sqlite")) as journal:
        with pytest.raises(ConfigError, match=r"data\.train: has other samples than the run was begun with"):
            fill(journal, config, request, found)
        assert journal.count_samples("train") == 0


@pytest.mark.parametrize("name", ["train", "test", "guard", "trusted", "gold"])
def test_a_damaged_journal_is_not_filled_with_other_data(
    name: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    files = {"train": tmp_path / "train.jsonl"}
    files |= {other: tmp_path / f"{other}.jsonl" for other in ("test", "guard", "trusted", "gold")}
    lines = [json.dumps(case.row()) for case in CASES]
    for other in ("test", "guard", "gold"):
        files[other].write_text("\n".join(lines))
    files["trusted"].write_text("\n".join(lines[:1]))
    out = tmp_path / "run"
    given = {other: str(path) for other, path in files.items()}
    run(load_config(config, **given), out, until="select")
    expected = [(out / record).read_bytes() for record in RECORDS]
    (out / ".state" / "journal.sqlite").write_bytes(b"lost" * 1000)
    before = files[name].read_text()
    first, _, rest = before.partition("\n")
    files[name].write_text("\n".join([first.replace("Paris", "Lyon"), rest]))

    for _ in range(2):
        with pytest.raises(InputError, match=r"other samples than the run was begun with.*put the data back"):
            resume(out, until="select")

    files[name].write_text(before)
    resume(out, until="select")
    assert [(out / record).read_bytes() for record in RECORDS] == expected


def test_rows_that_were_set_aside_are_written_from_the_journal(work: Workspace) -> None:
    assert write_skipped(work) == 0
    assert not work.files.skipped.exists()
    work.journal.skip_rows(['{"row": 1}'])
    work.journal.skip_rows(['{"row": 2}'])
    for _ in range(2):
        assert write_skipped(work) == 2
        assert work.files.skipped.read_text() == '{"row": 1}\n{"row": 2}\n'
        assert work.has_whole(work.files.skipped)
        work.files.skipped.write_text("torn")
    with closing(sqlite3.connect(work.files.journal)) as connection, connection:
        connection.execute("UPDATE skipped SET record = ''")
    with pytest.raises(Exception, match="was damaged"):
        write_skipped(work)
