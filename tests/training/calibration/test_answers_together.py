"""What agents say together, as patterns of one source."""

import numpy
import pytest

from training.calibration.answers_together import AnswersTogether, answers_together
from training.calibration.arrays import one_hot

RIGHT = numpy.arange(90) % 3
ROWS = numpy.arange(90)


def swapped() -> AnswersTogether:
    """Both agents say 1 where 0 is right, and are right elsewhere."""
    said = numpy.where(RIGHT == 0, 1, RIGHT)
    return answers_together(numpy.stack([said, said]), 3)


def test_it_is_learned_what_agents_say_for_which_response() -> None:
    likely = swapped().fit(one_hot(RIGHT, 3), ROWS).log_likelihood(ROWS)

    # Where both say 1, 0 and 1 are likelier than 2; where both say 2, it is 2.
    assert likely[0, 0] > likely[0, 2]
    assert likely[0, 1] > likely[0, 2]
    assert likely[2].argmax() == 2


def test_what_was_learned_says_the_same_of_other_samples_and_little_of_new_patterns() -> None:
    source = swapped()
    fitted = source.fit(one_hot(RIGHT, 3), ROWS)
    other = answers_together(numpy.array([[1, 2, 0], [1, 2, -1]]), 3)

    likely = other.apply(fitted.learned).log_likelihood(numpy.arange(3))

    numpy.testing.assert_allclose(likely[:2], fitted.log_likelihood(ROWS)[[0, 2]])
    # A pattern never seen says no more than that a named response is likelier.
    assert likely[2, 0] == pytest.approx(numpy.log(3.0))
    assert not likely[2, 1:].any()
