"""One cell of the table: a method on a dataset at a noise rate, trained and tested with one seed.

What cells share is done once: replies of models are taken over from run to run, and two methods that arrive
at the same training set share its adapter's accuracy, from the records there are.
"""

import asyncio
import hashlib
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from langchain_core.embeddings import Embeddings

from agents.base import BaseAgent
from agents.relabeler import Relabeler
from agents.role import Role
from agents.room import measure, room_for
from graph.config.run import RunConfig, parse_config
from graph.context import load_prompts
from graph.fingerprint import fingerprints
from graph.stages.base_role import BaseRole
from graph.stages.evaluate import load_tuned
from graph.state import SampleState
from prompts.template import QuestionTemplate
from robustft import resume, run
from stores.encoder import load_encoder
from stores.examples import Example, ExampleStore
from stores.record_files import write_records
from stores.records import Contender, Evaluation, Summary, TrainingRow
from stores.run_directory import RunDirectory, holds_run
from stores.sample import Sample
from stores.weights import resolve_weights
from study.data import Folder, save
from study.figures import agents_of, costs_of, examples_of, figures_of
from study.likelihood import mean_log_probabilities
from study.methods import EVERY_AGENT, Method, Pipeline
from study.rules import Case, Label, class_of
from training.evaluation import evaluate
from training.finetune import train_adapter
from training.lora import TrainingConfig
from training.noise import ENCODED, NoiseKind

_PARAPHRASES = Path(__file__).parent / "paraphrases"
# What a record says of its adapter: the hash of what was trained on and tested with, and the figures.
_OUTCOME = ("outcome_of", "accuracy", "unreadable", "by_category", "test_loss", "paraphrased")
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
# The share of its requests that a run must have sent itself for its seconds to say anything.
_MEASURED = 0.95


class Cell(NamedTuple):
    """What a record of the study is about. `kind` is None for a folder's own noisy file."""

    dataset: str
    rate: int
    kind: NoiseKind | None
    method: str
    seed: int


