"""docs/results.md, made from the records alone: nothing in it is typed but its words between the tables."""

import math
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from stores.atomic import write_text_atomically
from stores.errors import InputError
from study.methods import ABLATIONS, DEFAULT_ABLATIONS, EVERY, METHODS, SENSITIVITY
from study.plots import draw
from study.tables import (
    NOT_RUN,
    Record,
    accuracies,
    accuracy,
    decimal,
    grid,
    means,
    named,
    plain,
    share,
    table,
)
from study.versions import EARLIER, describe, models_of, of_version, version_of
from training.noise import NoiseKind

SETTINGS = ("samples", "tests", "subset_seed", "config_hash")
"""What all records of a file share: figures of different subsets or settings are no rows of one table."""

_TITLE = "# Does it work?\n"
_HEAD = """It shows every method on folders of noisy files. `python benchmarks/paper.py FOLDER...` makes
it from the records in [results/paper.jsonl](results/paper.jsonl). A cell that was not run says so.
Accuracy is the share of held-out questions that the tuned model answers right, in percent. It is
the mean over the seeds of training, with their range where there are several.
"""
_WORDS = """Purity is the share of right responses in the training set, in percent. Relabels are all responses
that a method puts in place of given ones, also where they say the same. AUC says how well its noise
scores rank: a coin has 0.5. A response without a score counts as trusted. ECE is the calibration
error of the scores. Unreadable are answers of the tuned model that name none of the options.
"""
_FLAT = ("vanilla", "sft-gold")
_GROUPS = ("right", "wrong")
_FOUND = (
    "precision",
    "recall",
    "F1",
    "AUC",
    "ECE",
    "scored",
    "relabels right",
    "of those kept",
    "trained on",
    "purity",
    "unreadable",
)
_COSTS = ("requests", "tokens in", "tokens out", "seconds to decide", "to train", "to test")
_OF_KINDS: dict[str, Callable[[Record], str]] = {
    "purity": lambda record: share(record["purity"]),
    "F1": lambda record: share((record["detection"] or {}).get("f1")),
    "AUC": lambda record: decimal((record["detection"] or {}).get("auc")),
    "ECE": lambda record: decimal((record["detection"] or {}).get("ece")),
}


def check_settings(records: Iterable[Record]) -> None:
    """Check that records of the same models are of the same subsets and settings.

    Raises:
        InputError: they are not.
    """
    pairs: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
    for record in records:
        pairs.setdefault(models_of(record), set()).add(tuple(record[name] for name in SETTINGS))
    for found in pairs.values():
        if len(found) == 1:
            continue
        several = "; ".join(", ".join(map(str, values)) for values in sorted(found))
        raise InputError(
            f"the records differ in {', '.join(SETTINGS)}: {several}; give each of them --records of its own"
        )


def render(records: list[Record], folder: Path, commit: str | None = None) -> None:
    """Write the page beside the folder of the records, and its pictures into that folder.

    Each pair of models has tables of its own.

    Args:
        records: of any versions of the code.
        folder: theirs.
        commit: the version to show; None where there is but one.

    Raises:
        InputError: the records are of several versions, or of different subsets or settings.
    """
    records = of_version(records, commit)
    check_settings(records)
    parts = [_TITLE, describe(records) + "\n", _HEAD]
    # What was concluded from other records does not hold for these.
    conclusion = folder / f"conclusion-{version_of(records[0]) if records else EARLIER}.md"
    if conclusion.is_file():
        parts.append(conclusion.read_text(encoding="utf-8").strip() + "\n")
    parts.append("## The methods\n")
    parts.append(grid(("method", "what it does"), ((name, how.about) for name, how in METHODS.items())))
    parts.append(_WORDS)
    # As they were run, records lie in any order.
    records = sorted(records, key=_place)
    pairs = sorted(set(map(models_of, records)))
    for pair in pairs:
        of_pair = [record for record in records if models_of(record) == pair]
        for dataset in dict.fromkeys(record["dataset"] for record in of_pair):
            given = [record for record in of_pair if record["dataset"] == dataset]
            parts.extend(_dataset(dataset if len(pairs) == 1 else _named_with(dataset, pair), given, folder))
    write_text_atomically(folder.parent / "results.md", "\n".join(parts))


def _named_with(dataset: str, pair: tuple[str, str]) -> str:
    """Return what a data set is called where several pairs of models were run on it; it names files too."""
    agents, student = (re.sub(r"[^\w.-]+", "-", name) for name in pair)
    return f"{dataset}-{agents}" if agents == student else f"{dataset}-{agents}-tunes-{student}"


