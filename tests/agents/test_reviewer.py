"""The Reviewer: one label out of two answers, without a look at the suspect one."""

import pytest

from agents.reviewer import VARIABLES, Reviewer, ReviewerConfig
from agents.role import Role
from prompts.template import QuestionTemplate
from stores.sample import Message, Sample
from tests.support.scripted import ScriptedModel

SAMPLE = Sample(id="s", prompt="Capital of Norway?", response="Zanzibar-label", gold="Quito-gold")


def build(reply: str, config: ReviewerConfig | None = None) -> tuple[Reviewer, ScriptedModel]:
    model = ScriptedModel(script=lambda messages: reply)
    prompt = QuestionTemplate("review", VARIABLES)
    return Reviewer(Role(model, max_tokens=64), prompt, config or ReviewerConfig()), model


async def test_two_answers_that_differ_are_settled_by_the_model() -> None:
    reviewer, _ = build("Answer: Oslo")
    review = await reviewer.review(SAMPLE, "Bergen", "Oslo")
    assert (review.answer, review.reply, review.reason) == ("Oslo", "Answer: Oslo", "reviewed")
    assert review.usage.requests == 1


@pytest.mark.parametrize(
    ("context", "reasoning", "answer", "reason"),
    [
        ("Oslo", "oslo.", "Oslo", "both answers agree"),
        ("Oslo", None, "Oslo", "only one readable answer"),
        (None, "Oslo", "Oslo", "only one readable answer"),
        (None, None, None, "no readable answer"),
    ],
)
async def test_where_nothing_is_left_to_settle_the_model_is_not_asked(
    context: str | None, reasoning: str | None, answer: str | None, reason: str
) -> None:
    reviewer, model = build("never asked")
    review = await reviewer.review(SAMPLE, context, reasoning)
    assert (review.answer, review.reason) == (answer, reason)
    assert (review.reply, review.usage.requests) == (None, 0)
    assert model.requests == []


@pytest.mark.parametrize("context", ["Bergen", None])
async def test_without_a_review_the_context_answer_stands(context: str | None) -> None:
    reviewer, model = build("Oslo", ReviewerConfig(policy="context"))
    review = await reviewer.review(SAMPLE, context, "Oslo")
    assert (review.answer, review.reason, model.requests) == (context, "not reviewed", [])


async def test_a_review_that_cannot_be_read_gives_no_label() -> None:
    reviewer, _ = build("Both are fine.")
    sample = SAMPLE.model_copy(update={"options": ("Bergen", "Oslo")})
    review = await reviewer.review(sample, "Bergen", "Oslo")
    assert (review.answer, review.reply, review.reason) == (None, "Both are fine.", "unreadable")


async def test_the_reviewer_sees_both_answers_but_neither_label_nor_gold() -> None:
    reviewer, model = build("Oslo")
    await reviewer.review(SAMPLE, "answer-in-context", "answer-by-reasoning")
    (request,) = model.texts()
    assert "answer-in-context" in request
    assert "answer-by-reasoning" in request
    assert "Zanzibar-label" not in str(model.requests)
    assert "Quito-gold" not in str(model.requests)


async def test_the_samples_history_comes_first_as_chat_turns() -> None:
    reviewer, model = build("Oslo")
    history = (Message(role="user", content="Hello."), Message(role="assistant", content="Hi."))
    await reviewer.review(SAMPLE.model_copy(update={"history": history}), "Bergen", "Oslo")
    ((messages, _),) = model.requests
    assert [message.content for message in messages[:-1]] == ["Hello.", "Hi."]
