"""What each part of the default brings and costs: a run's stored answers, judged again with a part left out.

    python benchmarks/ablation.py RUN_DIRECTORY TRAIN_WITH_GOLD...

RUN_DIRECTORY is a finished run. Each TRAIN_WITH_GOLD is a file of the run's prompts with responses and gold,
such as `robustft noise` writes at several rates. No model is asked. What the base agent, the reasoner, the
relabeler and the reviewer say does not depend on the response, so their answers judge other responses of the
same prompts. The judge saw the response: its verdict counts where the response is the run's own. A sample
that the run did not relabel has no review; both shares are told.

Prints a line of JSON a file and group of samples whose responses compare; free text and more than 50 classes
are left out. For each part left out: the area under the curve (AUC) of the noise probability, the F1 of the
verdicts, the share of right responses after, the share that selection keeps and how many of those are right,
the estimated noise rate, and what was asked, relabeling included. The differences from the default have 95 %
intervals of the bootstrap over the samples.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from worlds.asked import asked_where, in_doubt
from worlds.methods import decide_by_default

from agents.base import Prediction
from agents.reasoner import Turn
from agents.record import SampleRecord
from agents.reviewer import Review
from graph.config.run import RunConfig
from robustft import load_run
from stores.dataset import ReadingRules, read_samples
from stores.encoder import load_encoder
from stores.records import Decision, Usage
from stores.sample import Sample
from training.calibration.arrays import Bools, Numbers, Reals
from training.calibration.groups import Group, Groups
from training.calibration.label_matrix import LabelMatrix, label_matrix
from training.calibration.label_space import LabelSpace
from training.metrics import is_right
from training.selection import DEFAULT_MIN_CONFIDENCE

_RESAMPLES = 1000
_BASE, _REASONING = "base", "reasoning"
_DEFAULT = "default"
_AGENT_OF = {_BASE: "base", _REASONING: "reasoner"}


class Stored(NamedTuple):
    """A group of a file's samples with what a run's agents said of their prompts.

    Args:
        group: the group's name.
        records: the samples with the two views' answers (n).
        decisions: what the run has of each prompt (n).
        matrix: what is known of them, all parts included.
        space: the numbers of the responses.
        reviews: what the reviewer said, -1 where it was not asked (n).
        wrong: which responses are wrong by gold (n).
    """

    group: str
    records: list[SampleRecord]
    decisions: list[Decision]
    matrix: LabelMatrix
    space: LabelSpace
    reviews: Numbers
    wrong: Bools


class Judged(NamedTuple):
    """What the default, or what is left of it, makes of the samples (n each)."""

    noise: Reals
    noisy: Bools
    right: Bools
    kept: Bools
    usage: Usage


class Left(NamedTuple):
    """What is left of the default once a part is left out.

    Args:
        matrix: what is known.
        relabels: whether anybody relabels.
        reasoned: about which samples the reasoner was asked (n); None where it was asked about all.
    """

    matrix: LabelMatrix
    relabels: bool = True
    reasoned: Bools | None = None


Part = Callable[[Stored], Left]


def read(decisions: Sequence[Decision], file: Path) -> Iterator[Stored]:
    """Yield a file's samples, group by group, with what the agents of a run said of them."""
    said = {decision.prompt: decision for decision in decisions}
    samples = [one for one in read_samples(file, rules=ReadingRules(noisy=True)) if one.prompt in said]
    groups = Groups.of(samples)
    for place, group in enumerate(groups.groups):
        if group.space is not None and not group.space.many:
            own = [sample for sample in samples if groups.place_of(sample) == place]
            yield _stored(group, group.space, own, [said[sample.prompt] for sample in own])


def _stored(group: Group, space: LabelSpace, samples: Sequence[Sample], known: Sequence[Decision]) -> Stored:
    records = [_record(sample, decision) for sample, decision in zip(samples, known, strict=True)]
    matrix = label_matrix(records, space, (_BASE, _REASONING))
    verdicts = [_verdict(record, decision) for record, decision in zip(records, known, strict=True)]
    matrix = replace(matrix, verdicts=numpy.array(verdicts))
    if space.shared:
        vectors = load_encoder(RunConfig().encoder).embed_documents([sample.prompt for sample in samples])
        matrix = replace(matrix, prompts=numpy.array(vectors, dtype=numpy.float32))
    reviewed = [_reviewed(record, decision) for record, decision in zip(records, known, strict=True)]
    reviews = [space.encode(one, one.review.answer if one.review else None) for one in reviewed]
    wrong = [not _says_gold(sample, sample.response) for sample in samples]
    return Stored(group.name, reviewed, list(known), matrix, space, numpy.array(reviews), numpy.array(wrong))