def _dataset(dataset: str, records: list[Record], folder: Path) -> Iterator[str]:
    first = records[0]
    seeds = ", ".join(map(str, sorted({record["seed"] for record in records})))
    yield f"## {dataset}\n"
    tests = first["n_test"]
    yield (
        f"{first['n_samples']} training samples, {tests} held out, subset seed {first['subset_seed']}, seeds "
        f"of training: {seeds}. Two accuracies of one training each differ by more than the chance of "
        f"the questions (at the 5 % level) from {_least(0.9, tests)} points on near 90 %. Near 50 % it takes "
        f"{_least(0.5, tests)} points. Trainings differ beside that.\n"
    )
    given = [record for record in records if record["kind"] is None]
    if given:
        yield from _methods(dataset, given, folder)
        yield from _ablations(given)
        yield from _sensitivity(dataset, given, folder)
        yield from _diagnostics(given)
    made = [record for record in records if record["kind"] is not None]
    if not made:
        yield f"Other kinds of noise: {NOT_RUN}.\n"
    for rate in _rates(records) if made else ():
        yield f"### Other kinds of noise on {dataset}, {rate} %\n"
        yield from _kinds([record for record in made if record["rate"] == rate])


def _least(accuracy: float, questions: int) -> str:
    """Return the difference in points from which on two accuracies differ at the 5 % level."""
    return f"{196 * math.sqrt(2 * accuracy * (1 - accuracy) / questions):.0f}"


def _methods(dataset: str, records: list[Record], folder: Path) -> Iterator[str]:
    """Show Table 1 and Figure 1 of the paper, what each method found and what it cost."""
    rates = _rates(records)
    rows = {name: [accuracy(records, method=name, rate=rate) for rate in rates] for name in METHODS}
    yield table("accuracy", _headings(rates), rows)
    picture = folder / f"{dataset}-accuracy.svg"
    curves = {
        name: {float(rate): known for rate in rates if (known := accuracies(records, method=name, rate=rate))}
        for name in named(records, METHODS)
        if name not in _FLAT
    }
    flat = {name: statistics.mean(known) for name in _FLAT if (known := accuracies(records, method=name))}
    if curves:
        draw(picture, curves, x="noise, %", y="accuracy, %", flat=flat)
        yield f"![Accuracy against noise on {dataset}]({folder.name}/{picture.name})\n"
    for rate in rates:
        found = {record["method"]: record for record in records if record["rate"] == rate}
        before = share(next(iter(found.values()))["purity_before"])
        yield f"At {rate} % noise: what was found and repaired. Purity before: {before}.\n"
        yield table("method", _FOUND, {name: _found(found[name]) for name in named(found.values(), METHODS)})
    yield from _reliability(dataset, records, folder)
    yield from _agents({record["rate"]: record for record in records if record["method"] == "robustft"})
    yield (
        "What it costs, as medians over the noise rates. Other work shared the machine. The seconds to "
        "decide are of runs that asked all they needed and took no replies over.\n"
    )
    yield table("method", _COSTS, {name: _costs(records, name) for name in named(records, METHODS)})


def _agents(ours: dict[int, Record]) -> Iterator[str]:
    """Show how right each agent was, and ten decisions."""
    if ours:
        yield (
            "How right each agent was, on samples whose given response is right and wrong. The relabeler "
            "and the reviewer are asked about noisy samples alone: of the right ones, the hardest.\n"
        )
        agents = dict.fromkeys(agent for record in ours.values() for agent in record["agents"])
        columns = [f"{rate} %, {group}" for rate in ours for group in _GROUPS]
        rows = {
            agent: [
                share(ours[rate]["agents"].get(agent, {}).get(group)) for rate in ours for group in _GROUPS
            ]
            for agent in agents
        }
        yield table("agent", columns, rows)
    shown = next((record for record in ours.values() if record.get("examples")), None)
    if shown:
        yield f"Decisions at {shown['rate']} %, what each agent said:\n"
        columns = list(shown["examples"][0])[1:]
        yield grid(("outcome", *columns), (map(plain, example.values()) for example in shown["examples"]))


def _reliability(dataset: str, records: list[Record], folder: Path) -> Iterator[str]:
    """Show how often a label is wrong that is said to be so with some probability."""
    for name in ("robustft-calibrated", "cleanlab"):
        curves = {
            f"{record['rate']} % noise": {
                100 * row["predicted"]: [100 * row["wrong"]] for row in record["detection"]["bins"]
            }
            for record in records
            if record["method"] == name and (record["detection"] or {}).get("bins")
        }
        if curves:
            picture = folder / f"{dataset}-{name}-reliability.svg"
            draw(picture, curves, x="said to be wrong, %", y="wrong, %", diagonal=True)
            yield f"![Reliability of {name} on {dataset}]({folder.name}/{picture.name})\n"


def _ablations(records: list[Record]) -> Iterator[str]:
    """Show Table 3 of the paper, and the same of the default."""
    rates = _rates(records)
    for title, whole, parts in (
        ("Ablations (the paper's Table 3)", "robustft", ABLATIONS),
        ("Ablations of the default", "robustft-calibrated", DEFAULT_ABLATIONS),
    ):
        if not named(records, parts):
            yield f"{title}: {NOT_RUN}.\n"
            continue
        yield f"{title}, accuracy:\n"
        names = (whole, *parts)
        rows = {name: [accuracy(records, method=name, rate=rate) for rate in rates] for name in names}
        yield table("without", _headings(rates), rows)


