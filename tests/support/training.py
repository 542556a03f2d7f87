"""A dozen rows to train on, and training on them: what several files of tests share."""

import json
import threading
from pathlib import Path
from typing import Any

from agents.models.chat_template import ChatTemplate
from stores.pretrained import load_tokenizer
from stores.weights import SMOLLM2, resolve_weights
from training.attempt import TrainingOutcome
from training.finetune import train_adapter
from training.lora import TrainingConfig, load_model
from training.objectives.sft import build_trainer
from training.objectives.tokens import Tokens
from training.setting import Setting, choose_setting

COLOURS = {
    "a ripe banana": "yellow",
    "fresh snow": "white",
    "a clear sky": "blue",
    "grass in spring": "green",
    "coal": "black",
    "a ripe tomato": "red",
}
ROWS = [
    {
        "id": f"colour-{index}",
        "prompt": [{"role": "user", "content": question.format(thing)}],
        "completion": [{"role": "assistant", "content": f"It is {colour}, my friend."}],
        "source": "original",
    }
    for index, (question, thing, colour) in enumerate(
        (question, thing, colour)
        for question in ("What colour is {}?", "Tell me, please, of which colour {} would be.")
        for thing, colour in COLOURS.items()
    )
]
LONG = {
    "id": "long",
    "prompt": [{"role": "user", "content": "Count to a hundred."}],
    "completion": [{"role": "assistant", "content": " ".join(map(str, range(100)))}],
    "source": "relabelled",
}
CONFIG = TrainingConfig(epochs=1, batch_size=4, max_length=128)


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    file = folder / "training.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def trained(
    folder: Path, rows: list[dict[str, Any]], config: TrainingConfig = CONFIG, **hooks: Any
) -> TrainingOutcome:
    settings: dict[str, Any] = {"seed": 0, "report": lambda _: None, "stop": threading.Event(), **hooks}
    weights = resolve_weights(SMOLLM2)
    return train_adapter(written(folder, rows), weights, folder / "adapter", config, **settings)


def read(folder: Path, rows: list[dict[str, Any]], config: TrainingConfig = CONFIG) -> tuple[Tokens, Any]:
    tokenizer = load_tokenizer(resolve_weights(SMOLLM2))
    tokens = Tokens(folder / "tokens.arrow", config)
    tokens.read(written(folder, rows), ChatTemplate(tokenizer, SMOLLM2), threading.Event())
    return tokens, tokenizer


def trainer_of(
    tokens: Tokens, tokenizer: Any, config: TrainingConfig = CONFIG, setting: Setting | None = None
) -> Any:
    """Return the trainer of SmolLM2 on tokens, in the setting of this machine without another one."""
    weights = resolve_weights(SMOLLM2)
    setting = setting or choose_setting(weights, config, tokens.longest)
    return build_trainer(load_model(weights, config, setting), tokenizer, tokens, config, setting, 0)
