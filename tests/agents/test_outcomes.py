"""How a reply ended, as every service says it."""

# ruff: noqa: E501 - a table

import pytest

from agents.outcomes import outcome_of
from agents.thoughts import Said

ENDINGS = {
    "stop": None, "end_turn": None, "eos": None, "eos_token": None, "stop_sequence": None, "STOP": None,
    "": None, None: None, 5: None, "something new": None, "COMPLETE": None,
    "length": "cut", "max_tokens": "cut", "MAX_TOKENS": "cut", "model_length": "cut", "max_output_tokens": "cut",
    "model_context_window_exceeded": "cut", "insufficient_system_resource": "cut", "abort": "cut",
    "content_filter": "filtered", "SAFETY": "filtered", "RECITATION": "filtered", "content-filter": "filtered",
    "PROHIBITED_CONTENT": "filtered", "sensitive": "filtered", "guardrail_intervened": "filtered",
    "tool_calls": "cut", "tool_use": "cut", "FUNCTION_CALL": "cut", "MALFORMED_FUNCTION_CALL": "cut",
    "FinishReason.MAX_TOKENS": "cut", "FINISH_REASON_SAFETY": "filtered", "error": "cut", "LANGUAGE": "filtered",
    "refusal": "refused", "repetition": "looped",
}  # fmt: skip


@pytest.mark.parametrize(("finish", "outcome"), ENDINGS.items())
def test_an_ending_is_known_by_any_name(finish: object, outcome: str | None) -> None:
    assert outcome_of(Said(None, "Paris is the capital."), finish) == outcome


@pytest.mark.parametrize(
    ("said", "finish", "outcome"),
    [
        (Said("so", "", ended=False), "stop", "cut"),
        (Said("so", "", ended=False), "length", "cut"),
        (Said("wait, no. " * 60, "", ended=False), "length", "looped"),
        (Said(None, "and so on " * 40), "length", "looped"),
        (Said(None, "and so on " * 40), "stop", "looped"),
        (Said(None, "I'm sorry, but I can't help with that."), "stop", "refused"),
        (Said(None, "I'm sorry, but I can't help with that."), "content_filter", "filtered"),
        (Said(None, "I'm sorry, but I can't"), "length", "cut"),
        (Said("so", "Paris"), "stop", None),
        (Said(None, ""), "length", "cut"),
        (Said(None, ""), "content_filter", "filtered"),
        (Said(None, ""), "stop", None),
    ],
)
def test_what_a_reply_says_tells_its_outcome_too(said: Said, finish: str, outcome: str | None) -> None:
    assert outcome_of(said, finish) == outcome


def test_what_the_endpoint_calls_a_refusal_is_one() -> None:
    assert outcome_of(Said(None, "No."), "stop", refusal=True) == "refused"
