"""Every record comes back as it was written, and nothing else is taken for one."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from stores import records
from stores.records import (
    Consensus,
    Decision,
    Record,
    TrainingRow,
    Usage,
)
from tests.support.records import DECISION, RECORDS, name_of


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_the_version_is_written(record: Record) -> None:
    assert json.loads(record.to_line())["version"] == 1


def test_what_follows_from_other_values_is_not_written() -> None:
    assert (DECISION.noise_probability, DECISION.confidence) == (0.75, 0.5)
    assert DECISION.usage == Usage(requests=3, prompt_tokens=60, completion_tokens=9)
    written = json.loads(DECISION.to_line())
    assert not {"noise_probability", "confidence", "usage"} & set(written)
    assert written.keys() <= DECISION.model_dump().keys() == Decision.model_fields.keys()


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_key_that_is_not_known_is_refused(record: Record) -> None:
    with pytest.raises(ValidationError, match="surprise"):
        type(record).model_validate({**record.model_dump(), "surprise": 1})


def test_every_part_of_every_record_refuses_unknown_keys_and_changes() -> None:
    models = [value for value in vars(records).values() if isinstance(value, type)]
    own = [model for model in models if issubclass(model, BaseModel) and model.__module__ == records.__name__]
    assert len(own) > 15
    for model in own:
        assert (model.model_config.get("extra"), model.model_config.get("frozen")) == ("forbid", True)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Consensus(answer="x", confidence=value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"prompt": []}, "at least 1"),
        ({"prompt": [{"role": "assistant", "content": "x"}]}, "must end with a user turn"),
        ({"completion": [{"role": "user", "content": "x"}]}, "must be an assistant turn"),
        ({"source": "elsewhere"}, "original"),
    ],
)
def test_a_training_row_is_a_conversation_and_one_response(change: dict[str, Any], problem: str) -> None:
    row: dict[str, Any] = {
        "id": "1",
        "prompt": [{"role": "user", "content": "?"}],
        "completion": [{"role": "assistant", "content": "!"}],
        "source": "original",
    }
    assert TrainingRow.model_validate(row).version == 1
    with pytest.raises(ValidationError, match=problem):
        TrainingRow.model_validate({**row, **change})
