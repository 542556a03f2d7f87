"""A trusted response leaves nothing to decide: what was given says the same, or is wrong for certain."""

import pytest

from agents.checker import Check
from agents.record import SampleRecord
from agents.trusted import is_confirmed, trusted_consensus, with_trust
from stores.sample import Sample
from tests.support.judged_records import relabelled

VOTE = Check(clean=True, policy="calibrated", agreed=("base",), reason="a vote", weights={"base": 1.0})


def sample(response: str, trusted: str | None, **more: object) -> Sample:
    return Sample.model_validate({"id": "s", "prompt": "?", "response": response, "trusted": trusted, **more})


@pytest.mark.parametrize(
    ("response", "trusted", "confirmed"),
    [
        ("4", "4.0", True),
        ("Paris", "paris.", True),
        ("Rome", "Paris", False),
        ("", "Paris", False),
        ("It depends on the year you mean.", "It depends on the year that you mean.", False),
        ("It depends on the year you mean.", "It depends on the year you mean.", True),
    ],
)
def test_a_response_is_confirmed_where_it_says_what_is_trusted(
    response: str, trusted: str, confirmed: bool
) -> None:
    assert is_confirmed(sample(response, trusted)) is confirmed


def test_any_of_several_given_responses_can_be_the_trusted_one() -> None:
    assert is_confirmed(sample("Rome", "Paris", other_responses=("Paris",)))


def test_the_verdict_follows_from_what_is_trusted() -> None:
    right, wrong = with_trust(sample("4", "4"), VOTE), with_trust(sample("5", "4"), VOTE)
    assert (right.clean, right.noise, right.reason, right.weights) == (True, 0.0, "trusted", {})
    assert (wrong.clean, wrong.noise, wrong.reason) == (False, 1.0, "trusted")
    assert right.agreed == ("base",), "what the views say is kept"
    assert with_trust(sample("5", None), VOTE) is VOTE


def test_what_becomes_of_a_trusted_sample_is_known_without_its_agents() -> None:
    clean = SampleRecord(sample=sample("4", "4.0"), failure="ModelCallError: no")
    assert (clean.status, clean.final, clean.trust) == ("clean", "4.0", 1.0)
    replaced = SampleRecord(sample=sample("5", "4"), check=with_trust(sample("5", "4"), VOTE))
    assert (replaced.status, replaced.final, replaced.trust) == ("relabelled", "4", 1.0)
    assert replaced.drop_reason(True) is None
    assert SampleRecord.from_entry(replaced.sample, replaced.to_entry()) == replaced


def test_no_new_answer_takes_the_place_of_a_trusted_one() -> None:
    known = SampleRecord(sample=sample("5", "4"))
    asked = relabelled(known, "7")
    assert asked.final == "4"


def test_a_trusted_response_is_the_consensus() -> None:
    found = trusted_consensus(sample("5", "4"))
    assert found is not None
    assert (found.answer, found.confidence) == ("4", 1.0)
    assert trusted_consensus(sample("5", None)) is None
