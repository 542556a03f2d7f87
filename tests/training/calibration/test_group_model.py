"""What a group's model makes of the group's samples, and where it draws the line."""

from unittest.mock import patch

import numpy
import pytest

from agents.record import Consensus, SampleRecord
from stores.sample import Annotation
from tests.support.drawn_records import LookedUp, choices, recorded, texts
from training.calibration.group_model import (
    GroupModel,
    consensus_of,
    learn_label_model,
    learn_similarity,
    similarities_of,
)
from training.calibration.label_matrix import label_matrix
from training.calibration.label_model import Estimate, LabelModel
from training.calibration.label_space import LabelSpace
from training.calibration.measures import Measures

VIEWS = ("base", "reasoning")


@pytest.mark.parametrize(("people", "tells"), [(1, False), (2, True)])
def test_without_agents_only_people_who_can_be_compared_tell_anything(people: int, tells: bool) -> None:
    records = []
    for row in range(30):
        known = recorded(f"s{row}", "a", [None, None], options=("a", "b"))
        said = tuple(Annotation(annotator=f"p{place}", response="a") for place in range(people))
        sample = known.sample.model_copy(update={"annotations": said})
        records.append(known.model_copy(update={"sample": sample}))
    space = LabelSpace()

    model = learn_label_model(label_matrix(records, space, VIEWS), space, 30, None)

    assert (model.label is not None) == tells


def test_a_group_in_which_nobody_says_anything_readable_is_silent() -> None:
    records = [recorded(f"s{row}", "a", [None, None], options=("a", "b")) for row in range(30)]
    space = LabelSpace()

    model = learn_label_model(label_matrix(records, space, VIEWS), space, 1234, None)

    assert model.silence.startswith("no agent and no judge gave a readable answer to 1,234 samples")
    assert model.noise_rate is None
    assert model.judge(records, VIEWS, None, None) is None


def test_what_was_learned_is_said_of_each_sample_alone() -> None:
    records, space = choices(200), LabelSpace()
    model = learn_label_model(label_matrix(records, space, VIEWS), space, 200, None)

    together = model.judge(records, VIEWS, None, None)
    alone = model.judge(records[7:8], VIEWS, None, None)

    assert together is not None
    assert alone is not None
    assert together.noise[7] == alone.noise[0] == round(float(together.noise[7]), 6)
    assert together.noise.mean() == pytest.approx(model.noise_rate, abs=1e-6)
    assert {"label", "agents"} <= set(together.weights)


def test_a_threshold_that_was_asked_for_is_kept() -> None:
    records, space = choices(60), LabelSpace()
    assert learn_label_model(label_matrix(records, space, VIEWS), space, 60, 0.9).threshold == 0.9


def test_an_empty_text_is_wrong_and_teaches_nothing() -> None:
    records = [*texts(60), recorded("empty", " ", ["a", "b"])]
    similar = Measures(LookedUp()).measure(records, [one.sample.response for one in records], VIEWS)
    empty = numpy.array([not one.sample.says_something for one in records])

    model = learn_similarity(similar, numpy.full(61, -1), empty, None)

    assert model.similarity is not None
    judged = model.judge(records[59:], VIEWS, None, similar[59:])
    assert judged is not None
    assert judged.noise[1] == 1


def test_too_little_free_text_is_left_to_the_judge() -> None:
    model = learn_similarity(numpy.zeros((3, 3)), numpy.full(3, -1), numpy.zeros(3, dtype=bool), None)

    assert model.silence == "too few free-text samples (3 < 20) to calibrate: the judge decides"


def test_similarities_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="are needed"):
        similarities_of(texts(2), VIEWS, numpy.zeros((2, 2)))
    with pytest.raises(ValueError, match="no label model"):
        GroupModel(None).estimate(texts(2), VIEWS, None)


def test_no_answer_is_no_consensus() -> None:
    assert consensus_of(None, 1.0) is consensus_of("", 1.0) is None
    found = consensus_of("yes", 0.12345678)
    assert found is not None
    assert found.confidence == 0.123457


def concluded(space: LabelSpace, record: SampleRecord, *posterior: float) -> Consensus:
    """Return what becomes of a noisy sample whose responses are so likely right."""
    estimated = Estimate(numpy.array([posterior]), numpy.zeros(1), {}, {})
    with patch.object(LabelModel, "estimate", lambda *_: estimated):
        [found] = GroupModel(space, LabelModel({}, False, 0, None)).conclude([record], VIEWS, None, [True])
    assert found is not None
    return found


@pytest.mark.parametrize(("sure", "answer"), [(0.9, "b"), (0.7, "a")])
def test_a_response_is_replaced_only_where_the_new_one_is_sure(sure: float, answer: str) -> None:
    """What is not replaced keeps its own low confidence, by which selection leaves it out."""
    found = concluded(LabelSpace(("a", "b")), recorded("s", "a", ["b", "b"]), 1 - sure, sure)
    assert found.answer == answer
    assert found.confidence == pytest.approx(sure if answer == "b" else 1 - sure)


@pytest.mark.parametrize("likely", [0.6, 0.3])
def test_a_response_that_stays_keeps_its_own_words(likely: float) -> None:
    record = recorded("s", "It is Rome.", ["Rome", "Oslo"])
    assert concluded(LabelSpace(), record, likely, 1 - likely).answer == "It is Rome."
    spelt = recorded("s", "The ROME!", ["rome", "oslo"])
    assert concluded(LabelSpace(("rome", "oslo")), spelt, likely, 1 - likely).answer == "The ROME!"


def test_a_response_that_is_none_of_the_options_is_replaced_by_the_likeliest_however_unsure() -> None:
    record = recorded("s", "the moon", ["oak", None], options=("oak", "sea"))
    found = concluded(LabelSpace(), record, 0.55, 0.45)
    assert (found.answer, found.confidence) == ("oak", 0.55)
