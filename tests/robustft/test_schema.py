"""The schemas are true of what runs leave, and false of what they do not."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from robustft.schema import SchemaName, schema_of
from tests.support.cases import Finished, read_lines

LINES: dict[SchemaName, str] = {
    "decision": "decisions.jsonl",
    "training": "training.jsonl",
    "dropped": "dropped.jsonl",
}
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def validator(name: SchemaName) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema_of(name))
    return Draft202012Validator(schema_of(name))


@pytest.mark.parametrize("name", LINES)
def test_every_line_of_a_run_fits_its_schema(name: SchemaName, mixed: Finished) -> None:
    check = validator(name)
    rows = read_lines(mixed.out / LINES[name])
    assert rows
    for row in rows:
        check.validate(row)
        assert not check.is_valid({**row, "surprise": 1})
        assert not check.is_valid({**row, "version": 2})
        assert not check.is_valid({key: value for key, value in row.items() if key != "id"})


def test_a_summary_and_a_runs_config_fit_their_schemas(mixed: Finished) -> None:
    validator("summary").validate(json.loads((mixed.out / "summary.json").read_text()))
    validator("config").validate(yaml.safe_load((mixed.out / "config.yaml").read_text()))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_the_shipped_configs_fit_the_schema(config: Path) -> None:
    check = validator("config")
    content = yaml.safe_load(config.read_text())
    check.validate(content)
    assert not check.is_valid({**content, "modles": {}})
