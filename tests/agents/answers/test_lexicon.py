"""Words of the languages that answers are read in."""

import pytest

from agents.answers.lexicon import DENIALS


@pytest.mark.parametrize(
    "word",
    ["not", "nicht", "pas", "no", "non", "não", "не", "ليس", "नहीं", "değil", "nie", "không", "ไม่", "不"],
)
def test_denials_are_known_in_many_languages(word: str) -> None:
    assert word in DENIALS
