"""What a resumed run does again."""

import json
from pathlib import Path
from typing import Any

import pytest

from graph.config.run import ConfigError, RunConfig
from graph.context import load_prompts
from graph.fingerprint import fingerprints
from graph.stages.kinds import keep_kinds
from graph.stages.resume import ResumePlan, carry_out, plan_resume, resumed_config
from graph.stages.stage import Workspace
from graph.state import RunInput
from prompts.template import PromptError
from stores.errors import DataError
from stores.journal import Entry
from stores.replacement import replace_texts
from stores.validity import DecisionInputs
from tests.graph.stages.conftest import SAMPLES


def plan(**changes: Any) -> ResumePlan:
    config = RunConfig()
    same: dict[str, Any] = {
        "verdicts_differ": False,
        "relabels_differ": False,
        "counts": {"clean": 2, "relabelled": 1},
        "retry_failed": False,
    }
    return ResumePlan(config, load_prompts(config), DecisionInputs("v", "r"), **(same | changes))


@pytest.mark.parametrize(
    ("changes", "redoes"),
    [
        ({}, False),
        ({"verdicts_differ": True}, True),
        ({"verdicts_differ": True, "counts": {}}, False),
        ({"relabels_differ": True}, True),
        ({"relabels_differ": True, "counts": {"clean": 3}}, False),
        ({"relabels_differ": True, "counts": {"failed": 1}}, True),
        ({"retry_failed": True}, False),
        ({"retry_failed": True, "counts": {"failed": 1}}, True),
        ({"counts": {"failed": 1}}, False),
    ],
)
def test_only_what_was_decided_can_become_invalid(changes: dict[str, Any], redoes: bool) -> None:
    assert plan(**changes).redoes is redoes


def test_a_config_that_names_no_data_keeps_the_runs_own() -> None:
    known = RunConfig.model_validate({"data": {"train": "a.jsonl", "limit": 3}})
    assert resumed_config(known, RunInput(directory="run")) is known
    new = resumed_config(known, RunInput(directory="run", config={"data": {"test": "b.jsonl"}}))
    assert (new.data.train, new.data.limit, new.data.test) == ("a.jsonl", 3, "b.jsonl")
    with pytest.raises(ConfigError, match=r"selection\.kep"):
        resumed_config(known, RunInput(directory="run", config={"selection": {"kep": 1}}))


def decide(work: Workspace) -> None:
    known = fingerprints(work.config, work.prompts).decisions
    work.journal.validity.keep_inputs(known)
    work.journal.record(Entry(sample.id, "clean", "{}") for sample in SAMPLES)
    work.journal.validity.validate_selection()


def test_the_same_config_and_prompts_make_nothing_invalid(work: Workspace) -> None:
    decide(work)
    found = plan_resume(work, RunInput(directory=str(work.files.path)))
    carry_out(work, found)
    assert not found.redoes
    assert work.journal.count_status() == {"clean": 3}
    assert work.journal.validity.has_selection


def test_samples_that_were_given_their_kinds_and_golds_are_the_same_samples(
    work: Workspace, tmp_path: Path
) -> None:
    keep_kinds(work.journal, "train")
    rows = [sample.model_dump(include={"id", "prompt", "response"}) for sample in SAMPLES]
    request = RunInput(directory=str(work.files.path), samples=rows)
    assert not plan_resume(work, request).redoes
    other = RunInput(directory=str(work.files.path), samples=[{**rows[0], "kind": "number"}, *rows[1:]])
    with pytest.raises(ConfigError, match="other data than samples"):
        plan_resume(work, other)


def test_held_out_samples_that_come_with_a_resumed_run_are_given_their_kinds(
    work: Workspace, tmp_path: Path
) -> None:
    test = tmp_path / "test.jsonl"
    test.write_text(json.dumps({"prompt": "Capital of Chad?", "completion": "42"}))
    request = RunInput(directory=str(work.files.path), config={"data": {"test": str(test)}})
    carry_out(work, plan_resume(work, request))
    assert [sample.kind for sample in work.journal.samples("test")] == ["short"]


