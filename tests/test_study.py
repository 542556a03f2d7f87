"""The study's methods: what each makes of a handful of samples, and what becomes of its records."""

import json
import re
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pytest
from langchain_core.embeddings import Embeddings
from paper import add_record, is_done, read_records, with_models
from study import rules
from study.cells import Cell, Study, seconds_to_decide
from study.data import open_folder
from study.figures import agents_of, costs_of, examples_of, figures_of
from study.methods import EVERY, METHODS, Method, Pipeline
from study.page import render
from study.rules import Case, Label
from study.versions import models_of_config, versions

from agents.agent import Usage
from agents.base import Prediction
from agents.checker import Check
from agents.reasoner import Turn
from agents.record import Consensus
from agents.relabeler import ContextAnswer
from agents.reviewer import Review
from graph.config.run import RunConfig, parse_config
from graph.state import SampleState
from stores.dataset import read_samples
from stores.errors import DataError, InputError
from stores.export import write_samples
from stores.records import RunUsage, Samples, Summary
from stores.sample import Sample
from training.noise import inject_noise

MOODS = ("bad", "so-so", "good")
ONE = Usage(requests=1, prompt_tokens=10, completion_tokens=2)


class Likes:
    """Tools whose likelihood is a table, and whose encoder places a question by its first word."""

    def __init__(self, **liked: float) -> None:
        self._liked = liked
        self.encoder: Embeddings = ByWord()

    def likelihood(self, samples: Sequence[Sample], responses: Sequence[str]) -> list[float]:
        return [self._liked.get(response, -9.0) for response in responses]

    def likelihood_as_given(self, samples: Sequence[Sample]) -> list[float]:
        return self.likelihood(samples, [sample.response for sample in samples])


