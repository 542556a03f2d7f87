"""What the tests of the commands share: rows, files of rows, and a config of a scripted endpoint."""

import json
import re
from pathlib import Path
from typing import Any

HOSTILE = "\x1b[31mred\x1b[0m [bold]loud[/bold] [/nothing] \x07 \u202eesrever"


ROWS: list[dict[str, Any]] = [
    {"id": "clean", "prompt": "What is the capital of France?", "completion": "Paris"},
    {"id": "noisy", "prompt": "What is the capital of Italy?", "completion": "Vienna"},
    {"id": "evil", "prompt": f"What is this? {HOSTILE}", "completion": f"Oslo {HOSTILE}"},
]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def write_config(path: Path, url: str) -> Path:
    model = f"{{provider: openai, name: scripted, base_url: '{url}'}}"
    models = f"models: {{default: {model}, student: {{provider: embedded}}}}\ntraining: {{model: student}}\n"
    path.write_text(f"{models}agents: {{relabeler: {{neighbours: 0}}}}\n")
    return path


def answer(messages: list[dict[str, Any]]) -> str:
    text = str(messages[-1]["content"])
    if "verdict" in text.lower():
        return f"Verdict: noisy\n{HOSTILE}"
    return f"Rome {HOSTILE}" if "What is this" in text else "Paris" if "France" in text else "Rome"


def facts(count: int) -> Path:
    rows = [{"id": f"{i}", "prompt": f"What is number {i}?", "completion": f"word{i}"} for i in range(count)]
    return write_rows(Path("facts.jsonl"), rows)