def _sensitivity(dataset: str, records: list[Record], folder: Path) -> Iterator[str]:
    """Show Figure 3 of the paper."""
    for prefix, axis in (("keep-", "kept of the relabels, %"), ("k-", "neighbours shown")):
        names = [name for name in SENSITIVITY if name.startswith(prefix)]
        run = [record for record in records if record["method"] in names]
        if not run:
            yield f"Accuracy against {axis} (the paper's Figure 3): {NOT_RUN}.\n"
            continue
        curves = {
            f"{rate} % noise": {
                float(name.removeprefix(prefix)): known
                for name in names
                if (known := accuracies(run, method=name, rate=rate))
            }
            for rate in _rates(run)
        }
        picture = folder / f"{dataset}-{prefix}sensitivity.svg"
        draw(picture, curves, x=axis, y="accuracy, %")
        yield f"Accuracy against {axis} (the paper's Figure 3):\n"
        rows = {
            f"{rate} % noise": [accuracy(run, method=name, rate=rate) for name in names]
            for rate in _rates(records)
        }
        yield table(axis, [name.removeprefix(prefix) for name in names], rows)
        yield f"![Accuracy against {axis} on {dataset}]({folder.name}/{picture.name})\n"


def _diagnostics(records: list[Record]) -> Iterator[str]:
    """Show the paper's Figures 4 to 6: losses on right responses, accuracy by category and by wording."""
    for rate in _rates(records):
        here = [record for record in records if record["rate"] == rate]
        if losses := means(here, "test_loss"):
            yield (
                f"Loss on the right responses to the held-out questions at {rate} %, in nats a token: the "
                "mean, and quantiles over the questions. Its exponential is the perplexity.\n"
            )
            columns = list(next(iter(losses.values())))
            rows = {name: [f"{loss[column]:.2f}" for column in columns] for name, loss in losses.items()}
            yield table("method", columns, rows)
        yield from _wordings(here, rate)
        split = means(here, "by_category")
        columns = sorted({category for categories in split.values() for category in categories})
        if len(columns) > 1:
            yield f"Accuracy by category at {rate} %:\n"
            rows = {
                name: [share(categories.get(column)) for column in columns]
                for name, categories in split.items()
            }
            yield table("method", columns, rows)


def _wordings(records: list[Record], rate: int) -> Iterator[str]:
    worded = means(records, "paraphrased")
    if not worded:
        yield f"Accuracy with five other wordings of the request at {rate} %: {NOT_RUN}.\n"
        return
    yield f"Accuracy with five other wordings of the request at {rate} %, and with its own:\n"
    columns = list(next(iter(worded.values())))
    rows = {
        name: [*(share(shares[column]) for column in columns), accuracy(records, method=name)]
        for name, shares in worded.items()
    }
    yield table("method", [*columns, "its own"], rows)


def _kinds(records: list[Record]) -> Iterator[str]:
    """Show what kinds of noise of one rate do, and how well each method tells them."""
    names = named(records, METHODS)
    kinds = [kind for kind in get_args(NoiseKind) if kind != "uniform"]
    if names:
        rows = {name: [accuracy(records, method=name, kind=kind) for kind in kinds] for name in names}
        yield table("accuracy", kinds, rows)
        cells = {(record["method"], record["kind"]): record for record in records}
        for words, figure in _OF_KINDS.items():
            rows = {
                name: [figure(cells[name, kind]) if (name, kind) in cells else NOT_RUN for kind in kinds]
                for name in names
            }
            yield table(words, kinds, rows)
    missing = [name for name in METHODS if name not in (*names, *_FLAT)]
    yield f"{NOT_RUN.capitalize()}: {', '.join(missing)}.\n"


def _place(record: Record) -> tuple[str | int, ...]:
    method = list(EVERY).index(record["method"])
    return record["dataset"], record["kind"] or "", record["rate"], method, record["seed"]


def _rates(records: Iterable[Record]) -> list[int]:
    return sorted({record["rate"] for record in records})


def _headings(rates: Sequence[int]) -> list[str]:
    return [f"{rate} %" for rate in rates]


def _found(record: Record) -> list[str]:
    detection, relabel = record["detection"] or {}, record["relabel"] or {}
    return [
        *(share(detection.get(name)) for name in ("precision", "recall", "f1")),
        *(decimal(detection.get(name)) for name in ("auc", "ece")),
        str(detection["scored"]) if detection.get("scored") else "-",
        *(share(relabel.get(name)) for name in ("accuracy", "selected_accuracy")),
        str(record["n_train"]),
        share(record["purity"]),
        str(record["unreadable"]),
    ]


def _costs(records: Iterable[Record], name: str) -> list[str]:
    known = [record for record in records if record["method"] == name]
    values = [
        *([record[key] for record in known] for key in ("requests", "prompt_tokens", "completion_tokens")),
        *([record["seconds"][key] for record in known] for key in ("decide", "train", "test")),
    ]
    measured = [[value for value in column if value is not None] for column in values]
    return [f"{statistics.median(column):,.0f}" if column else "-" for column in measured]
