"""Where doubt becomes a verdict: as many labels are called noisy as there seem to be noisy ones."""

import numpy

from training.calibration.question_classifier import Reals


def noise_threshold(noise: Reals) -> float:
    """Return the noise probability from which on labels are noisy: as many as their mean says, or nearly.

    Equal probabilities get equal verdicts, however many share one. The threshold is above all of them where
    none noisy is nearer to the mean than some.

    Args:
        noise: each label's probability of being wrong (n); at least one.
    """
    values, counts = numpy.unique(noise, return_counts=True)
    values = numpy.append(values, numpy.nextafter(values[-1], 2.0))
    noisy = numpy.append(counts[::-1].cumsum()[::-1], 0) / len(noise)
    return float(values[numpy.abs(noisy - noise.mean()).argmin()])
