import math
import time
from collections import Counter
from typing import get_args

import pytest
from langchain_core.embeddings import Embeddings

from agents.answers.kind import answer_kind
from stores.errors import InputError
from stores.sample import Sample
from training.noise import ENCODED, NoiseError, NoiseKind, inject_noise

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
        answer_kind(sample.gold, sample.options).agree(sample.response, sample.gold, sample.options)
        is not True
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


KINDS: tuple[NoiseKind, ...] = get_args(NoiseKind)
MOODS = ("bad", "so-so", "good")


class ByNumber(Embeddings):
    """Questions are as similar as the numbers in them are near: points on a circle."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        (number,) = (int(word) for word in text.replace("?", " ").split() if word.isdigit())
        return [math.cos(number / 200), math.sin(number / 200)]


def moods(count: int) -> list[Sample]:
    return [
        Sample(id=f"m{index}", prompt=f"How is day {index} ?", response=MOODS[index // 7 % 3], options=MOODS)
        for index in range(count)
    ]


def changed(samples: list[Sample]) -> list[int]:
    return [index for index, sample in enumerate(samples) if wrong(sample)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [capitals(60), moods(60)], ids=["short", "choice"])
def test_every_kind_makes_exactly_the_rate_wrong_and_the_same_again(
    kind: NoiseKind, samples: list[Sample]
) -> None:
    noisy = inject_noise(samples, 0.3, 5, kind, ByNumber())
    assert len(changed(noisy)) == 18
    assert [sample.gold for sample in noisy] == [sample.response for sample in samples]
    assert noisy == inject_noise(samples, 0.3, 5, kind, ByNumber())


def test_a_burst_is_one_block() -> None:
    at = changed(inject_noise(moods(60), 0.3, 0, "burst"))
    assert at == list(range(at[0], at[0] + 18)) or {0, 59} <= set(at)


def test_class_noise_takes_one_label_to_its_neighbour_before_the_next() -> None:
    noisy = inject_noise(moods(60), 0.3, 3, "class")
    moves = Counter((sample.gold, sample.response) for sample in noisy if wrong(sample))
    assert len(moves) == 1
    ((before, after),) = moves
    assert MOODS.index(str(after)) == (MOODS.index(str(before)) + 1) % 3


def test_systematic_noise_is_one_rule_for_the_questions_nearest_to_one() -> None:
    noisy = inject_noise(capitals(60), 0.3, 2, "systematic", ByNumber())
    at = changed(noisy)
    assert at == list(range(at[0], at[0] + 18))
    rule = {(noisy[index].gold, noisy[index].response) for index in at}
    assert len(rule) == len(CITIES)


def test_neighbour_noise_is_the_response_to_a_similar_question() -> None:
    noisy = inject_noise(moods(60), 0.3, 1, "neighbour", ByNumber())
    # Seven days in a row share a mood, so the nearest other mood is at most seven days away.
    for index in changed(noisy):
        near = {MOODS[at // 7 % 3] for at in range(max(0, index - 7), min(60, index + 8))}
        assert noisy[index].response in near


def test_truncated_and_garbled_responses_keep_letters_of_the_right_one() -> None:
    for sample in inject_noise(capitals(60), 0.3, 1, "truncated"):
        assert (sample.gold or "").startswith(sample.response)
    for sample in inject_noise(capitals(60), 0.3, 1, "garbled"):
        assert sorted(sample.response) == sorted(sample.gold or "")


def test_off_topic_responses_answer_something_else() -> None:
    kinds = [*capitals(30), *(sample.model_copy(update={"id": f"x{sample.id}"}) for sample in moods(30))]
    for sample in inject_noise(kinds, 0.5, 1, "off-topic"):
        if wrong(sample):
            assert (sample.response in MOODS) == (not sample.options)
    # Where all questions are of a kind, it is the words of another question.
    alone = [sample for sample in inject_noise(moods(30), 0.5, 1, "off-topic") if wrong(sample)]
    assert all(sample.response.startswith("How is day") for sample in alone)


@pytest.mark.parametrize("kind", sorted(ENCODED))
def test_similar_questions_need_an_encoder(kind: NoiseKind) -> None:
    with pytest.raises(NoiseError, match="encoder"):
        inject_noise(capitals(10), 0.3, 0, kind)
