"""A message read as a reply: text, thoughts, outcome, and the log-probabilities of the text alone."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from agents.errors import ModelBusyError
from agents.reply import read_letters, read_reply


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
