"""A trained run is evaluated on a guard set and on other wordings: nothing is trained or asked twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from graph.config.run import RunConfig
from robustft import load_config, load_run, run
from robustft.held_out import read_held_out
from stores.errors import InputError
from tests.support.cases import CASES, command, script, write_run
from tests.support.endpoint import Endpoint
from tests.support.scripted import ScriptedModel
from training.finetune import TrainingOutcome

TUNED = ["models.tuned={provider: embedded}", "training.model=tuned"]
TEST = [
    {"id": "x", "prompt": "Capital of France?", "completion": "Paris", "task": "west"},
    {"id": "y", "prompt": "Capital of Peru?", "completion": "Lima", "task": "south"},
]
GUARD = [{"id": f"{at}", "prompt": f"How much is {at} and 0?", "completion": f"{at}"} for at in range(1, 13)]
WORDINGS = [
    {"id": "y", "prompt": "Which city is Peru's capital?"},
    {"id": "x", "prompt": "France's capital?"},
]


def rows(path: Path, given: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in given))
    return path


class Student:
    """In the place of training and of the model's weights: tuned it knows Peru, and cannot count any more."""

    def __init__(self) -> None:
        self.trained = 0
        self.asked: list[tuple[bool, str]] = []

    def train(
        self, training: Path, weights: str, adapter: Path, *others: Any, **more: Any
    ) -> TrainingOutcome:
        self.trained += 1
        adapter.mkdir(exist_ok=True)
        (adapter / "adapter_config.json").write_text("{}")
        (adapter / "adapter_model.safetensors").write_text("weights")
        return TrainingOutcome(samples=1, steps=1, loss=0.5, seconds=1, dropped=(), cut=())

    def load(self, config: RunConfig, adapter: Path | None) -> ScriptedModel:
        def answer(messages: list[BaseMessage]) -> str:
            text = str(messages[-1].content)
            self.asked.append((adapter is not None, text))
            if "How much" in text:
                return "nothing" if adapter else text.split("How much is ")[1].split()[0]
            return "Lima" if adapter and "Peru" in text else "Paris"

        return ScriptedModel(script=answer)


@pytest.fixture
def student(monkeypatch: pytest.MonkeyPatch) -> Student:
    found = Student()
    monkeypatch.setattr("training.finetune.train_adapter", found.train)
    monkeypatch.setattr("graph.stages.evaluate.load_tuned", found.load)
    monkeypatch.setattr("graph.readiness.check_tuned_model", lambda *given: "")
    monkeypatch.setattr("graph.stages.load.window_of_student", lambda *given: None)
    monkeypatch.setattr("graph.stages.load.tell_too_long", lambda *given: None)
    monkeypatch.setattr("graph.stages.train.fetchable_weights", lambda name: name)
    return found


@pytest.fixture
def begun(tmp_path: Path, endpoint: Endpoint, student: Student) -> Path:
    write_run(tmp_path, script(endpoint).url, CASES[:3])
    config = load_config(tmp_path / "my.yaml", TUNED, test=str(rows(tmp_path / "test.jsonl", TEST)))
    return run(config, tmp_path / "run").directory


