"""How likely a free-text response is wrong, told from how similar it is to what the views say.

Two agents never write the same free text twice. So answers are not compared but measured, by the cosine of
their vectors. The similarities of right responses lie around one point, those of wrong ones around a lower
one. A mixture of two normal distributions finds both groups without gold.

The groups share their covariance. That keeps more similarity from ever speaking against a response, and it
counts what two agents have in common once. Where two groups fit no better than one, nothing is told.

A response with one fact wrong is as similar as a right one. How plausible a model finds it is one more piece
of evidence, where that is seen to tell (`facts.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
from langchain_core.embeddings import Embeddings

from agents.assessment import VIEWS, Assessment
from agents.record import SampleRecord
from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, Reals, one_hot, robust_deviation
from training.calibration.facts import FactSight, Plausibility, PlausibilityModel
from training.calibration.label_matrix import view_answers


@dataclass(frozen=True)
class SimilarityModel:
    """The two groups, as a linear score: the logarithm of right against wrong; and a judge's part in it.

    Where similarity tells no groups apart and plausibility sees wrong facts, the slopes are 0, and the prior
    is a belief.

    Args:
        slopes: of the similarity to each view and to the prompt (views + 1), none below 0.
        middle: the similarities that say nothing (views + 1).
        least: what lower similarities count as (views + 1).
        prior: the score of the group sizes alone.
        judge: of a judge's verdicts (2): noisy, which is never for a response, and reliable, never against.
        facts: what plausibility says; None where it tells no wrong facts.
    """

    slopes: Reals
    middle: Reals
    least: Reals
    prior: float
    judge: Reals
    facts: PlausibilityModel | None = None

    @property
    def groups(self) -> bool:
        """Whether similarity tells two groups apart, so that their sizes are an estimate."""
        return bool(self.slopes.any())

    def weights(self, similarities: Reals) -> Reals:
        """Return what each similarity says for a response, in nats (n, views + 1)."""
        known = numpy.where(numpy.isnan(similarities), self.middle, numpy.maximum(similarities, self.least))
        return numpy.asarray(self.slopes * (known - self.middle), dtype=numpy.float64)

    def score(self, similarities: Reals) -> Reals:
        """Return the logarithm of right against wrong, whatever a judge says (n)."""
        return numpy.asarray(self.weights(similarities).sum(1) + self.prior)

    def judged(self, verdicts: Numbers) -> Reals:
        """Return what a judge's verdicts say, in nats (n): 1 reliable, 0 noisy, -1 not asked."""
        return numpy.where(verdicts < 0, 0.0, self.judge[verdicts])

    def plausibility(self, given: Plausibility) -> Reals:
        """Return what the plausibility of responses says for each, in nats (n)."""
        return self.facts.weights(given) if self.facts is not None else numpy.zeros(len(given))

    def noise(
        self, similarities: Reals, verdicts: Numbers | None = None, given: Plausibility | None = None
    ) -> Reals:
        """Return the probability that each response is wrong (n)."""
        score = self.score(similarities)
        if verdicts is not None:
            score = score + self.judged(verdicts)
        if given is not None:
            score = score + self.plausibility(given)
        return numpy.asarray(numpy.exp(-numpy.logaddexp(0, score)), dtype=numpy.float64)


def fit_similarities(
    similarities: Reals,
    verdicts: Numbers,
    given: Plausibility | None = None,
    sight: FactSight | None = None,
) -> SimilarityModel | None:
    """Tell right responses from wrong ones; None where nothing can (see `explain_silence`).

    Args:
        similarities: of each response to what each view says, and last to its prompt (n, views + 1), from -1
            to 1; NaN where there is nothing.
        verdicts: a judge's: 1 reliable, 0 noisy, -1 not asked (n).
        given: how plausible each response is (n).
        sight: how far that tells a wrong fact; where it does not, it is not used.
    """
    model = _fit_groups(similarities)
    facts = sight.learn(given) if given is not None and sight is not None else None
    if given is None or facts is None:
        if model is None:
            return None
        return replace(model, judge=_fit_judge(model.score(similarities), verdicts))
    if model is None:
        if len(similarities) < priors.FEWEST_TEXTS:
            return None
        nothing, prior = numpy.zeros(similarities.shape[1]), float(numpy.log(1 / priors.FACTS_WRONG - 1))
        model = SimilarityModel(nothing, nothing, nothing, prior, numpy.zeros(2))
    # The judge is the model that finds a response plausible: it repeats much of what that says.
    judge = _fit_judge(model.score(similarities) + facts.weights(given), verdicts) * priors.VERDICT_SHARE
    return replace(model, judge=judge, facts=facts)


def explain_silence(similarities: Reals) -> str:
    """Say why `fit_similarities` tells nothing of these similarities (n, views + 1)."""
    known, size = len(_known(similarities)), len(similarities)
    if size < priors.FEWEST_TEXTS:
        return f"too few free-text samples ({size} < {priors.FEWEST_TEXTS}) to calibrate"
    if known < priors.FEWEST_TEXTS:
        return (
            f"too few free-text samples with readable answers ({known} < {priors.FEWEST_TEXTS}) to calibrate"
        )
    return f"how similar the {size:,} free-text samples are to the answers tells nothing"


