"""How well wrong labels are told from what agents said, for every kind of noise, without asking a model.

    python benchmarks/calibrated.py FOLDER RUN_DIRECTORY [--kinds given uniform ...] [--rates 30 50 70]

The agents' answers are those of a run on samples of the folder, with gold; the noise is made anew. A sample
that the run does not have gets the answers of a random one with the same gold. Prints a line of JSON a data
set: the noise there is and its estimate, areas under the curve of the noise probability, of cleanlab's
classifier and of the votes, the calibration error, and how often the likeliest response is right.
"""

import argparse
import json
import random
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

from langchain_core.embeddings import Embeddings
from study.data import Folder, open_folder
from study.figures import figures_of
from study.rules import Case, Label, contradicted

from agents.answers.kind import sample_kind
from agents.checker import Check
from agents.record import SampleRecord
from graph.config.run import RunConfig
from graph.state import SampleState
from stores.dataset import read_samples
from stores.run_directory import RunDirectory
from stores.sample import Sample
from stores.vectors import PromptVectors
from training.calibration.calibrate import calibrate, conclude
from training.calibration.calibrate import calibrated as calibrated_of
from training.calibration.label_matrix import view_answers
from training.calibration.measures import Measures
from training.metrics import is_right
from training.noise import NoiseKind

_VIEWS = ("base", "reasoning")
_GIVEN = "given"
_UNJUDGED = Check(clean=True, policy="calibrated", agreed=(), reason="a vote")


class _Tools:
    """What the rules of the study need, but for a model."""

    def __init__(self, encoder: Embeddings) -> None:
        self.encoder = encoder

    def likelihood(self, samples: Sequence[Sample], responses: Sequence[str]) -> list[float]:
        raise NotImplementedError("no model is asked here")

    def likelihood_as_given(self, samples: Sequence[Sample]) -> list[float]:
        raise NotImplementedError("no model is tuned here")


def measure(samples: list[Sample], states: list[SampleState], encoder: Embeddings) -> dict[str, Any]:
    """Return the figures of one data set, its samples' answers taken from states (n each)."""
    said = [view_answers(state, _VIEWS) for state in states]
    # What was said later in that run was said of another label.
    cases = [
        Case(SampleState(sample=sample, base=state.base, turns=state.turns))
        for sample, state in zip(samples, states, strict=True)
    ]
    judged = [case.state.model_copy(update={"check": _UNJUDGED}) for case in cases]
    measures = Measures(encoder)
    fitted = calibrate(lambda: judged, measures, _VIEWS)
    calibrated = list(map(_noisy, calibrated_of(lambda: judged, measures, fitted)))
    noise = [known.check.noise or 0.0 for known in calibrated if known.check is not None]
    concluded = conclude(lambda: calibrated, measures, fitted, lambda record: True)
    likeliest = [known.consensus.answer if known.consensus is not None else None for known in concluded]
    detections = {
        "calibrated": _detection(cases, [Label(None, False, doubt) for doubt in noise]),
        "cleanlab": _detection(cases, contradicted(cases, _Tools(encoder))),
        "votes": _detection(cases, [_vote(*pair) for pair in zip(samples, said, strict=True)]),
    }
    pairs = list(zip(samples, states, strict=True))
    return {
        "samples": len(samples),
        "answers_drawn": sum(sample.prompt != state.sample.prompt for sample, state in pairs),
        "noise": 1 - _share_right(samples, [sample.response for sample in samples]),
        "estimated": round(fitted.noise_rate or 0.0, 3),
        "auc": {name: _rounded(detection.get("auc")) for name, detection in detections.items()},
        "ece": _rounded(detections["calibrated"].get("ece")),
        "likeliest_right": _share_right(samples, likeliest),
    }


def _noisy(known: SampleRecord) -> SampleRecord:
    """Return a sample as if it were noisy, so that its consensus is its likeliest response."""
    check = known.check and known.check.model_copy(update={"clean": False})
    return known.model_copy(update={"check": check})


def _share_right(samples: Sequence[Sample], responses: Sequence[str | None]) -> float:
    pairs = zip(samples, responses, strict=True)
    right = [is_right(said or "", sample.gold or "", sample.options, sample.kind) for sample, said in pairs]
    return round(sum(right) / len(right), 3)


def _detection(cases: list[Case], labels: list[Label]) -> dict[str, Any]:
    """Return a method's figures; none where it cannot tell, like a classifier of responses all different."""
    return figures_of(cases, labels)["detection"] or {}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _vote(sample: Sample, said: Sequence[str | None]) -> Label:
    kind = sample_kind(sample)
    against = [not kind.agree(answer, sample.response, sample.options) for answer in said]
    return Label(None, False, sum(against) / len(against))


def read_answers(directory: Path) -> list[SampleState]:
    """Return all samples of a run, with what its agents said."""
    with closing(RunDirectory(directory).open_journal(read_only=True)) as journal:
        return [SampleState.from_entry(sample, entry) for sample, entry in journal.entries()]


def answers_for(samples: list[Sample], states: list[SampleState], seed: int) -> Iterator[SampleState]:
    """Yield each sample's own state, or that of a random other one with the same gold."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    own = {state.sample.prompt: state for state in states}
    alike: dict[str | None, list[SampleState]] = {}
    for state in states:
        alike.setdefault(state.sample.gold, []).append(state)
    for sample in samples:
        yield own.get(sample.prompt) or draw.choice(alike[sample.gold])


def conditions(arguments: argparse.Namespace, folder: Folder) -> Iterator[dict[str, Any]]:
    """Yield the figures of every seed, kind and rate."""
    states = read_answers(arguments.directory)
    with tempfile.TemporaryDirectory(prefix="robustft-calibrated-") as vectors:
        encoder = PromptVectors(Path(vectors), RunConfig().encoder)
        prompts = list(read_samples(folder.labeled))
        deque(encoder.make(lambda: prompts, len(prompts)), maxlen=0)
        yield from _conditions(arguments, folder, states, encoder)


def _conditions(
    arguments: argparse.Namespace, folder: Folder, states: list[SampleState], encoder: Embeddings
) -> Iterator[dict[str, Any]]:
    for seed in arguments.seeds:
        for kind in arguments.kinds:
            for rate in arguments.rates:
                made = None if kind == _GIVEN else kind
                samples = folder.noisy_samples(rate, made, arguments.samples, seed, encoder)
                figures = measure(samples, list(answers_for(samples, states, seed)), encoder)
                yield {"seed": seed, "kind": kind, "rate": rate, **figures}


def main() -> None:
    """Print the figures as JSON, a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds labeled, test and noisyNN files")
    parser.add_argument("directory", type=Path, help="a run on samples of the folder")
    kinds = (_GIVEN, *get_args(NoiseKind))
    parser.add_argument(
        "--kinds", nargs="+", choices=kinds, default=[_GIVEN], help="given: the noisyNN files"
    )
    parser.add_argument("--rates", nargs="+", type=int, default=[30, 50, 70])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of the subsets and of the noise")
    parser.add_argument("--samples", type=int, default=500)
    arguments = parser.parse_args()
    for figures in conditions(arguments, open_folder(arguments.folder)):
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
