"""What became of each sample is told from the run's own records; a run without a file says so."""

from pathlib import Path

import pytest

from graph.results import export_data_file, read_results
from robustft import load_config, run
from stores.errors import InputError
from tests.support.cases import CASES, read_lines, script, write_run
from tests.support.endpoint import Endpoint


def test_every_sample_has_a_fate_in_the_order_of_the_data(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    out = tmp_path / "run"
    run(load_config(write_run(tmp_path, endpoint.url)), out, until="select")
    results = list(read_results(out))
    decisions = read_lines(out / "decisions.jsonl")
    assert [result.sample.id for result in results] == [decision["id"] for decision in decisions]
    trained = [result.row.id for result in results if result.is_among("kept")]
    assert trained == [row["id"] for row in read_lines(out / "training.jsonl")]
    dropped = {result.sample.id for result in results if result.is_among("dropped")}
    assert dropped == {row["id"] for row in read_lines(out / "dropped.jsonl")}
    for result in results:
        if result.fate != "changed":
            assert result.row.completion[0].content.strip() == result.sample.response.strip()
    export_data_file(out, tmp_path / "back.jsonl", "all")
    back = read_lines(tmp_path / "back.jsonl")
    assert [row["robustft"] for row in back] == [result.fate for result in results]


def test_a_run_on_samples_in_memory_has_no_file_to_give_back(tmp_path: Path, endpoint: Endpoint) -> None:
    script(endpoint)
    config = load_config(write_run(tmp_path, endpoint.url, data__train=None))
    run(config, tmp_path / "run", samples=[case.row() for case in CASES], until="select")
    with pytest.raises(InputError, match="samples in memory, so there is no file to give back"):
        export_data_file(tmp_path / "run", tmp_path / "back.jsonl", "all")