def test_another_seed_makes_all_decisions_invalid_and_takes_the_configs_place(work: Workspace) -> None:
    decide(work)
    request = RunInput(directory=str(work.files.path), config={"run": {"seed": 1}})
    found = plan_resume(work, request)
    assert work.journal.count_status() == {"clean": 3}, "planning changes nothing"
    carry_out(work, found)
    assert work.journal.count_status() == {}
    assert not work.journal.validity.has_selection
    assert work.journal.validity.inputs == found.inputs
    assert "seed: 1" in work.files.config.read_text()


def break_off(work: Workspace, request: RunInput, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Carry a plan out until a step of the journal, and be killed there."""

    def killed(*arguments: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(work.journal, step, killed)
        with pytest.raises(KeyboardInterrupt):
            carry_out(work, plan_resume(work, request))


def test_a_plan_that_is_broken_off_is_made_again(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    decide(work)
    request = RunInput(directory=str(work.files.path), config={"run": {"seed": 1}})

    break_off(work, request, "forget", monkeypatch)
    assert not work.journal.validity.has_selection
    again = plan_resume(work, RunInput(directory=str(work.files.path)))
    assert again.redoes
    carry_out(work, again)
    assert work.journal.count_status() == {}


def test_the_runs_own_prompts_are_planned_with_unless_a_config_is_given(work: Workspace) -> None:
    other = "{{ question }} {{ context_answer }} {{ reasoning_answer }}"
    replace_texts(work.files, work.config.to_yaml(), {**work.manifest.prompts, "review": other})
    own = plan_resume(work, RunInput(directory=str(work.files.path)))
    assert own.prompts.texts["review"] == other
    named = plan_resume(work, RunInput(directory=str(work.files.path), config={"run": {"seed": 0}}))
    assert named.prompts.texts == load_prompts(RunConfig()).texts
    lost = {"agents": {"base": {"prompt": "no/such.md"}}}
    with pytest.raises(PromptError, match=r"no/such\.md.*the run's own is in"):
        plan_resume(work, RunInput(directory=str(work.files.path), config=lost))


def test_a_config_that_names_no_columns_keeps_the_runs_own() -> None:
    columns = {"prompt": "ask", "response": "reply"}
    known = RunConfig.model_validate({"data": {"train": "a.jsonl", "columns": columns, "on_bad_row": "skip"}})
    new = resumed_config(known, RunInput(directory="run", config={"selection": {"keep": 0.3}}))
    assert (new.data.columns, new.data.on_bad_row) == (known.data.columns, "skip")


def trusting(work: Workspace, folder: Path, **rows: str) -> RunInput:
    file = folder / "trusted.jsonl"
    file.write_text("\n".join(json.dumps({"id": name, "response": text}) for name, text in rows.items()))
    return RunInput(directory=str(work.files.path), trusted=str(file))


def test_other_trusted_responses_make_only_their_own_decisions_anew(work: Workspace, tmp_path: Path) -> None:
    decide(work)
    work.journal.validity.validate_calibration({})
    found = plan_resume(work, trusting(work, tmp_path, b="Lima"))
    assert (found.redoes, found.verdicts_differ) == (True, False)
    assert work.journal.count_status() == {"clean": 3}, "planning changes nothing"
    carry_out(work, found)
    assert [sample.id for sample in work.journal.undecided()] == ["b"]
    assert work.journal.validity.calibration is None
    assert work.config.data.trusted == str(tmp_path / "trusted.jsonl")
    assert not plan_resume(work, trusting(work, tmp_path, b="Lima")).redoes


def test_a_plan_with_trusted_responses_that_is_broken_off_is_made_again(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(work)
    request = trusting(work, tmp_path, b="Lima")

    break_off(work, request, "trust", monkeypatch)
    assert not work.journal.validity.has_selection
    again = plan_resume(work, request)
    assert again.trust_differs
    carry_out(work, again)
    assert {sample.id: sample.trusted for sample in work.journal.samples("train")}["b"] == "Lima"


def test_a_resumed_run_does_not_read_its_trusted_file_again_unless_told_so(
    work: Workspace, tmp_path: Path
) -> None:
    decide(work)
    request = trusting(work, tmp_path, b="Lima")
    carry_out(work, plan_resume(work, request))
    (tmp_path / "trusted.jsonl").unlink()
    assert plan_resume(work, RunInput(directory=str(work.files.path))).trusted is None
    with pytest.raises(DataError, match="no such file"):
        plan_resume(work, request)
