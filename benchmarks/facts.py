"""How well each view tells a right free-text response from one with a fact turned, and other wrong ones.

    python benchmarks/facts.py [benchmarks/facts.jsonl] [--config my.yaml] [--set models.default.name=FOLDER]
        [--kinds turned ruled off cut padded] [--samples 60] [--scores FILE]

The data have a prompt, a right response and the same with one fact turned by hand, long and short, most in
English. From these are made: `ruled`, a fact turned by the rules with which a run tries its own data; `off`,
the response to another prompt; `cut`, its first part; `padded`, said twice with words around it. The
checker's model assesses each as in a run. `--scores` keeps what it said, and goes on from what is there.

Prints JSON. By kind and view: the area under the curve (AUC) against the right responses, with its 95 %
interval (bootstrap over the prompts). `all` is what a run makes of the views together: it learns from 20
ruled pairs, and one response in ten is of the kind. Its calibration error (ECE, ten bins) and the right
responses that it flags are the means of 200 such draws. `sees` is the share of runs that say they see.
"""

import argparse
import asyncio
import json
import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from agents.assessment import VIEWS, Assessment, Assessor
from agents.models.pool import ModelPool
from graph.config.run import load_config
from graph.context import build_agents, load_models, load_prompts
from stores.atomic import write_json_atomically
from stores.sample import Sample
from training.calibration import priors
from training.calibration.arrays import Bools, Reals
from training.calibration.facts import Plausibility, auc, see_facts
from training.calibration.free_text import plausibility_row
from training.calibration.turned import turn_fact

KINDS = ("turned", "ruled", "off", "cut", "padded")
_DRAWS = 200
_NOISE = 0.1
_PADDING = "{0} To say it once more in other words: {0} I hope that this is of help to you."

Row = dict[str, Any]