def _record(sample: Sample, decision: Decision) -> SampleRecord:
    agents = decision.agents
    base = Prediction(answer=agents["base"].answer) if "base" in agents else None
    reasoner = agents.get("reasoner")
    turns = [Turn(role="reason", reply="", answer=reasoner.answer)] if reasoner else []
    return SampleRecord(sample=sample.model_copy(update={"id": decision.id}), base=base, turns=turns)


def _reviewed(record: SampleRecord, decision: Decision) -> SampleRecord:
    review = decision.agents.get("reviewer")
    if review is None:
        return record
    return record.model_copy(update={"review": Review(answer=review.answer, reason="reviewed")})


def _verdict(record: SampleRecord, decision: Decision) -> int:
    """Return what the judge said of this very response: 1 reliable, 0 noisy, -1 nothing."""
    judge = decision.agents.get("checker")
    if judge is None or record.sample.response != decision.response:
        return -1
    return {"reliable": 1, "noisy": 0}.get(judge.answer or "", -1)


def _says_gold(sample: Sample, response: str | None) -> bool:
    return is_right(response or "", sample.gold or "", sample.options, sample.kind)


def judge(stored: Stored, left: Left) -> Judged:
    """Decide every sample from what is left."""
    reviews = numpy.where(left.relabels, stored.reviews, -1)
    found, noisy, final, confidence = decide_by_default(left.matrix, reviews)
    replaced = final != left.matrix.given
    right = [
        _says_gold(one.sample, stored.space.decode(one, int(number))) if is_new else not was_wrong
        for one, number, is_new, was_wrong in zip(stored.records, final, replaced, stored.wrong, strict=True)
    ]
    kept = ~noisy | (confidence >= DEFAULT_MIN_CONFIDENCE)
    return Judged(found.noise, noisy, numpy.array(right), kept, _usage(stored, left, noisy & left.relabels))


def _usage(stored: Stored, left: Left, relabelled: Bools) -> Usage:
    """Return what the agents that are left take; relabeling costs what it did on average."""
    asked, matrix = Usage(), left.matrix
    for view in matrix.answers:
        every = numpy.ones(len(matrix), dtype=bool)
        rows = left.reasoned if view == _REASONING and left.reasoned is not None else every
        for decision, was_asked in zip(stored.decisions, rows, strict=True):
            agent = decision.agents.get(_AGENT_OF[view])
            asked += agent.usage if agent is not None and was_asked else Usage()
    judged = [one.agents["checker"].usage for one in stored.decisions if "checker" in one.agents]
    asked += sum(judged, Usage()) if (matrix.verdicts >= 0).any() else Usage()
    spent = [
        sum((one.agents[agent].usage for agent in ("relabeler", "reviewer") if agent in one.agents), Usage())
        for one in stored.decisions
        if "relabeler" in one.agents
    ]
    total, share = sum(spent, Usage()), relabelled.sum() / max(len(spent), 1)
    return asked + Usage(
        requests=round(total.requests * share),
        prompt_tokens=round(total.prompt_tokens * share),
        completion_tokens=round(total.completion_tokens * share),
    )


def _without(*left_out: str, relabels: bool = True) -> Part:
    def part(stored: Stored) -> Left:
        matrix = stored.matrix
        answers = {view: said for view, said in matrix.answers.items() if view not in left_out}
        verdicts = numpy.full(len(matrix), -1) if "judge" in left_out else matrix.verdicts
        prompts = None if "prompts" in left_out else matrix.prompts
        return Left(replace(matrix, answers=answers, verdicts=verdicts, prompts=prompts), relabels)

    return part


