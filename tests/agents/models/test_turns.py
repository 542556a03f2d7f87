"""Turns in the form that a chat template takes, and what an endpoint's refusal tells of it."""

import pytest

from agents.models.turns import OPENING, Turn, TurnRules, adapt, learn

NO_SYSTEM = TurnRules(system=False, later_system=False)
ALTERNATING = TurnRules(later_system=False, assistant_first=False, repeats=False)
STRICT = TurnRules(system=False, later_system=False, assistant_first=False, repeats=False)


def turns(*said: str) -> list[Turn]:
    """Return turns, each given as the first letter of its role and its text."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return [{"role": roles[one[0]], "content": one[2:]} for one in said]


@pytest.mark.parametrize(
    ("rules", "given", "sent"),
    [
        (TurnRules(), ["s S", "a A", "u U", "u V"], ["s S", "a A", "u U", "u V"]),
        (NO_SYSTEM, ["s S", "u U"], ["u S\n\nU"]),
        (NO_SYSTEM, ["s S", "s T", "u U"], ["u S\n\nT\n\nU"]),
        (NO_SYSTEM, ["u U", "a A", "s S", "u V"], ["u U", "a A", "u S\n\nV"]),
        (NO_SYSTEM, ["s S", "a A", "u U"], ["u S", "a A", "u U"]),
        (NO_SYSTEM, ["u U", "s S"], ["u U", "u S"]),
        (STRICT, ["u U", "s S"], ["u U\n\nS"]),
        (ALTERNATING, ["s S", "s T", "u U"], ["s S", "u T\n\nU"]),
        (ALTERNATING, ["a A", "u U"], [f"u {OPENING}", "a A", "u U"]),
        (ALTERNATING, ["s S", "a A", "u U"], ["s S", f"u {OPENING}", "a A", "u U"]),
        (ALTERNATING, ["u U", "u V", "a A", "a B", "u W"], ["u U\n\nV", "a A\n\nB", "u W"]),
        (STRICT, ["s S", "a A", "a B", "u U"], ["u S", "a A\n\nB", "u U"]),
        (STRICT, ["u U", "a A", "t T", "t R"], ["u U", "a A", "t T", "t R"]),
    ],
)
def test_turns_take_the_form_that_is_taken_and_no_text_is_lost(
    rules: TurnRules, given: list[str], sent: list[str]
) -> None:
    assert adapt(turns(*given), rules) == turns(*sent)


def test_a_turn_with_a_call_is_joined_with_no_other() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}
    given = [*turns("u U", "a A"), call]
    assert adapt(given, STRICT) == given


# What servers say, in words of their own kinds.
SYSTEM = turns("s S", "u U")
REFUSALS = [
    ("System role not supported", SYSTEM, NO_SYSTEM),
    ("the system role is not supported by this model", SYSTEM, NO_SYSTEM),
    ("System messages are not allowed here", SYSTEM, NO_SYSTEM),
    ("This model does not support system messages", SYSTEM, NO_SYSTEM),
    ("Only user and assistant roles are supported!", SYSTEM, NO_SYSTEM),
    ("only 'user' or 'model' may speak", SYSTEM, NO_SYSTEM),
    ("messages.0.role: Input should be 'user' or 'assistant'", SYSTEM, NO_SYSTEM),
    ("Unexpected role: system", SYSTEM, NO_SYSTEM),
    ("unsupported message role 'system'", SYSTEM, NO_SYSTEM),
    ("Developer instruction is fine, but system prompts are unsupported", SYSTEM, NO_SYSTEM),
    ("Conversation roles must alternate user/assistant/user/assistant/...", SYSTEM, STRICT),
    (
        "After the optional system message, conversation roles must alternate user/assistant/...",
        turns("s S", "u U", "u V"),
        ALTERNATING,
    ),
    ("System message must be at the beginning.", turns("u U", "s S", "u V"), TurnRules(later_system=False)),
    ("The first message must be from the user", turns("a A", "u U"), TurnRules(assistant_first=False)),
    ("A conversation must start with a user prompt", turns("a A", "u U"), TurnRules(assistant_first=False)),
]


@pytest.mark.parametrize(("refusal", "sent", "rules"), REFUSALS, ids=[row[0][:40] for row in REFUSALS])
def test_a_refusal_says_how_turns_are_to_be_sent(refusal: str, sent: list[Turn], rules: TurnRules) -> None:
    assert learn(TurnRules(), refusal, sent) == rules


@pytest.mark.parametrize(
    ("refusal", "sent"),
    [
        ("maximum context length is 2048 tokens", SYSTEM),
        ("System role not supported", turns("u U")),
        ("Conversation roles must alternate", turns("u U", "a A", "u V")),
        ("the operating system is out of memory", SYSTEM),
    ],
)
def test_a_refusal_of_something_else_changes_nothing(refusal: str, sent: list[Turn]) -> None:
    assert learn(TurnRules(), refusal, sent) is None
