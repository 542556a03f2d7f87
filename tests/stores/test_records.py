"""Every record comes back as it was written, and nothing else is taken for one."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from stores import records
from stores.errors import RecordError
from stores.record_files import read_records, read_summary, write_records, write_summary
from stores.records import (
    AgentAnswer,
    Agreement,
    CalibrationFigures,
    Consensus,
    Decision,
    Detection,
    Dropped,
    Evaluation,
    EvaluationFigures,
    NeighbourShown,
    ReasoningTurn,
    Record,
    Relabel,
    RunUsage,
    Samples,
    Summary,
    TrainingFigures,
    TrainingRow,
    TrainingSet,
    Usage,
    Verdict,
)
from stores.sample import Message

HOSTILE = "ende\u2028 {{ x }} \x1b[31m\x00 \"'\\ 🦜 </script>"
SPENT = Usage(requests=1, prompt_tokens=20, completion_tokens=3)

DECISION = Decision(
    id="1",
    status="relabelled",
    prompt=HOSTILE,
    response="Rome",
    final="Paris",
    kept=False,
    drop_reason="low_confidence",
    options=("Paris", "Rome"),
    gold="Paris",
    check=Verdict(
        verdict="noisy",
        policy="calibrated",
        agreed=("base",),
        reason=HOSTILE,
        noise_probability=0.75,
        weights={"base": -1.5},
    ),
    consensus=Consensus(answer="Paris", confidence=0.5),
    agents={
        "base": AgentAnswer(answer=None, reply=HOSTILE, usage=SPENT),
        "reasoner": AgentAnswer(
            answer="Paris",
            turns=(
                ReasoningTurn(role="reason", reply="So: Paris", answer="Paris"),
                ReasoningTurn(role="reflect", reply="Fine."),
            ),
            usage=SPENT + SPENT,
        ),
        "relabeler": AgentAnswer(
            answer="Paris",
            reply="Paris",
            neighbours=(NeighbourShown(id="7", distance=0.1),),
            log_probabilities=(-0.1, -0.3),
            entropy=0.2,
        ),
        "another": AgentAnswer(answer="Lyon", reason="an agent of tomorrow"),
    },
)
SUMMARY = Summary(
    samples=Samples(total=2, clean=1, noisy=1, relabelled=1, kept=1, training=2),
    detection=Detection(precision=None, recall=0.5, f1=0.5, wrong=2, found=1),
    relabel=Relabel(accuracy=1.0, kept_accuracy=1.0, dropped_accuracy=None, relabelled=1, kept=1, dropped=0),
    training_set=TrainingSet(purity=1.0, size=2, purity_before=0.5),
    views={"base": Agreement(n=30, agreed=0.5, by_chance=0.25, above_chance=True)},
    calibration=CalibrationFigures(noise_rate=0.3, threshold=0.5, reliability={"base": 0.8}),
    usage=RunUsage(requests=1, prompt_tokens=20, completion_tokens=3, by_agent={"base": SPENT}),
    training=TrainingFigures(samples=2, steps=1, loss=0.5, seconds=1.5, dropped=1),
    evaluation=EvaluationFigures(n=4, untuned=0.25, tuned=0.75),
    timing={"detect": 1.25},
    config_hash="abc",
    versions={"python": "3.12"},
)
RECORDS: list[Record] = [
    DECISION,
    Decision(
        id="", status="failed", prompt="", response="", final=None, kept=None, failure="ModelCallError: no"
    ),
    TrainingRow(
        id="1",
        prompt=(Message(role="system", content="Be brief."), Message(role="user", content=HOSTILE)),
        completion=(Message(role="assistant", content="Paris"),),
        source="relabelled",
        weight=0.25,
    ),
    Dropped(id="1", reason="too_long"),
    Evaluation(model="tuned", id="1", prompt="?", gold="yes", right=True, answer="yes", reply=HOSTILE),
    Evaluation(model="untuned", id="1", prompt="?", gold="yes", right=False, failure="ModelBusyError: no"),
    SUMMARY,
]


def name_of(record: object) -> str:
    return type(record).__name__


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_record_comes_back_as_it_was_written(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert write_records(path, [record, record]) == 2
    assert len(path.read_bytes().split(b"\n")) == 3
    assert list(read_records(path, type(record))) == [record, record]
    assert type(record).model_validate_json(record.model_dump_json()) == record


def test_a_summary_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_summary(tmp_path / "summary.json", SUMMARY)
    assert read_summary(tmp_path / "summary.json") == SUMMARY
    assert json.loads((tmp_path / "summary.json").read_text()) == SUMMARY.to_json()


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


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_record_of_a_newer_version_is_refused_with_one_message(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    newer = {**json.loads(record.to_line()), "version": 2, "tomorrow": {"x": 1}}
    path.write_text(f"{record.to_line()}\n{json.dumps(newer)}\n")
    with pytest.raises(RecordError) as caught:
        list(read_records(path, type(record)))
    assert str(caught.value) == (
        f"{path}, line 2: was written by a newer RobustFT (version 2 of the record; this one reads 1): "
        "update robustft"
    )


def test_a_line_of_before_there_were_versions_says_so(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(
        '{"id": "1", "prompt": "?", "response": "x", "status": "clean", "base": {"answer": "x"}}\n'
    )
    with pytest.raises(RecordError, match=r"line 1, field '\w+': .*the record has no version"):
        list(read_records(path, Decision))


@pytest.mark.parametrize(
    "line",
    [
        DECISION.to_line()[:-9],
        "[" * 100_000,
        '{"version": 1' + ', "a": ' * 3,
        "\x00\x00",
        "[]",
        "3",
        '"text"',
        "null",
        '{"version": 1, "id": "1", "reason": "because"}',
        '{"version": "newest", "id": "1", "reason": "failed"}',
        '{"version": 1, "id": 1, "reason": "failed"}',
        '{"version": 99999999999999999999999999, "id": "1", "reason": "failed"}',
    ],
)
def test_a_line_that_is_no_record_is_named_by_file_and_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "dropped.jsonl"
    path.write_text(f"{Dropped(id='0', reason='empty').to_line()}\n\n{line}\n", encoding="utf-8")
    found = read_records(path, Dropped)
    assert next(found) == Dropped(id="0", reason="empty")
    with pytest.raises(RecordError) as caught:
        next(found)
    assert str(caught.value).startswith(f"{path}, line 3")


def test_bytes_that_are_no_text_and_files_that_are_missing_are_typed_errors(tmp_path: Path) -> None:
    path = tmp_path / "dropped.jsonl"
    path.write_bytes(b'{"version": 1, "id": "\xff\xfe", "reason": "failed"}\n')
    with pytest.raises(RecordError, match="line 1: is cut off or damaged"):
        list(read_records(path, Dropped))
    with pytest.raises(RecordError, match="cannot be read: No such file"):
        list(read_records(tmp_path / "none.jsonl", Dropped))
    with pytest.raises(RecordError, match="cannot be read"):
        read_summary(tmp_path)


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


@pytest.mark.parametrize("content", [b"", b"\n", b'{"version": 1, "id": "', b'{"version": 1}\n'])
def test_a_line_of_any_length_is_read_no_further_than_a_record_can_be_long(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "decisions.jsonl"
    with path.open("wb") as file:
        file.write(content)
        file.truncate(1 << 40)
    for read in (lambda: list(read_records(path, Dropped)), lambda: read_summary(path)):
        with pytest.raises(RecordError, match=r"decisions\.jsonl"):
            read()
