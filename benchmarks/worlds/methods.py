"""What each method makes of a drawn world: the responses to train on, and what it says of the given ones."""

from collections.abc import Callable
from typing import NamedTuple

import numpy

from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals, normalised, one_hot
from training.calibration.cautions import Verdicts, cautions
from training.calibration.group_model import replaces_from
from training.calibration.label_matrix import LabelMatrix
from training.calibration.label_model import Estimate, estimate, update
from worlds.draw import Drawn

_FOLDS = 5


class Outcome(NamedTuple):
    """What a method decided.

    Args:
        final: the responses to train on (n); -1 where one is invalid and stays.
        noisy: which given ones it calls noisy (n).
        noise: its estimate of the noise rate; None where it makes none.
        warned: whether it warned of its own verdicts.
        left_out: which samples it would rather not train on (n); None where it trains on all.
        interval: between which noise rates it takes the true one to lie; None where it does not say.
        doubts: how likely it takes each given response to be wrong (n); None where it does not say.
    """

    final: Numbers
    noisy: Bools
    noise: float | None = None
    warned: bool = False
    left_out: Bools | None = None
    interval: tuple[float, float] | None = None
    doubts: Reals | None = None


def as_given(drawn: Drawn) -> Outcome:
    """Trust every response."""
    return Outcome(drawn.matrix.given, numpy.zeros(len(drawn.matrix), dtype=bool))


def majority(drawn: Drawn) -> Outcome:
    """Call noisy what no view matches; the reviewer's answer takes its place."""
    matrix = drawn.matrix
    noisy = ~numpy.logical_or.reduce([said == matrix.given for said in matrix.answers.values()])
    return _replaced(drawn, noisy)


def hybrid(drawn: Drawn) -> Outcome:
    """Let the judge decide where the views disagree (the paper's)."""
    matrix = drawn.matrix
    unanimous = numpy.logical_and.reduce([said == matrix.given for said in matrix.answers.values()])
    return _replaced(drawn, ~unanimous & (matrix.verdicts != 1))


class Weighed(NamedTuple):
    """What the default makes of a label matrix.

    Args:
        found: what was estimated.
        noisy: which given responses it calls noisy (n).
        final: the number of each response to train on (n); -1 where one is invalid and stays.
        confidence: how likely each of them is right (n).
    """

    found: Estimate
    noisy: Bools
    final: Numbers
    confidence: Reals


def decide_by_default(matrix: LabelMatrix, reviews: Numbers) -> Weighed:
    """Decide as the default does, where the reviewer is a model that is a view already.

    Args:
        matrix: what is known of n samples.
        reviews: what the reviewer says of each, were it asked (n); -1 for nothing. It is asked where a given
            response is noisy.
    """
    found = estimate(matrix)
    noisy = found.noise >= priors.DOUBTFUL
    review = numpy.where(noisy, reviews, -1)
    posterior = update(matrix, found, review, numpy.ones(len(matrix), dtype=bool))
    named = one_hot(matrix.given, matrix.width) + one_hot(review, matrix.width)
    for said in matrix.answers.values():
        named += one_hot(said, matrix.width)
    likely = posterior * (named > 0)
    sure = likely.max(1) >= replaces_from(matrix)
    final = numpy.where(noisy & (sure | (matrix.given < 0)), likely.argmax(1), matrix.given)
    confidence = numpy.where(final >= 0, posterior[numpy.arange(len(final)), final], 0.0)
    return Weighed(found, noisy, final, confidence)


def calibrated(drawn: Drawn) -> Outcome:
    """Weigh all views of all samples: the default."""
    found, noisy, final, confidence = decide_by_default(drawn.matrix, drawn.review)
    noise = float(found.noise.mean())
    return Outcome(
        final,
        noisy,
        noise,
        warned=bool(cautions(Verdicts(noise, found.noise_interval, found.reliability))),
        left_out=noisy & (confidence < priors.REPLACES),
        interval=found.noise_interval,
        doubts=found.noise,
    )


