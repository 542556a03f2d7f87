"""The whole pipeline on a slice of the bundled data, with the real model, store and trainer.

No accuracy is hoped for: what is checked is that every record is there and that the figures follow from them.
"""

import hashlib
import json
import math
import subprocess
import sys
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from robustft import load_run
from stores.dataset import read_samples
from stores.export import write_samples
from training.calibration import priors
from training.noise import inject_noise
from training.selection import DEFAULT_MIN_CONFIDENCE

pytestmark = pytest.mark.slow

DATA = Path(str(files("robustft"))) / "data"
CONFIG = Path(str(files("configs"))) / "demo.yaml"
TRAIN, TEST, RATE = 16, 8, 0.3


class Finished(NamedTuple):
    """A run that went through every stage."""

    out: Path
    printed: str

    def rows(self, name: str) -> list[dict[str, Any]]:
        text = (self.out / name).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.out / "summary.json").read_text(encoding="utf-8"))
        return summary


def robustft(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from robustft.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=CONFIG.parents[1], check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("end-to-end")
    # Every n-th row: the slice has samples of several tasks, however the file is sorted.
    rows = list(read_samples(DATA / "train.jsonl"))
    train = rows[:: len(rows) // TRAIN][:TRAIN]
    assert len({sample.task for sample in train}) > 1
    write_samples(folder / "train.jsonl", inject_noise(train, RATE, seed=0))
    write_samples(folder / "test.jsonl", islice(read_samples(DATA / "test.jsonl"), TEST))
    data = ["--data", folder / "train.jsonl", "--test", folder / "test.jsonl"]
    done = robustft("run", CONFIG, *data, "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return Finished(folder / "run", done.stdout)


def test_the_run_leaves_every_promised_file(finished: Finished) -> None:
    names = {"config.yaml", "decisions.jsonl", "training.jsonl", "dropped.jsonl", "summary.json"}
    names |= {"evaluation.jsonl", "adapter", "prompts", ".state"}
    assert {path.name for path in finished.out.iterdir()} == names
    left = [path.name for path in (finished.out / ".state").iterdir()]
    assert not [name for name in left if name.startswith(".") or name.endswith((".tmp", "-wal"))]


def test_every_sample_has_one_decision_in_the_order_of_the_data(finished: Finished) -> None:
    given = [sample.id for sample in read_samples(finished.out.parent / "train.jsonl")]
    decisions = finished.rows("decisions.jsonl")
    assert [row["id"] for row in decisions] == given
    assert {row["status"] for row in decisions} <= {"clean", "relabelled"}
    assert all(row["gold"] for row in decisions)


def test_the_counts_follow_from_the_decisions(finished: Finished) -> None:
    decisions = finished.rows("decisions.jsonl")
    samples = finished.summary()["samples"]
    clean = sum(row["status"] == "clean" for row in decisions)
    kept = sum(row["status"] == "relabelled" and row["kept"] for row in decisions)
    assert samples == {
        "total": TRAIN,
        "clean": clean,
        "noisy": TRAIN - clean,
        "relabelled": TRAIN - clean,
        "empty": sum(row["status"] == "relabelled" and row["final"] is None for row in decisions),
        "kept": kept,
        "training": clean + kept,
        "failed": 0,
        "trusted": 0,
        "trusted_kept": 0,
        "other_form": 0,
        "skipped": 0,
    }


def test_entropy_follows_from_the_log_probabilities(finished: Finished) -> None:
    agents = [row["agents"] for row in finished.rows("decisions.jsonl")]
    contexts = [said["relabeler"] for said in agents if "relabeler" in said]
    assert contexts
    for context in contexts:
        values = context["log_probabilities"]
        assert values
        assert all(value <= 1e-6 for value in values)
        assert context["entropy"] == pytest.approx(-math.fsum(values) / len(values), abs=1e-6)


def test_selection_keeps_what_is_likely_right_and_the_unsure_stay_as_given(finished: Finished) -> None:
    rows = [row for row in finished.rows("decisions.jsonl") if row["status"] == "relabelled"]
    sure = {row["id"] for row in rows if row["consensus"]["confidence"] >= DEFAULT_MIN_CONFIDENCE}
    assert {row["id"] for row in rows if row["kept"]} == sure
    replaced = [row for row in rows if row["final"] != row["response"]]
    assert all(row["consensus"]["confidence"] >= priors.REPLACES for row in replaced)
    assert 0 < len(replaced) < len(rows), "the slice must hold both kinds"


def test_neighbours_are_clean_and_never_the_sample_itself(finished: Finished) -> None:
    decisions = finished.rows("decisions.jsonl")
    clean = {row["id"] for row in decisions if row["status"] == "clean"}
    for row in decisions:
        shown = [neighbour["id"] for neighbour in row["agents"].get("relabeler", {}).get("neighbours", [])]
        assert set(shown) <= clean - {row["id"]}
        assert len(set(shown)) == len(shown) <= 3
    assert (finished.out / ".state" / "chroma").is_dir() == bool(clean)


def test_training_and_dropped_share_out_the_data(finished: Finished) -> None:
    decisions = {row["id"]: row for row in finished.rows("decisions.jsonl")}
    training, dropped = finished.rows("training.jsonl"), finished.rows("dropped.jsonl")
    assert {row["id"] for row in training} | {row["id"] for row in dropped} == set(decisions)
    assert len(training) + len(dropped) == TRAIN
    for row in training:
        decision = decisions[row["id"]]
        assert row["completion"] == [{"role": "assistant", "content": decision["final"]}]
        assert (row["source"] == "original") == (decision["status"] == "clean")


def test_the_measured_figures_follow_from_gold(finished: Finished) -> None:
    decisions, summary = finished.rows("decisions.jsonl"), finished.summary()
    wrong = {row["id"] for row in decisions if row["response"] != row["gold"]}
    noisy = {row["id"] for row in decisions if row["check"]["verdict"] == "noisy"}
    assert len(wrong) == round(RATE * TRAIN)
    assert summary["detection"]["precision"] == pytest.approx(len(wrong & noisy) / len(noisy))
    assert summary["detection"]["recall"] == pytest.approx(len(wrong & noisy) / len(wrong))
    assert summary["training_set"]["purity_before"] == pytest.approx(1 - len(wrong) / TRAIN)
    assert summary["training_set"]["size"] == summary["samples"]["training"]


def test_the_adapter_loads_with_peft_and_was_trained(finished: Finished) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from stores.weights import resolve_weights

    model = AutoModelForCausalLM.from_pretrained(resolve_weights("smollm2-135m-instruct"))
    tuned = PeftModel.from_pretrained(model, str(finished.out / "adapter"))
    moved = [weight for name, weight in tuned.named_parameters() if "lora_B" in name]
    assert moved
    assert any(weight.abs().max() > 0 for weight in moved), "B starts at zero: nothing was learnt"
    assert finished.summary()["training"]["samples"] == finished.summary()["samples"]["training"]


def test_the_evaluation_follows_from_its_rows(finished: Finished) -> None:
    rows, figures = finished.rows("evaluation.jsonl"), finished.summary()["evaluation"]
    ids = sorted(sample.id for sample in read_samples(finished.out.parent / "test.jsonl"))
    assert figures["n"] == TEST == len(ids)
    for name in ("untuned", "tuned"):
        own = [row for row in rows if row["model"] == name]
        assert sorted(row["id"] for row in own) == ids
        right = sum(row["right"] for row in own)
        assert figures[name] == pytest.approx(right / TEST)
        assert 0 <= figures[name] <= 1


def test_usage_adds_up(finished: Finished) -> None:
    usage = finished.summary()["usage"]
    spent = [decision.usage for decision in load_run(finished.out).decisions()]
    for name in ("requests", "prompt_tokens", "completion_tokens"):
        total = sum(agent[name] for agent in usage["by_agent"].values())
        assert usage[name] == total == sum(getattr(used, name) for used in spent)


def test_what_is_printed_names_the_files_and_the_next_command(finished: Finished) -> None:
    told = finished.printed.replace("\n", "")
    assert str(finished.out) in told
    assert "robustft trace" in told
    assert f"on {TEST} held-out" in " ".join(told.split())


def test_a_trace_of_one_sample_is_printed(finished: Finished) -> None:
    row = next(row for row in finished.rows("decisions.jsonl") if row["status"] == "relabelled")
    done = robustft("trace", finished.out, row["id"])
    assert done.returncode == 0, done.stderr
    assert all(role in done.stdout for role in ("base", "reasoner 1", "checker", "relabeler", "reviewer"))


def test_resuming_a_finished_run_repeats_nothing(finished: Finished) -> None:
    def digests() -> dict[str, str]:
        names = ["decisions.jsonl", "training.jsonl", "dropped.jsonl", "adapter/adapter_model.safetensors"]
        return {name: hashlib.sha256((finished.out / name).read_bytes()).hexdigest() for name in names}

    before, summary = digests(), finished.summary()
    trained = (finished.out / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns
    done = robustft("resume", finished.out)
    assert done.returncode == 0, done.stderr
    assert digests() == before
    assert (finished.out / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns == trained
    for part in ("samples", "usage", "training", "evaluation", "detection", "config_hash"):
        assert finished.summary()[part] == summary[part]
