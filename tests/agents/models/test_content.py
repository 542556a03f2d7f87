"""Messages as services send them: one text, whatever it is made of."""

from typing import Any

import pytest

from agents.models.content import Content, read_content

MESSAGES: list[tuple[dict[str, Any], Content]] = [
    ({"content": "Paris"}, Content("Paris")),
    ({"content": None}, Content("")),
    ({}, Content("")),
    ({"content": "Paris", "reasoning_content": "So"}, Content("Paris", "So")),
    ({"content": "Paris", "reasoning": "So"}, Content("Paris", "So")),
    ({"content": "Paris", "thinking": "So"}, Content("Paris", "So")),
    ({"content": "Paris", "reasoning_content": None, "reasoning": ""}, Content("Paris")),
    ({"content": "Paris", "reasoning": "So", "reasoning_content": "So"}, Content("Paris", "So")),
    (
        {"content": "Paris", "reasoning_details": [{"type": "reasoning.text", "text": "So"}]},
        Content("Paris", "So"),
    ),
    ({"content": None, "reasoning_content": "So"}, Content("", "So")),
    ({"content": [{"type": "text", "text": "Pa"}, {"type": "text", "text": "ris"}]}, Content("Paris")),
    ({"content": ["Pa", "ris"]}, Content("Paris")),
    (
        {"content": [{"type": "thinking", "thinking": "So"}, {"type": "text", "text": "Paris"}]},
        Content("Paris", "So"),
    ),
    (
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "So"}]},
                {"type": "text", "text": "Paris"},
            ]
        },
        Content("Paris", "So"),
    ),
    (
        {
            "content": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "So"}]},
                {"type": "output_text", "text": "Paris"},
            ]
        },
        Content("Paris", "So"),
    ),
    ({"content": [{"type": "refusal", "refusal": "No."}]}, Content("", None, "No.")),
    ({"content": None, "refusal": "No."}, Content("", None, "No.")),
    ({"content": [{"type": "image_url", "image_url": {}}, 5, None]}, Content("")),
    ({"content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "a"}]}, Content("a")),
]


@pytest.mark.parametrize(("message", "content"), MESSAGES)
def test_a_message_is_read_whatever_it_is_made_of(message: dict[str, Any], content: Content) -> None:
    assert read_content(message) == content


@pytest.mark.parametrize("content", [5, {"a": 1}, True])
def test_content_that_is_neither_text_nor_parts_is_refused(content: object) -> None:
    with pytest.raises(TypeError):
        read_content({"content": content})


def test_parts_within_parts_have_an_end() -> None:
    nested: Any = "x"
    for _ in range(5000):
        nested = [nested]
    assert read_content({"content": nested}).text == ""
