"""docs/results.md, made from the records alone: nothing in it is typed but its words between the tables."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stores.atomic import write_text_atomically
from study.methods import ABLATIONS, EVERY, METHODS, SENSITIVITY
from study.plots import draw

Record = dict[str, Any]
_NOT_RUN = "not run"
_HEAD = """# Does it work?

Every method on folders of noisy files, made by `python benchmarks/paper.py FOLDER...` from the records in
[results/paper.jsonl](results/paper.jsonl); a cell that was not run says so. Accuracy is the share of held-out
questions that the tuned model answers right, in percent: the mean over the seeds of training, and their range
where there are several. What the methods are stands in `benchmarks/study/methods.py` and `rules.py`.
"""
_FLAT = ("vanilla", "sft-gold")
_GROUPS = ("right", "wrong")
_FOUND = (
    "precision",
    "recall",
    "F1",
    "AUC",
    "ECE",
    "relabels right",
    "of those kept",
    "trained on",
    "purity",
)
_COSTS = ("requests", "tokens in", "tokens out", "seconds to decide", "to train", "to test")


def render(records: list[Record], folder: Path) -> None:
    """Write the page beside the folder of the records, and its pictures into that folder."""
    parts = [_HEAD]
    conclusion = folder / "conclusion.md"
    if conclusion.is_file():
        parts.append(conclusion.read_text(encoding="utf-8").strip() + "\n")
    # As they were run, records lie in any order.
    records = sorted(records, key=_place)
    for dataset in dict.fromkeys(record["dataset"] for record in records):
        given = [record for record in records if record["dataset"] == dataset]
        parts.extend(_dataset(dataset, given, folder))
    write_text_atomically(folder.parent / "results.md", "\n".join(parts))


def _dataset(dataset: str, records: list[Record], folder: Path) -> Iterator[str]:
    plain = [record for record in records if record["kind"] is None]
    first = records[0]
    seeds = ", ".join(map(str, sorted({record["seed"] for record in records})))
    yield f"## {dataset}\n"
    yield (
        f"{first['n_samples']} training samples, {first['n_test']} held out, subset seed "
        f"{first['subset_seed']}, seeds of training: {seeds}.\n"
    )
    if plain:
        yield from _methods(dataset, plain, folder)
        yield from _ablations(dataset, plain, folder)
        yield from _diagnostics(plain)
    made = [record for record in records if record["kind"] is not None]
    for rate in _rates(made):
        yield f"### Other kinds of noise on {dataset}, {rate} %\n"
        yield from _kinds([record for record in made if record["rate"] == rate])


def _kinds(records: list[Record]) -> Iterator[str]:
    """Show what kinds of noise of one rate do, and how well each method tells them."""
    kinds = sorted({record["kind"] for record in records})
    names = _names(records, METHODS)
    rows = {name: [_accuracy(records, method=name, kind=kind) for kind in kinds] for name in names}
    yield _table("accuracy", kinds, rows)
    found = {(record["method"], record["kind"]): record["detection"] or {} for record in records}
    for figure, words in (("auc", "area under the curve"), ("ece", "calibration error")):
        values = {name: [found.get((name, kind), {}).get(figure) for kind in kinds] for name in names}
        told = {name: list(map(_decimal, row)) for name, row in values.items() if set(row) != {None}}
        if told:
            yield _table(words, kinds, told)


def _methods(dataset: str, records: list[Record], folder: Path) -> Iterator[str]:
    """Show Table 1 and Figure 1 of the paper, what each method found and what it cost."""
    rates = _rates(records)
    rows = {name: [_accuracy(records, method=name, rate=rate) for rate in rates] for name in METHODS}
    yield _table("accuracy", _headings(rates), rows)
    picture = folder / f"{dataset}-accuracy.svg"
    curves = {
        name: {rate: known for rate in rates if (known := _accuracies(records, method=name, rate=rate))}
        for name in _names(records, METHODS)
        if name not in _FLAT
    }
    flat = {name: statistics.mean(known) for name in _FLAT if (known := _accuracies(records, method=name))}
    if curves:
        draw(picture, curves, x="noise, %", y="accuracy, %", flat=flat)
        yield f"![Accuracy against noise on {dataset}]({folder.name}/{picture.name})\n"
    for rate in rates:
        found = {record["method"]: record for record in records if record["rate"] == rate}
        before = _share(next(iter(found.values()))["purity_before"])
        yield f"At {rate} % noise: what was found and repaired. Purity before: {before}.\n"
        rows = {name: _found(found[name]) for name in (*METHODS, *ABLATIONS) if name in found}
        yield _table("method", _FOUND, rows)
    yield from _reliability(dataset, records, folder)
    ours = {record["rate"]: record for record in records if record["method"] == "robustft"}
    if ours:
        yield "How right each agent was, on samples whose given response is right and wrong:\n"
        agents = dict.fromkeys(agent for record in ours.values() for agent in record["agents"])
        columns = [f"{rate} %, {group}" for rate in ours for group in _GROUPS]
        rows = {
            agent: [
                _share(ours[rate]["agents"].get(agent, {}).get(group)) for rate in ours for group in _GROUPS
            ]
            for agent in agents
        }
        yield _table("agent", columns, rows)
    shown = next((record for record in ours.values() if record.get("examples")), None)
    if shown:
        yield f"Decisions at {shown['rate']} %, what each agent said:\n"
        columns = list(shown["examples"][0])[1:]
        yield _grid(("outcome", *columns), (map(_plain, example.values()) for example in shown["examples"]))
    yield (
        "What it costs, medians over the noise rates; the seconds are of a machine that other work shared, "
        "and an answer that another method had asked for costs none:\n"
    )
    yield _table("method", _COSTS, {name: _costs(records, name) for name in _names(records, METHODS)})


def _reliability(dataset: str, records: list[Record], folder: Path) -> Iterator[str]:
    """Show how often a label is wrong that is said to be so with some probability."""
    for name in ("robustft-calibrated", "cleanlab"):
        curves = {
            f"{record['rate']} % noise": {
                10 * row["bin"] + 5: [100 * row["wrong"]] for row in record["detection"]["bins"]
            }
            for record in records
            if record["method"] == name and (record["detection"] or {}).get("bins")
        }
        if curves:
            picture = folder / f"{dataset}-{name}-reliability.svg"
            draw(picture, curves, x="said to be wrong, %", y="wrong, %", diagonal=True)
            yield f"![Reliability of {name} on {dataset}]({folder.name}/{picture.name})\n"


def _ablations(dataset: str, records: list[Record], folder: Path) -> Iterator[str]:
    """Show Table 3 and Figure 3 of the paper."""
    rates = _rates(records)
    if names := _names(records, ABLATIONS):
        yield "Ablations (the paper's Table 3), accuracy:\n"
        rows = {
            name: [_accuracy(records, method=name, rate=rate) for rate in rates]
            for name in ("robustft", *names)
        }
        yield _table("without", _headings(rates), rows)
    for prefix, axis in (("keep-", "kept of the relabels, %"), ("k-", "neighbours shown")):
        names = [name for name in _names(records, SENSITIVITY) if name.startswith(prefix)]
        curves = {
            f"{rate} % noise": {
                int(name.removeprefix(prefix)): known
                for name in names
                if (known := _accuracies(records, method=name, rate=rate))
            }
            for rate in rates
        }
        if names:
            picture = folder / f"{dataset}-{prefix}sensitivity.svg"
            draw(picture, {name: curve for name, curve in curves.items() if curve}, x=axis, y="accuracy, %")
            yield f"![Accuracy against {axis} on {dataset}]({folder.name}/{picture.name})\n"


def _diagnostics(records: list[Record]) -> Iterator[str]:
    """Show the paper's Figures 4 to 6: losses on right responses, accuracy by category and by wording."""
    for rate in _rates(records):
        here = [record for record in records if record["rate"] == rate]
        if losses := _means(here, "test_loss"):
            yield (
                f"Loss on the right responses to the held-out questions at {rate} % (nats a token; its "
                "exponential is the perplexity): the mean, and quantiles over the questions.\n"
            )
            columns = list(next(iter(losses.values())))
            rows = {name: [f"{loss[column]:.2f}" for column in columns] for name, loss in losses.items()}
            yield _table("method", columns, rows)
        if worded := _means(here, "paraphrased"):
            yield f"Accuracy with five other wordings of the request at {rate} %, and with its own:\n"
            columns = list(next(iter(worded.values())))
            rows = {
                name: [*(_share(shares[column]) for column in columns), _accuracy(here, method=name)]
                for name, shares in worded.items()
            }
            yield _table("method", [*columns, "its own"], rows)
        split = _means(here, "by_category")
        columns = sorted({category for categories in split.values() for category in categories})
        if len(columns) > 1:
            yield f"Accuracy by category at {rate} %:\n"
            rows = {
                name: [_share(categories.get(column)) for column in columns]
                for name, categories in split.items()
            }
            yield _table("method", columns, rows)


