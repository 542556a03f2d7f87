"""Short texts: what a reply states, and when two texts say the same."""

import pytest

from agents.answers.short import Short

SHORT = Short()

TEXTS: list[tuple[str, str, str | None]] = [
    ("bare", " Paris ", "Paris"),
    ("sentence", "The capital of France is Paris.", "The capital of France is Paris."),
    ("marker", "Let me think. Answer: Paris.", "Paris"),
    ("bold marker", "**Answer:** **Paris**\nIt lies on the Seine.", "Paris"),
    ("next line", "Final answer:\n\nParis", "Paris"),
    ("boxed", r"\boxed{\text{Paris}}", "Paris"),
    ("keeps C++", "The answer is C++.", "C++"),
    ("keeps the minus", "Answer: -5 °C", "-5 °C"),
    ("punctuation is an answer", "Answer: ?", "?"),
    ("empty marker", "Answer:", None),
    ("nothing", " \n", None),
]

AGREEMENTS: list[tuple[str, str | None, str | None, bool | None]] = [
    ("none", None, None, False),
    ("same", "Paris", "paris.", True),
    ("contained", "Paris", "The capital of France is Paris.", True),
    ("whole words only", "oman", "woman", False),
    ("whole words in a sentence", "oman", "She is a woman.", False),
    ("denied", "Paris", "It is not Paris", False),
    ("denied once", "Paris", "It isn't really Paris", False),
    ("rather than", "Rome", "Milan rather than Rome", False),
    ("same denial", "not Paris", "It is not Paris", True),
    ("denied, then said", "Paris", "Not Paris? Yes, Paris", True),
    ("accents", "São Tomé", "Sao Tome", True),
    ("hyphen", "well-known", "well known", True),
    ("article", "the dog", "a dog", True),
    ("symbols alone", "+", "+", True),
    ("other symbols", "+", "-", False),
    ("question mark", "?", "?", True),
    ("C++ and C", "C++", "C", False),
    ("C# and C", "C#", "C", False),
    ("C++ and C#", "C++", "C#", False),
    ("C++ in a sentence", "C++", "It is written in C++.", True),
    ("C beside C++", "C", "It is written in C++.", False),
    ("initials", "U.S.", "the US", True),
    ("decimals", "3.5 km", "35 km", False),
    ("digits of a decimal", "5 km", "3.5 km", False),
    ("thousands", "1,200 km", "1200 km", True),
    ("minus", "-5 degrees", "5 degrees", False),
    ("smaller and larger", "5 < 3", "5 > 3", False),
    ("hepatitis", "hepatitis A", "hepatitis B", False),
    ("vitamin", "vitamin A", "Vitamin A is found in carrots", True),
    ("chemical symbol", "As", "as a metal, its symbol is Fe", False),
    ("symbol for iodine", "I", "I think it is Fe", False),
    ("symbol in a sentence", "Au", "The symbol for gold is Au.", True),
    ("no", "No", "The answer would be no", True),
    ("subscript", "H₂O", "H2O", True),
    ("empty", "", "Paris", False),
    ("chinese", "巴黎", "法国的首都是巴黎。", True),
    ("other chinese", "巴黎", "伦敦", False),
    ("cyrillic", "Москва", "Столица России — Москва.", True),
    ("cyrillic short i", "край", "краи", False),
    ("arabic", "القاهرة", "العاصمة هي القاهرة", True),
    ("hindi vowels", "दिल", "दल", False),
    ("hindi", "दिल्ली", "भारत की राजधानी दिल्ली है", True),
    ("kana voicing", "かき", "がき", False),
    ("german", "STRASSE", "Straße", True),
    ("grade and minus", "AA-", "AA", False),
    ("grade in a sentence", "The rating is AA-.", "AA-", True),
    ("dash behind a word", "Paris-", "Paris", True),
]


@pytest.mark.parametrize(("reply", "answer"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_a_short_text_is_read_out_of_a_reply(reply: str, answer: str | None) -> None:
    assert SHORT.extract(reply) == answer


@pytest.mark.parametrize(
    ("left", "right", "same"), [row[1:] for row in AGREEMENTS], ids=[row[0] for row in AGREEMENTS]
)
def test_two_short_texts_say_the_same_or_not(left: str | None, right: str | None, same: bool | None) -> None:
    assert SHORT.agree(left, right) is same
    assert SHORT.agree(right, left) is same
