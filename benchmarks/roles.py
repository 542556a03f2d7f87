"""How often each role's reply can be read, and how often its answer is right, with two sets of prompts.

    python benchmarks/roles.py DATA... [--config my.yaml] [--samples 40] [--seed 1] [--skip 0]
        [--prompts shipped benchmarks/one_for_all] [--roles base reasoner relabeler reviewer checker]
        [--replies FILE]

DATA are dataset files with right responses (`gold`, or the responses themselves). Each role is asked about
the same samples: `base` and `relabeler` once, the `reasoner` without reflection, the `reviewer` wherever the
two differ, and the `checker` about the right response and about a wrong one. The relabeler's neighbours come
from the samples that are not asked about. `shipped` are the prompts of this checkout. Anything else is a
folder laid out as a run keeps its prompts; `benchmarks/one_for_all` has one prompt for all forms of answers.

Prints JSON. Of each role: how many samples, what could be read and what was right with 95 % intervals
(Wilson), the tokens read and written a sample, and the length of free text as a ratio to the right one's.

`--replies` adds every reply to a file, with what was read out of it, to be read by a person.

Choose words on one part of a file and report another: `--skip` leaves out the first of the shuffled samples.
"""

import argparse
import asyncio
import itertools
import json
import logging
import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.agent import AgentRecord, AnswerRecord
from agents.answers.kind import sample_kind
from agents.checker import Check
from agents.models.pool import ModelPool
from agents.room import measure as measure_responses
from graph.config.run import RunConfig, load_config
from graph.context import Agents, Prompts, build_agents, load_models, load_prompts
from prompts.template import load_question_block
from stores.dataset import read_samples
from stores.encoder import load_encoder
from stores.examples import Example, ExampleStore
from stores.sample import Sample
from training.shares import wilson

# By role, each sample and what the role said of it.
Said = dict[str, list[tuple[Sample, AgentRecord]]]
ROLES = ("base", "reasoner", "relabeler", "reviewer", "checker")


def _prompts_in(folder: Path, config: RunConfig) -> Prompts:
    """Return the prompts of a folder that has a file a turn, as a run's own has."""
    question = load_question_block(folder)
    agents = config.agents.by_name()
    return Prompts(question, {name: agents[name].load_prompts(question, folder) for name in agents}, {})


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Ask every role about every file's samples, with each set of prompts."""
    settings = [f"agents.checker.policy={arguments.policy}", *arguments.set]
    config = load_config(arguments.config, settings)
    figures: dict[str, Any] = {}
    async with ModelPool() as pool:
        models = await load_models(pool, config)
        for path in arguments.data:
            asked, others = _split(path, arguments)
            with tempfile.TemporaryDirectory(prefix="robustft-roles-") as folder:
                examples = ExampleStore(Path(folder) / "examples", load_encoder(config.encoder))
                lengths = measure_responses([*asked, *others])
                list(examples.fill(Example(sample) for sample in others))
                for name in arguments.prompts:
                    prompts = load_prompts(config) if name == "shipped" else _prompts_in(Path(name), config)
                    agents = build_agents(config, models, prompts, examples, lengths=lengths)
                    said = await _ask_all(agents, asked, config, arguments.roles)
                    add_replies(arguments.replies, Path(path), said)
                    found = {role: _figures(replies) for role, replies in said.items()}
                    figures.setdefault(Path(path).stem, {})[Path(name).name] = found
                    logging.info("%s, %s: %s", path, name, json.dumps(found))
                examples.close()
    return figures


def _split(path: str, arguments: argparse.Namespace) -> tuple[list[Sample], list[Sample]]:
    """Return the samples to ask about and those to take neighbours from, all with their right responses."""
    samples = [
        sample.model_copy(update={"response": sample.gold, "gold": None}) if sample.gold else sample
        for sample in read_samples(path)
    ]
    random.Random(arguments.seed).shuffle(samples)  # noqa: S311 - a draw, no secret
    end = arguments.skip + arguments.samples
    return samples[arguments.skip : end], samples[: arguments.skip] + samples[end:]


async def _ask_all(
    agents: Agents, samples: Sequence[Sample], config: RunConfig, roles: Sequence[str]
) -> Said:
    limit = asyncio.Semaphore(config.run.concurrency)
    done = itertools.count(1)

    async def one(at: int) -> dict[str, tuple[Sample, AgentRecord]]:
        async with limit:
            said = await _ask(agents, samples, at, roles)
        # A reply that is asked for twice with more room can take minutes.
        logging.info("asked about %s of %s samples", next(done), len(samples))
        return said

    said = await asyncio.gather(*(one(at) for at in range(len(samples))))
    names = sorted({name for replies in said for name in replies})
    return {name: [replies[name] for replies in said if name in replies] for name in names}


