"""What is said of verdicts that cannot be taken as they are."""

import pytest

from training.calibration.cautions import Verdicts, caution_of_texts, cautions


def test_nothing_is_said_of_a_model_that_knows_more_than_the_responses() -> None:
    assert cautions(Verdicts(0.3, (0.25, 0.35), {"base": 0.9, "reasoning": 0.92, "prompts": 0.6})) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            Verdicts(0.2, (0.01, 0.45), {"base": 0.8}),
            "1% to 45% may be, and noise probabilities may be off by 25 points in the mean",
        ),
        (Verdicts(0.6, (0.55, 0.65), {"base": 0.8}), "most responses (60%) seem to be wrong"),
        (Verdicts(0.05, (0.01, 0.1), {"base": 0.5}), "right more often (95%) than the model's answers (50%)"),
        (Verdicts(0.3, (0.25, 0.35), {"base": 0.7, "prompts": 0.8}), "a vote of similar prompts (80%)"),
    ],
)
def test_each_caution_says_what_was_found_and_what_to_do(found: Verdicts, words: str) -> None:
    [said] = cautions(found)

    assert words in said
    assert "check some" in said or "Take a larger model" in said or "take a larger model" in said


def test_annotators_that_count_for_nothing_are_told_with_what_to_do() -> None:
    sure = Verdicts(0.3, (0.25, 0.35), {"base": 0.9})
    assert cautions(sure) == []
    [said] = cautions(sure._replace(left_out=1234))
    assert said.startswith("1,234 annotators with the fewest annotations")
    assert "1,000 can be known: give those with few one name" in said


def test_without_agents_the_model_is_not_spoken_of() -> None:
    assert cautions(Verdicts(0.05, (0.01, 0.1), {"prompts": 0.9})) == []


def test_many_texts_unlike_the_answers_are_said_to_tell_nothing_of_who_errs() -> None:
    [said] = caution_of_texts(0.41)

    assert "41% of the free texts are unlike the model's answers" in said
    assert "look at some" in said
    assert caution_of_texts(0.1) == []
