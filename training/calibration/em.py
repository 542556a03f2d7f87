"""Expectation-maximisation: finds what is right and how far each source can be trusted, by turns.

A step has two halves. Each source is fitted to what is believed to be right. Then the fitted sources and a
prior say anew what is right. The steps are repeated until the beliefs no longer change.

One thing cannot be learned in this way: how many of the given responses are wrong. Two agents who say the
same against a response look alike whether the response is wrong, or both make the same error. So the noise
rate is not fitted. Each rate of `priors.NOISE_RATES` is taken for the true one, and all else is fitted to it.
How likely the data are with each rate says how much its fit counts. What is believed in the end is the mean
of all fits. Where the data tell the rate, one fit counts alone. Where they do not, the beliefs stay
undecided, and so does the estimated rate.

Where people have annotated samples (`crowd.py`), a rate is that of their annotations. It cannot be that of
the given responses: those are only the commonest annotations, and their source says nothing. How many are
wrong with each rate is what its fit has found, and the interval is made of that. A given response without
annotations is taken to be wrong as often as an annotation: it is that of somebody unknown.

There is one exception. Clean responses that prompts tell at all, they tell well. Where prompts tell little of
the given responses, and more than chance of what agents say, most responses may be wrong. Then it is
learned which response is taken for which, by the given responses and by the agents. One fit begins with
the given responses and one with the agents alone, and the likelier end is taken. Nothing is known of the
noise rate there.

A fit ends where its beginning leads it. So the rates are gone through twice: upwards, begun from the given
responses, and downwards, begun from the agents' votes. Each fit begins where the one before has ended.
The likelier end of the two is taken.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy

from training.calibration import priors
from training.calibration.answers_together import NAME
from training.calibration.arrays import Bools, Numbers, Reals, Vectors, normalised, one_hot
from training.calibration.label_matrix import LabelMatrix
from training.calibration.prompt_classifier import PromptClassifier
from training.calibration.sources import LabelSource, of_noise_rate, sources_of

# What is believed of each response (m, candidates) before sources are looked at, told from what is right.
_Prior = Callable[[Reals], Reals]


@dataclass(frozen=True)
class Fit:
    """What a fit came to.

    Args:
        posterior: each response's probability to be right, of the samples learned from (m, candidates).
        sources: what was learned from.
        by_prompts: whether prompts tell anything.
        rates: how likely each of `priors.NOISE_RATES` is the noise rate (r); they sum up to 1. None where it
            was learned which response is taken for which.
        noise_rates: the share of given responses that are wrong with each of them (r): the rate itself, where
            no sample has annotations.
        deviation: the standard deviation of that share, as far as samples with annotations are undecided.
    """

    posterior: Reals
    sources: Sequence[LabelSource]
    by_prompts: bool
    rates: Reals | None
    noise_rates: Reals
    deviation: float

    @property
    def noise_interval(self) -> tuple[float, float]:
        """The lowest and the highest noise rate that the data allow (`priors.NOISE_OUTSIDE`)."""
        if self.rates is None:
            return 0.0, 1.0
        order = self.noise_rates.argsort(kind="stable")
        rates = self.noise_rates[order]
        # A rate of the grid stands for all that are nearer to it than to any other.
        edges = numpy.concatenate([[0.0], (rates[1:] + rates[:-1]) / 2, [1.0]])
        below = self.rates[order].cumsum()
        first, last = numpy.searchsorted(below, [priors.NOISE_OUTSIDE, 1 - priors.NOISE_OUTSIDE])
        least, most = float(edges[first]), float(edges[min(last + 1, len(rates))])
        # People may tell the rate of their annotations to the point. How many of the commonest ones happen to
        # be wrong is open all the same.
        more = NormalDist().inv_cdf(1 - priors.NOISE_OUTSIDE) * self.deviation
        return max(least - more, 0.0), min(most + more, 1.0)


def fit_sources(matrix: LabelMatrix, rows: Numbers) -> Fit:
    """Fit the sources of a dataset.

    Prompts are a source where they tell the given responses, or what agents say.

    Args:
        matrix: of all samples.
        rows: the samples to learn from (m).
    """
    candidates = matrix.candidates()[rows]
    given = one_hot(matrix.given[rows], candidates.shape[1])
    said = [answers[rows] for answers in matrix.answers.values()]
    voted = _votes(said, candidates)
    trusted = None if matrix.trusted is None else matrix.trusted[rows]
    prior = _fixed(normalised(candidates) if matrix.told is None else matrix.told[rows])
    by_prompts = matrix.told is not None
    if matrix.prompts is not None:
        vectors = matrix.prompts[rows]
        classifier = PromptClassifier(vectors)
        told = _tells_given(classifier, vectors, given)
        tells_agents = _tells_agents(classifier, said, voted)
        looks_wrong = tells_agents and told < priors.CONSISTENT * _entropy(given)
        # Where people have annotated, each has a confusion of their own already.
        if looks_wrong and not matrix.annotated().any():
            return _fit_confusion(_Problem(candidates, rows, (), classifier.predict, trusted), matrix, voted)
        by_prompts = told > priors.PROMPTS_TELL or tells_agents
        prior = classifier.predict if by_prompts else _shares
    problem = _Problem(candidates, rows, (), prior, trusted)
    rates = priors.NOISE_RATES
    sources = sources_of(matrix, rates[0])
    trusting = _trusting(candidates, given, rates[0])
    rising = problem.go_through(_of_rates(matrix, sources, rates), trusting)
    falling = problem.go_through(_of_rates(matrix, sources, rates[::-1]), voted)
    ends = [max(pair, key=lambda end: end.score) for pair in zip(rising, falling[::-1], strict=True)]
    return _mean_of(ends, matrix, rows, sources, by_prompts)


def _mean_of(
    ends: Sequence["_Solution"],
    matrix: LabelMatrix,
    rows: Numbers,
    sources: Sequence[LabelSource],
    by_prompts: bool,
) -> Fit:
    """Return the mean of the ends with all noise rates, each as likely as its rate."""
    scores = numpy.array([end.score for end in ends])
    likely = numpy.array(priors.NOISE_RATE_PRIOR) * numpy.exp(scores - scores.max())
    likely /= likely.sum()
    posterior: Reals = sum(
        (share * end.posterior for share, end in zip(likely, ends, strict=True)), 0 * ends[0].posterior
    )
    given, alone = one_hot(matrix.given[rows], posterior.shape[1]), ~matrix.annotated()[rows]
    # Where all are trusted, the share may be none or all, whose logarithm is not finite.
    wrong = numpy.clip(_wrong(posterior, given, alone if alone.any() else ~alone), 1e-6, 1 - 1e-6)
    # An annotator who is learned of needs no rate any longer. A given response without annotations does.
    found = of_noise_rate(sources, matrix, float(wrong), None)
    noise = [
        _noise_rate(end.posterior, given, alone, rate)
        for end, rate in zip(ends, priors.NOISE_RATES, strict=True)
    ]
    right = (posterior * given).sum(1)[~alone]
    deviation = float((right * (1 - right)).sum()) ** 0.5 / len(rows)
    return Fit(posterior, found, by_prompts, likely, numpy.array(noise), deviation)


def _fit_confusion(problem: "_Problem", matrix: LabelMatrix, voted: Reals) -> Fit:
    """Learn which response is taken for which; begun from given responses, and from agents alone."""
    given = one_hot(matrix.given[problem.rows], voted.shape[1])
    trusting = _trusting(problem.candidates, given, priors.NOISE)
    sources = sources_of(matrix, None)
    alone = replace(problem, sources=[source for source in sources if source.name == NAME])
    whole = replace(problem, sources=sources)
    ends = [whole.solve(begun) for begun in (trusting, alone.solve(voted).posterior)]
    return Fit(max(ends, key=lambda end: end.score).posterior, sources, True, None, numpy.zeros(0), 0.0)


def _entropy(given: Reals) -> float:
    """Return how many nats are needed to tell the given responses (m, candidates) without any prompt."""
    shares = given.mean(0)
    return -float((shares * numpy.log(shares + 1e-12)).sum()) * len(given)


def _of_rates(
    matrix: LabelMatrix, sources: Sequence[LabelSource], rates: Iterable[float]
) -> Iterator[list[LabelSource]]:
    """Yield the sources for each noise rate."""
    for rate in rates:
        yield of_noise_rate(sources, matrix, rate, rate)


def _wrong(posterior: Reals, given: Reals, some: Bools) -> float:
    """Return the share of some given responses that are believed to be wrong."""
    return 1 - float((posterior * given)[some].sum()) / int(some.sum())


def _noise_rate(posterior: Reals, given: Reals, alone: Bools, rate: float) -> float:
    """Return how many given responses are wrong where a rate is taken for the true one.

    Args:
        posterior: what that rate's fit has found (m, candidates).
        given: the given responses (m, candidates).
        alone: which of them have no annotations (m).
        rate: the rate.
    """
    if alone.all():
        return rate
    share = float(alone.mean())
    return share * rate + (1 - share) * _wrong(posterior, given, ~alone)


def _shares(posterior: Reals) -> Reals:
    """Return how often each response is right, the same for all samples (m, candidates)."""
    return numpy.broadcast_to((posterior.sum(0) + 1) / (len(posterior) + posterior.shape[1]), posterior.shape)


def _fixed(likely: Reals) -> _Prior:
    return lambda posterior: likely


def _trusting(candidates: Bools, given: Reals, noise: float) -> Reals:
    """Return what is believed where given responses are wrong at a rate, whatever else is right there."""
    return normalised(candidates * (noise / candidates.shape[1] + (1 - noise) * given))


def _votes(said: Sequence[Numbers], candidates: Bools) -> Reals:
    """Return how agents vote (m, candidates)."""
    votes = numpy.full(candidates.shape, 1e-6)
    for answers in said:
        # An answer that an agent gives to everything says little.
        share = numpy.bincount(answers[answers >= 0], minlength=candidates.shape[1]) / len(answers)
        votes += one_hot(answers, candidates.shape[1]) / numpy.maximum(share, priors.RAREST_VOTE)
    return normalised(votes * candidates)


def _tells_agents(classifier: PromptClassifier, said: Sequence[Numbers], voted: Reals) -> bool:
    """Say whether prompts tell what agents say, alone or together."""
    size = voted.shape[1]
    alone = [one_hot(numpy.where(answers < 0, size, answers), size + 1) for answers in said]
    return max(map(classifier.tells, [voted, *alone])) > priors.PROMPTS_TELL


def _tells_given(classifier: PromptClassifier, prompts: Vectors, given: Reals) -> float:
    """Return by how many nats prompts tell the given responses, of those that are valid."""
    valid = given.any(1)
    if valid.all():
        return classifier.tells(given)
    return PromptClassifier(prompts[valid]).tells(given[valid]) if valid.any() else 0.0


@dataclass(frozen=True)
class _Solution:
    posterior: Reals
    score: float


@dataclass(frozen=True)
class _Problem:
    candidates: Bools
    rows: Numbers
    sources: Sequence[LabelSource]
    prior: _Prior
    trusted: Numbers | None

    def go_through(self, sources: Iterable[Sequence[LabelSource]], beginning: Reals) -> list[_Solution]:
        """Return the end with each of some sources, each fit begun from the end before."""
        ends = []
        for given in sources:
            ends.append(replace(self, sources=given).solve(beginning))
            beginning = ends[-1].posterior
        return ends

    def solve(self, posterior: Reals) -> _Solution:
        """Return what is right, and how likely all of it is, from what is believed to be right at first."""
        known = numpy.zeros(len(self.rows), dtype=bool) if self.trusted is None else self.trusted >= 0
        for _ in range(priors.EM_ITERATIONS):
            fitted = [source.fit(posterior, self.rows) for source in self.sources]
            joint = numpy.log(self.prior(posterior) + 1e-12)
            for source in fitted:
                joint += source.log_likelihood(self.rows)
            joint[~self.candidates] = -numpy.inf
            if self.trusted is not None:
                joint[known] = numpy.where(
                    numpy.arange(joint.shape[1]) == self.trusted[known, None], joint[known], -numpy.inf
                )
            highest = joint.max(1, keepdims=True)
            total = numpy.exp(joint - highest).sum(1, keepdims=True)
            before, posterior = posterior, numpy.exp(joint - highest) / total
            if numpy.abs(posterior - before).max() < priors.EM_CHANGE:
                break
        likely = (numpy.log(total) + highest)[:, 0]
        # Sources are only nearly what they are taken for. What is known for certain counts in full.
        believed = float(likely[~known].sum()) + sum(source.log_prior for source in fitted)
        return _Solution(posterior, believed / priors.DISCOUNT + float(likely[known].sum()))
