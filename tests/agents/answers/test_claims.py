"""A sentence around an answer claims it; a denial, a bound or a further item does not."""

import pytest

from agents.answers.claims import claims
from agents.answers.words import cut_tokens


@pytest.mark.parametrize(
    ("longer", "same"),
    [
        ("The capital of France is Paris.", True),
        ("It is Paris, the capital", True),
        ("Not Rome but Paris", True),
        ("It is not Paris", False),
        ("Paris, Texas", False),
        ("Paris and London", False),
        ("before Paris", False),
        ("anything but Paris", False),
        ("Paris Hilton", None),
        ("Rome", False),
    ],
)
def test_a_text_claims_an_answer_or_not(longer: str, same: bool | None) -> None:
    assert claims(cut_tokens(longer), ("Paris",)) is same