def cleanlab(drawn: Drawn) -> Outcome:
    """Relabel what a classifier of the questions contradicts (confident learning)."""
    from cleanlab.filter import find_label_issues  # type: ignore[import-untyped]

    matrix = drawn.matrix
    predicted = _predicted(matrix)
    if predicted is None:
        return as_given(drawn)
    valid = matrix.given >= 0
    noisy = ~valid
    noisy[valid] = find_label_issues(matrix.given[valid], predicted[valid])
    return Outcome(numpy.where(noisy, predicted.argmax(1), matrix.given), noisy, float(noisy.mean()))


def crowdlab(drawn: Drawn) -> Outcome:
    """Take the labels and the agents for annotators beside a classifier of the questions (CROWDLAB)."""
    import pandas  # type: ignore[import-untyped]
    from cleanlab.multiannotator import (  # type: ignore[import-untyped]
        get_label_quality_multiannotator,
    )

    matrix = drawn.matrix
    predicted = _predicted(matrix)
    if predicted is None:
        return as_given(drawn)
    annotations = numpy.column_stack([matrix.given, *matrix.answers.values()]).astype(float)
    annotations[annotations < 0] = numpy.nan
    rows = ~numpy.isnan(annotations).all(1)
    frame = pandas.DataFrame(annotations[rows]).dropna(axis=1, how="all")
    final = matrix.given.copy()
    found = get_label_quality_multiannotator(frame, predicted[rows], verbose=False)
    final[rows] = found["label_quality"]["consensus_label"].to_numpy()
    noisy = final != matrix.given
    return Outcome(final, noisy, float(noisy.mean()))


def dawid_skene(drawn: Drawn) -> Outcome:
    """Take the labels and the agents for annotators (crowd-kit's Dawid and Skene)."""
    import pandas
    from crowdkit.aggregation import DawidSkene

    matrix = drawn.matrix
    columns = {"label": matrix.given, **matrix.answers}
    said = [
        pandas.DataFrame({"task": numpy.arange(len(matrix)), "worker": name, "label": numbers})
        for name, numbers in columns.items()
    ]
    frame = pandas.concat(said)
    found = DawidSkene(n_iter=50).fit_predict(frame[frame["label"] >= 0])
    final = matrix.given.copy()
    final[found.index.to_numpy()] = found.to_numpy()
    noisy = final != matrix.given
    return Outcome(final, noisy, float(noisy.mean()))


METHODS: dict[str, Callable[[Drawn], Outcome]] = {
    "as given": as_given,
    "majority": majority,
    "hybrid": hybrid,
    "calibrated": calibrated,
    "cleanlab": cleanlab,
    "CROWDLAB": crowdlab,
    "Dawid-Skene": dawid_skene,
}


def _replaced(drawn: Drawn, noisy: Bools) -> Outcome:
    return Outcome(numpy.where(noisy, drawn.review, drawn.matrix.given), noisy, float(noisy.mean()))


def _predicted(matrix: LabelMatrix) -> Reals | None:
    """Return what a classifier across folds predicts (n, classes); None where questions share no classes."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.model_selection import KFold  # type: ignore[import-untyped]

    if matrix.prompts is None:
        return None
    predicted = numpy.full((len(matrix), matrix.width), 1e-6)
    for inside, outside in KFold(_FOLDS, shuffle=True, random_state=0).split(matrix.prompts):
        inside = inside[matrix.given[inside] >= 0]
        classes = numpy.unique(matrix.given[inside])
        if len(classes) < 2:
            predicted[outside[:, None], classes] = 1.0
            continue
        model = LogisticRegression(max_iter=300).fit(matrix.prompts[inside], matrix.given[inside])
        predicted[outside[:, None], classes] = model.predict_proba(matrix.prompts[outside])
    return normalised(predicted)
