"""A message read as a reply: text, thoughts, outcome, and the log-probabilities of the text alone."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from agents.agent import Reply
from agents.errors import ModelBusyError
from agents.reply import read_letters, read_reply
from training.uncertainty import entropy_of


def message(content: Any, tokens: list[str] | None = None, **metadata: Any) -> AIMessage:
    rated = [{"token": token, "logprob": -float(number)} for number, token in enumerate(tokens or [])]
    return AIMessage(content, response_metadata={"logprobs": {"content": rated}, **metadata})


def test_the_log_probabilities_of_thoughts_do_not_count() -> None:
    tokens = ["<think>", "so", "</think>", "\n\n", "Pa", "ris"]
    reply = read_reply(message("".join(tokens), tokens, finish_reason="stop"))
    assert (reply.text, reply.thoughts, reply.log_probabilities) == ("Paris", "so", (-4.0, -5.0))


def test_nor_where_the_server_has_taken_the_thoughts_out() -> None:
    sent = message("Paris", ["so", "</think>", "Pa", "ris"])
    sent.additional_kwargs["reasoning_content"] = "so"
    assert read_reply(sent).log_probabilities == (-2.0, -3.0)


def test_where_tokens_do_not_spell_the_text_all_are_kept() -> None:
    assert len(read_reply(message("<think>so</think>Paris", ["?", "?", "?"])).log_probabilities) == 3


def test_thoughts_that_were_cut_are_a_reply_that_was_cut() -> None:
    reply = read_reply(message("<think>so it is", finish_reason="length"))
    assert (reply.text, reply.thoughts, reply.outcome) == ("", "so it is", "cut")


@pytest.mark.parametrize(("finish", "outcome"), [("length", "cut"), ("content_filter", "filtered")])
def test_an_empty_reply_that_says_why_is_no_failure(finish: str, outcome: str) -> None:
    assert read_reply(message("", finish_reason=finish)).outcome == outcome


def test_an_empty_reply_without_a_reason_is_asked_for_again() -> None:
    with pytest.raises(ModelBusyError, match="empty"):
        read_reply(message(" ", finish_reason="stop"))


def test_thoughts_that_no_answer_follows_are_a_reply_that_was_cut() -> None:
    reply = read_reply(message("<think>so</think>", finish_reason="stop"))
    assert (reply.text, reply.thoughts, reply.outcome) == ("", "so", "cut")


def test_a_refusal_in_its_own_field_is_the_text() -> None:
    sent = AIMessage("", additional_kwargs={"refusal": "I will not."})
    assert (read_reply(sent).text, read_reply(sent).outcome) == ("I will not.", "refused")


def test_what_the_conversation_holds_is_no_refusal() -> None:
    said = "I'm sorry, but I can't help with that."
    assert read_reply(message(said)).outcome == "refused"
    assert read_reply(message(said), [f"A. {said}\nB. Sure."]).outcome is None


@pytest.mark.parametrize(
    "rated", [{"content": [{}]}, {"content": 5}, {"content": [{"top_logprobs": 5}]}, [1]]
)
def test_ratings_that_cannot_be_read_are_asked_for_again(rated: object) -> None:
    with pytest.raises(ModelBusyError, match="log-probabilities"):
        read_letters(AIMessage("A", response_metadata={"logprobs": rated}), ["A", "B"])


@pytest.mark.parametrize("value", [-1e308, -10_001.0, float("-inf"), float("nan"), 0.5])
def test_a_log_probability_that_no_sum_can_take_is_refused(value: float) -> None:
    sent = message("a b")
    sent.response_metadata["logprobs"] = {"content": [{"token": "a", "logprob": value}] * 2}
    with pytest.raises(ModelBusyError, match="no logarithms"):
        read_reply(sent)


@pytest.mark.parametrize("value", [False, True, None, "high", [], {}, 10**400])
def test_what_is_no_number_is_no_log_probability(value: Any) -> None:
    sent = message("a")
    sent.response_metadata["logprobs"] = {"content": [{"token": "a", "logprob": value}]}
    with pytest.raises(ModelBusyError, match="cannot be read"):
        read_reply(sent)
    with pytest.raises(ModelBusyError, match="cannot be read"):
        read_letters(sent, "A")


@pytest.mark.parametrize("value", ["-1e308", "-1e5", "0.5", "NaN", "-Infinity"])
def test_a_stored_reply_that_no_sum_can_take_is_none(value: str) -> None:
    with pytest.raises(ValueError, match="log_probabilities"):
        Reply.model_validate_json(f'{{"text": "x", "log_probabilities": [{value}], "usage": {{}}}}')


def test_a_record_of_huge_log_probabilities_has_an_entropy() -> None:
    assert entropy_of([-1e308, -1e308]) == 10_000


def test_thoughts_and_tokens_that_repeat_one_letter_are_read_in_linear_time() -> None:
    # A search from behind that is quadratic would not come back.
    count = 400_000
    text = f"ab{'a' * (count // 2)}"
    sent = message(text, ["a" * 1000] * (count // 1000), finish_reason="stop")
    sent.additional_kwargs["reasoning_content"] = "so"
    assert len(read_reply(sent).log_probabilities) == count // 1000
