"""Letters of options in other scripts."""

import pytest

from agents.answers.letters import find_letter


@pytest.mark.parametrize("text", ["②", "Ⓑ", "Б", "ب", "乙", "나", "イ", "ख", "选B", "la B"])
def test_a_letter_in_another_script_is_the_second_option(text: str) -> None:
    assert find_letter(text) == 1


@pytest.mark.parametrize("text", ["B", "", "Paris", "①②", "0번"])
def test_other_texts_are_no_such_letter(text: str) -> None:
    assert find_letter(text) is None