def add_replies(path: Path | None, data: Path, said: Said) -> None:
    """Add to a file what every role replied, what was read out of it, and whether it is right."""
    if path is None:
        return
    with path.open("a", encoding="utf-8") as file:
        for role, replies in said.items():
            for sample, record in replies:
                line: dict[str, Any] = {
                    "data": str(data),
                    "role": role,
                    "id": sample.id,
                    "prompt": sample.prompt,
                }
                line |= {"expected": sample.response, "right": _outcome(sample, record)}
                line |= record.model_dump(mode="json", include={"answer", "reply"})
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


async def _ask(
    agents: Agents, samples: Sequence[Sample], at: int, roles: Sequence[str]
) -> dict[str, tuple[Sample, AgentRecord]]:
    """Return what each role says of one sample; the checker is asked of two responses."""
    sample = samples[at]
    said: dict[str, AgentRecord] = {}
    for role in ("base", "relabeler"):
        if role in roles:
            said[role] = await agents.get(role).answer(sample)
    if "reasoner" in roles:
        said["reasoner"] = await agents.get("reasoner").reason(sample, [])
    context, reasoned = said.get("relabeler"), said.get("reasoner")
    if "reviewer" in roles and isinstance(context, AnswerRecord) and isinstance(reasoned, AnswerRecord):
        review = await agents.get("reviewer").review(sample, context.answer, reasoned.answer, reasoned.reply)
        if review.reply is not None:
            said["reviewer"] = review
    records = {role: (sample, record) for role, record in said.items()}
    if "checker" in roles:
        views = {
            view: record.answer
            for view, role in (("base", "base"), ("reasoning", "reasoner"))
            if isinstance(record := said.get(role), AnswerRecord)
        }
        reply = said["reasoner"].reply if "reasoner" in said else None
        reasonings = {"reasoning": reply} if reply and reply.strip() != views["reasoning"] else {}
        for name, shown in (("right", sample), ("wrong", _wrong(samples, at))):
            check = await agents.get("checker").check(shown, views, reasonings)
            records[f"checker, {name}"] = (shown, check)
    return records


def _wrong(samples: Sequence[Sample], at: int) -> Sample:
    """Return a sample with a wrong response and its gold: another option, or the response to another."""
    sample = samples[at]
    choices = [option for option in sample.options if option != sample.response]
    if not choices:
        kind = sample_kind(sample)
        others = [other.response for other in (*samples[at + 1 :], *samples[:at])]
        choices = [text for text in others if kind.agree(text, sample.response) is not True]
    response = choices[at % len(choices)] if choices else "I do not know."
    return sample.model_copy(update={"response": response, "gold": sample.response})


def _figures(said: Sequence[tuple[Sample, AgentRecord]]) -> dict[str, Any]:
    """Return the figures of one role."""
    outcomes = [_outcome(sample, record) for sample, record in said]
    readable = sum(outcome is not None for outcome in outcomes)
    figures: dict[str, Any] = {
        "samples": len(said),
        "readable": _share(readable, len(said)),
        "right": _share(sum(outcome is True for outcome in outcomes), len(said)),
        "tokens_in": round(statistics.mean(record.usage.prompt_tokens for _, record in said), 1),
        "tokens_out": round(statistics.mean(record.usage.completion_tokens for _, record in said), 1),
    }
    ratios = [
        len(record.answer) / len(sample.response)
        for sample, record in said
        if isinstance(record, AnswerRecord) and record.answer and not sample_kind(sample).comparable
    ]
    if ratios:
        figures["length_ratio"] = round(statistics.median(ratios), 2)
        del figures["right"]
    return figures


def _outcome(sample: Sample, record: AgentRecord) -> bool | None:
    """Say whether what a role said is right; None where it cannot be read."""
    if isinstance(record, Check):
        # Only a wrong response has a gold one beside it.
        return None if record.judged in (None, "unreadable") else record.clean == (sample.gold is None)
    answer = record.answer if isinstance(record, AnswerRecord) else None
    if answer is None:
        return None
    return bool(sample_kind(sample).agree(answer, sample.response, sample.options))


def _share(count: int, total: int) -> dict[str, float]:
    """Return a share of samples with its 95 % interval (Wilson)."""
    low, high = wilson(count / total, total)
    return {"share": round(count / total, 3), "low": round(low, 3), "high": round(high, 3)}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", help="dataset files, for example benchmarks/support.jsonl")
    parser.add_argument("--config", type=Path, help="names the models; by default the embedded one")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a key of the config")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prompts", nargs="+", default=["shipped", "benchmarks/one_for_all"])
    parser.add_argument("--roles", nargs="+", choices=ROLES, default=list(ROLES))
    parser.add_argument("--policy", default="judge", help="the checker's: `judge` asks it about every sample")
    parser.add_argument("--replies", type=Path, help="a file to which every reply is added")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for library in ("httpx", "sentence_transformers"):
        logging.getLogger(library).setLevel(logging.WARNING)
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
