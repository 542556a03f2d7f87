"""What every kind's comparison keeps, whatever the texts: it is symmetric, reflexive and never raises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.answers.kind import KINDS, AnswerKind

_PIECES = (
    "Paris", "not", "and London", "5", "5 km", "-", "x", "!", "\\frac{1}{2}", "[0,1)", "1/0", "1e9999",
    "<think>", "</think>", "\n", "no", "“", "'", ",", "くない", "но", "A", "(B)", "#### 5", "\\boxed{", "}",
    '{"a":', "1999-01-02", "5!", "±", "²", "½", "%", "$", "or", "but", "is",
)  # fmt: skip
_TEXTS = st.lists(st.sampled_from(_PIECES), max_size=6).map(" ".join) | st.text(max_size=30)
_KINDS = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def options_of(kind: AnswerKind) -> tuple[str, ...]:
    return ("Paris", "London", "x") if kind.name == "choice" else ()


@_KINDS
@settings(max_examples=100, deadline=None)
@given(left=_TEXTS, right=_TEXTS)
def test_the_order_of_two_answers_does_not_matter(kind: AnswerKind, left: str, right: str) -> None:
    options = options_of(kind)
    assert kind.agree(left, right, options) is kind.agree(right, left, options)


@_KINDS
@settings(max_examples=100, deadline=None)
@given(reply=_TEXTS)
def test_an_answer_that_can_be_read_agrees_with_itself(kind: AnswerKind, reply: str) -> None:
    options = options_of(kind)
    answer = kind.extract(reply, options)
    assert answer is None or kind.agree(answer, answer, options) is True
