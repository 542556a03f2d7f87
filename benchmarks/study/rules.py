"""What each method makes of a noisy sample: a response to train on, and what it says of the given one.

The rules look at what the agents said, which is asked once and shared by all methods.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy
from langchain_core.embeddings import Embeddings

from agents.answers.kind import sample_kind
from agents.answers.words import normalise
from graph.state import SampleState
from stores.sample import Sample

_FOLDS = 5


class Case(NamedTuple):
    """A sample with what a pipeline made of it; `kept` is None where nothing was selected."""

    state: SampleState
    kept: bool | None = None

    @property
    def sample(self) -> Sample:
        """The sample as it was given."""
        return self.state.sample


class Label(NamedTuple):
    """A method's decision.

    `response` is None where the sample is left out. `noisy` says what the method holds of the given
    response, None where it does not judge. `score` grows from 0 to 1 with its suspicion; None where it has
    none. `new` is a new response that was made, whether or not it says anything else or is trained on.
    `weight` is how much it counts in training.
    """

    response: str | None
    noisy: bool | None = None
    score: float | None = None
    new: str | None = None
    weight: float | None = None


class Tools(Protocol):
    """What some rules need beside the agents' words."""

    @property
    def encoder(self) -> Embeddings:
        """Tells which prompts are similar."""

    def likelihood_as_given(self, samples: Sequence[Sample]) -> list[float]:
        """Return the same of the given responses, under the model tuned on all of them for one epoch."""

    def likelihood(self, samples: Sequence[Sample], responses: Sequence[str]) -> list[float]:
        """Return each response's mean log-probability a token under the model that is to be tuned."""


Rule = Callable[[list[Case], Tools], list[Label]]


def as_given(cases: list[Case], tools: Tools) -> list[Label]:
    """Trust every response: plain fine-tuning."""
    return [Label(case.sample.response) for case in cases]


def right(cases: list[Case], tools: Tools) -> list[Label]:
    """Take every right response: the ceiling."""
    return [Label(case.sample.gold) for case in cases]


def nothing(cases: list[Case], tools: Tools) -> list[Label]:
    """Train on nothing."""
    return [Label(None) for _ in cases]


def decided(cases: list[Case], tools: Tools) -> list[Label]:
    """Do as the pipeline decided: RobustFT and its ablations."""
    labels = []
    for case in cases:
        final, noisy = case.state.final, _is_noisy(case.state)
        labels.append(
            Label(final if case.kept else None, noisy, _suspicion(case.state), final if noisy else None)
        )
    return labels


def weighed(cases: list[Case], tools: Tools) -> list[Label]:
    """Do as the pipeline decided, and let each sample count as much as it is likely to be right."""
    return [
        label._replace(weight=case.state.consensus.confidence if case.state.consensus else None)
        for case, label in zip(cases, decided(cases, tools), strict=True)
    ]


def reliable_alone(cases: list[Case], tools: Tools) -> list[Label]:
    """Keep what the checker calls reliable, and relabel nothing."""
    labels = []
    for case in cases:
        noisy = _is_noisy(case.state)
        labels.append(Label(None if noisy else case.sample.response, noisy, _suspicion(case.state)))
    return labels


def relabelled(cases: list[Case], tools: Tools) -> list[Label]:
    """Replace every response by the pipeline's; one that says something else was noisy."""
    labels = []
    for case in cases:
        own = case.state.final
        noisy = None if own is None else not _same(own, case.sample.response, case.sample)
        labels.append(Label(own, noisy, new=own))
    return labels


def voted(cases: list[Case], tools: Tools) -> list[Label]:
    """NoiseAL's division: where two views agree they are right; where not, the context answer decides.

    A sample is left out where the context answer agrees with neither view. Source: Yuan et al. 2024,
    "Hide and Seek in Noise Labels", with the base and the reasoned answer as the two collaborating views.
    """
    labels = []
    for case in cases:
        answers = case.state.answers()
        base, reasoned = answers.get("base"), answers.get("reasoner")
        if base is not None and reasoned is not None and _same(base, reasoned, case.sample):
            winner: str | None = base
        else:
            context = answers.get("relabeler")
            views = (base, reasoned)
            supported = context is not None and any(
                view is not None and _same(context, view, case.sample) for view in views
            )
            winner = context if supported else None
        noisy = winner is None or not _same(winner, case.sample.response, case.sample)
        response = winner if noisy else case.sample.response
        labels.append(Label(response, noisy, new=winner if noisy else None))
    return labels