class ByWord(Embeddings):
    """One direction for each first word, with a little noise of its own for every text."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = numpy.random.default_rng(len(text)).normal(scale=0.05, size=3)
        vector[("Gloom", "Calm", "Joy").index(text.split()[0])] += 1
        return list(map(float, vector))


def case(
    response: str = "bad",
    *,
    base: str | None = None,
    reasoned: str | None = None,
    context: str | None = None,
    review: str | None = None,
    clean: bool | None = None,
    kept: bool | None = None,
    gold: str = "good",
) -> Case:
    """Return a sample with what the agents answered; only what is given was asked."""
    given = {"base": base, "reasoning": reasoned}
    agreed = [view for view, answer in given.items() if answer == response]
    check = None
    if clean is not None:
        check = Check(clean=clean, policy="hybrid", agreed=agreed, reason="", usage=ONE)  # type: ignore[arg-type]
    reply = f"I would say {base}."
    rated = (-0.1,)
    state = SampleState(
        sample=Sample(id="s", prompt="How was it?", response=response, options=MOODS, gold=gold),
        base=Prediction(answer=base, reply=reply, usage=ONE) if base else None,
        turns=[Turn(role="reason", reply=reasoned, answer=reasoned, usage=ONE)] if reasoned else [],
        check=check,
        context=ContextAnswer(
            neighbours=(), answer=context, reply=context, log_probabilities=rated, usage=ONE
        )
        if context
        else None,
        review=Review(answer=review, reason="reviewed") if review else None,
    )
    return Case(state, kept)


def only(rule: rules.Rule, given: Case, tools: Likes | None = None) -> Label:
    (label,) = rule([given], tools or Likes())
    return label


def test_plain_tuning_takes_the_given_response_and_the_ceiling_the_right_one() -> None:
    assert only(rules.as_given, case("bad")) == Label("bad")
    assert only(rules.right, case("bad")) == Label("good")
    assert only(rules.nothing, case("bad")) == Label(None)


@pytest.mark.parametrize(
    ("given", "response", "noisy", "new"),
    [
        (case("good", clean=True, kept=True), "good", False, None),
        (case("bad", context="good", review="good", clean=False, kept=True), "good", True, "good"),
        (case("bad", context="good", review="good", clean=False, kept=False), None, True, "good"),
    ],
)
def test_ours_does_as_the_pipeline_decided(
    given: Case, response: str | None, noisy: bool, new: str | None
) -> None:
    label = only(rules.decided, given)
    assert (label.response, label.noisy, label.new) == (response, noisy, new)


def test_suspicion_grows_with_the_views_that_contradict() -> None:
    agreeing = only(rules.decided, case("good", base="good", reasoned="good", clean=True)).score
    split = only(rules.decided, case("good", base="good", reasoned="bad", clean=False)).score
    against = only(rules.decided, case("good", base="bad", reasoned="bad", clean=False)).score
    assert (agreeing, split, against) == (0.0, 0.75, 1.0)


def test_a_calibrated_sample_is_as_suspect_as_it_is_likely_to_be_noise_and_counts_by_its_confidence() -> None:
    given = case("bad", base="bad", context="good", review="good", clean=False, kept=True)
    assert given.state.check is not None
    weighed = given.state.model_copy(
        update={
            "check": given.state.check.model_copy(update={"noise": 0.8}),
            "consensus": Consensus(answer="so-so", confidence=0.7),
        }
    )
    assert only(rules.weighed, Case(weighed, True)) == Label("so-so", True, 0.8, "so-so", 0.7)
    assert only(rules.decided, Case(weighed, True)).weight is None


def test_self_select_keeps_what_the_judge_calls_reliable() -> None:
    assert only(rules.reliable_alone, case("bad", clean=True)) == Label("bad", False, 0.0)
    assert only(rules.reliable_alone, case("bad", clean=False)) == Label(None, True, 1.0)


def test_self_label_replaces_every_response_by_the_models_own() -> None:
    own = case("bad", context="good", review="good", clean=False, kept=True)
    assert only(rules.relabelled, own) == Label("good", True, new="good")
    same = case("good", context="good", review="good", clean=False, kept=True)
    assert only(rules.relabelled, same) == Label("good", False, new="good")
    assert only(rules.relabelled, case("bad", clean=False)) == Label(None)


@pytest.mark.parametrize(
    ("base", "reasoned", "context", "response", "noisy"),
    [
        ("bad", "bad", None, "bad", False),  # both views say what was given
        ("good", "good", "so-so", "good", True),  # both say something else
        ("good", "bad", "good", "good", True),  # they disagree: the context answer decides
        ("good", "bad", "bad", "bad", False),
        ("good", "bad", "so-so", None, True),  # it agrees with neither
        ("good", None, None, None, True),
    ],
)
def test_noise_al_relabels_the_uncertain_by_the_context_answer(
    base: str | None, reasoned: str | None, context: str | None, response: str | None, noisy: bool
) -> None:
    label = only(rules.voted, case("bad", base=base, reasoned=reasoned, context=context))
    assert (label.response, label.noisy) == (response, noisy)


def test_grape_takes_the_answer_that_the_model_finds_likeliest() -> None:
    given = case("bad", base="so-so", reasoned="good", context="so-so")
    assert only(rules.likeliest, given, Likes(good=-0.5, bad=-1.0)) == Label("good", True, new="good")
    assert only(rules.likeliest, given, Likes(good=-2.0, bad=-1.0)) == Label("bad", False)
    assert only(rules.likeliest, case("bad"), Likes()) == Label("bad", False)


def test_s3ft_takes_the_models_own_words_where_they_say_the_same() -> None:
    assert only(rules.own_words, case("bad", base="bad")) == Label("I would say bad.")
    assert only(rules.own_words, case("bad", base="good")) == Label("bad")
    assert only(rules.own_words, case("bad")) == Label("bad")


def test_cleanlab_leaves_out_what_a_classifier_on_the_questions_contradicts() -> None:
    words = ("Gloom", "Calm", "Joy")
    samples = [
        Sample(
            id=str(n),
            prompt=f"{words[n % 3]} {'x' * n}",
            response=MOODS[n % 3],
            options=MOODS,
            gold=MOODS[n % 3],
        )
        for n in range(60)
    ]
    wrong = {4, 17, 33, 50}
    given = [
        sample.model_copy(update={"response": MOODS[(at + 1) % 3]}) if at in wrong else sample
        for at, sample in enumerate(samples)
    ]
    labels = rules.contradicted([Case(SampleState(sample=sample)) for sample in given], Likes())
    assert {at for at, label in enumerate(labels) if label.response is None} == wrong
    figures = figures_of([Case(SampleState(sample=sample)) for sample in given], labels)
    assert figures["detection"]["f1"] == 1
    assert figures["detection"]["auc"] == 1
    assert (figures["n_train"], figures["purity"]) == (56, 1)


def test_a_class_too_small_for_cross_validation_is_left_alone() -> None:
    labels = rules.contradicted([case("bad"), case("good")], Likes())
    assert [label.response for label in labels] == ["bad", "good"]


def test_what_has_no_score_ranks_as_trusted_and_is_no_probability() -> None:
    cases = [case("bad"), case("bad"), case("good"), case("good")]
    labels = [
        Label("bad", False),
        Label(None, True, 0.9),
        Label("good", False, 0.1),
        Label("good", False),
    ]
    detection = figures_of(cases, labels)["detection"]
    assert detection["scored"] == 2
    # Of four pairs of a wrong and a right response two are ranked right, one wrong, and one not.
    assert detection["auc"] == pytest.approx(2.5 / 4)
    assert detection["ece"] == pytest.approx(0.1)


def test_a_relabel_counts_whether_or_not_it_says_anything_new() -> None:
    cases = [case("bad"), case("good"), case("bad"), case("bad")]
    labels = [
        Label("good", True, new="good"),
        Label("good", False, new="good"),
        Label(None, True, new="bad"),
        Label("bad", False),
    ]
    relabel = figures_of(cases, labels)["relabel"]
    assert (relabel["relabelled"], relabel["accuracy"]) == (3, pytest.approx(2 / 3))
    assert (relabel["selected"], relabel["selected_accuracy"]) == (2, 1)


@pytest.mark.parametrize(
    ("sent", "agents", "known"), [(4, ("base",), True), (3, ("base",), False), (8, (), False)]
)
def test_seconds_to_decide_are_those_of_a_run_that_asked_for_itself_alone(
    sent: int, agents: tuple[str, ...], known: bool
) -> None:
    cases = [case("bad", base="good", **({"context": "good"} if not agents else {})) for _ in range(4)]
    method = Method(Pipeline(), rules.decided, agents or ("base",))
    summary = Summary(
        samples=Samples(),
        usage=RunUsage(requests=sent, by_agent={}),
        timing={"detect": 2.0, "denoise": 1.0},
        config_hash="",
        versions={},
    )
    assert seconds_to_decide(method, cases, summary, 0.5) == (3.5 if known else None)


def test_figures_are_counted_over_what_is_known() -> None:
    cases = [
        case("good", base="good", reasoned="good", clean=True, kept=True),
        case("bad", base="good", reasoned="bad", context="good", review="good", clean=False, kept=True),
        case("bad", base="bad", reasoned="bad", context="bad", review="bad", clean=False, kept=False),
        case("bad", base="bad", reasoned="bad", clean=True, kept=True),
    ]
    figures = figures_of(cases, rules.decided(cases, Likes()))
    assert figures["detection"]["precision"] == 1
    assert figures["detection"]["recall"] == pytest.approx(2 / 3)
    assert (figures["relabel"]["accuracy"], figures["relabel"]["selected_accuracy"]) == (0.5, 1)
    assert (figures["n_train"], figures["purity"]) == (3, pytest.approx(2 / 3))
    agents = agents_of(cases)
    assert agents["base"] == {"right": 1, "wrong": pytest.approx(1 / 3)}
    assert agents["checker"] == {"right": 1, "wrong": pytest.approx(2 / 3)}
    assert costs_of(cases, ("base", "checker"))["requests"] == 8
    assert costs_of(cases, ("relabeler",))["requests"] == 2


@pytest.mark.parametrize("name", EVERY)
def test_every_pipeline_is_a_config(name: str) -> None:
    pipeline = EVERY[name].pipeline
    if pipeline is None:
        return
    content = RunConfig().model_dump(mode="json")
    for section, settings in pipeline.settings.items():
        (content["agents"] if section in content["agents"] else content)[section] |= settings
    assert parse_config(content)


def test_a_folder_of_any_of_our_formats_is_read(tmp_path: Path) -> None:
    rows = [{"question": f"Day {n}?", "options": MOODS, "answer": MOODS[n % 3]} for n in range(40)]
    for name in ("labeled", "test", "noisy30"):
        made = [{**row, "answer": "D"} if name == "noisy30" and n < 3 else row for n, row in enumerate(rows)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    folder = open_folder(tmp_path)
    assert list(folder.noisy) == [30]
    some = folder.noisy_samples(30, None, 10, 1, ByWord())
    assert len(some) == 10
    assert [sample.prompt for sample in some] == [
        sample.prompt for sample in folder.noisy_samples(30, "uniform", 10, 1, ByWord())
    ]
    made = folder.noisy_samples(50, "burst", 40, 0, ByWord())
    assert made == inject_noise(list(read_samples(folder.labeled)), 0.5, 0, "burst")
    with pytest.raises(DataError, match="noisy70"):
        folder.noisy_samples(70, None, 10, 1, ByWord())
    (tmp_path / "test.jsonl").unlink()
    with pytest.raises(DataError, match="no test file"):
        open_folder(tmp_path)


def record(method: str, rate: int, accuracy: float, **more: Any) -> dict[str, Any]:
    return {
        "dataset": "moods",
        "rate": rate,
        "kind": None,
        "method": method,
        "seed": 0,
        "accuracy": accuracy,
        "unreadable": 0,
        "n_samples": 10,
        "n_test": 5,
        "samples": 10,
        "tests": 5,
        "subset_seed": 0,
        "config_hash": "0",
        "detection": None,
        "relabel": None,
        "purity": 0.7,
        "purity_before": 0.7,
        "n_train": 10,
        "requests": 4,
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "seconds": {"decide": 1, "train": 2, "test": 3},
        "agents": {},
        "by_category": {},
        **more,
    }


def test_the_page_is_made_from_the_records_and_says_what_was_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    repaired = case(
        "bad", base="good", reasoned="good", context="good", review="good", clean=False, kept=True
    )
    (examples,) = [examples_of([repaired])]
    examples[0]["question"] = "<b>How|was it?"
    records = [
        record("sft", 30, 0.5),
        record("sft", 30, 0.7, seed=1),
        record("robustft", 30, 0.8, agents={"base": {"right": 0.5, "wrong": None}}, examples=examples),
        record("keep-50", 30, 0.9),
        record("sft", 50, 0.4, kind="burst"),
    ]
    render(records, folder)
    page = (tmp_path / "results.md").read_text()
    assert "| sft | 60.0 (50.0 to 70.0; 2 seeds) |" in page
    assert "| k-0 |" not in page
    assert "| keep-50 |" not in page
    assert "| 30 % noise | not run | not run | not run | not run | 90.0 |" in page
    for name in ("Ablations (the paper's Table 3)", "neighbours shown (the paper's Figure 3)"):
        assert f"{name}: not run." in page
    assert "wordings of the request at 30 %: not run." in page
    assert "| grape | not run |" in page
    assert "| base | 50.0 | - |" in page
    assert "burst" in page
    assert r"| repaired | \<b\>How\|was it? | bad | good | good | good | noisy: | good | good | yes |" in page
    for name in ("moods-accuracy.svg", "moods-keep-sensitivity.svg"):
        assert name in page
        assert "<svg" in (folder / name).read_text()
    before = page, (folder / "moods-accuracy.svg").read_text()
    render(records, folder)
    assert before == ((tmp_path / "results.md").read_text(), (folder / "moods-accuracy.svg").read_text())


def test_what_was_trained_on_and_tested_before_is_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"question": f"Day {n}?", "options": MOODS, "answer": MOODS[n % 3]} for n in range(12)]
    for name in ("labeled", "test"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    trained: list[int] = []

    def train(study: Study, rows: list[Any], *others: object) -> dict[str, Any]:
        trained.append(len(rows))
        tested = {"accuracy": 0.5, "unreadable": 0, "by_category": {}, "test_loss": {}, "paraphrased": []}
        return {"figures": tested, "seconds": {"train": 1.0, "test": 2.0}}

    monkeypatch.setattr(Study, "_train_and_test", train)
    study = Study(RunConfig(), tmp_path / "work", samples=12, tests=12, seed=0)
    records: list[dict[str, Any]] = []
    for rate, method in ((30, "sft-gold"), (50, "sft-gold"), (50, "sft")):
        cell = Cell("moods", rate, "uniform", method, 0)
        records.append(study.measure(cell, open_folder(tmp_path), METHODS[method], records))
    assert trained == [12, 12]
    assert [record["accuracy"] for record in records] == [0.5] * 3
    assert records[0]["outcome_of"] == records[1]["outcome_of"] != records[2]["outcome_of"]


def test_a_record_takes_the_place_of_its_cells_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    with ThreadPoolExecutor() as several:
        list(several.map(lambda seed: add_record(path, record("sft", 30, 0.5, seed=seed)), range(20)))
    assert sorted(row["seed"] for row in read_records(path)) == list(range(20))
    add_record(path, record("sft", 30, 0.6, seed=7))
    known = {row["seed"]: row["accuracy"] for row in read_records(path)}
    assert len(known) == len(read_records(path)) == 20
    assert (known[7], known[8]) == (0.6, 0.5)


@pytest.mark.parametrize(
    ("tested", "asked", "done"),
    [
        ({"paraphrased": []}, False, True),
        ({"paraphrased": []}, True, False),
        ({"paraphrased": [0.5] * 5}, True, True),
        ({}, True, True),
    ],
)
def test_a_cell_without_other_wordings_is_run_again_where_they_are_asked_for(
    tested: dict[str, Any], asked: bool, done: bool
) -> None:
    assert is_done(record("sft", 30, 0.5, **tested), asked) is done


def test_figures_of_several_seeds_are_means(tmp_path: Path) -> None:
    seeds = [
        record(
            "sft",
            30,
            share,
            seed=seed,
            test_loss={"mean": loss},
            paraphrased=[share, 0.0],
            by_category={"good": share, "bad": 0.5},
        )
        for seed, (share, loss) in enumerate([(0.5, 1.0), (0.7, 2.0)])
    ]
    render(seeds, tmp_path / "results")
    page = (tmp_path / "results.md").read_text()
    assert "| sft | 1.50 |" in page
    assert "| sft | 60.0 | 0.0 | 60.0 (50.0 to 70.0; 2 seeds) |" in page
    assert "| sft | 50.0 | 60.0 |" in page


def test_other_kinds_of_noise_show_how_well_each_method_told_them(tmp_path: Path) -> None:
    records = [
        record("sft", 50, 0.4, kind="burst"),
        record("cleanlab", 50, 0.4, kind="burst", detection={"auc": 0.9, "ece": 0.1}),
        record("cleanlab", 50, 0.6, kind="class", detection={"auc": 0.3, "ece": 0.25}),
    ]
    render(records, tmp_path / "results")
    page = (tmp_path / "results.md").read_text()
    kinds = "class | neighbour | systematic | truncated | garbled | off-topic | burst"
    others = " | ".join(["not run"] * 5)
    assert f"| accuracy | {kinds} |" in page
    assert f"| cleanlab | 60.0 | {others} | 40.0 |" in page
    assert f"| sft | not run | {others} | 40.0 |" in page
    assert f"| cleanlab | 0.30 | {others} | 0.90 |" in page
    assert f"| cleanlab | 0.25 | {others} | 0.10 |" in page
    assert f"| sft | not run | {others} | - |" in page
    assert "Not run: robustft, " in page


def test_records_of_other_settings_are_not_put_in_one_table(tmp_path: Path) -> None:
    records = [record("sft", 30, 0.4), record("sft", 30, 0.6, subset_seed=1)]
    with pytest.raises(InputError, match="subset_seed"):
        render(records, tmp_path / "results")
    assert not (tmp_path / "results.md").exists()


def test_the_page_is_the_same_in_whatever_order_cells_were_run(tmp_path: Path) -> None:
    right = {"base": {"right": 0.5, "wrong": 0.1}}
    records = [
        record(method, rate, 0.5, agents=right, test_loss={"mean": rate / 100})
        for rate in (50, 30)
        for method in ("robustft", "sft")
    ]
    render(records, tmp_path / "results")
    page = (tmp_path / "results.md").read_text()
    assert "| agent | 30 %, right | 30 %, wrong | 50 %, right | 50 %, wrong |" in page
    render(records[::-1], tmp_path / "results")
    assert page == (tmp_path / "results.md").read_text()


def test_every_baseline_of_the_paper_is_there() -> None:
    assert set(METHODS) >= {"vanilla", "sft", "robustft", "self-select", "self-label", "noise-al", "self-rag"}


def test_a_subset_has_about_the_noise_of_the_whole(tmp_path: Path) -> None:
    rows = [{"question": f"Day {n}?", "options": MOODS, "answer": MOODS[n % 3]} for n in range(300)]
    for name in ("labeled", "test"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    noisy = inject_noise(list(read_samples(tmp_path / "labeled.jsonl")), 0.5, seed=0)
    write_samples(tmp_path / "noisy50.jsonl", noisy)
    some = open_folder(tmp_path).noisy_samples(50, None, 100, 0, ByWord())
    assert 35 <= sum(sample.response != sample.gold for sample in some) <= 65


def moods(**wrong: int) -> list[Case]:
    """Return cases whose questions tell the right mood; so many of each have the next one as a response."""
    rows = []
    for word, right in zip(("Gloom", "Calm", "Joy"), MOODS, strict=True):
        for number in range(12):
            given = MOODS[(MOODS.index(right) + 1) % 3] if number < wrong.get(word, 0) else right
            made = Sample(
                id=f"{word}{number}",
                prompt=f"{word} {'x' * number}?",
                response=given,
                options=MOODS,
                gold=right,
            )
            answered = Prediction(answer=right, reply=right, usage=ONE)
            rows.append(Case(SampleState(sample=made, base=answered)))
    return rows


@pytest.mark.parametrize("rule", [rules.relabelled_by_classifier, rules.crowd_consensus])
def test_what_a_classifier_or_a_crowd_contradicts_gets_their_class(rule: rules.Rule) -> None:
    cases = moods(Gloom=3, Joy=2)
    labels = rule(cases, Likes())
    pairs = list(zip(labels, cases, strict=True))
    assert all(label.response == case.sample.gold for label, case in pairs if label.noisy)
    assert all(label.response == case.sample.response for label, case in pairs if not label.noisy)
    assert 4 <= sum(label.noisy is True for label in labels) <= 5
    found = [label.score for label in labels if label.noisy]
    trusted = [label.score for label in labels if not label.noisy]
    assert (
        statistics.mean(score or 0 for score in found)
        > 0.5
        > statistics.mean(score or 0 for score in trusted)
    )


@pytest.mark.parametrize("rule", [rules.relabelled_by_classifier, rules.crowd_consensus])
def test_where_there_is_nothing_to_tell_apart_responses_stay(rule: rules.Rule) -> None:
    cases = [case("bad")] * 6
    assert rule(cases, Likes()) == rules.as_given(cases, Likes())


def test_small_loss_keeps_as_many_as_are_right() -> None:
    cases = [case("good"), case("bad"), case("so-so"), case("good")]
    labels = rules.small_loss(cases, Likes(**{"good": -1.0, "so-so": -2.0, "bad": -8.0}))
    assert [label.response for label in labels] == ["good", None, None, "good"]
    assert (labels[1].score, labels[0].score) == (1.0, 0.0)


def test_a_linear_probe_answers_held_out_questions_by_itself(tmp_path: Path) -> None:
    study = Study(RunConfig(), tmp_path, samples=36, tests=36, seed=0)
    study.__dict__["encoder"] = ByWord()
    samples = [case.sample for case in moods()]
    figures = study._probe(samples, samples)["figures"]
    assert (figures["accuracy"], figures["unreadable"]) == (1, 0)


def test_label_smoothing_trains_otherwise_on_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"question": f"Day {n}?", "options": MOODS, "answer": MOODS[n % 3]} for n in range(12)]
    for name in ("labeled", "test"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    trained: list[dict[str, Any]] = []

    def train(study: Study, rows: list[Any], config: Any, *others: object) -> dict[str, Any]:
        trained.append(config.args)
        tested = {"accuracy": 0.5, "unreadable": 0, "by_category": {}, "test_loss": {}, "paraphrased": []}
        return {"figures": tested, "seconds": {"train": 1.0, "test": 2.0}}

    monkeypatch.setattr(Study, "_train_and_test", train)
    study = Study(RunConfig(), tmp_path / "work", samples=12, tests=12, seed=0)
    records: list[dict[str, Any]] = []
    for method in ("sft", "label-smoothing"):
        cell = Cell("moods", 30, "uniform", method, 0)
        records.append(study.measure(cell, open_folder(tmp_path), METHODS[method], records))
    assert trained == [{}, {"label_smoothing_factor": 0.1}]


def of_code(commit: str, agents: str = "big", student: str = "small", **more: Any) -> dict[str, Any]:
    return {"models": {"agents": agents, "student": student}, "versions": {"commit": commit}, **more}


def test_records_of_several_versions_are_refused_by_name_until_one_is_chosen(tmp_path: Path) -> None:
    records = [
        record("sft", 30, 0.4, versions={"commit": None}),
        record("sft", 30, 0.5, **of_code("abc")),
        record("sft", 30, 0.6, **of_code("def+")),
    ]
    told = r"abc \(1 records\), def\+ \(1 records\), earlier \(1 records\); choose with --commit"
    with pytest.raises(InputError, match=told):
        render(records, tmp_path / "results")
    with pytest.raises(InputError, match="no record is of the version xyz"):
        render(records, tmp_path / "results", "xyz")
    assert not (tmp_path / "results.md").exists()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "conclusion-earlier.md").write_text("It was so.")
    render(records, tmp_path / "results", "abc")
    page = (tmp_path / "results.md").read_text()
    assert (
        page.split("\n")[2]
        == "The figures on this page are of commit abc, and of big as agents with small tuned."
    )
    assert "| sft | 50.0 |" in page
    assert "It was so." not in page
    render(records, tmp_path / "results", "earlier")
    page = (tmp_path / "results.md").read_text()
    assert page.split("\n")[2].startswith("The figures on this page are of earlier commits, not of today's")
    assert "| sft | 40.0 |" in page
    assert "It was so." in page


def test_each_pair_of_models_has_tables_of_its_own(tmp_path: Path) -> None:
    records = [
        record("sft", 30, 0.5, config_hash="1", **of_code("abc")),
        record("sft", 30, 0.7, config_hash="2", **of_code("abc", student="big")),
    ]
    render(records, tmp_path / "results")
    page = (tmp_path / "results.md").read_text()
    assert "## moods-big\n" in page
    assert "## moods-big-tunes-small\n" in page
    assert "| sft | 50.0 |" in page
    assert "| sft | 70.0 |" in page
    assert "moods-big-tunes-small-accuracy.svg" in page


def test_a_record_of_other_code_or_models_takes_no_place(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    for made_by in (of_code("abc"), of_code("def"), of_code("abc", agents="small"), of_code("abc")):
        add_record(path, record("sft", 30, 0.5, **made_by))
    assert len(read_records(path)) == 3


def test_agents_and_student_can_be_two_models() -> None:
    def config(agents: str | None, student: str | None) -> RunConfig:
        return parse_config(with_models(RunConfig().model_dump(mode="json"), agents, student))

    assert models_of_config(config("/models/1.5b", "tiny")) == {"agents": "1.5b", "student": "tiny"}
    assert models_of_config(config("/models/1.5b", None)) == {"agents": "1.5b", "student": "1.5b"}
    assert models_of_config(config(None, "tiny"))["student"] == "tiny"
    assert config(None, None) == RunConfig()


def test_versions_name_the_commit_of_the_code() -> None:
    found = versions()
    assert found["commit"] is None or re.fullmatch(r"[0-9a-f]{12}\+?", found["commit"])
    assert found["torch"]
