"""Thoughts in a model's text: every family's marks, and texts that only speak of them."""

import pytest

from agents.thoughts import Said, is_mark, split_thoughts

MARKS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<Thought>", "</Thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<antThinking>", "</antThinking>"),
    ("<scratchpad>", "</scratchpad>"),
    ("[THINK]", "[/THINK]"),
    ("<|think|>", "<|/think|>"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("<|channel>thought\n", "<channel|>"),
    ("Here is my thought process:", "Here is my response:"),
    ("Here's my thought process:", "Here's my response:"),
    ("## Thinking\n", "\n## Final Response\n"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("analysis", "assistantfinal"),
]


@pytest.mark.parametrize(("opening", "closing"), MARKS)
@pytest.mark.parametrize("space", ["", "\n", "\n\n"])
def test_what_is_marked_as_thoughts_is_no_text(opening: str, closing: str, space: str) -> None:
    text = f"{opening}{space}It is 2, not 3. Or is it?{space}{closing}{space}Blue, with 4."
    assert split_thoughts(text) == Said("It is 2, not 3. Or is it?", "Blue, with 4.")


@pytest.mark.parametrize(("opening", "closing"), MARKS[:16])
def test_thoughts_that_do_not_end_are_all_there_is(opening: str, closing: str) -> None:
    assert split_thoughts(f"\n{opening}So it is B. Or C") == Said("So it is B. Or C", "", ended=False)


@pytest.mark.parametrize(("opening", "closing"), MARKS[:16])
def test_a_closing_mark_alone_ends_thoughts_too(opening: str, closing: str) -> None:
    assert split_thoughts(f"So it is B.\nOr C\n{closing}\n\nC") == Said("So it is B.\nOr C", "C")


@pytest.mark.parametrize(
    ("text", "thoughts", "said"),
    [
        ("<think>\n\n</think>\n\nParis", None, "Paris"),
        ("<THINK>a</Think> b", "a", "b"),
        ("<think>a</think><think>b</think>c", "a\nb", "c"),
        ("<think>a</think>\nfirst\n<think>b</think>\nsecond", "a\nb", "first\n\nsecond"),
        ("<think>a <think>b</think> c</think>d", "a <think>b\n c".replace(" c", "c"), "d"),
        ("<think>close with `</think>`, so</think>yes", "close with `</think>`, so", "yes"),
        ("<thinking>a<reflection>b</reflection>c</thinking><output>d</output>", None, "d"),
        ("<think>a</think>\n<answer>42</answer>", "a", "42"),
        ("<think>a</think><response>\n  x = 1\n</response>", "a", "  x = 1\n"),
        (
            "<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>b<|end_of_solution|>",
            "a",
            "b",
        ),
        ("<think>a</think>\n\n    return x\n", "a", "    return x\n"),
        ("<think>```\nx</think>\nb", "```\nx", "b"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary to=f"
         "<|constrain|>json<|message|>{}<|call|><|channel|>final<|message|>b<|return|>", "a\n{}", "b"),
        ("<|channel|>final<|message|>b", None, "b"),
        ("analysisWe need a capital.assistantfinalParis", "We need a capital.", "Paris"),
    ],
)  # fmt: skip
def test_blocks_of_many_forms(text: str, thoughts: str | None, said: str) -> None:
    found = split_thoughts(text)
    assert (found.text, found.ended) == (said, True)
    assert thoughts is None or found.thoughts == thoughts


@pytest.mark.parametrize(
    "text",
    ["<|channel|>analysis<|message|>So", "<|channel|>analysis<|message|>So<|end|>", "analysisWe need to"],
)
def test_channels_without_the_last_one_did_not_end(text: str) -> None:
    assert split_thoughts(text)[1:] == ("", False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Paris",
        "  indented\n",
        "I think so.",
        "Analysis of variance compares means.",
        "analysis of variance",
        "analysis: see below",
        "A model opens its thoughts with <think> and closes them with </think>.",
        "Write `</think>` at the end.",
        'It is called "</think>".',
        "```xml\n<think>\nhere\n</think>\n```",
        "```\nreasoning\n</think>\n```\nThat is how it ends.",
        "The format is:\n<think>\nyour thoughts\n</think>\nthe answer",
        "a [THINKER] and <thinker> and <b>think</b>",
        "if x < think > y:",
        "Here is my response: yes",
        "Here is my thought process: I add them.",
        "<answer>42</answer>",
        "assistantfinal",
    ],
)
def test_a_text_without_thoughts_is_left_as_it_is(text: str) -> None:
    assert split_thoughts(text) == Said(None, text)


def test_a_first_block_whose_text_speaks_of_marks_keeps_them() -> None:
    text = "<think>tags</think>The <think> tag is closed by </think>."
    assert split_thoughts(text) == Said("tags", "The <think> tag is closed by </think>.")


@pytest.mark.parametrize(
    "text",
    [
        "<think>" * 60_000,
        "</think>" * 60_000,
        "x<think>\n" * 60_000,
        "<think>a</think>\n" * 40_000,
        "<|channel|>" * 50_000,
        "<|channel|>a<|message|>" * 30_000,
        "analysisA" + "assistant " * 50_000,
        "```\n" * 100_000 + "</think>",
        " \n" * 200_000 + "</think>",
        "<think>a</think>" + "<answer>" * 60_000,
        "Here is my thought process:" * 30_000,
    ],
    ids=range(11),
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    # Quadratic work on half a million characters would not end within the test's limit.
    split_thoughts(text)


@pytest.mark.parametrize("token", ["[THINK]", "<think>", "</think>", "<|channel|>", "<|END_THINKING|>"])
def test_a_mark_that_is_a_control_token_is_known(token: str) -> None:
    assert is_mark(token)


@pytest.mark.parametrize("token", ["<|im_end|>", "</s>", "<|endoftext|>", "Paris", "[INST]"])
def test_other_control_tokens_are_no_marks(token: str) -> None:
    assert not is_mark(token)
