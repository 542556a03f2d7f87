"""Free text: all of a reply, and what can be said of two."""

import pytest

from agents.answers.free import Free

FREE = Free()

TEXTS: list[tuple[str, str, str | None]] = [
    ("a text", " A story.\nAnswer: no. ", "A story.\nAnswer: no."),
    ("nothing", "\n", None),
    ("code", "    return left + right\n", "    return left + right"),
    ("code after a blank line", "\n\n    if n:\n        return n\n", "    if n:\n        return n"),
    ("code with tabs", "\tx = 1\n\ty = 2", "\tx = 1\n\ty = 2"),
    ("a tokenizer's space", " Paris is", "Paris is"),
    ("blank lines with spaces", "  \n \t\n  x = 1", "  x = 1"),
    ("Windows", "\r\n    x = 1\r\n", "    x = 1"),
    ("spaces alone", "    ", None),
    ("inner lines", "a\n\n\n  b", "a\n\n\n  b"),
]

AGREEMENTS: list[tuple[str, str | None, str | None, bool | None]] = [
    ("same", "A long story!", "a long story", True),
    ("other", "A long story", "Another story", None),
    ("none", "A long story", None, False),
]


@pytest.mark.parametrize(("reply", "answer"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_all_of_a_reply_is_the_answer(reply: str, answer: str | None) -> None:
    assert FREE.extract(reply) == answer


@pytest.mark.parametrize(
    ("left", "right", "same"), [row[1:] for row in AGREEMENTS], ids=[row[0] for row in AGREEMENTS]
)
def test_two_texts_are_the_same_words_or_nobody_can_tell(
    left: str | None, right: str | None, same: bool | None
) -> None:
    assert FREE.agree(left, right) is same
    assert FREE.agree(right, left) is same
