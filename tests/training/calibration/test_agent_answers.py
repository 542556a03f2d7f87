"""What is learned of agents that were drawn: how often they know, copy, and guess which place."""

import numpy
import pytest

from training.calibration.agent_answers import AgentSource, agents
from training.calibration.arrays import Numbers, Reals, one_hot
from training.calibration.label_matrix import LabelMatrix

SAMPLES = 2000
OPTIONS = 4
ROWS = numpy.arange(SAMPLES)


def drawn(knows: float, copies: float, favours: float = 0.0) -> tuple[AgentSource, Reals]:
    """Two agents, the second of which may copy the first, and what is right."""
    random = numpy.random.default_rng(0)
    right = random.integers(0, OPTIONS, SAMPLES)

    def answers() -> Numbers:
        guesses = numpy.where(random.random(SAMPLES) < favours, 2, random.integers(0, OPTIONS, SAMPLES))
        return numpy.where(random.random(SAMPLES) < knows, right, guesses)

    first, own = answers(), answers()
    second = numpy.where(random.random(SAMPLES) < copies, first, own)
    sizes = numpy.full(SAMPLES, OPTIONS)
    return AgentSource(numpy.stack([first, second]), sizes, placed=True), one_hot(right, OPTIONS)


@pytest.mark.parametrize("knows", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("copies", [0.0, 0.6])
def test_how_often_an_agent_knows_and_copies_is_learned(knows: float, copies: float) -> None:
    source, right = drawn(knows, copies)

    first, second = source.fit(right, ROWS).skills

    assert first.knows == pytest.approx(knows, abs=0.05)
    assert second.knows == pytest.approx(knows, abs=0.1)
    # Of one that nearly always knows, it cannot be told: what was believed before stays.
    assert second.copies == pytest.approx(copies, abs=0.1 if knows < 0.9 else 0.2)


def test_a_guess_of_a_favoured_place_says_less_than_a_rare_one() -> None:
    source, right = drawn(knows=0.4, copies=0.0, favours=0.6)

    fitted = source.fit(right, ROWS)

    assert fitted.skills[0].places.argmax() == 2
    likely = fitted.log_likelihood(ROWS)
    alike = source.answers[0] == source.answers[1]

    def said_for(place: int) -> float:
        rows = alike & (source.answers[0] == place)
        others = [number for number in range(OPTIONS) if number != place]
        return float((likely[rows, place] - likely[rows][:, others].mean(1)).mean())

    assert 0 < said_for(2) < said_for(1)


def test_an_unreadable_answer_is_no_evidence() -> None:
    source, right = drawn(knows=0.8, copies=0.0)
    silent = AgentSource(numpy.full((2, SAMPLES), -1), source.sizes, placed=True)

    assert not silent.fit(right, ROWS).log_likelihood(ROWS).any()


def test_what_was_copied_is_the_last_readable_answer_before() -> None:
    source, right = drawn(knows=0.5, copies=0.0)
    base = source.answers[0]
    three = numpy.stack([base, numpy.full(SAMPLES, -1), base])

    skills = AgentSource(three, source.sizes, placed=True).fit(right, ROWS).skills

    assert skills[2].copies > 0.9


def test_all_agents_are_one_source() -> None:
    source, _ = drawn(knows=0.5, copies=0.0)
    answers = dict(zip(("base", "reasoning"), source.answers, strict=True))
    unasked = numpy.full(SAMPLES, -1)
    matrix = LabelMatrix(unasked, answers, unasked, source.sizes)

    assert isinstance(agents(matrix, confusion=False), AgentSource)
    assert agents(LabelMatrix(unasked, {}, unasked, source.sizes), confusion=True) is None
