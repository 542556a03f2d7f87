"""A sentence around an answer claims it; a denial, a bound or a further item does not."""

import pytest

from agents.answers.claims import claims, takes_back
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


@pytest.mark.parametrize(
    ("text", "answer", "same"),
    [
        ("The Basque language is spoken in the valley", "Basque", True),
        ("Nepal is a mountainous country located in Asia", "Asia", True),
        ("The language of the Thai people is Thai, a cousin of the Thai language", "Thai", True),
        ("The opposite of wet is dry or dry", "dry", True),
        ("The opposite of wet is dry or arid", "dry", None),
        ("The opposite of wet is arid or dry", "dry", None),
        ("The opposite of wet is dry, but in a wider sense it goes further", "dry", True),
        ("The opposite of wet is dry, but it could be arid", "dry", None),
        ("The plural of loaf is loaves, plural of bread", "loaves", True),
        ("The capital of France is Paris", "France", False),
        ("It asks whether wolves is right", "wolves", None),
        ("dry or arid", "dry", False),
        ("It is Oslo, but it was Bergen", "Bergen", None),
        ("It is called Oslo, but the town is Bergen", "Oslo", None),
        ("none of them", "none", True),
    ],
)
def test_a_sentence_around_an_answer_gives_it_wherever_it_stands(
    text: str, answer: str, same: bool | None
) -> None:
    assert claims(cut_tokens(text), cut_tokens(answer)) is same


@pytest.mark.parametrize(
    ("text", "taken_back"),
    [
        ("Rome is not small.", False),
        ("However, Rome is not the only city there.", False),
        ("It includes both Milan and Rome.", False),
        ("It is not Rome.", True),
        ("No, Rome is in Italy.", True),
        ("Wait, Rome lies elsewhere.", True),
        ("Actually it was never Rome.", True),
    ],
)
def test_a_later_sentence_takes_an_answer_back_or_goes_on_about_it(text: str, taken_back: bool) -> None:
    assert takes_back(cut_tokens(text), ("Rome",)) is taken_back


@pytest.mark.parametrize(
    ("sentence", "same"),
    [
        ("Jane Austen wrote it", True),
        ("Jane Austen confirmed the change in 1811", True),
        ("Dr Jane Austen took the chair", True),
        # Another name, a further item or a condition may be the answer, or take it back.
        ("Jane Austen wrote Emma", None),
        ("Jane Austen asked John Keats", None),
        ("Jane Austen found it and lost it", None),
        ("Jane Austen wanted it until noon", None),
        ("Jane Austen asked whether it was late", None),
        ("Jane Austen never wrote it", False),
        ("Jane Austen did not come", False),
        ("not Jane Austen wrote it", False),
        ("Jane Austen Society met", None),
        ("Jane Austen red", None),
    ],
)
def test_a_sentence_of_what_one_person_did_names_that_person(sentence: str, same: bool | None) -> None:
    assert claims(cut_tokens(sentence), ("Jane", "Austen")) is same


def test_what_a_single_word_did_may_not_be_what_was_asked() -> None:
    assert claims(cut_tokens("Mercury moved it"), ("Mercury",)) is None
