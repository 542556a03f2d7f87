"""Which kind the answers to a sample are of, and what holds for all kinds."""

import pytest

from agents.answers.kind import KINDS, AnswerKind, answer_kind, sample_kind
from stores.sample import Sample
from tests.agents.answers import test_choice, test_free, test_number, test_short

MOOD = test_choice.MOOD

RESPONSES: list[tuple[str, str, tuple[str, ...], str]] = [
    ("options decide", "12", MOOD, "choice"),
    ("integer", "12", (), "number"),
    ("negative", "-3", (), "number"),
    ("true minus", "\u22123", (), "number"),
    ("thousands", "1,200", (), "number"),
    ("currency", "$1200", (), "number"),
    ("currency behind", "5 €", (), "number"),
    ("percent", "50%", (), "number"),
    ("fraction", "1/2", (), "number"),
    ("full stop", "12.", (), "number"),
    ("unit is short", "12 apples", (), "short"),
    ("scale is short", "3.5 million", (), "short"),
    ("a date is no number", "1/2/2024", (), "date"),
    ("a version is no number", "1.2.3", (), "short"),
    ("comma pair is ambiguous", "3,5", (), "short"),
    ("endless digits are no number", "9" * 500, (), "free"),
    ("word", "Paris", (), "short"),
    ("six words", "the quick brown fox jumps high", (), "short"),
    ("seven words", "the quick brown fox jumps very high", (), "free"),
    ("two lines", "Paris\nFrance", (), "free"),
    ("a paragraph without spaces", "巴" * 200, (), "free"),
    ("nothing", "", (), "short"),
]

WORDS = {
    side
    for rows in (test_choice.AGREEMENTS, test_number.AGREEMENTS, test_short.AGREEMENTS, test_free.AGREEMENTS)
    for row in rows
    for side in row[1:3]
}

HOSTILE = (
    "a" * 100_000,
    "A" * 100_000,
    " " * 100_000,
    "\n" * 100_000,
    "B\n" * 50_000,
    "(" * 100_000,
    "+" * 100_000,
    "c" + "+" * 100_000,
    "*_" * 50_000,
    "9" * 100_000,
    "1/" * 50_000,
    "1/" + "2" * 100_000 + "/",
    "1,2." * 25_000,
    "3 + " * 25_000,
    "1st " * 25_000,
    "answer" * 16_000,
    "Answer: " * 12_500,
    "Answer" + " " * 100_000 + ":",
    "option A " * 11_000,
    "not positive " * 7_500,
    "positive neutral " * 6_000,
    "nucleic " * 12_500,
    "\\boxed{" * 14_000,
    "\\frac{1}{" * 11_000,
    "e\u0301" * 50_000,
    "e" + "\u0301" * 100_000,
    "\ufdfa" * 33_000,
    "巴" * 33_000,
    "\x00\ud800\u202e" * 30_000,
)


COMPARISONS = [(kind, MOOD if kind.name == "choice" else ()) for kind in KINDS]


@pytest.mark.parametrize(
    ("response", "options", "name"), [row[1:] for row in RESPONSES], ids=[row[0] for row in RESPONSES]
)
def test_the_response_and_the_options_tell_the_kind(
    response: str, options: tuple[str, ...], name: str
) -> None:
    assert answer_kind(response, options).name == name
    assert sample_kind(Sample(id="s", prompt="?", response=response, options=options)).name == name


def test_only_free_text_needs_a_judge_to_be_compared() -> None:
    assert [kind.name for kind in KINDS if not kind.comparable] == ["code", "free"]


def test_a_direct_answer_has_the_room_that_its_kind_needs() -> None:
    found = {kind.name: kind.max_tokens(options) for kind, options in COMPARISONS}
    assert {name: room for name, room in found.items() if room} == {"choice": 130, "date": 128, "short": 128}


@pytest.mark.parametrize(("kind", "options"), COMPARISONS, ids=[kind.name for kind in KINDS])
def test_the_order_of_two_answers_does_not_matter(kind: AnswerKind, options: tuple[str, ...]) -> None:
    for left in WORDS:
        for right in WORDS:
            assert kind.agree(left, right, options) is kind.agree(right, left, options), (left, right)


@pytest.mark.parametrize(("kind", "options"), COMPARISONS, ids=[kind.name for kind in KINDS])
def test_an_unreadable_answer_agrees_with_nothing(kind: AnswerKind, options: tuple[str, ...]) -> None:
    assert kind.agree(None, "positive", options) is False
    assert kind.agree("positive", None, options) is False
    assert kind.agree(None, None, options) is False


@pytest.mark.parametrize("reply", HOSTILE, ids=[repr(reply[:8]) for reply in HOSTILE])
def test_long_replies_finish(reply: str) -> None:
    answer_kind(reply)
    for kind, options in COMPARISONS:
        kind.extract(reply, options)
        kind.agree(reply, "positive", options)


def test_thoughts_before_a_response_are_neither_compared_nor_looked_at() -> None:
    given = "<think>\n5, or rather 6\n</think>\n\n6"
    kind = answer_kind(given)

    assert kind.name == "number"
    assert kind.agree("6", given) is True
    assert kind.agree("5", given) is False
    assert kind.extract("so 5, no</think>\n6") == "6"
    assert answer_kind("<think>\nParis, or Rome\n</think>\n\nParis").agree("Paris", "Rome") is False