def likeliest(cases: list[Case], tools: Tools) -> list[Label]:
    """GRAPE: of all answers to a sample, the one that the model to be tuned finds likeliest.

    Source: Zhang et al. 2025, "The Best Instruction-Tuning Data are Those That Fit".
    """
    answers = [
        list(dict.fromkeys(filter(None, (case.sample.response, *case.state.answers().values()))))
        for case in cases
    ]
    flat = [(case.sample, answer) for case, found in zip(cases, answers, strict=True) for answer in found]
    scores = iter(tools.likelihood([sample for sample, _ in flat], [answer for _, answer in flat]))
    labels = []
    for case, found in zip(cases, answers, strict=True):
        best = max(((next(scores), answer) for answer in found), key=lambda scored: scored[0])[1]
        noisy = not _same(best, case.sample.response, case.sample)
        labels.append(Label(best, noisy, new=best if noisy else None))
    return labels


def own_words(cases: list[Case], tools: Tools) -> list[Label]:
    """S3FT: the model's own reply where it says what the given response says, else that response.

    Source: Gupta et al. 2025, "Selective Self-to-Supervised Fine-Tuning". It takes the given response to be
    right, and judges nothing; a paraphrase of a label that is one word is the label.
    """
    labels = []
    for case in cases:
        base = case.state.base
        same = (
            base is not None
            and base.answer is not None
            and _same(base.answer, case.sample.response, case.sample)
        )
        labels.append(Label(base.reply if base is not None and same else case.sample.response))
    return labels


def contradicted(cases: list[Case], tools: Tools) -> list[Label]:
    """Cleanlab: leave out what a cross-validated classifier on the questions' embeddings contradicts.

    A label is the place of an option where samples have options, else what the response says. Source:
    Northcutt et al. 2021, "Confident Learning"; `cleanlab.filter.find_label_issues`.
    """
    from cleanlab.filter import find_label_issues  # type: ignore[import-untyped]

    classed = _classify(cases, tools)
    if classed is None:
        return as_given(cases, tools)
    rows, labels, likely, _ = classed
    issues = find_label_issues(labels, likely)
    found = {
        at: Label(None if issue else cases[at].sample.response, bool(issue), float(1 - row[label]))
        for at, issue, row, label in zip(rows, issues, likely, labels, strict=True)
    }
    return [found.get(at, Label(case.sample.response, False)) for at, case in enumerate(cases)]


def relabelled_by_classifier(cases: list[Case], tools: Tools) -> list[Label]:
    """Put the classifier's class in place of each response that confident learning finds; ask no model."""
    from cleanlab.filter import find_label_issues

    classed = _classify(cases, tools)
    if classed is None:
        return as_given(cases, tools)
    rows, labels, likely, classes = classed
    found = {}
    for at, issue, row, label in zip(rows, find_label_issues(labels, likely), likely, labels, strict=True):
        new = _response_of(classes[int(row.argmax())], cases, cases[at].sample) if issue else None
        response = cases[at].sample.response if not issue else new
        found[at] = Label(response, bool(issue), float(1 - row[label]), new)
    return [found.get(at, Label(case.sample.response, False)) for at, case in enumerate(cases)]


