"""The README says what is true: its diagrams, its Python, its layout and its config keys."""

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from paper import read_records
from pydantic import BaseModel
from study.tables import accuracies

from graph.config.run import RunConfig
from graph.run_graph import run_graph
from graph.sample_graph import sample_graph
from tests.support.endpoint import Endpoint

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run_block(code: str, endpoint: Endpoint, folder: Path) -> str:
    code = code.replace("http://127.0.0.1:8000/v1", endpoint.url).replace('"my-model"', '"scripted"')
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("graph", [sample_graph, run_graph], ids=["sample", "run"])
def test_the_diagrams_are_the_ones_langgraph_draws(graph: object) -> None:
    assert graph.get_graph().draw_mermaid().strip() in [block.strip() for block in blocks("mermaid")]


def test_the_python_that_runs_a_dataset_runs(endpoint: Endpoint, tmp_path: Path) -> None:
    rows = [{"prompt": f"What is the capital of France, {n}?", "completion": "Paris"} for n in range(4)]
    rows.append({"prompt": "What is the capital of Italy?", "completion": "Oslo"})
    (tmp_path / "my.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    printed = run_block(blocks("python")[0], endpoint, tmp_path)
    assert "4 clean, 1 relabelled" in printed
    assert (tmp_path / "my-run" / "decisions.jsonl").is_file()


def test_the_python_that_sends_one_sample_runs(endpoint: Endpoint, tmp_path: Path) -> None:
    assert run_block(blocks("python")[1], endpoint, tmp_path).splitlines()[-1] == "False Paris"


def test_the_layout_names_every_folder() -> None:
    layout = README.partition("## Layout")[2]
    named = set(re.findall(r"^    (\w+)/", layout, re.MULTILINE))
    tracked = {path.parent.name for path in ROOT.glob("*/*") if path.is_file()}
    assert named == {name for name in tracked if not name.startswith(".") and "egg-info" not in name} - {
        "runs"
    }


def test_the_reference_names_every_config_key() -> None:
    reference = README.partition("## Config\n")[2].partition("## Layout")[0]
    missing = [key for key in keys(RunConfig) if f".{key}`" not in reference]
    assert missing == []


@pytest.mark.parametrize("page", ["README.md", "docs/results/conclusion.md"])
@pytest.mark.parametrize("method", ["sft", "robustft-calibrated", "robustft-calibrated-soft"])
def test_what_is_said_of_the_study_is_what_it_found(page: str, method: str) -> None:
    records = read_records(ROOT / "docs" / "results" / "paper.jsonl")
    cell = {"dataset": "fpb", "kind": None, "method": method}
    low, middle, high = (
        f"{statistics.mean(accuracies(records, **cell, rate=rate)):.1f}" for rate in (30, 50, 70)
    )
    assert f"{low}, {middle} and {high}" in " ".join((ROOT / page).read_text(encoding="utf-8").split())


def keys(model: type[BaseModel]) -> set[str]:
    """Return the last part of every key below a settings model."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= keys(inner)
        elif name != "models":
            found.add(name)
    return found
