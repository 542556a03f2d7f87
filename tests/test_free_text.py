"""A small run on free text with the real model: nothing is estimated, and one line says why."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from robustft import load_run

pytestmark = pytest.mark.slow

ASKED = (
    "How do I reset my password?",
    "Can I return shoes that I have worn once?",
    "My parcel has not arrived. What now?",
    "Do you ship to Norway?",
    "How do I change my delivery address?",
    "Is there a discount for students?",
    "The zip of my jacket broke. Is it covered?",
    "Which payment methods do you take?",
    "How long does a refund take?",
    "Can I pick up my order in a shop?",
    "How do I cancel my subscription?",
    "Do you sell gift cards?",
)
SAID = "Thank you for writing. You find all there is to know about that under Help, behind {} of our shop."
SETTINGS = {
    "agents.base.max_tokens": 16,
    "agents.reasoner.max_tokens": 16,
    "agents.reasoner.max_reflections": 0,
    "agents.checker.max_tokens": 12,
}


def test_twelve_support_answers_end_with_one_line_and_no_estimate(tmp_path: Path) -> None:
    rows = [{"prompt": asked, "completion": SAID.format(f"page {at}")} for at, asked in enumerate(ASKED)]
    data = tmp_path / "support.jsonl"
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    settings = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    command = [
        sys.executable,
        "-m",
        "robustft",
        "run",
        "demo",
        "--data",
        data,
        "--out",
        tmp_path / "run",
        *settings,
    ]
    done = subprocess.run(
        [*map(str, command), "--until", "select"], capture_output=True, text=True, check=True
    )

    # A terminal of any width breaks lines.
    lines = [line.strip() for line in done.stderr.splitlines()]
    assert " ".join(lines).count("too few free-text samples (12 < 20) to calibrate: the judge decides") == 1
    assert "estimated │" not in done.stdout.replace("not estimated │", "")
    found = load_run(tmp_path / "run")
    assert found.summary.calibration is None
    assert found.summary.judged_alone is not None
    assert found.summary.judged_alone.samples == 12
    for decision in found.decisions():
        assert decision.noise_probability is None
        assert decision.consensus is None
        assert decision.check is not None
        assert decision.check.weights == {}
