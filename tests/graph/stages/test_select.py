"""What is trained on is selected, and handed on while it is valid."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.record import Consensus
from graph.config.run import RunConfig
from graph.context import load_prompts
from graph.results import read_results
from graph.stages.outcomes import valid_outcomes
from graph.stages.select import select, training_set
from graph.stages.stage import Workspace
from graph.state import RunState
from stores.errors import InputError
from stores.export import export_results
from stores.record_files import read_records
from stores.records import TrainingRow
from stores.sample import Sample
from stores.staged_run import StagedRun
from tests.graph.stages.conftest import SAMPLES
from tests.support.judged_records import record, relabelled
from tests.support.stages import run_stage


def test_a_training_set_is_handed_on_while_it_follows_from_the_decisions(work: Workspace) -> None:
    with pytest.raises(InputError, match="has no training set yet"):
        training_set(work.files.path)
    work.files.training.write_text("{}\n")
    with pytest.raises(InputError, match=r"its training set is invalid.*--until select"):
        training_set(work.files.path)
    work.journal.validity.validate_selection()
    assert training_set(work.files.path) == work.files.training


async def selected(work: Workspace) -> RunState:
    return (await run_stage(select, RunState(directory=str(work.files.path)))).state


def decide(work: Workspace) -> None:
    for sample, entropy in zip(SAMPLES, (None, 0.2, 0.9), strict=True):
        known = record(sample.response, name=sample.id, prompt=sample.prompt)
        known = known if entropy is None else relabelled(known, f"new {sample.id}", entropy=entropy)
        work.journal.record([known.to_entry()])


def rows(work: Workspace) -> dict[str, tuple[str, str]]:
    found = read_records(work.files.training, TrainingRow)
    return {row.id: (row.source, row.completion[0].content) for row in found}


async def test_clean_samples_and_the_relabels_of_lowest_entropy_are_trained_on(work: Workspace) -> None:
    decide(work)
    state = await selected(work)
    assert rows(work) == {"a": ("original", "Paris"), "b": ("relabelled", "new b")}
    assert training_set(work.files.path) == work.files.training
    assert state.training_inputs
    counts = {"original": 1, "relabelled": 1, "trusted": 0, "size": 2}
    assert json.loads(str(work.journal.stages()["select"][1])) == counts


@pytest.fixture
def thinking(tmp_path: Path) -> Iterator[Workspace]:
    """An open run that keeps all, of data whose responses hold thoughts; two of them get an answer."""
    config = RunConfig.model_validate({"selection": {"keep": 1}})
    staged = StagedRun(tmp_path / "thinking", config.to_yaml(), load_prompts(config).texts)
    samples = [
        sample.model_copy(update={"response": f"<think>.</think>{sample.response}"}) for sample in SAMPLES
    ]
    staged.journal.add_samples("train", samples)
    staged.commit()
    opened = Workspace(tmp_path / "thinking", "select", lambda event: None)
    for sample, answer, thoughts in zip(
        samples, (None, "Lima", "Milan"), (None, "Peru: Lima.", None), strict=True
    ):
        known = record(sample.response, name=sample.id)
        if answer is not None:
            known = relabelled(known, answer)
            assert known.review is not None
            said = known.review.model_copy(update={"thoughts": thoughts})
            known = known.model_copy(update={"review": said})
        opened.journal.record([known.to_entry()])
    yield opened
    opened.journal.close()


async def test_a_relabel_is_written_with_its_thoughts_where_the_data_have_some(
    thinking: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    first = (await selected(thinking)).training_inputs
    assert rows(thinking) == {
        "a": ("original", "<think>.</think>Paris"),
        "b": ("relabelled", "<think>Peru: Lima.</think>Lima"),
    }
    assert "1 of 2 new responses are not trained on: the responses of the data have thoughts" in caplog.text
    records = {entry.id: entry for _, entry in thinking.journal.entries()}
    assert "other_form" in records["c"].record
    assert (records["c"].kept, records["c"].uncertainty) == (False, None)
    assert (await selected(thinking)).training_inputs == first


CODE = (
    "    return left + right\n",
    "\tbest = items[0]\n\tfor item in items:\n\t\tbest = max(best, item)\n\treturn best\n\n\n",
    '    return f"<s>{text}</s>"  \n',
    "        <|im_end|>[/INST]<pad>\r\n",
)


async def test_code_is_byte_for_byte_the_same_in_the_training_set_and_in_exports(tmp_path: Path) -> None:
    samples = [
        Sample(id=str(at), prompt=f"def f{at}():\n    # <pad>\n", response=code)
        for at, code in enumerate(CODE)
    ]
    config = RunConfig()
    staged = StagedRun(tmp_path / "code", config.to_yaml(), load_prompts(config).texts)
    staged.journal.add_samples("train", samples)
    staged.commit()
    opened = Workspace(tmp_path / "code", "select", lambda event: None)
    opened.journal.record(
        record(one.response, name=one.id).model_copy(update={"sample": one}).to_entry() for one in samples
    )
    await selected(opened)
    opened.journal.close()
    assert tuple(text for _, text in rows(opened).values()) == CODE
    directory, training = opened.files.path, opened.files.training
    export_results(lambda: read_results(directory), training, tmp_path / "out.jsonl", "messages")
    exported = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")[:-1])
    for row, sample in zip(exported, samples, strict=True):
        assert row["messages"][-1]["content"] == sample.response
        assert sample.prompt.rstrip() in row["messages"][-2]["content"]


async def test_relabels_by_entropy_and_by_confidence_are_kept_in_equal_shares(
    work: Workspace,
) -> None:
    for sample in SAMPLES:
        known = relabelled(record(sample.response, name=sample.id), f"new {sample.id}", entropy=5)
        if sample.id != "a":
            confidence = {"b": 0.9, "c": 0.4}[sample.id]
            known = known.model_copy(update={"consensus": Consensus(answer="new", confidence=confidence)})
        work.journal.record([known.model_copy(update={"sample": sample}).to_entry()])
    await selected(work)
    # In nats the entropy is by far the largest; among its own it is in the middle.
    assert set(rows(work)) == {"b"}
    soft = work.config.model_dump(mode="json")
    soft["training"]["weighting"] = "soft"
    work.adopt(RunConfig.model_validate(soft), work.prompts)
    await selected(work)
    assert set(rows(work)) == {"b", "c"}


async def test_the_same_training_set_has_the_same_inputs_and_another_has_others(work: Workspace) -> None:
    decide(work)
    first = (await selected(work)).training_inputs
    assert (await selected(work)).training_inputs == first
    keep_all = {**work.config.model_dump(mode="json"), "selection": {"keep": 1}}
    work.adopt(RunConfig.model_validate(keep_all), work.prompts)
    assert (await selected(work)).training_inputs != first
    assert set(rows(work)) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "setting",
    [
        {"quantization": "4bit"},
        {"gradient_checkpointing": True},
        {"scheduler": "constant"},
        {"weight_decay": 0.1},
        {"max_grad_norm": 0},
        {"processes": 2},
        {"processes": 2, "parallel": "fsdp"},
        {"args": {"optim": "sgd"}},
    ],
    ids=str,
)
async def test_a_checkpoint_of_other_settings_is_not_gone_on_from(
    work: Workspace, setting: dict[str, Any]
) -> None:
    decide(work)
    first = (await selected(work)).training_inputs
    other = work.config.model_dump(mode="json")
    other["training"] |= setting
    work.adopt(RunConfig.model_validate(other), work.prompts)
    assert (await selected(work)).training_inputs != first


async def test_what_was_made_of_another_training_set_is_forgotten(work: Workspace) -> None:
    decide(work)
    inputs = (await selected(work)).training_inputs
    work.files.adapter.mkdir()
    for file in work.files.adapter_files:
        file.write_bytes(b"made")
    work.keep(*work.files.adapter_files)
    work.journal.end_stage("train", 1.0, json.dumps({"dropped": ["b"], "inputs": inputs}))
    await selected(work)
    assert set(rows(work)) == {"a"}, "what was too long stays out"
    assert valid_outcomes(work.journal) == {"train": {"dropped": ["b"]}}
    work.journal.end_stage("train", 1.0, json.dumps({"dropped": ["b"], "inputs": "others"}))
    await selected(work)
    assert set(rows(work)) == {"a", "b"}
    assert valid_outcomes(work.journal) == {}
