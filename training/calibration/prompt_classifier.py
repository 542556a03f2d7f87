"""What prompts tell about their right responses, learned from what is believed of all other prompts.

Two classifiers read the prompts' vectors. `PromptClassifier` is quick and serves every step of the fit.
`predict_crossed` and `predict_others` are slower and rank better; they are asked once, when it is known what
to learn. Neither ever predicts a prompt from what is believed of that prompt itself.
"""

from bisect import bisect_left

import numpy

from training.calibration import priors
from training.calibration.arrays import Numbers, Reals, Vectors, normalised, softmax


class PromptClassifier:
    """Ridge regression on the prompts' vectors, with every prompt left out of its own prediction.

    Leaving one out has a closed form, so that a prediction costs two matrix products. The fit asks for a
    hundred of them.

    Args:
        vectors: one a prompt (n, d), of length 1.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._mean = vectors.mean(0, dtype=numpy.float64)
        self._vectors = self._prepare(vectors)
        # Vectors have length 1: the penalty stands for so many samples against a weight of 1.
        penalty = numpy.full(self._vectors.shape[1], priors.RIDGE)
        penalty[-1] = priors.RIDGE_OF_INTERCEPT
        square = self._vectors.T @ self._vectors + numpy.diag(penalty)
        self._solved = numpy.linalg.solve(square, self._vectors.T)
        self._own = numpy.einsum("ij,ji->i", self._vectors, self._solved)[:, None]

    def predict(self, posterior: Reals) -> Reals:
        """Return each prompt's probabilities (n, classes), from all other prompts' (n, classes)."""
        return _balanced(*self._left_out(posterior))

    def tells(self, posterior: Reals) -> float:
        """Return by how many nats prompts predict beliefs (n, classes) better than the classes' shares do."""
        likely = numpy.log(self.predict(posterior) + 1e-12) - numpy.log(posterior.mean(0) + 1e-12)
        return float((posterior * likely).sum())

    def _left_out(self, posterior: Reals) -> tuple[Reals, Reals]:
        """Return log-probabilities (n, classes) without each prompt's own part, and the classes' shares.

        Ridge regression shrinks scores towards the shares. They are stretched back, as far as is likeliest.
        """
        scores = (self._vectors @ (self._solved @ posterior) - self._own * posterior) / (1 - self._own)
        share = (posterior.sum(0) + 1) / (len(posterior) + posterior.shape[1])

        def stretched(sharp: float) -> Reals:
            logarithms: Reals = numpy.log(share) + sharp * (scores - share)
            return logarithms

        def fit(sharp: float) -> float:
            return float((posterior * numpy.log(softmax(stretched(sharp)) + 1e-12)).sum())

        def falls(at: int) -> bool:
            return fit(priors.SHARPNESS[at]) >= fit(priors.SHARPNESS[at + 1])

        # The likelihood is concave: its top is where it begins to fall.
        best = priors.SHARPNESS[bisect_left(range(len(priors.SHARPNESS) - 1), True, key=falls)]
        return stretched(best), share

    def _prepare(self, vectors: Vectors) -> Reals:
        return numpy.column_stack([vectors - self._mean, numpy.ones(len(vectors))])


def _balanced(scores: Reals, shares: Reals) -> Reals:
    """Return probabilities (n, classes) from their logarithms, shifted until a class's mean is its share.

    Without it the fit loses rare classes: one that is predicted less often than it was seen is believed
    rarer in the next step, and merges in the end into the class it is most like.
    """
    likely = softmax(scores)
    for _ in range(priors.BALANCING_STEPS):
        means = likely.mean(0)
        if numpy.abs(means - shares).max() < priors.BALANCED:
            break
        scores = scores + numpy.log(shares / means)
        likely = softmax(scores)
    return likely


def predict_crossed(vectors: Vectors, posterior: Reals) -> Reals:
    """Return each prompt's probabilities (n, classes) from prompts of other folds.

    Args:
        vectors: one a prompt (n, d), of length 1.
        posterior: what is learned: how likely each response is to be right (n, classes).
    """
    folds = numpy.random.default_rng(0).permutation(len(posterior)) % priors.FOLDS
    likely = numpy.zeros(posterior.shape)
    for fold in range(priors.FOLDS):
        inside, outside = numpy.flatnonzero(folds != fold), numpy.flatnonzero(folds == fold)
        likely[outside] = predict_others(vectors[inside], posterior[inside], vectors, outside)
    return likely


def predict_others(vectors: Vectors, posterior: Reals, others: Vectors, rows: Numbers) -> Reals:
    """Return the probabilities (m, classes) of prompts that were not learned from.

    Args:
        vectors: one a prompt that is learned from (n, d), of length 1.
        posterior: what is learned: how likely each response is to be right (n, classes).
        others: vectors; read in blocks, so that they may lie on disk.
        rows: which of them to look at (m).
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    likely = numpy.full((len(rows), posterior.shape[1]), priors.RARE)
    # A prompt counts once for each response that it may have, by how likely that is.
    prompts, responses = numpy.nonzero(posterior > priors.UNLIKELY)
    classes = numpy.unique(responses)
    if len(classes) == 1:
        likely[:, classes] = 1.0
    elif len(classes) and len(rows):
        model = LogisticRegression(C=1 / priors.CLASSIFIER_PENALTY, max_iter=1000)
        model.fit(vectors[prompts], responses, sample_weight=posterior[prompts, responses])
        for start in range(0, len(rows), priors.PREDICTED_AT_ONCE):
            block = slice(start, start + priors.PREDICTED_AT_ONCE)
            predicted = model.predict_proba(others[rows[block]])
            likely[block, classes] = numpy.maximum(predicted, priors.RARE)
    return normalised(likely)
