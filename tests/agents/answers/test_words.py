"""Words: what remains of a text when it is compared."""

import pytest

from agents.answers.words import cut_words, mentions, normalise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Dog!", "dog"),
        ("São Tomé", "sao tome"),
        ("well-known", "well known"),
        ("U.S.", "us"),
        ("C++ and C#", "c++ and c#"),
        ("1,200 km", "1200 km"),
        ("AA-", "aa-"),
        ("巴黎。", "巴 黎"),
        ("Привет, мир!", "привет мир"),
        ("हिन्दी", "हिन्दी"),
        ("한국어", "한국어"),
        ("Crème brûlée", "creme brulee"),
        (" ? ", "?"),
        ("f\u0430ls\u0435", "false"),
        ("\u043d\u0435", "\u043d\u0435"),
        ("t\u200br\u2060ue", "true"),
    ],
)
def test_a_text_is_reduced_to_what_its_words_say(text: str, words: str) -> None:
    assert normalise(text) == words


def test_the_longest_phrase_counts_and_a_denied_one_does_not() -> None:
    phrases = ("acid", "nucleic acid", "base")
    assert mentions(cut_words("A nucleic acid, not a base."), phrases) == {1}
