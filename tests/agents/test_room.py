"""The room of a reply: enough for what the data need, and not for ever."""

import pytest
from transformers import AutoTokenizer

from agents.room import THINKING, Lengths, Room, estimate_tokens, measure, room_for
from stores.sample import Sample
from stores.weights import SMOLLM2, resolve_weights

TEXTS = {
    "a word": "Paris",
    "prose": "The warranty covers the heating plate for two years after the day of purchase. " * 4,
    "code": "def area(r):\n    return 3.14159 * r ** 2  # of a circle\n\nprint(area(2))\n",
    "JSON": '{"id": 17, "tags": ["a", "b"], "price": {"eur": 12.5, "usd": null}}',
    "digits": "31415926535897932384626433832795",
    "a table": "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n",
    "maths": r"\frac{a^2 + b^2}{2ab} \leq \sum_{i=1}^{n} x_i",
    "German": "Die Gewährleistung für Geräte läuft zwei Jahre, außer bei Verschleißteilen.",
    "French": "La garantie couvre l'élément chauffant pendant deux années après l'achat.",
    "Chinese": "首都是北京，这座城市有三千多年的历史。",
    "Japanese": "保証期間はお買い上げ日から二年間です。",
    "Korean": "보증 기간은 구입일로부터 이 년입니다.",
    "Russian": "Гарантия действует два года со дня покупки.",
    "Arabic": "يسري الضمان لمدة عامين من تاريخ الشراء.",
    "Hindi": "वारंटी खरीद की तारीख से दो साल तक है।",
    "emoji": "🎉🎉 Danke! 👍🏽",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_an_estimate_is_rather_too_high(text: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(resolve_weights(SMOLLM2))
    # A tokenizer that was made for English alone is the worst case; half as much again is given on top.
    assert estimate_tokens(text) * 1.5 >= len(tokenizer(text)["input_ids"])
    assert estimate_tokens(text) <= 4 * len(tokenizer(text)["input_ids"])


def responses(*texts: str) -> list[Sample]:
    return [Sample(id=str(number), prompt="p", response=text) for number, text in enumerate(texts)]


def test_the_longest_response_counts_but_not_an_outlier_among_many() -> None:
    assert measure(responses("a", "b" * 300)).response == 100
    assert measure(responses(*["a" * 30] * 199, "b" * 9000)).response == 10
    assert measure([]).response == 0


def test_another_right_answer_counts_too() -> None:
    sample = Sample(id="1", prompt="p", response="a", other_responses=("b" * 300,))
    assert measure([sample]).response == 100


def test_a_number_is_a_number() -> None:
    assert room_for(9, "working", Lengths(response=500), thinks=True) == Room(first=9, most=9)


def test_the_room_follows_the_data_the_agent_and_the_model() -> None:
    short, long = Lengths(response=5), Lengths(response=400)
    assert room_for("auto", "response", long, thinks=False).first >= 400
    assert room_for("auto", "response", short, thinks=False).first < 200
    working = room_for("auto", "working", short, thinks=False).first
    assert working > room_for("auto", "response", short, thinks=False).first
    assert room_for("auto", "working", short, thinks=True).first == working + THINKING
    assert room_for("auto", "verdict", long, thinks=False) == room_for("auto", "verdict", short, thinks=False)


def test_hostile_lengths_are_bounded() -> None:
    assert room_for("auto", "working", Lengths(response=10**9), thinks=True).first < 20_000
    assert estimate_tokens("\ud800") >= 0


def test_answers_that_are_worked_out_have_room_for_it() -> None:
    assert measure(responses("42", "17")).works
    assert not measure(responses("positive", "negative")).works
    alone, worked = Lengths(response=5), Lengths(response=5, works=True)
    assert room_for("auto", "response", worked, thinks=False).first >= 256
    assert room_for("auto", "response", alone, thinks=False).first < 200
    assert room_for("auto", "verdict", worked, thinks=False) == room_for(
        "auto", "verdict", alone, thinks=False
    )
