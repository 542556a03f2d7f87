"""Numbers: which one a reply gives, and when two are the same."""

import pytest

from agents.answers.number import Number

NUMBER = Number()

NUMBERS: list[tuple[str, str, str | None]] = [
    ("plain", "12", "12"),
    ("thousands", "1,200", "1200"),
    ("indian thousands", "12,34,567", "1234567"),
    ("thin spaces", "1\u202f200", "1200"),
    ("zeros", "1200.00", "1200"),
    ("dollar", "$1,200.50", "1200.5"),
    ("negative", "-3", "-3"),
    ("true minus", "It is \u22123 degrees.", "-3"),
    ("negative dollars", "-$5", "-5"),
    ("minus zero", "-0.0", "0"),
    ("percent", "50%", "50%"),
    ("fraction", "1/2", "0.5"),
    ("mixed fraction", "1 1/2 cups", "1.5"),
    ("latex fraction", r"\boxed{\frac{1}{2}}", "0.5"),
    ("vulgar fraction", "1½", "1.5"),
    ("through zero", "1/0", None),
    ("million", "about 3.5 million people", "3500000"),
    ("exponent", "1.2e3", "1200"),
    ("exponent bomb", "1e999999999", None),
    ("long exponent", "1e" + "9" * 5000, None),
    ("endless digits", "9" * 5000, None),
    ("european", "1.200,50", "1200.5"),
    ("european millions", "1.200.000", "1200000"),
    ("ambiguous comma", "3,5", None),
    ("leading zero is no thousand", "0,500", None),
    ("leading point", ".5", "0.5"),
    ("unit", "The answer is 12 apples.", "12"),
    ("attached unit", "12km", "12km"),
    ("last of the reasons", "3 boxes with 4 each make 12.", "12"),
    ("sum", "3 + 4 = 7", "7"),
    ("sum behind a marker", "Answer: $3 + $4 = $7", "7"),
    ("unfinished sum", "Answer: 3 + 4", None),
    ("range", "3-5", None),
    ("marker, then reasons", "The answer is 12, since 3 x 4 is that.", "12"),
    ("marker, then another line", "Answer: 12\nStep 2 is done.", "12"),
    ("marker without a number", "I count 12. Answer: see above", "12"),
    ("marker with an equation", "Answer: x = 5", "5"),
    ("boxed", r"Thus \boxed{12}. Done in 3 steps.", "12"),
    ("bold", "It makes **12**.", "12"),
    ("bullet is no minus", "We had 3\n- 12", "12"),
    ("power", "10^2", "100"),
    ("superscript", "10²", "100"),
    ("ordinal", "He had 5 on the 3rd", "5"),
    ("part of a name", "B12 and covid-19", None),
    ("behind chinese", "答案是5。", "5"),
    ("arabic digits", "١٢", "12"),
    ("word", "seven", "7"),
    ("nothing", "", None),
]

AGREEMENTS: list[tuple[str, str | None, str | None, bool | None]] = [
    ("same", "1,200", "$1200.0", True),
    ("fraction", "0.5", "1/2", True),
    ("endless fraction", "1/3", "2/6", True),
    ("exact", "0.333", "1/3", False),
    ("sign", "3", "-3", False),
    ("in words", "seven", "7", True),
]


@pytest.mark.parametrize(("reply", "answer"), [row[1:] for row in NUMBERS], ids=[row[0] for row in NUMBERS])
def test_a_number_is_read_out_of_a_reply(reply: str, answer: str | None) -> None:
    assert NUMBER.extract(reply) == answer


@pytest.mark.parametrize(
    ("left", "right", "same"), [row[1:] for row in AGREEMENTS], ids=[row[0] for row in AGREEMENTS]
)
def test_two_answers_are_the_same_number_or_not(
    left: str | None, right: str | None, same: bool | None
) -> None:
    assert NUMBER.agree(left, right) is same
    assert NUMBER.agree(right, left) is same


def test_an_answer_is_read_as_itself() -> None:
    for name, reply, _ in NUMBERS:
        answer = NUMBER.extract(reply)
        assert answer is None or NUMBER.extract(answer) == answer, name
