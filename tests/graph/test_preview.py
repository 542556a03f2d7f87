"""A sample is shown as it is asked and trained on: whole where it is short, and harmless."""

from graph.preview import first_words, preview
from prompts.template import QuestionTemplate
from stores.sample import Message, Sample

PROMPT = QuestionTemplate("base")


def test_a_sample_is_shown_with_its_turns_its_options_and_its_response() -> None:
    system = Message(role="system", content="Be brief.")
    sample = Sample(id="a", prompt="Sky?", response="blue", options=("red", "blue"), history=(system,))
    shown = preview(sample, PROMPT)
    for part in ("[system]", "Be brief.", "[user]", "Sky?", "red", "trained on", "    blue"):
        assert part in shown


def test_a_long_text_is_cut_and_the_cut_is_told() -> None:
    shown = preview(Sample(id="a", prompt="p" * 5000, response="r"), PROMPT)
    assert len(shown) < 1500
    assert "characters are not shown here" in shown


def test_what_a_terminal_obeys_is_spelled_out() -> None:
    shown = preview(Sample(id="a", prompt="\x1b[2Jgone \u202eback", response="\x07r"), PROMPT)
    assert "\\x1b[2Jgone \\u202eback" in shown
    assert "\x1b" not in shown
    assert "\\x07r" in shown


def test_an_empty_response_is_told_to_be_noisy() -> None:
    assert "it is noisy" in preview(Sample(id="a", prompt="p", response=" "), PROMPT)


def test_the_first_words_of_a_text_are_one_harmless_line() -> None:
    assert first_words("a\n\tb   c", 20) == "a b c"
    assert first_words("\x1b[31mred\u202e", 40) == "\\x1b[31mred\\u202e"
    assert first_words("word " * 10_000, 10) == "word word…"
    assert len(first_words("\x1b" * 50, 10)) == 10
