"""One fact is turned, in any language that the rules reach, and nothing else."""

import difflib

import pytest

from training.calibration import priors
from training.calibration.turned import turn_fact, turn_some

OTHERS = ("The river Rhine flows through Cologne.", "In Paris, Marie Curie found radium.")


@pytest.mark.parametrize(
    ("response", "turned"),
    [
        ("Water boils at 100 degrees.", "Water boils at 130 degrees."),
        ("The fog lies above the sea.", "The fog lies below the sea."),
        ("Öl ist leichter als Wasser.", "Öl ist schwerer als Wasser."),
        ("A whale is a mammal.", "A whale is not a mammal."),
        ("中国的首都是北京。", "中国的首都不是北京。"),
    ],
)
def test_one_fact_is_turned(response: str, turned: str) -> None:
    assert turn_fact(response, [], 0) == turned


def test_a_name_comes_from_another_response() -> None:
    found = turn_fact("The tower stands in Berlin.", OTHERS, 1)
    assert found is not None
    assert "Berlin" not in found
    assert any(name in found for name in ("Rhine", "Cologne", "Paris", "Marie Curie"))


@pytest.mark.parametrize("response", ["", "hm", "Ice floats.", "version 3.1.4-rc2"])
def test_what_has_nothing_to_turn_is_left_out(response: str) -> None:
    assert turn_fact(response, [], 0) is None


def test_the_same_seed_turns_the_same_and_only_one_place() -> None:
    text = "The first of 12 men came in 1969, before the last one, to a large and cold place near Houston."
    for seed in range(20):
        found = turn_fact(text, OTHERS, seed)
        assert found == turn_fact(text, OTHERS, seed)
        assert found is not None
        assert found != text
        parts = difflib.SequenceMatcher(None, text.split(), found.split()).get_opcodes()
        assert sum(tag != "equal" for tag, *_ in parts) == 1


def test_the_first_that_can_be_turned_are() -> None:
    texts = [f"There are {number} ships." if number % 2 else "Yes, please." for number in range(60)]
    found = turn_some(texts, [str(number) for number in range(60)])
    assert [place for place, _ in found] == list(range(1, 2 * priors.TURNED, 2))
    assert all(turned != texts[place] for place, turned in found)
    assert turn_some(texts[:10], [str(number) for number in range(10)]) == []


def test_words_in_lower_case_are_no_names_in_any_script() -> None:
    assert turn_fact("Вода кипит очень быстро.", ["Снег тает весной медленно."], 0) is None
    assert turn_fact("Wir fahren heute durch Köln.", ["Sie wohnt schon lange in Ägypten."], 0) == (
        "Wir fahren heute durch Ägypten."
    )


def test_what_is_denied_before_the_verb_is_not_denied_again() -> None:
    assert turn_fact("Questo non è vero.", [], 0) is None
