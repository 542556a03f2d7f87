"""Copies of a sample count once, however they are spelt."""

import numpy
import pytest

from agents.record import SampleRecord
from stores.sample import Annotation, Sample
from training.calibration.copies import copy_key, first_of_copies, without_near_copies, words_of
from training.calibration.hashes import fold_of
from training.calibration.label_matrix import label_matrix
from training.calibration.label_space import LabelSpace

FIRST = Sample(id="a", prompt="Is it cold in Oslo?", response="yes")


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        ("is it cold in Oslo ???", "Yes"),
        ("Is it cold in Oslo? Oslo!", " y e s "),
        ("\u200bIs it co\u200bld in Oslo?", "ye\u2060s"),
    ],
)
def test_the_same_words_with_the_same_response_are_copies(prompt: str, response: str) -> None:
    assert copy_key(FIRST.model_copy(update={"prompt": prompt, "response": response})) == copy_key(FIRST)


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "Is it cold in Bergen?"},
        {"prompt": "Is Oslo in it cold?"},
        {"response": "no"},
        {"response": "yes-"},
        {"options": ("yes", "no")},
        {"task": "weather"},
        {"trusted": "yes"},
        {"annotations": (Annotation(annotator="ann", response="yes"),)},
    ],
)
def test_what_says_something_else_is_no_copy(changes: dict[str, object]) -> None:
    assert copy_key(FIRST.model_copy(update=changes)) != copy_key(FIRST)


def test_prompts_without_words_are_compared_as_they_are() -> None:
    plus, minus = (FIRST.model_copy(update={"prompt": text}) for text in ("+ +", "- -"))
    assert words_of(plus) != words_of(minus)


def test_the_first_of_copies_stands_for_all() -> None:
    places, counts = first_of_copies(numpy.array([7, 3, 7, 7, 5]))
    assert places.tolist() == [0, 1, 4]
    assert counts.tolist() == [3, 1, 1]


def in_circle(angles: list[float]) -> numpy.ndarray:
    turned = numpy.array(angles)
    return numpy.column_stack([numpy.cos(turned), numpy.sin(turned)]).astype(numpy.float32)


def test_prompts_far_nearer_than_usual_with_one_response_are_near_copies() -> None:
    angles = [0.0, 0.5, 1.0, 1.5, 2.0, 1.01, 1.02]
    alike = numpy.zeros(7, dtype=int)
    assert without_near_copies(in_circle(angles), alike).tolist() == [0, 1, 2, 3, 4]
    assert without_near_copies(in_circle(angles), numpy.array([0, 0, 0, 0, 0, 1, 2])).tolist() == list(
        range(7)
    )


def test_where_all_prompts_are_as_near_none_is_a_copy() -> None:
    angles = [0.02 * step for step in range(30)]
    assert len(without_near_copies(in_circle(angles), numpy.zeros(30, dtype=int))) == 30


def test_vectors_that_are_all_the_same_are_kept() -> None:
    same = numpy.zeros(5, dtype=int)
    assert len(without_near_copies(in_circle([1.0] * 5), same)) == 5
    assert len(without_near_copies(in_circle([1.0]), same[:1])) == 1


def test_all_copies_of_a_prompt_are_in_one_fold_whatever_their_response() -> None:
    other = FIRST.model_copy(update={"id": "b", "prompt": "is it cold in Oslo", "response": "no"})
    folds = label_matrix([SampleRecord(sample=FIRST), SampleRecord(sample=other)], LabelSpace(), ()).folds
    assert folds is not None
    assert folds.tolist() == [fold_of(words_of(FIRST))] * 2