class Study:
    """Runs cells below one work folder, and goes on with what is there.

    Args:
        config: the settings of our own method, and of every method's training.
        work: the folder for runs and training sets.
        samples: the size of the training subset.
        tests: the size of the held-out subset.
        seed: of both subsets.
        paraphrased: also test with five other wordings of the request (the paper's Figure 6).
        examples: put ten decisions of our own method into its records, in the data set's own words.
    """

    def __init__(
        self,
        config: RunConfig,
        work: Path,
        *,
        samples: int,
        tests: int,
        seed: int,
        paraphrased: bool = False,
        examples: bool = False,
    ) -> None:
        self._config = config
        self._work = work
        self._samples = samples
        self._tests = tests
        self._seed = seed
        self._wordings = sorted(_PARAPHRASES.glob("*.md")) if paraphrased else []
        self._examples = examples
        self._scored: dict[str, float] = {}

    @cached_property
    def encoder(self) -> Embeddings:
        """Tells which prompts are similar."""
        return load_encoder(self._config.encoder)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What all cells share: the subsets, and a hash that stands for the config."""
        return {
            "samples": self._samples,
            "tests": self._tests,
            "subset_seed": self._seed,
            "config_hash": fingerprints(self._config, load_prompts(self._config)).run,
        }

    def likelihood(self, samples: Sequence[Sample], responses: Sequence[str]) -> list[float]:
        """Return each response's mean log-probability a token under the model that is to be tuned."""
        rows = [self._row(sample, response) for sample, response in zip(samples, responses, strict=True)]
        keys = [row.model_dump_json(include={"prompt", "completion"}) for row in rows]
        new = {key: row for key, row in zip(keys, rows, strict=True) if key not in self._scored}
        if new:
            scores = mean_log_probabilities(self._weights, None, list(new.values()))
            self._scored |= dict(zip(new, scores, strict=True))
        return [self._scored[key] for key in keys]

    def measure(
        self, cell: Cell, folder: Folder, method: Method, records: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the record of a cell.

        Args:
            cell: which.
            folder: its data.
            method: its method.
            records: those there are; what was trained on and tested with before is not again.
        """
        cases, summary = self._cases(cell, folder, method.pipeline)
        began = time.monotonic()
        labels = method.rule(cases, self)
        decided = seconds_to_decide(method, cases, summary, time.monotonic() - began)
        test = folder.test_samples(self._tests, self._seed)
        if method.retrieves:
            outcome = self._answer_in_context([case.sample for case in cases], test)
        elif method.probes:
            outcome = self._probe([case.sample for case in cases], test)
        else:
            outcome = self._tune(cases, labels, test, cell.seed, records, method.training)
        return {
            **cell._asdict(),
            **self.settings,
            "n_samples": len(cases),
            "n_test": len(test),
            **figures_of(cases, labels),
            **outcome["figures"],
            "agents": agents_of(cases) if method.pipeline is not None else {},
            **costs_of(cases, method.agents),
            "examples": examples_of(cases) if self._examples and cell.method == "robustft" else [],
            "seconds": {"decide": decided, **outcome["seconds"]},
        }

    def likelihood_as_given(self, samples: Sequence[Sample]) -> list[float]:
        """Return each given response's mean log-probability a token, after one epoch on all of them."""
        rows = [self._row(sample, sample.response) for sample in samples]
        one = self._config.training.model_copy(update={"epochs": 1.0})
        adapter = self._work / "adapters" / "warm-up"
        try:
            self._train(rows, one, self._config.run.seed, adapter)
            return mean_log_probabilities(self._weights, adapter, rows)
        finally:
            shutil.rmtree(adapter, ignore_errors=True)

    @property
    def _weights(self) -> str:
        return resolve_weights(self._config.models[self._config.training.model].name)

    def _cases(
        self, cell: Cell, folder: Folder, pipeline: Pipeline | None
    ) -> tuple[list[Case], Summary | None]:
        """Return what a pipeline made of a cell's samples, and the summary of its run, if there was one."""
        encoder = self.encoder if cell.kind in ENCODED else None
        samples = folder.noisy_samples(cell.rate, cell.kind, self._samples, self._seed, encoder)
        if pipeline is None:
            return [Case(SampleState(sample=sample)) for sample in samples], None
        config = self._with(pipeline)
        name = f"{cell.dataset}-{cell.kind or 'given'}-{cell.rate}"
        size = f"{self._samples}-{self._seed}"
        config.data.train = str(save(self._work / "data" / f"{name}-{size}.jsonl", samples).absolute())
        config_hash = fingerprints(config, load_prompts(config)).run
        directory = self._work / "runs" / f"{name}-{size}-{config_hash}"
        if holds_run(directory):
            finished = resume(directory, until=pipeline.until)
        else:
            finished = run(config, directory, until=pipeline.until, reuse=self._latest_run())
        with closing(RunDirectory(directory).open_journal(read_only=True)) as journal:
            states = [(SampleState.from_entry(*found), found[1].kept) for found in journal.entries()]
            return [Case(state, kept) for state, kept in states], finished.summary

    def _with(self, pipeline: Pipeline) -> RunConfig:
        """Return the study's config with a pipeline's settings."""
        content = self._config.model_dump(mode="json")
        for name, settings in pipeline.settings.items():
            section = content["agents"] if name in content["agents"] else content
            section[name] |= settings
        return parse_config(content)

    def _latest_run(self) -> Path | None:
        """Return the run that has taken over all replies before it."""
        runs = [path for path in (self._work / "runs").glob("*") if (path / "summary.json").is_file()]
        return max(runs, key=lambda path: (path / "summary.json").stat().st_mtime, default=None)

    def _row(self, sample: Sample, response: str, weight: float | None = None) -> TrainingRow:
        return _base_role(self._config).row(sample, response, weight=weight)

    def _tune(
        self,
        cases: Sequence[Case],
        labels: Sequence[Label],
        test: list[Sample],
        seed: int,
        records: Sequence[dict[str, Any]],
        other_training: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Train on what a method decided, and test; done once for equal training sets."""
        rows = []
        for case, label in zip(cases, labels, strict=True):
            if label.response is not None:
                rows.append(self._row(case.sample, label.response, label.weight))
        # Ids differ where the responses do, and are not trained on.
        trained_on = {"prompt", "completion", "weight"}
        content = [list(row.model_dump(include=trained_on, exclude_none=True).values()) for row in rows]
        soft = any(row.weight is not None for row in rows)
        changes = {**other_training, **({"weighting": "soft"} if soft else {})}
        training = self._config.training.model_copy(update=changes)
        settings = training.model_dump_json(exclude={"weighting"})
        prompt = QuestionTemplate(self._config.agents.base.prompt).source
        parts = [
            content,
            settings,
            prompt,
            self._weights,
            [sample.id for sample in test],
            seed if rows else 0,
            len(self._wordings),
            *(wording.read_text(encoding="utf-8") for wording in self._wordings),
        ]
        key = hashlib.sha256(orjson.dumps(parts)).hexdigest()[:16]
        for record in records:
            if record.get("outcome_of") == key:
                seconds = {name: record["seconds"][name] for name in ("train", "test")}
                return {"figures": {name: record[name] for name in _OUTCOME}, "seconds": seconds}
        outcome = self._train_and_test(rows, training, test, seed, self._work / "adapters" / key)
        return {**outcome, "figures": {"outcome_of": key, **outcome["figures"]}}

    def _train_and_test(
        self,
        rows: list[TrainingRow],
        config: TrainingConfig,
        test: list[Sample],
        seed: int,
        adapter: Path,
    ) -> dict[str, Any]:
        began = time.monotonic()
        if rows:
            self._train(rows, config, seed, adapter)
        trained = time.monotonic()
        tuned = adapter if rows else None
        model = load_tuned(self._config, tuned)
        name: Contender = "tuned" if rows else "untuned"
        answers = _ask(_base_role(self._config).agent(model), test, name)
        other_words = []
        for wording in self._wordings:
            reworded = self._with(Pipeline({"base": {"prompt": str(wording)}}))
            said = _ask(_base_role(reworded).agent(model), test, name)
            other_words.append(_accuracy(said, test)["accuracy"])
        del model
        right = [self._row(sample, _gold(sample)) for sample in test]
        likely = mean_log_probabilities(self._weights, tuned, right)
        # Small, but there is one a cell.
        shutil.rmtree(adapter, ignore_errors=True)
        seconds = {"train": round(trained - began, 1), "test": round(time.monotonic() - trained, 1)}
        figures = {**_accuracy(answers, test), "test_loss": _quantiles([-value for value in likely])}
        figures["paraphrased"] = other_words
        return {"figures": figures, "seconds": seconds}

    def _train(self, rows: list[TrainingRow], config: TrainingConfig, seed: int, adapter: Path) -> None:
        training = adapter.with_suffix(".jsonl")
        training.parent.mkdir(parents=True, exist_ok=True)
        write_records(training, rows)
        train_adapter(
            training,
            self._weights,
            adapter,
            config,
            seed=seed,
            report=lambda step: None,
            stop=threading.Event(),
            checkpoints=adapter.with_suffix(".checkpoints"),
        )
        training.unlink()

    def _probe(self, samples: list[Sample], test: list[Sample]) -> dict[str, Any]:
        """Answer held-out questions by a linear model on embeddings, trained on the responses as given."""
        from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

        began = time.monotonic()
        names = [class_of(sample.response, sample.options) for sample in samples]
        vectors = self.encoder.embed_documents([sample.prompt for sample in samples])
        asked = self.encoder.embed_documents([sample.prompt for sample in test])
        model = LogisticRegression(max_iter=1000)
        # Where all responses say the same there is nothing to learn.
        said = (
            list(model.fit(vectors, names).predict(asked)) if len(set(names)) > 1 else names[:1] * len(test)
        )
        answers = [
            Evaluation(
                model="tuned",
                id=sample.id,
                prompt=sample.prompt,
                gold=_gold(sample),
                answer=name,
                right=name == class_of(_gold(sample), sample.options),
            )
            for sample, name in zip(test, said, strict=True)
        ]
        seconds = {"train": 0.0, "test": round(time.monotonic() - began, 1)}
        return {"figures": _accuracy(answers, test), "seconds": seconds}

    def _answer_in_context(self, samples: list[Sample], test: list[Sample]) -> dict[str, Any]:
        """Answer held-out questions with the nearest noisy samples as examples, untuned."""
        began = time.monotonic()
        config = self._config
        settings = config.agents.relabeler
        store = ExampleStore.anew(self._work / "chroma", self.encoder)
        try:
            for _ in store.fill(Example(sample) for sample in samples):
                pass
            room = room_for(settings.max_tokens, settings.need, measure(samples), thinks=False)
            expert = Role(load_tuned(config, None), max_tokens=room.first)
            agent: Any = Relabeler(expert, QuestionTemplate(settings.prompt), store, settings.neighbours)
            answers = _ask(agent, test, "untuned")
        finally:
            store.close()
        seconds = {"train": 0.0, "test": round(time.monotonic() - began, 1)}
        return {"figures": _accuracy(answers, test), "seconds": seconds}


def _base_role(config: RunConfig) -> BaseRole:
    settings = config.agents.base
    return BaseRole(settings, QuestionTemplate(settings.prompt))


def seconds_to_decide(
    method: Method, cases: Sequence[Case], summary: Summary | None, ruling: float
) -> float | None:
    """Return how long a method took to decide; None where that was not measured.

    A run says nothing of it that was told what others had asked, or that asks more than the method needs.
    """
    if method.pipeline is None or summary is None:
        return round(ruling, 1)
    needed = costs_of(cases, method.agents)["requests"]
    sent = summary.usage.requests
    # Requests that samples share are sent once.
    if sent < _MEASURED * needed or costs_of(cases, EVERY_AGENT)["requests"] > needed:
        return None
    seconds: float = sum(summary.timing.values())
    return round(seconds + ruling, 1)


def _ask(agent: BaseAgent, test: list[Sample], model: Contender) -> list[Evaluation]:
    answers: list[Evaluation] = []
    asyncio.run(evaluate(iter(test), agent, model, answers.extend, concurrency=64))
    return answers


def _gold(sample: Sample) -> str:
    return sample.gold if sample.gold is not None else sample.response


def _accuracy(answers: list[Evaluation], test: list[Sample]) -> dict[str, Any]:
    """Return the share answered right, in all and by category: the task, else the right option."""
    categories = {sample.id: sample.task or (_gold(sample) if sample.options else "all") for sample in test}
    right: dict[str, list[bool]] = {}
    told = [(answer.id, answer.right) for answer in answers if answer.right is not None]
    for name, is_right in told:
        right.setdefault(categories[name], []).append(is_right)
    many = len(right) > 12  # options that differ from question to question are no categories
    return {
        # Nothing can be told of texts that are never the same.
        "accuracy": sum(is_right for _, is_right in told) / len(told) if told else None,
        "unreadable": sum(answer.answer is None for answer in answers),
        "by_category": {} if many else {name: sum(hits) / len(hits) for name, hits in sorted(right.items())},
    }


def _quantiles(values: list[float]) -> dict[str, float]:
    """Return the mean and some quantiles of losses (nats a token); their exponential is the perplexity."""
    ranked = sorted(values)
    spread = {f"{share:.0%}": round(ranked[int(share * (len(ranked) - 1))], 4) for share in _QUANTILES}
    return {"mean": round(sum(values) / len(values), 4), **spread}
