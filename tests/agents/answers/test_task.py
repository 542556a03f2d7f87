"""The task tells the kind of the answers, and no response alone."""

import pytest

from agents.answers.task import count_kinds
from stores.sample import Sample


def sample(response: str, task: str | None = None, kind: str | None = None) -> Sample:
    return Sample(id=response, prompt="?", response=response, task=task, kind=kind)


def test_an_odd_response_among_numbers_is_a_number() -> None:
    samples = [sample("4"), sample("7"), sample("I do not know."), sample("9")]
    assert {count_kinds(samples).kind(one) for one in samples} == {"number"}


def test_every_task_has_a_kind_of_its_own() -> None:
    samples = [sample("4", "sums"), sample("5", "sums"), sample("Rome", "towns"), sample("Oslo", "towns")]
    assert [count_kinds(samples).kind(one) for one in samples] == ["number", "number", "short", "short"]


def test_noise_of_many_forms_does_not_outvote_a_task() -> None:
    noise = [
        "Oslo",
        "2001-05-06",
        "red, green, blue",
        "x^2",
        "A long text that tells of no number whatever.",
    ]
    samples = [*map(sample, ("1", "2", "3", "4")), *map(sample, noise)]
    assert count_kinds(samples).kind(samples[-1]) == "number"


def test_where_no_kind_is_clear_a_response_tells_its_own() -> None:
    samples = [
        sample("4"),
        sample("Rome"),
        sample("2001-05-06"),
        sample("A text of eight words, none a number."),
    ]
    kinds = count_kinds(samples)
    assert [kinds.kind(one) for one in samples] == ["number", "short", "date", "free"]


def test_kinds_that_are_known_already_tell_those_of_further_samples() -> None:
    samples = [sample("4"), sample("I do not know."), sample("9")]
    kinds = count_kinds(samples)
    known = [one.model_copy(update={"kind": kinds.kind(one)}) for one in samples]
    assert count_kinds(known).kind(sample("Nobody can tell.")) == "number"


def test_a_named_kind_holds_and_an_unknown_one_is_refused() -> None:
    kinds = count_kinds([])
    assert kinds.kind(sample("4", kind="short")) == "short"
    with pytest.raises(ValueError, match="none of choice"):
        kinds.kind(sample("4", kind="poem"))