def measure_similarities(
    encoder: Embeddings, responses: Sequence[str], records: Sequence[SampleRecord], views: Sequence[str]
) -> Reals:
    """Return how similar texts are to what each view says of a sample, and to its prompt.

    Args:
        encoder: gives vectors of length 1.
        responses: one text a sample.
        records: the samples.
        views: the checker's views.

    Returns:
        Cosines, one row a sample (n, views + 1); NaN where a view says nothing.
    """
    vectors = encoder.embed_documents(list(responses))
    others = [[*view_answers(record, views), record.sample.prompt] for record in records]
    columns = []
    for texts in zip(*others, strict=True):
        there = [row for row, text in enumerate(texts) if text is not None]
        column = numpy.full(len(texts), numpy.nan)
        if there:
            encoded = encoder.embed_documents([text for text in texts if text is not None])
            column[there] = cosines([vectors[row] for row in there], encoded)
        columns.append(column)
    measured = numpy.column_stack(columns)
    # An empty text is like nothing.
    measured[[not text.strip() for text in responses]] = numpy.nan
    return measured


def cosines(vectors: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> Reals:
    """Return the cosine of each pair of vectors of length 1 (n)."""
    return numpy.asarray((numpy.array(vectors) * numpy.array(others)).sum(1), dtype=numpy.float64)


def _fit_groups(similarities: Reals) -> SimilarityModel | None:
    """Return the two groups as a model that no judge is part of; None where there is but one."""
    known = _known(similarities)
    if len(known) < priors.FEWEST_TEXTS or (known == known[0]).all():
        return None
    least = _least_credible(known)
    known = numpy.maximum(known, least)
    columns = max(known.shape[1] - 1, 1)
    ranks = known[:, :columns].mean(1).argsort(kind="stable").argsort()
    found = max(
        (_fit(known, ranks < share * len(known)) for share in priors.WRONG_SHARES),
        key=lambda fit: fit.lower_bound_,
    )
    # Akaike's criterion asks of another group as many nats as it has parameters.
    if found.aic(known) >= _fit(known).aic(known):
        return None
    if found.weights_.min() * len(known) < priors.FEWEST_OF_GROUP:
        return None
    wrong, right = numpy.argsort(found.means_[:, :columns].sum(1))
    slopes = numpy.maximum(found.precisions_ @ (found.means_[right] - found.means_[wrong]), 0.0)
    if not slopes.any():
        return None
    prior = float(numpy.log(found.weights_[right] / found.weights_[wrong]))
    return SimilarityModel(slopes, found.means_.mean(0), least, prior, numpy.zeros(2))


def _known(similarities: Reals) -> Reals:
    """Return the rows in which every view says something."""
    return similarities[~numpy.isnan(similarities).any(1)]


def _least_credible(known: Reals) -> Reals:
    """Return what lower similarities count as (views + 1), so that one outlier is no group of its own."""
    middle = numpy.median(known, axis=0)
    spread = robust_deviation(numpy.median(numpy.abs(known - middle), axis=0))
    return numpy.asarray(middle - priors.FARTHEST * numpy.maximum(spread, priors.NARROWEST**0.5))


def _fit_judge(score: Reals, verdicts: Numbers) -> Reals:
    """Return what each verdict says, told from how well verdicts fit what else is known of responses (n)."""
    asked = verdicts >= 0
    if not asked.any():
        return numpy.zeros(2)
    said = one_hot(verdicts[asked], 2)
    reliable, noisy = said.mean(0)[::-1]
    # Right verdicts are believed at first to be so much likelier than wrong ones.
    expected = (
        priors.JUDGE_WEIGHT * numpy.array([[noisy, reliable * priors.LIFT], [noisy * priors.LIFT, reliable]])
        + 1e-3
    )
    judge = numpy.zeros(2)
    for _ in range(priors.MIXTURE_ITERATIONS):
        doubt = numpy.exp(-numpy.logaddexp(0, score[asked] + said @ judge))
        shares = numpy.stack([1 - doubt, doubt]) @ said + expected
        shares /= shares.sum(1, keepdims=True)
        judge = numpy.log(shares[0] / shares[1])
    return numpy.array([min(judge[0], 0.0), max(judge[1], 0.0)])


def _fit(known: Reals, low: Bools | None = None) -> Any:
    """Return the mixture of one group, or of two that begin as a lower one and the rest."""
    from sklearn.mixture import GaussianMixture  # type: ignore[import-untyped]

    settings: dict[str, Any] = {
        "covariance_type": "tied",
        "reg_covar": priors.NARROWEST,
        "random_state": 0,
    }
    if low is None:
        return GaussianMixture(1, **settings).fit(known)
    settings["weights_init"] = [low.mean(), 1 - low.mean()]
    settings["means_init"] = [known[low].mean(0), known[~low].mean(0)]
    return GaussianMixture(2, max_iter=priors.MIXTURE_ITERATIONS, **settings).fit(known)


def plausibility_of(record: SampleRecord) -> list[float]:
    """Return how plausible a sample's response is by each view, and its length: a row of `Plausibility`."""
    assessment = record.check.assessment if record.check is not None else None
    return plausibility_row(record.sample.response, assessment)


def plausibility_row(response: str, assessment: Assessment | None) -> list[float]:
    """Return what an assessment says of a response, and its length: a row of `Plausibility`."""
    said = assessment.scores if assessment is not None else [None] * len(VIEWS)
    return [*(numpy.nan if score is None else score for score in said), float(len(response))]