def _reasoning_where(asks: Callable[[LabelMatrix], Bools], *left_out: str, relabels: bool = True) -> Part:
    """Ask the reasoner, and the judge that follows it, about some samples only."""

    def part(stored: Stored) -> Left:
        matrix = _without(*left_out)(stored).matrix
        asked = asks(matrix)
        return Left(asked_where(matrix, asked), relabels, asked)

    return part


def _base_differs(matrix: LabelMatrix) -> Bools:
    differs: Bools = matrix.answers[_BASE] != matrix.given
    return differs


PARTS: dict[str, Part] = {
    _DEFAULT: _reasoning_where(in_doubt),
    "every agent about every sample": _without(),
    "without prompts": _reasoning_where(in_doubt, "prompts"),
    "without base": _without(_BASE),
    "without reasoning": _without(_REASONING),
    "without judge": _reasoning_where(in_doubt, "judge"),
    "base alone": _without(_REASONING, "judge"),
    "base alone, no relabeling": _without(_REASONING, "judge", relabels=False),
    "no agents": _without(_BASE, _REASONING, "judge", relabels=False),
    "no relabeling": _reasoning_where(in_doubt, relabels=False),
    "reasoning where base differs": _reasoning_where(_base_differs),
}


def report(stored: Stored) -> dict[str, Any]:
    """Return the figures of every part left out, beside those of the default."""
    default = judge(stored, PARTS[_DEFAULT](stored))
    found: dict[str, Any] = {
        "group": stored.group,
        "samples": len(stored.records),
        "noise": _rounded(stored.wrong.mean()),
        "judged": int((stored.matrix.verdicts >= 0).sum()),
        "reviewed": int((stored.reviews >= 0).sum()),
    }
    for name, part in PARTS.items():
        judged = judge(stored, part(stored))
        found[name] = {
            "auc": _rounded(_auc(stored.wrong, judged.noise)),
            "f1": _rounded(_f1(stored.wrong, judged.noisy)),
            "right_after": _rounded(judged.right.mean()),
            "kept": _rounded(judged.kept.mean()),
            "kept_right": _rounded(judged.right[judged.kept].mean()) if judged.kept.any() else None,
            "estimated_noise": _rounded(judged.noise.mean()),
            **judged.usage.model_dump(),
            "from_default": _differences(stored.wrong, judged, default),
        }
    return found


def _auc(wrong: Bools, noise: Reals) -> float | None:
    """Return how often a wrong response has a higher noise probability than a right one."""
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    count = int(wrong.sum())
    if count in (0, len(wrong)):
        return None
    ranks = rankdata(noise)[wrong].sum() - count * (count + 1) / 2
    return float(ranks / (count * (len(wrong) - count)))


def _f1(wrong: Bools, noisy: Bools) -> float | None:
    """Return the F1 of the verdicts; None where nothing is wrong."""
    if not wrong.any():
        return None
    return float(2 * (wrong & noisy).sum() / (wrong.sum() + noisy.sum()))


def _differences(wrong: Bools, judged: Judged, default: Judged) -> dict[str, Any]:
    random = numpy.random.default_rng(0)
    aucs, rights = [], []
    for _ in range(_RESAMPLES):
        rows = random.integers(0, len(wrong), len(wrong))
        own, other = _auc(wrong[rows], judged.noise[rows]), _auc(wrong[rows], default.noise[rows])
        if own is not None and other is not None:
            aucs.append(own - other)
        rights.append(judged.right[rows].mean() - default.right[rows].mean())
    return {"auc": _interval(aucs), "right_after": _interval(rights)}


def _interval(values: Sequence[float]) -> list[float | None]:
    return [_rounded(bound) for bound in numpy.quantile(values, (0.025, 0.975))] if values else []


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)


def _reports(directory: Path, files: Sequence[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    decisions = [decision for decision in load_run(directory).decisions() if "base" in decision.agents]
    for file in files:
        for stored in read(decisions, file):
            yield file.name, report(stored)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="a finished run")
    parser.add_argument("files", type=Path, nargs="+", help="responses to the run's prompts, with gold")
    arguments = parser.parse_args()
    for name, figures in _reports(arguments.directory, arguments.files):
        print(json.dumps({"file": name, **figures}), flush=True)


if __name__ == "__main__":
    main()
