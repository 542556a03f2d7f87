"""A sample's record: who was asked, what was answered, and how sure its new response is."""

from agents.agent import AnswerRecord, Usage
from agents.base import Prediction
from agents.checker import Check
from agents.reasoner import Turn
from agents.record import Consensus, SampleRecord
from agents.relabeler import ContextAnswer
from agents.reviewer import Review
from stores.sample import Sample

SAMPLE = Sample(id="1", prompt="What is the plural of wife?", response="dishes")


def concluded(confidence: float, log_probability: float) -> float:
    context = ContextAnswer(
        neighbours=(), answer="wives", reply="wives", log_probabilities=(log_probability,), usage=Usage()
    )
    consensus = Consensus(answer="wives", confidence=confidence)
    found = SampleRecord(sample=SAMPLE, context=context, consensus=consensus).uncertainty
    assert found is not None
    return found


def test_of_equal_confidences_the_lower_entropy_is_surer() -> None:
    assert concluded(0.97, -0.01) < concluded(0.97, -0.5) < concluded(0.97, -20.0)


def test_no_entropy_outweighs_a_confidence() -> None:
    assert concluded(0.999999, -20.0) < concluded(0.999998, -0.0)
    assert concluded(1.0, -20.0) < concluded(0.999999, -0.0)


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
        check=Check(reliable=False, policy="hybrid", agreed=(), reason="0 of 2 views match the response"),
        review=Review(answer="wives", reason="only one readable answer"),
    )
    assert list(record.parts()) == ["base", "reasoner", "sceptic", "checker", "reviewer"]
    assert record.answers() == {"base": "wives", "reasoner": None, "sceptic": "wifes", "reviewer": "wives"}
    assert record.view_answers() == {"base": "wives", "reasoning": None, "sceptic": "wifes"}
    assert record.usage == Usage(requests=4)
