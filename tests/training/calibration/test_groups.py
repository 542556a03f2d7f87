"""Which samples are one group, told from their options, tasks, kinds of answers and repeats."""

from collections.abc import Sequence

import numpy
import pytest

from stores.sample import Sample
from training.calibration import priors
from training.calibration.groups import Groups

LONG = (
    "A text that is far too long to be one of a few short responses to anything that anybody asked, number {}"
)


def sample(name: str, response: str, *, options: Sequence[str] = (), task: str | None = None) -> Sample:
    return Sample(id=name, prompt=f"Prompt {name}?", response=response, options=tuple(options), task=task)


def repeated(size: int, responses: Sequence[str], *, task: str | None = None) -> list[Sample]:
    return [
        sample(f"{task}{responses[0]}{row}", responses[row % len(responses)], task=task)
        for row in range(size)
    ]


def different(size: int, *, task: str | None = None, text: str = "thing{}") -> list[Sample]:
    return [sample(f"{task}{text[:5]}{row}", text.format(row), task=task) for row in range(size)]


def found(samples: Sequence[Sample]) -> dict[str, int]:
    """By the name of each group, its size."""
    return {group.name: group.size for group in Groups.of(samples).groups}


def test_an_option_set_is_a_group_whatever_the_order_and_the_spelling() -> None:
    samples = [
        sample(f"{row}", "yes", options=[("yes", "no"), ("No", "yes"), ("YES", "no.")][row % 3])
        for row in range(60)
    ]
    assert list(found(samples).values()) == [60]
    assert Groups.of(samples).choices(samples[0]) == 2


def test_small_option_sets_have_options_of_their_own() -> None:
    large = [sample(f"l{row}", "yes", options=("yes", "no")) for row in range(60)]
    small = [sample(f"s{row}", "a", options=("a", "b", "c")) for row in range(20)]
    single = [sample(f"o{row}", f"a{row}", options=(f"a{row}", "b")) for row in range(15)]

    assert found([*large, *small, *single]) == {"options no, yes": 60, "options of their own": 35}


def test_no_more_option_sets_than_can_be_learned_of_are_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priors, "MOST_GROUPS", 2)
    sets = [
        sample(f"{number}-{row}", "a", options=("a", f"b{number}"))
        for number in range(4)
        for row in range(60 + number)
    ]
    assert found(sets) == {"options a, b3": 63, "options a, b2": 62, "options of their own": 121}


def test_tasks_are_told_apart_and_small_ones_are_pooled() -> None:
    samples = [
        *repeated(90, ("ham", "spam"), task="mail"),
        *different(80, task="names"),
        *different(20, task="few"),
        *repeated(20, ("on", "off"), task="switch"),
    ]
    assert found(samples) == {
        "classes of mail": 90,
        "open prompts of names": 80,
        "open prompts of small tasks": 40,
    }


def test_kinds_of_answers_are_told_apart_where_no_task_says_so() -> None:
    samples = [*repeated(300, ("good", "bad", "so so")), *different(90, text="{}17")]
    assert found(samples) == {"classes": 300, "open prompts": 90}


def test_classes_of_two_kinds_are_one_group() -> None:
    assert found(repeated(400, ("1", "2", "unknown"))) == {"classes": 400}


@pytest.mark.parametrize(
    ("odd", "classes"), [(0.0, True), (0.11, True), (0.25, True), (0.32, True), (0.5, False), (0.9, False)]
)
def test_as_many_odd_responses_as_there_may_be_leave_the_classes(odd: float, classes: bool) -> None:
    some = round(500 * odd)
    samples = [*repeated(500 - some, ("good", "bad")), *different(some)]
    (group,) = Groups.of(samples).groups

    assert group.nature == ("classes" if classes else "open")


@pytest.mark.parametrize("largest", [100, 1000])
def test_numbers_that_happen_to_repeat_are_no_classes(largest: int) -> None:
    drawn = numpy.random.default_rng(0).integers(1, largest, 500)
    samples = [sample(str(row), str(number)) for row, number in enumerate(drawn)]

    assert found(samples) == {"open prompts": 500}


def test_free_text_is_grouped_by_task_and_a_little_of_it_among_classes_is_odd() -> None:
    mail = repeated(300, ("ham", "spam"), task="mail")
    few, many = different(10, task="mail", text=LONG), different(90, task="talk", text=LONG)

    groups = Groups.of([*mail, *few, *many])

    assert {group.name: group.size for group in groups.groups} == {
        "classes of mail": 300,
        "free text of talk": 90,
    }
    assert groups.place_of(few[0]) == groups.place_of(mail[0])


def test_an_empty_response_goes_where_its_task_goes() -> None:
    samples = [*repeated(100, ("ham", "spam")), sample("empty", " ")]
    groups = Groups.of(samples)

    assert groups.place_of(samples[-1]) == groups.place_of(samples[0])


def test_a_sample_that_comes_later_finds_its_group_or_none() -> None:
    groups = Groups.of([*repeated(100, ("ham", "spam"), task="mail"), *different(20, task="few")])

    assert groups.place_of(sample("new", "never seen", task="mail")) == 0
    assert groups.place_of(sample("new", "never seen", task="new")) == 1
    assert groups.place_of(sample("new", "a", options=("a", "b"))) is None
    assert groups.space_of(sample("new", LONG.format(1))) is None
    assert groups.choices(sample("new", "a", options=("a", "b"))) == 2


def test_the_order_of_the_samples_changes_no_group() -> None:
    spelt = [sample(f"x{row}", ("Ham", "ham", "HAM ")[row % 3]) for row in range(60)]
    samples = [*spelt, *repeated(60, ("spam",)), *different(20)]
    back = Groups.of(samples[::-1])

    assert [group.space.classes for group in back.groups if group.space] == [("HAM ", "spam")]
    assert [group.space.classes for group in Groups.of(samples).groups if group.space] == [("HAM ", "spam")]


def test_no_samples_are_no_group() -> None:
    assert len(Groups.of([])) == 0


def test_a_name_is_short_and_unlike_the_others() -> None:
    tasks = [f"{'x' * 60}{number}" for number in range(2)]
    names = list(found([one for task in tasks for one in repeated(60, ("a1", "b1"), task=task)]))

    assert len(set(names)) == 2
    assert all(len(name) < 50 for name in names)


def test_copies_found_no_group_and_no_class_but_are_counted() -> None:
    others = repeated(60, ["yes", "no"])
    flood = [Sample(id=f"c{row}", prompt="Is it so?", response="perhaps") for row in range(40)]
    groups = Groups.of([*others, *flood])
    assert [group.size for group in groups.groups] == [100]
    assert groups.space_of(others[0]) is not None
    assert groups.choices(others[0]) == 2

    options = [Sample(id=f"o{row}", prompt="Which?", response="a", options=("a", "b")) for row in range(60)]
    own = [sample(f"s{row}", "x", options=("x", f"y{row}")) for row in range(60)]
    assert found([*own, *options]) == {"options of their own": 120}


def test_copies_of_free_text_and_of_open_answers_are_counted() -> None:
    texts = different(30, text=LONG)
    answers = different(60)
    groups = Groups.of([*texts, *answers, *[texts[0].model_copy(update={"id": "t"})] * 9])
    assert sorted(group.size for group in groups.groups) == [39, 60]
