"""The Base agent: one question, one answer."""

from agents.base import BaseAgent, request_as_trained
from agents.role import Role
from prompts.template import QuestionTemplate
from stores.sample import Message, Sample
from tests.support.scripted import ScriptedModel

LABEL = "Zanzibar-label"
GOLD = "Quito-gold"


def asked(reply: str) -> tuple[BaseAgent, ScriptedModel]:
    model = ScriptedModel(script=lambda messages: reply)
    return BaseAgent(Role(model, max_tokens=64), QuestionTemplate("base")), model


async def test_the_answer_is_read_from_the_reply_and_the_reply_is_kept() -> None:
    agent, _ = asked("It is cold there, so:\nAnswer: Oslo.")
    prediction = await agent.answer(Sample(id="s", prompt="Capital of Norway?", response=LABEL))
    assert prediction.answer == "Oslo"
    assert prediction.reply == "It is cold there, so:\nAnswer: Oslo."
    assert prediction.usage.requests == 1


async def test_an_option_named_by_its_letter_is_answered_by_its_text() -> None:
    agent, _ = asked("B")
    sample = Sample(id="s", prompt="Capital of Norway?", response="Bergen", options=("Bergen", "Oslo"))
    assert (await agent.answer(sample)).answer == "Oslo"


async def test_a_reply_without_an_answer_is_no_answer() -> None:
    agent, _ = asked("It could be either of them.")
    sample = Sample(id="s", prompt="Capital of Norway?", response="Bergen", options=("Bergen", "Oslo"))
    assert (await agent.answer(sample)).answer is None


async def test_the_model_sees_neither_label_nor_gold() -> None:
    agent, model = asked("Oslo")
    await agent.answer(Sample(id="s", prompt="Capital of Norway?", response=LABEL, gold=GOLD))
    assert LABEL not in str(model.requests)
    assert GOLD not in str(model.requests)


async def test_the_samples_history_comes_first_as_chat_turns() -> None:
    agent, model = asked("Oslo")
    history = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Do you know Norway?"),
        Message(role="assistant", content="I do."),
    )
    await agent.answer(Sample(id="s", prompt="Its capital?", response=LABEL, history=history))
    ((messages, _),) = model.requests
    assert [message.type for message in messages] == ["system", "human", "ai", "human"]
    assert [message.content for message in messages[:3]] == [turn.content for turn in history]
    assert "Its capital?" in str(messages[3].content)


async def test_the_request_is_the_text_a_tuned_model_is_trained_on() -> None:
    agent, model = asked("Oslo")
    sample = Sample(id="s", prompt="Capital of Norway?", response=LABEL)
    await agent.answer(sample)
    (trained_on,) = request_as_trained(sample, QuestionTemplate("base"))
    assert model.texts() == [trained_on.content]
