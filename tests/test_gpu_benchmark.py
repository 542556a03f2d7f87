"""The script for a GPU runs on a CPU too, with a small model and small sizes, and keeps what it has."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SMALL = ("--samples", "8", "--in-flight", "1", "4", "--max-tokens", "2", "--steps", "2", "--batch", "2")


def measure(out: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), *SMALL, "--out", str(out), *arguments]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    figures: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return figures


def test_every_part_gives_figures_on_a_cpu(tmp_path: Path) -> None:
    parts = ("embedded", "verdicts", "training")
    found = measure(tmp_path / "gpu.json", "--budget", "1000", "--parts", *parts)
    assert "torch" in found["versions"]
    (embedded,) = found["parts"]["embedded"].values()
    for in_flight, requests in (("1", 2), ("4", 8)):
        assert set(embedded[in_flight]) == {"ours", "generate", "continuous"}
        for figures in embedded[in_flight].values():
            assert figures["requests"] == requests
            assert figures["requests_per_second"] > 0
            assert figures["tokens_per_reply"] == 2
            assert figures["first_answer_seconds"] > 0
    (verdicts,) = found["parts"]["verdicts"].values()
    assert verdicts["samples"] == 8
    assert 0 < verdicts["first_verdict_seconds"] <= verdicts["seconds"]
    (training,) = found["parts"]["training"].values()
    for way in ("ours", "ours, soft", "trl bfloat16", "trl float32"):
        assert len(training[way]["losses"]) == 2
        assert training[way]["samples_per_second"] > 0
    assert len(found["seconds"]) == 3


def test_what_takes_too_long_is_cut_and_said(tmp_path: Path) -> None:
    found = measure(tmp_path / "gpu.json", "--budget", "0.5", "--parts", "embedded", "training")
    (embedded,) = found["parts"]["embedded"].values()
    assert "cut after" in embedded["error"]
    # Nothing is begun without time for it.
    assert "training" not in found["parts"]