def _means(records: Iterable[Record], figures: str) -> dict[str, dict[str, float]]:
    """Return each method's named figures, means over its seeds; a list's are named by their place from 1."""
    known: dict[str, dict[str, list[float]]] = {}
    for record in records:
        given = record.get(figures) or {}
        if isinstance(given, list):
            given = {str(place): value for place, value in enumerate(given, start=1)}
        for name, value in given.items():
            known.setdefault(record["method"], {}).setdefault(name, []).append(value)
    return {
        method: {name: statistics.mean(values) for name, values in named.items()}
        for method, named in known.items()
    }


def _place(record: Record) -> tuple[Any, ...]:
    method = list(EVERY).index(record["method"])
    return record["dataset"], record["kind"] or "", record["rate"], method, record["seed"]


def _rates(records: Iterable[Record]) -> list[int]:
    return sorted({record["rate"] for record in records})


def _headings(rates: Sequence[int]) -> list[str]:
    return [f"{rate} %" for rate in rates]


def _names(records: Iterable[Record], known: Iterable[str]) -> list[str]:
    run = {record["method"] for record in records}
    return [name for name in known if name in run]


def _accuracies(records: Iterable[Record], **cell: object) -> list[float]:
    """Return the accuracies of a cell's seeds, in percent."""
    return [100 * record["accuracy"] for record in records if cell.items() <= record.items()]