def derive(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return each row's responses by their kinds; a kind that cannot be made of a row is left out."""
    made = []
    for place, row in enumerate(rows):
        right = row["right"]
        alike = [other for other in rows if other["language"] == row["language"]]
        others = [other["right"] for other in alike if other is not row]
        words = right.split(" ")
        cut = " ".join(words[: len(words) * 6 // 10]) if len(words) > 3 else right[: len(right) * 6 // 10]
        texts = {
            "right": right,
            "turned": row["turned"],
            "ruled": turn_fact(right, others, row["id"]),
            "off": (others or [rows[place - 1]["right"]])[place % max(len(others), 1)],
            "cut": cut,
            "padded": _PADDING.format(right),
        }
        made.append({kind: text for kind, text in texts.items() if text})
    return made


async def assess(arguments: argparse.Namespace, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what the checker's model says of every response, by prompt and kind."""
    said = read_scores(arguments.scores)
    config = load_config(arguments.config, arguments.set)
    async with ModelPool() as pool:
        models = await load_models(pool, config)
        agents = build_agents(config, models, load_prompts(config))
        assessor: Assessor = agents.get("checker").assessor
        for row, texts in zip(rows, derive(rows), strict=True):
            todo = [kind for kind in ("right", *arguments.kinds) if kind in texts]
            todo = [kind for kind in todo if f"{row['id']} {kind}" not in said]
            samples = [Sample(id=row["id"], prompt=row["prompt"], response=texts[kind]) for kind in todo]
            found = await asyncio.gather(*map(assessor.assess, samples))
            for kind, assessment in zip(todo, found, strict=True):
                said[f"{row['id']} {kind}"] = {"text": texts[kind], **assessment.model_dump(mode="json")}
            keep_scores(arguments.scores, said)
            logging.info("%s", row["id"])
    return said


def read_scores(path: Path | None) -> dict[str, Any]:
    """Return what was said before."""
    return dict(json.loads(path.read_text())) if path is not None and path.exists() else {}


def keep_scores(path: Path | None, said: dict[str, Any]) -> None:
    """Keep what was said so far."""
    if path is not None:
        write_json_atomically(path, said)


def figures(rows: Sequence[Row], said: dict[str, Any], kinds: Sequence[str]) -> dict[str, Any]:
    """Return the figures of every kind."""
    table = {key: _plausibility(entry) for key, entry in said.items()}
    found: dict[str, Any] = {}
    for kind in kinds:
        ids = [row["id"] for row in rows if f"{row['id']} {kind}" in table and f"{row['id']} right" in table]
        if not ids:
            continue
        right = Plausibility.of([table[f"{name} right"] for name in ids])
        wrong = Plausibility.of([table[f"{name} {kind}"] for name in ids])
        found[kind] = {"prompts": len(ids)}
        for view, name in enumerate(VIEWS):
            found[kind][name] = _area(right.scores[:, view], wrong.scores[:, view])
        if any(f"{name} ruled" in table for name in ids):
            found[kind]["all"] = _draw(ids, table, kind)
    usage = [entry["usage"] for entry in said.values()]
    found["each"] = {
        name: round(float(numpy.mean([used[name] for used in usage])), 1)
        for name in ("requests", "prompt_tokens", "completion_tokens")
    }
    return found


def _plausibility(entry: dict[str, Any]) -> list[float]:
    fields = {key: value for key, value in entry.items() if key != "text"}
    return plausibility_row(entry["text"], Assessment.model_validate(fields))


def _area(right: Reals, wrong: Reals) -> dict[str, float]:
    there = ~(numpy.isnan(right) | numpy.isnan(wrong))
    right, wrong = right[there], wrong[there]
    draws = numpy.random.default_rng(0).integers(0, len(right), (1000, len(right)))
    low, high = numpy.quantile([auc(right[rows], wrong[rows]) for rows in draws], (0.025, 0.975))
    return {
        "auc": round(auc(right, wrong), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
    }


def _draw(ids: Sequence[str], table: dict[str, list[float]], kind: str) -> dict[str, float]:
    """Return what runs would make of the views together."""
    areas, errors, rates, sees = [], [], [], []
    for seed in range(_DRAWS):
        draw = random.Random(seed)  # noqa: S311 - a draw, no secret
        wrong = numpy.zeros(len(ids), dtype=bool)
        wrong[draw.sample(range(len(ids)), round(_NOISE * len(ids)))] = True
        data = [table[f"{name} {kind if bad else 'right'}"] for name, bad in zip(ids, wrong, strict=True)]
        # A run turns facts in what it has, and some of that is wrong already.
        able = [at for at, name in enumerate(ids) if f"{name} ruled" in table]
        tried = draw.sample(able, min(priors.TURNED, len(able)))
        pairs = [data[at] for at in tried], [table[f"{ids[at]} ruled"] for at in tried]
        sight = see_facts(Plausibility.of(pairs[0]), Plausibility.of(pairs[1]))
        if sight is None:
            continue
        sees.append(sight.sees)
        facts = sight.learn(Plausibility.of(data))
        score = facts.weights(Plausibility.of(data)) if facts is not None else numpy.zeros(len(ids))
        areas.append(auc(score[~wrong], score[wrong]) if sight.sees else 0.5)
        noise = 1 / (1 + numpy.exp(score + numpy.log(1 / priors.FACTS_WRONG - 1)))
        errors.append(_calibration_error(noise, wrong))
        rates.append(float((noise >= priors.DOUBTFUL)[~wrong].mean()))
    low, high = numpy.quantile(areas, (0.025, 0.975))
    told = {"auc": numpy.mean(areas), "low": low, "high": high, "ece": numpy.mean(errors)}
    told |= {"right_flagged": numpy.mean(rates), "sees": numpy.mean(sees)}
    return {name: round(float(value), 3) for name, value in told.items()}


def _calibration_error(noise: Reals, wrong: Bools) -> float:
    bins = numpy.minimum((noise * 10).astype(int), 9)
    parts = [numpy.abs(noise[bins == one].mean() - wrong[bins == one].mean()) * (bins == one).mean()
             for one in numpy.unique(bins)]  # fmt: skip
    return float(sum(parts))


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=Path(__file__).with_name("facts.jsonl"))
    parser.add_argument("--config", type=Path, help="names the models; by default the embedded one")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a key of the config")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--samples", type=int, help="so many prompts, the first ones")
    parser.add_argument("--scores", type=Path, help="keeps what the model said, and goes on from there")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rows = [json.loads(line) for line in arguments.data.read_text().splitlines()][: arguments.samples]
    said = asyncio.run(assess(arguments, rows))
    print(json.dumps(figures(rows, said, arguments.kinds), indent=2))


if __name__ == "__main__":
    main()
