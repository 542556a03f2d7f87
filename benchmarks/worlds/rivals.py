"""Methods of others: what they make of the same draws. Each gives None where it cannot be applied.

| method      | needs                                    | learns from                                    |
|-------------|------------------------------------------|------------------------------------------------|
| cleanlab    | classes that prompts may tell            | a classifier of the prompts                    |
| CROWDLAB    | the same                                 | that, the responses and all agents' answers    |
| Dawid-Skene | answers that repeat, so no free text     | the responses and all agents' answers          |

Where several people annotate, CROWDLAB and Dawid-Skene see each person's responses. A mixture is taken apart
for them, as its user would: each method is applied to each part, and what it cannot judge stays as given.
"""

from collections.abc import Callable, Mapping

import numpy

from training.calibration.arrays import Numbers, Reals, normalised
from training.calibration.label_matrix import LabelMatrix
from worlds.draw import Drawn
from worlds.outcome import Outcome

_FOLDS = 5
_STEPS = 50


def cleanlab(drawn: Drawn) -> Outcome | None:
    """Relabel what a classifier of the questions contradicts (confident learning)."""
    from cleanlab.filter import find_label_issues  # type: ignore[import-untyped]

    matrix = drawn.matrix
    predicted = _predicted(matrix)
    if predicted is None:
        return None
    valid = matrix.given >= 0
    noisy = ~valid
    noisy[valid] = find_label_issues(matrix.given[valid], predicted[valid])
    return Outcome(numpy.where(noisy, predicted.argmax(1), matrix.given), noisy, float(noisy.mean()))


def crowdlab(drawn: Drawn) -> Outcome | None:
    """Take the labels and the agents for annotators beside a classifier of the questions (CROWDLAB)."""
    import pandas  # type: ignore[import-untyped]
    from cleanlab.multiannotator import (  # type: ignore[import-untyped]
        get_label_quality_multiannotator,
    )

    matrix = drawn.matrix
    predicted = _predicted(matrix)
    if predicted is None:
        return None
    annotations = numpy.column_stack(list(_voices(matrix).values())).astype(float)
    annotations[annotations < 0] = numpy.nan
    rows = ~numpy.isnan(annotations).all(1)
    frame = pandas.DataFrame(annotations[rows]).dropna(axis=1, how="all")
    final = matrix.given.copy()
    found = get_label_quality_multiannotator(frame, predicted[rows], verbose=False)
    final[rows] = found["label_quality"]["consensus_label"].to_numpy()
    noisy = final != matrix.given
    return Outcome(final, noisy, float(noisy.mean()))


def dawid_skene(drawn: Drawn) -> Outcome | None:
    """Take the labels and the agents for annotators (crowd-kit's Dawid and Skene)."""
    matrix = drawn.matrix
    if not any((said >= 0).any() for said in matrix.answers.values()):
        return None
    import pandas
    from crowdkit.aggregation import DawidSkene

    said = [
        pandas.DataFrame({"task": numpy.arange(len(matrix)), "worker": name, "label": numbers})
        for name, numbers in _voices(matrix).items()
    ]
    frame = pandas.concat(said)
    found = DawidSkene(n_iter=_STEPS).fit_predict(frame[frame["label"] >= 0])
    final = matrix.given.copy()
    final[found.index.to_numpy()] = found.to_numpy()
    noisy = final != matrix.given
    return Outcome(final, noisy, float(noisy.mean()))


def by_parts(method: Callable[[Drawn], Outcome | None]) -> Callable[[Drawn], Outcome | None]:
    """Return a method that is applied to each part of a mixture; None where it can judge none of them."""

    def apply(drawn: Drawn) -> Outcome | None:
        if not drawn.parts:
            return method(drawn)
        found = [method(part) for part in drawn.parts]
        if not any(found):
            return None
        final, noisy = drawn.matrix.given.copy(), numpy.zeros(len(drawn.matrix), dtype=bool)
        start = 0
        for part, outcome in zip(drawn.parts, found, strict=True):
            if outcome is not None:
                rows = slice(start, start + len(part.matrix))
                final[rows], noisy[rows] = outcome.final, outcome.noisy
            start += len(part.matrix)
        return Outcome(final, noisy, float(noisy.mean()))

    return apply


RIVALS: Mapping[str, Callable[[Drawn], Outcome | None]] = {
    "cleanlab": by_parts(cleanlab),
    "CROWDLAB": by_parts(crowdlab),
    "Dawid-Skene": by_parts(dawid_skene),
}


def _voices(matrix: LabelMatrix) -> dict[str, Numbers]:
    """Return what each annotator says (n each): the people, or the given responses, and the agents."""
    people = matrix.annotations
    if people is None:
        return {"label": matrix.given, **matrix.answers}
    said = numpy.full((len(people.names), len(matrix)), -1)
    said[people.who, people.rows] = people.said
    return {**dict(zip(people.names, said, strict=True)), **matrix.answers}


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
