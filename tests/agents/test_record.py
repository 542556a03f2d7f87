"""A sample's record: who was asked, what was answered, and how sure its new response is."""

from typing import Any

import pytest

from agents.agent import AnswerRecord, Usage
from agents.base import Prediction
from agents.checker import Check
from agents.reasoner import Turn
from agents.record import Consensus, SampleRecord, to_decision
from agents.relabeler import ContextAnswer, NeighbourReference
from agents.reviewer import Review
from stores.records import ReplyOutcome
from stores.sample import Sample

SAMPLE = Sample(id="1", prompt="What is the plural of wife?", response="dishes")


SPENT = Usage(requests=1, prompt_tokens=10, completion_tokens=2)
NOISY = Check(
    clean=False, policy="hybrid", agreed=("base",), reply="Verdict: noisy", judged="noisy", reason="!"
)


def relabelled(answer: str | None = "wives", **changes: Any) -> SampleRecord:
    known: dict[str, Any] = {
        "sample": SAMPLE,
        "base": Prediction(answer="dishes", reply="Dishes.", usage=SPENT),
        "turns": [
            Turn(role="reason", reply="Hm: wives", answer="wives", usage=SPENT),
            Turn(role="reflect", reply="Good.", usage=SPENT),
        ],
        "check": NOISY,
        "context": ContextAnswer(
            neighbours=(NeighbourReference(id="7", distance=0.25),),
            answer=answer,
            reply="wives",
            log_probabilities=(-0.5, -0.1),
            usage=SPENT,
        ),
        "review": Review(answer=answer, reason="both answers agree"),
    }
    return SampleRecord(**(known | changes))


def test_a_decision_says_what_every_agent_that_was_asked_said() -> None:
    record = relabelled()
    decision = to_decision(record, True)
    assert list(decision.agents) == ["base", "reasoner", "checker", "relabeler", "reviewer"]
    answers = {name: agent.answer for name, agent in decision.agents.items()}
    assert answers == record.answers() | {"checker": "noisy"}
    assert decision.agents["relabeler"].entropy is None, "selection finds it"
    rated = to_decision(relabelled().model_copy(update={"entropy": 0.3}), kept=True)
    assert rated.agents["relabeler"].entropy == 0.3
    assert decision.usage == record.usage == Usage(requests=4, prompt_tokens=40, completion_tokens=8)
    assert (decision.status, decision.final, decision.kept) == ("relabelled", "wives", True)


def test_a_checker_that_asked_no_judge_said_nothing() -> None:
    check = Check(clean=True, policy="hybrid", agreed=("base",), reason="1 of 1 views match the response")
    decision = to_decision(SampleRecord(sample=SAMPLE, check=check), None)
    assert decision.agents == {}
    assert decision.check is not None
    assert (decision.check.verdict, decision.check.reason) == ("clean", check.reason)
    assert (decision.status, decision.kept, decision.drop_reason) == ("clean", None, None)


def unanswered(
    review: ReplyOutcome | None = None,
    context: ReplyOutcome | None = None,
    reasoning: ReplyOutcome | None = None,
) -> SampleRecord:
    """A sample whose relabeling came to nothing, by the outcomes of the last replies."""
    said = relabelled(None)
    assert said.context is not None
    return said.model_copy(
        update={
            "context": said.context.model_copy(update={"answer": None, "outcome": context}),
            "review": Review(answer=None, reason="unreadable", reply="I cannot", outcome=review),
            "turns": [Turn(role="reason", reply="It is", answer=None, outcome=reasoning)],
        }
    )


@pytest.mark.parametrize(
    ("record", "kept", "too_long", "reason"),
    [
        (relabelled(), True, False, None),
        (relabelled(), None, False, None),
        (relabelled(), True, True, "too_long"),
        (relabelled(), False, False, "high_entropy"),
        (relabelled(consensus=Consensus(answer="wives", confidence=0.6)), False, False, "low_confidence"),
        (relabelled(None), False, False, "empty"),
        (unanswered(review="cut"), False, False, "unfinished"),
        (unanswered(review="looped"), False, False, "unfinished"),
        (unanswered(review="refused"), False, False, "refused"),
        (unanswered(review="filtered"), False, False, "refused"),
        (unanswered(context="cut"), False, False, "unfinished"),
        (unanswered(context="refused"), False, False, "refused"),
        (unanswered(review="refused", context="cut"), False, False, "refused"),
        (unanswered(reasoning="looped"), False, False, "unfinished"),
        (unanswered(context="filtered", reasoning="cut"), False, False, "refused"),
        (relabelled(other_form=True), False, False, "other_form"),
        (relabelled(failure="ModelCallError: no"), False, False, "failed"),
    ],
)
def test_a_sample_that_is_not_trained_on_has_one_reason(
    record: SampleRecord, kept: bool | None, too_long: bool, reason: str | None
) -> None:
    decision = to_decision(record, kept, too_long=too_long)
    assert decision.drop_reason == reason
    assert decision.kept == (False if reason else kept)


def test_a_record_names_every_agent_that_was_asked_and_what_it_answered() -> None:
    once = Usage(requests=1)
    record = SampleRecord(
        sample=SAMPLE,
        base=Prediction(answer="wives", reply="wives", usage=once),
        turns=[
            Turn(role="reason", reply="Hm.", usage=once),
            Turn(role="reflect", reply="Look again.", usage=once),
        ],
        views={"sceptic": AnswerRecord(answer="wifes", reply="wifes", usage=once)},
        check=Check(clean=False, policy="hybrid", agreed=(), reason="0 of 2 views match the response"),
        review=Review(answer="wives", reason="only one readable answer"),
    )
    assert list(record.parts()) == ["base", "reasoner", "sceptic", "checker", "reviewer"]
    assert record.answers() == {"base": "wives", "reasoner": None, "sceptic": "wifes", "reviewer": "wives"}
    assert record.view_answers() == {"base": "wives", "reasoning": None, "sceptic": "wifes"}
    assert record.usage == Usage(requests=4)


@pytest.mark.parametrize("outcome", ["cut", "looped", "refused", "filtered"])
def test_a_reply_that_is_no_answer_is_never_the_new_response(outcome: ReplyOutcome) -> None:
    found = unanswered(review=outcome, context=outcome, reasoning=outcome)
    assert found.final is None
    assert found.author is None
    assert to_decision(found, False).agents["reviewer"].outcome == outcome


def test_a_response_in_the_form_of_the_data_takes_the_answers_place() -> None:
    found = relabelled(rewritten="<think>Hm.</think>wives")
    assert found.final == "<think>Hm.</think>wives"
    assert found.before_relabeling().rewritten is None
    assert relabelled(other_form=True).final is None


def test_the_author_of_a_new_response_is_the_last_agent_that_said_it() -> None:
    found = relabelled()
    assert found.context is not None
    assert found.author == found.context, "the reviewer was not asked"
