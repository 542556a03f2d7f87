"""The Reasoner: its loop of reasoning and reflection, and where it stops."""

from collections.abc import Sequence
from typing import Any

import pytest

from agents.reasoner import REASON_VARIABLES, REFLECT_VARIABLES, Reasoner, ReasonerConfig, Turn, final_answer
from agents.role import Role
from prompts.template import QuestionTemplate
from stores.sample import Message, Sample
from tests.support.scripted import ScriptedModel

SAMPLE = Sample(id="s", prompt="Capital of Norway?", response="Zanzibar-label", gold="Quito-gold")


def build(replies: Sequence[str], **settings: Any) -> tuple[Reasoner, ScriptedModel]:
    """Return a reasoner whose model gives these replies in turn."""
    remaining = iter(replies)
    model = ScriptedModel(script=lambda messages: next(remaining))
    reason = QuestionTemplate("reason", REASON_VARIABLES)
    reflect = QuestionTemplate("reflect", REFLECT_VARIABLES)
    return Reasoner(Role(model, max_tokens=64), reason, reflect, ReasonerConfig(**settings)), model


async def run_loop(reasoner: Reasoner, sample: Sample = SAMPLE) -> list[Turn]:
    turns = [await reasoner.reason(sample, [])]
    for _ in range(20):
        if reasoner.is_done(sample, turns):
            return turns
        turns.append(await reasoner.reflect(sample, turns))
        turns.append(await reasoner.reason(sample, turns))
    pytest.fail("the loop does not end")


def roles(turns: list[Turn]) -> str:
    return " ".join(turn.role for turn in turns)


@pytest.mark.parametrize("reflections", [1, 2, 4])
async def test_an_answer_that_keeps_changing_is_reflected_on_n_times(reflections: int) -> None:
    reasoner, _ = build([f"Town{at}" for at in range(99)], max_reflections=reflections)
    turns = await run_loop(reasoner)
    assert roles(turns) == "reason" + " reflect reason" * reflections


async def test_the_loop_stops_when_two_consecutive_answers_agree() -> None:
    reasoner, _ = build(["Bergen", "no", "Oslo", "yes", "The answer is Oslo.", "never asked"])
    turns = await run_loop(reasoner)
    assert roles(turns) == "reason reflect reason reflect reason"
    assert [turn.answer for turn in turns[::2]] == ["Bergen", "Oslo", "Oslo"]


async def test_agreement_with_an_earlier_answer_but_the_last_does_not_stop_the_loop() -> None:
    reasoner, _ = build(["Oslo", "?", "Bergen", "?", "Oslo", "?", "Bergen"], max_reflections=3)
    assert len(await run_loop(reasoner)) == 7


async def test_two_unreadable_replies_in_a_row_are_no_agreement() -> None:
    sample = SAMPLE.model_copy(update={"options": ("Bergen", "Oslo")})
    reasoner, _ = build(["Hm.", "no", "Well.", "no", "Er."], max_reflections=2)
    turns = await run_loop(reasoner, sample)
    assert roles(turns) == "reason reflect reason reflect reason"
    assert final_answer(turns) is None


async def test_the_same_words_again_end_the_loop_where_no_answer_is_readable() -> None:
    sample = SAMPLE.model_copy(update={"options": ("Bergen", "Oslo")})
    reasoner, _ = build(["Hm."] * 9, max_reflections=2)
    turns = await run_loop(reasoner, sample)
    assert roles(turns) == "reason reflect reason"
    assert final_answer(turns) is None


async def test_without_early_stop_every_reflection_is_made() -> None:
    reasoner, _ = build(["Oslo"] * 9, max_reflections=3, early_stop=False)
    assert len(await run_loop(reasoner)) == 7


async def test_no_reflections_means_one_reasoning() -> None:
    reasoner, model = build(["Oslo"], max_reflections=0)
    assert roles(await run_loop(reasoner)) == "reason"
    assert len(model.requests) == 1


async def test_a_reflection_sees_the_reasoning_and_its_answer() -> None:
    reasoner, model = build(["Long thought.\nAnswer: Bergen", "a critique"])
    first = await reasoner.reason(SAMPLE, [])
    await reasoner.reflect(SAMPLE, [first])
    assert "Long thought." in model.texts()[1]
    assert "Bergen" in model.texts()[1]


async def test_reasoning_again_sees_the_last_reasoning_and_the_last_critique() -> None:
    replies = ["thought-1 Bergen", "critique-1", "thought-2 Oslo", "critique-2", "thought-3 Oslo"]
    reasoner, model = build(replies, early_stop=False, max_reflections=2)
    await run_loop(reasoner)
    last = model.texts()[4]
    assert "thought-2" in last
    assert "critique-2" in last
    assert "thought-1" not in last
    assert "critique-1" not in last


async def test_the_final_answer_is_the_last_reasonings() -> None:
    reasoner, _ = build(["Bergen", "I say Trondheim", "Oslo"], max_reflections=1)
    assert final_answer(await run_loop(reasoner)) == "Oslo"
    assert final_answer([]) is None


async def test_no_turn_sees_label_or_gold() -> None:
    reasoner, model = build(["Bergen", "no", "Oslo", "no", "Bergen"], max_reflections=2)
    await run_loop(reasoner)
    assert len(model.requests) == 5
    assert "Zanzibar-label" not in str(model.requests)
    assert "Quito-gold" not in str(model.requests)


async def test_the_samples_history_comes_first_in_both_turns() -> None:
    history = (Message(role="user", content="Hello."), Message(role="assistant", content="Hi."))
    reasoner, model = build(["Bergen", "no", "Oslo"], max_reflections=1)
    await run_loop(reasoner, SAMPLE.model_copy(update={"history": history}))
    assert len(model.requests) == 3
    for messages, _ in model.requests:
        assert [message.content for message in messages[:-1]] == ["Hello.", "Hi."]