def crowd_consensus(cases: list[Case], tools: Tools) -> list[Label]:
    """CROWDLAB: the given responses and all agents are annotators beside the classifier.

    The response is their consensus.

    Source: Goh et al. 2022, "CROWDLAB"; `cleanlab.multiannotator.get_label_quality_multiannotator`.
    """
    import pandas  # type: ignore[import-untyped]
    from cleanlab.multiannotator import (  # type: ignore[import-untyped]
        get_label_quality_multiannotator,
    )

    classed = _classify(cases, tools)
    if classed is None:
        return as_given(cases, tools)
    rows, labels, likely, classes = classed
    said: dict[str, list[float]] = {"given": [float(label) for label in labels]}
    for place, at in enumerate(rows):
        for agent, answer in cases[at].state.answers().items():
            column = said.setdefault(agent, [numpy.nan] * len(rows))
            name = None if answer is None else class_of(answer, cases[at].sample.options)
            column[place] = classes.index(name) if name in classes else numpy.nan
    frame = pandas.DataFrame(said).dropna(axis=1, how="all")
    quality = get_label_quality_multiannotator(frame, likely, verbose=False)["label_quality"]
    found = {}
    for at, label, best, score in zip(
        rows, labels, quality["consensus_label"], quality["consensus_quality_score"], strict=True
    ):
        new = None if best == label else _response_of(classes[int(best)], cases, cases[at].sample)
        noisy = new is not None
        # How sure the consensus is speaks against a response that it contradicts, and for one that it is.
        found[at] = Label(
            new if noisy else cases[at].sample.response, noisy, float(score if noisy else 1 - score), new
        )
    return [found.get(at, Label(case.sample.response, False)) for at, case in enumerate(cases)]


def small_loss(cases: list[Case], tools: Tools) -> list[Label]:
    """Small-loss selection: after an epoch on all, keep those of the smallest loss, as many as are right.

    The share that is right is told, as Co-teaching (Han et al. 2018) is told it; one model selects, not two.
    """
    losses = [-value for value in tools.likelihood_as_given([case.sample for case in cases])]
    wrong = sum(
        case.sample.gold is not None and not _same(case.sample.response, case.sample.gold, case.sample)
        for case in cases
    )
    ranked = sorted(range(len(cases)), key=lambda at: losses[at])
    noisy = set(ranked[len(cases) - wrong :])
    place = {at: rank / max(len(cases) - 1, 1) for rank, at in enumerate(ranked)}
    return [
        Label(None if at in noisy else case.sample.response, at in noisy, place[at])
        for at, case in enumerate(cases)
    ]


class Classed(NamedTuple):
    """What a cross-validated classifier on the questions' embeddings says of the responses.

    `rows` are the places of the judged samples (n), `labels` their classes' numbers (n), and `likely` the
    probability of each class (n x classes).
    """

    rows: list[int]
    labels: Any
    likely: Any
    classes: list[str]


def _classify(cases: list[Case], tools: Tools) -> Classed | None:
    """Return what the classifier says; None where there are no two classes to tell apart."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.model_selection import (  # type: ignore[import-untyped]
        StratifiedKFold,
        cross_val_predict,
    )

    names = [class_of(case.sample.response, case.sample.options) for case in cases]
    counts = Counter(names)
    # A class that cannot be in every fold cannot be cross-validated: its samples are left unjudged.
    rows = [at for at, name in enumerate(names) if counts[name] >= _FOLDS]
    classes = sorted({names[at] for at in rows})
    if len(classes) < 2:
        return None
    labels = numpy.array([classes.index(names[at]) for at in rows])
    vectors = numpy.array(tools.encoder.embed_documents([cases[at].sample.prompt for at in rows]))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    model = LogisticRegression(max_iter=1000)
    likely = cross_val_predict(model, vectors, labels, cv=folds, method="predict_proba")
    return Classed(rows, labels, likely, classes)


def class_of(response: str, options: Sequence[str]) -> str:
    """Return the class of a response: the place of its option, else what it says."""
    if response in options:
        return str(options.index(response))
    return normalise(response)


def _response_of(name: str, cases: list[Case], sample: Sample) -> str | None:
    """Return a class as a response to a sample; None where it has no such option."""
    if sample.options:
        return sample.options[int(name)] if name.isdigit() and int(name) < len(sample.options) else None
    return next((case.sample.response for case in cases if class_of(case.sample.response, ()) == name), None)


def _is_noisy(state: SampleState) -> bool | None:
    return None if state.check is None else not state.check.clean


def _suspicion(state: SampleState) -> float | None:
    """Return the noise probability, else half the verdict and half the share of views that contradict."""
    if state.check is None:
        return None
    if state.check.noise is not None:
        return state.check.noise
    views = state.view_answers()
    contradicting = 1 - len(state.check.agreed) / len(views) if views else float(not state.check.clean)
    return (contradicting + (not state.check.clean)) / 2


def _same(answer: str, other: str, sample: Sample) -> bool:
    return sample_kind(sample).agree(answer, other, sample.options) is True
