import time
from collections import Counter

import pytest

from agents.answers import agree, kind_of
from stores.errors import InputError
from stores.sample import Sample
from training.noise import NoiseError, inject_noise

CITIES = ["Paris", "Tokyo", "Rome", "Madrid", "Cairo", "Lima", "Oslo", "Havana", "Santiago", "Tehran"]


def capitals(count: int, task: str | None = "capitals") -> list[Sample]:
    return [
        Sample(
            id=f"c{index}",
            prompt=f"What is capital {index}?",
            response=CITIES[index % len(CITIES)],
            task=task,
        )
        for index in range(count)
    ]


def wrong(sample: Sample) -> bool:
    assert sample.gold is not None
    return (
        agree(sample.response, sample.gold, kind_of(sample.gold, sample.options), sample.options) is not True
    )


@pytest.mark.parametrize(
    ("n", "rate", "expected"),
    [(10, 0.15, 2), (10, 0.25, 3), (10, 0.35, 4), (100, 0.29, 29), (7, 0.5, 4), (10, 0, 0), (10, 1, 10)],
)
def test_exactly_the_rate_rounded_half_up_is_made_wrong(n: int, rate: float, expected: int) -> None:
    assert sum(map(wrong, inject_noise(capitals(n), rate, seed=0))) == expected


def test_order_and_ids_stay_and_gold_is_the_right_response() -> None:
    samples = capitals(30)
    noisy = inject_noise(samples, 0.5, seed=1)
    assert [sample.id for sample in noisy] == [sample.id for sample in samples]
    assert [sample.gold for sample in noisy] == [sample.response for sample in samples]
    assert all(after.response == after.gold for after in noisy if not wrong(after))


def test_the_same_seed_gives_the_same_noise_and_another_seed_another() -> None:
    samples = capitals(50)
    assert inject_noise(samples, 0.3, seed=7) == inject_noise(samples, 0.3, seed=7)
    assert inject_noise(samples, 0.3, seed=7) != inject_noise(samples, 0.3, seed=8)


def test_gold_in_the_data_is_kept_and_noise_that_was_there_does_not_add_to_the_rate() -> None:
    samples = [
        sample.model_copy(update={"response": "London", "gold": sample.response}) for sample in capitals(20)
    ]
    noisy = inject_noise(samples, 0.25, seed=0)
    assert [sample.gold for sample in noisy] == [sample.gold for sample in samples]
    assert sum(map(wrong, noisy)) == 5


def test_multiple_choice_gets_each_other_option_about_as_often() -> None:
    options = ("red", "green", "blue", "grey")
    samples = [Sample(id=str(i), prompt=f"Colour {i}?", response="blue", options=options) for i in range(600)]
    counts = Counter(sample.response for sample in inject_noise(samples, 1, seed=0))
    assert set(counts) == {"red", "green", "grey"}
    assert all(150 < count < 250 for count in counts.values())


def test_a_wrong_response_comes_from_the_same_task() -> None:
    plurals = [
        Sample(id=f"p{i}", prompt=f"What is plural {i}?", response=word, task="plurals")
        for i, word in enumerate(["mice", "geese", "feet", "teeth"])
    ]
    noisy = inject_noise([*capitals(10), *plurals], 1, seed=3)
    assert {sample.response for sample in noisy[:10]} <= set(CITIES)
    assert {sample.response for sample in noisy[10:]} <= {"mice", "geese", "feet", "teeth"}


def test_without_a_task_it_comes_from_a_question_of_the_same_form_and_kind() -> None:
    numbers = [Sample(id=f"n{i}", prompt=f"What is 3 plus {i}?", response=str(3 + i)) for i in range(5)]
    verbs = [
        Sample(id=f"v{i}", prompt=f"Name the past of {i}.", response=w) for i, w in enumerate(["ran", "ate"])
    ]
    noisy = inject_noise([*capitals(10, task=None), *numbers, *verbs], 1, seed=3)
    assert {sample.response for sample in noisy[:10]} <= set(CITIES)
    assert {sample.response for sample in noisy[10:15]} <= {"3", "4", "5", "6", "7"}
    assert [sample.response for sample in noisy[15:]] == ["ate", "ran"]


def test_a_response_that_says_the_same_in_other_words_is_never_taken_for_wrong() -> None:
    said = ["Paris", "paris.", "It is Paris", "Rome"]
    samples = [
        Sample(id=str(i), prompt=f"Which city {i}?", response=text, task="t") for i, text in enumerate(said)
    ]
    noisy = inject_noise(samples, 1, seed=0)
    assert [sample.response for sample in noisy[:3]] == ["Rome", "Rome", "Rome"]


def test_a_sample_without_a_wrong_response_is_skipped_for_another() -> None:
    stuck = [Sample(id=f"s{i}", prompt="Pick?", response="x", options=("x",)) for i in range(5)]
    noisy = inject_noise([*stuck, *capitals(5)], 0.5, seed=0)
    assert [wrong(sample) for sample in noisy] == [False] * 5 + [True] * 5


def test_too_few_samples_that_can_be_made_wrong_is_a_typed_error() -> None:
    samples = [Sample(id=str(i), prompt=f"Is it {i}?", response="yes") for i in range(4)]
    with pytest.raises(NoiseError, match=r"2 of 4 samples .* for 0 only") as caught:
        inject_noise(samples, 0.5, seed=0)
    assert isinstance(caught.value, InputError)


@pytest.mark.parametrize("rate", [-0.1, 1.01, float("nan")])
def test_a_rate_outside_its_bounds_is_a_typed_error(rate: float) -> None:
    with pytest.raises(NoiseError, match="between 0 and 1"):
        inject_noise(capitals(3), rate, seed=0)


def test_no_samples_give_no_samples() -> None:
    assert inject_noise([], 0.5, seed=0) == []


def test_ten_times_the_samples_take_about_ten_times_as_long() -> None:
    def seconds(count: int) -> float:
        # The worst case: every response is different, and one pool holds them all.
        samples = [Sample(id=str(i), prompt=f"What is {i}?", response=f"thing {i}") for i in range(count)]
        start = time.process_time()
        inject_noise(samples, 0.5, seed=0)
        return time.process_time() - start

    seconds(100)
    assert seconds(10_000) < 40 * max(seconds(1_000), 0.01)
