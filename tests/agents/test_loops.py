"""Loops: what repeats itself to the end, and what repeats itself for a reason."""

import pytest

from agents.loops import is_circling, is_loop

PROSE = (
    "The kettle does not heat. Please check whether the base is plugged in and the switch at the back is on. "
    "If the light stays dark, try another socket. The warranty covers the heating plate for two years, so "
    "send us the number under the base and a photo of the receipt, and we will send a new one at once. "
)
LOOPS = {
    "a sentence": PROSE + "It is blue. " * 20,
    "a line": PROSE + "\nI am sorry for the delay.\n" * 20,
    "a word": "no " * 60,
    "a phrase of three lines": PROSE + "\nQ: Why?\nA: Because.\nSo it is.\n" * 10,
    "a numbered list": "\n".join(f"{number}. Read the manual carefully." for number in range(1, 30)),
    "cut within the phrase": PROSE + "and so on " * 30 + "and s",
    "a paragraph": PROSE * 7,
    "Chinese": "这个问题的答案是北京。" * 20,
    "Chinese, a sign": "好" * 200,
    "Russian": "Ответ зависит от времени года. " * 20,
    "code": "    result.append(value)\n" * 30,
    "JSON": '{"name": "a", "value": 1}, ' * 30,
    "tags": "<div><span>x</span></div>" * 30,
    "two lines in turn": "yes, it is\nno, it is not\n" * 20,
}
PLAIN = {
    "nothing": "",
    "a word once": "Paris",
    "prose": PROSE,
    "laughter": "Ha ha ha ha ha ha!",
    "a chorus": "Row, row, row your boat,\nGently down the stream.\n" * 3 + "Life is but a dream.",
    "zeros": "[" + "0, " * 200 + "0]",
    "a rule": "| a | b |\n" + "|---" * 60 + "|",
    "dots": "." * 400,
    "a table of different rows": "\n".join(
        f"| {word} | {word[::-1]} |" for word in PROSE.replace(".", "").split()
    ),
    "the same in the middle": "It is blue. " * 10 + PROSE,
    "imports": "\n".join(f"import {name}" for name in ("os", "re", "sys", "json", "math", "csv", "io")),
    "digits of pi": "3.14159265358979323846264338327950288419716939937510",
}  # fmt: skip


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS)
def test_what_repeats_itself_to_its_end_is_a_loop(text: str, ended: bool) -> None:
    assert is_loop(text, ended=ended)


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_what_repeats_itself_a_little_is_none(text: str, ended: bool) -> None:
    assert not is_loop(text, ended=ended)


def test_a_reply_that_says_the_same_with_small_changes_until_it_is_cut_loops() -> None:
    lines = [
        f"I think it is the {word} one, is it not the {word} one?" for word in ("red", "blue", "old") * 12
    ]
    assert is_loop("\n".join(lines), ended=False)
    assert not is_loop(PROSE * 2, ended=False)


def test_a_reply_that_ended_may_repeat_a_line_a_few_times() -> None:
    poem = "And the rain came down on the roof of the house.\n" * 4
    assert not is_loop(PROSE + poem, ended=True)
    assert is_loop(PROSE + poem, ended=False)


@pytest.mark.parametrize("text", ["a" * 500_000, "ab" * 250_000, "a " * 250_000, "0" * 500_000])
def test_a_long_reply_takes_no_longer_than_its_end(text: str) -> None:
    for _ in range(10):
        is_loop(text, ended=False)


@pytest.mark.parametrize("period", [1, 3, 8, 40])
def test_a_reply_under_way_circles_from_its_sixth_round_of_the_same_tokens_on(period: int) -> None:
    before, unit = list(range(1000, 1030)), list(range(period))
    rounds = max(6, -(-48 // period))
    assert is_circling(before + unit * rounds)
    assert is_circling(before + unit * rounds + unit[: period // 2]), "in the middle of a round"
    assert not is_circling(before + unit * (rounds - 2))
    assert not is_circling(unit * rounds + before), "it has gone on"


def test_a_reply_that_counts_or_has_hardly_begun_does_not_circle() -> None:
    assert not is_circling([token for number in range(100) for token in (1, 2, number + 10)])
    assert not is_circling([7] * 40)
    assert not is_circling([])