def _accuracy(records: Iterable[Record], **cell: object) -> str:
    known = _accuracies(records, **cell)
    if not known:
        return _NOT_RUN
    mean = f"{statistics.mean(known):.1f}"
    return mean if len(known) == 1 else f"{mean} ({min(known):.1f} to {max(known):.1f})"


def _found(record: Record) -> list[str]:
    detection, relabel = record["detection"] or {}, record["relabel"] or {}
    return [
        *(_share(detection.get(name)) for name in ("precision", "recall", "f1")),
        *(_decimal(detection.get(name)) for name in ("auc", "ece")),
        *(_share(relabel.get(name)) for name in ("accuracy", "selected_accuracy")),
        str(record["n_train"]),
        _share(record["purity"]),
    ]


def _costs(records: Iterable[Record], name: str) -> list[str]:
    known = [record for record in records if record["method"] == name]
    values = [
        *([record[key] for record in known] for key in ("requests", "prompt_tokens", "completion_tokens")),
        *([record["seconds"][key] for record in known] for key in ("decide", "train", "test")),
    ]
    return [f"{statistics.median(value):,.0f}" for value in values]


def _plain(text: str) -> str:
    """Return a text that cannot break a table or be taken for markup."""
    short = " ".join(text.split())[:120]
    return "".join(f"\\{sign}" if sign in "\\|<>`*_[]&" else sign for sign in short)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _table(corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    return _grid((corner, *columns), ((name, *cells) for name, cells in rows.items()))


def _grid(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join(lines) + "\n"