def test_a_run_is_told_later_what_it_forgot_without_training_or_asking_again(
    begun: Path,
    tmp_path: Path,
    student: Student,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before, requests = list(student.asked), len(endpoint.requests)
    assert len(before) == 4
    guard = rows(tmp_path / "guard.jsonl", GUARD)
    capsys.readouterr()

    assert command(monkeypatch, "evaluate", begun, "--guard", guard) == 0

    figures = json.loads(capsys.readouterr().out)
    assert (figures["n"], figures["untuned"], figures["tuned"]) == (2, 0.5, 1.0)
    assert set(figures["by_category"]) == {"south", "west"}
    assert (figures["guard"]["n"], figures["guard"]["lost"], figures["guard"]["change"]) == (12, 12, -1.0)
    assert "tuning made the model forget" in figures["guard"]["caution"]
    assert "tuning made the model forget" in caplog.text
    assert student.trained == 1
    assert len(endpoint.requests) == requests
    new = student.asked[len(before) :]
    assert len(new) == 24
    assert all("How much" in text for _, text in new)

    finished = load_run(begun)
    assert finished.summary.evaluation is not None
    assert finished.summary.evaluation.to_json() == figures
    assert finished.config.data.guard == str(guard)
    assert {answer.id for answer in finished.evaluation()} == {"x", "y"}
    assert len(list(finished.evaluation("guard"))) == 24
    assert command(monkeypatch, "evaluate", begun) == 0
    assert command(monkeypatch, "evaluate", begun, "--guard", guard) == 0
    assert len(student.asked) == 28


def test_a_guard_set_that_was_changed_is_read_and_asked_anew(
    begun: Path, tmp_path: Path, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = rows(tmp_path / "guard.jsonl", GUARD)
    assert command(monkeypatch, "evaluate", begun, "--guard", guard) == 0
    asked = len(student.asked)
    rows(guard, [GUARD[0], {"id": "n", "prompt": "How much is 70 and 0?", "completion": "70"}])
    assert command(monkeypatch, "evaluate", begun, "--guard", guard) == 0
    found = load_run(begun).summary.evaluation
    assert found is not None
    assert found.guard is not None
    assert found.guard.n == 2
    assert len(student.asked) == asked + 2


def test_a_run_is_asked_other_wordings_later(
    begun: Path, tmp_path: Path, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = rows(tmp_path / "other.jsonl", WORDINGS)
    assert command(monkeypatch, "evaluate", begun, "--paraphrases", other) == 0
    finished = load_run(begun)
    found = finished.summary.evaluation
    assert found is not None
    assert found.paraphrases is not None
    assert (found.paraphrases.samples, found.paraphrases.wordings) == (2, 2)
    assert found.paraphrases.tuned is not None
    assert (found.paraphrases.tuned.right.value, found.paraphrases.tuned.same.value) == (1, 1)
    assert found.paraphrases.untuned is not None
    assert (found.paraphrases.untuned.right.value, found.paraphrases.untuned.same.value) == (0.5, 1)
    assert student.trained == 1
    assert len(student.asked) == 8
    reworded = list(finished.evaluation(reworded=True))
    assert {answer.prompt for answer in reworded} == {row["prompt"] for row in WORDINGS}
    assert len(list(finished.evaluation())) == 4


def test_a_new_run_takes_both_and_gets_them_back_from_a_damaged_journal(
    tmp_path: Path, endpoint: Endpoint, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_run(tmp_path, script(endpoint).url, CASES[:3])
    files = {"test": TEST, "guard": GUARD, "paraphrases": WORDINGS}
    options = [part for name, given in files.items() for part in (f"--{name}", rows(tmp_path / name, given))]
    settings = [part for setting in TUNED for part in ("--set", setting)]
    out = tmp_path / "run"
    assert command(monkeypatch, "run", config, *settings, *options, "--out", out) == 0
    before = load_run(out).summary.evaluation
    assert before is not None
    assert before.guard is not None
    assert before.paraphrases is not None
    (out / ".state" / "journal.sqlite").write_bytes(b"damaged " * 1000)
    assert command(monkeypatch, "resume", out) == 0
    assert load_run(out).summary.evaluation == before


@pytest.mark.parametrize("option", ["--guard", "--paraphrases"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"id": "x", "prompt": "Capital?", "completion": 5}\n{"id": "y", "prompt": ""}\n', "line 2"),
        ('{"id": "x", "prompt": "\\u0000", "completion": "a"}\n', "NUL"),
        ("", "holds no rows"),
        ("[[[[", "guard.jsonl"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_line_and_changes_nothing(
    option: str,
    content: str,
    told: str,
    begun: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = [(begun / name).read_bytes() for name in ("config.yaml", "summary.json", "evaluation.jsonl")]
    path = tmp_path / "guard.jsonl"
    path.write_text(content)
    capsys.readouterr()
    assert command(monkeypatch, "evaluate", begun, option, path) == 2
    error = capsys.readouterr().err
    assert str(path) in error.replace("\n", "")
    assert told in error
    after = [(begun / name).read_bytes() for name in ("config.yaml", "summary.json", "evaluation.jsonl")]
    assert before == after


def test_what_a_run_cannot_be_evaluated_with_is_refused(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for more, told in (
        (["--adapter", begun / "adapter"], "has its own adapter"),
        (["--set", "training.epochs=9"], "robustft resume"),
        (["--test", rows(tmp_path / "other.jsonl", TEST[:1])], "other data"),
    ):
        assert command(monkeypatch, "evaluate", begun, *more) == 2
        assert told in capsys.readouterr().err.replace("\n", " ")


def test_a_run_that_was_not_trained_is_not_trained_by_its_evaluation(
    tmp_path: Path, endpoint: Endpoint, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, script(endpoint).url, CASES[:3])
    run(load_config(tmp_path / "my.yaml", TUNED), tmp_path / "run", until="select")
    guard = rows(tmp_path / "guard.jsonl", GUARD)
    assert command(monkeypatch, "evaluate", tmp_path / "run", "--guard", guard) == 2
    assert student.trained == 0


def test_other_wordings_need_test_samples(
    tmp_path: Path, endpoint: Endpoint, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_run(tmp_path, script(endpoint).url, CASES[:3])
    other = rows(tmp_path / "other.jsonl", WORDINGS)
    assert command(monkeypatch, "run", config, "--paraphrases", other, "--out", tmp_path / "run") == 2
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="--test"):
        read_held_out(RunConfig(), None, None, other)
    with pytest.raises(InputError, match="nothing to evaluate on"):
        read_held_out(RunConfig(), None, None, None)


def test_without_a_run_the_files_of_the_config_are_used_where_no_others_are_given(tmp_path: Path) -> None:
    files = {"test": TEST, "guard": GUARD, "paraphrases": WORDINGS}
    data = {name: str(rows(tmp_path / f"{name}.jsonl", given)) for name, given in files.items()}
    config = RunConfig.model_validate({"data": data})
    found = read_held_out(config, None, None, None)
    assert [len(found["test"]), len(found["guard"])] == [2, 12]
    assert found["test"][0].wordings == ("France's capital?",)
    given = read_held_out(config, TEST[:1], GUARD[:2], None)
    assert [len(given["test"]), len(given["guard"])] == [1, 2]
    assert given["test"][0].wordings == ()
