"""One try at a training: it is computed as its setting says, and its retry in a safer one."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from datasets import is_progress_bar_enabled
from torch.backends import cuda

from agents.models.chat_template import ChatTemplate
from stores.pretrained import load_tokenizer
from stores.records import TrainingRetry
from tests.support.processes import CONFIG, PLAIN, ROWS
from tests.support.tiny_models import save_tiny_model
from training.attempt import Attempt, quiet, safe_products
from training.objectives.tokens import Tokens
from training.setting import Setting

RETRY = TrainingRetry(
    step=1, samples=("a",), fault="the loss was nan", cause="unknown", setting="x", float32=True, halved=True
)


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    weights = str(save_tiny_model(tmp_path / "model"))
    file = tmp_path / "training.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    tokenizer = load_tokenizer(weights)
    work = tmp_path / "work"
    work.mkdir()
    tokens = Tokens(work / "tokens.arrow", CONFIG)
    tokens.read(file, ChatTemplate(tokenizer, weights), threading.Event())
    return Attempt(weights, work, CONFIG, PLAIN, tokens, tokenizer, 0, lambda _: None, threading.Event())


def test_it_leaves_an_adapter_and_says_what_it_did(attempt: Attempt) -> None:
    outcome = attempt.train()
    assert (outcome.samples, outcome.steps, outcome.retry) == (11, 9, None)
    assert {file.name for file in (attempt.work / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_a_retry_is_safer_and_slower_and_told(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Setting, float]] = []

    def note(
        model: Any, tokenizer: Any, tokens: Any, config: Any, setting: Setting, *more: Any, **named: Any
    ) -> Any:
        seen.append((setting, config.learning_rate))
        return build(model, tokenizer, tokens, config, setting, *more, **named)

    from training.attempt import build_trainer as build

    monkeypatch.setattr("training.attempt.build_trainer", note)
    assert attempt.train(RETRY).retry == RETRY
    assert seen == [(PLAIN.model_copy(update={"own_layers": False}), 0.005)]


def test_what_it_changes_of_the_libraries_is_put_back() -> None:
    before = cuda.matmul.allow_bf16_reduced_precision_reduction, is_progress_bar_enabled()
    with quiet(), safe_products():
        assert not cuda.matmul.allow_bf16_reduced_precision_reduction
        assert not is_progress_bar_enabled()
    assert (cuda.matmul.allow_bf16_reduced_precision_reduction, is_progress_bar_enabled()) == before
