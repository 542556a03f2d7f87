from agents.agent import Usage
from agents.record import Consensus, SampleRecord
from agents.relabeler import ContextAnswer
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
