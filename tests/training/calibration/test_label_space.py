from agents.agent import Usage
from agents.base import Prediction
from agents.record import SampleRecord
from agents.reviewer import Review
from stores.sample import Sample
from training.calibration.groups import Groups
from training.calibration.label_space import LabelSpace, is_free


def sample(response: str, options: tuple[str, ...] = (), name: str = "s") -> Sample:
    return Sample(id=name, prompt=f"Which one, {name}?", response=response, options=options)


def record(response: str, options: tuple[str, ...] = (), base: str | None = None) -> SampleRecord:
    said = None if base is None else Prediction(answer=base, reply=base, usage=Usage())
    return SampleRecord(sample=sample(response, options), base=said)


def space_of(samples: list[Sample]) -> LabelSpace:
    """Return the label space of the first sample's group."""
    found = Groups.of(samples).space_of(samples[0])
    assert found is not None
    return found


def test_options_that_all_samples_share_are_classes() -> None:
    space = space_of([sample("no", ("yes", "no")), sample("yes", ("no", "yes"))])

    assert space.shared
    assert space.encode(record("yes", ("yes", "no")), "Yes.") == space.encode(record("no"), "yes")
    assert space.decode(record("no", ("Yes", "No")), space.encode(record("no"), "yes")) == "Yes"
    assert space.size(record("no", ("yes", "no"))) == 2


def test_responses_that_repeat_are_classes() -> None:
    samples = [sample(["spam", "ham"][number % 2], name=str(number)) for number in range(40)]
    space = space_of([*samples, sample("neither")])

    assert space.shared
    assert {space.encode(record("spam"), "Spam"), space.encode(record("spam"), "ham")} == {0, 1}
    assert space.encode(record("spam"), "neither") == -1
    assert space.encode(record("ham"), "It is ham.") == space.encode(record("spam"), "ham")
    assert space.encode(record("ham"), "It could be spam or ham.") == -1


def test_answers_to_questions_of_their_own_are_told_apart_within_a_sample() -> None:
    space = space_of([sample(f"answer {number}", name=str(number)) for number in range(40)])
    asked = record("Paris", base="Rome")

    assert not space.shared
    assert space.encode(asked, "Paris") == 0
    assert space.encode(asked, "the city of Rome") == 1
    assert space.encode(asked, "Oslo") == -1
    assert space.decode(asked, 1) == "Rome"
    assert space.decode(asked, 7) is None
    assert space.named_count(asked) == 2
    assert space.size(asked) > 2


def test_of_wordings_of_one_answer_the_shortest_is_the_response() -> None:
    space = space_of([sample(f"answer {number}", name=str(number)) for number in range(40)])
    review = Review(answer="Rome", reason="both answers agree")
    asked = record("Paris", base="The capital of Italy is Rome.").model_copy(update={"review": review})

    assert space.encode(asked, "The capital of Italy is Rome.") == space.encode(asked, "Rome") == 1
    assert space.decode(asked, 1) == "Rome"


def test_options_that_differ_are_told_apart_within_a_sample() -> None:
    first, second = ("dog", "bus"), ("oak", "sea", "sun")
    space = space_of([sample("dog", first), sample("sun", second)])

    assert not space.shared
    assert space.encode(record("sun", second), "C") == 2
    assert space.size(record("sun", second)) == 3


def test_free_text_is_no_class() -> None:
    long = "A sentence that is too long to be one of a few responses, " * 3
    texts = [sample(long, name=str(number)) for number in range(40)]
    assert is_free(texts[0])
    assert Groups.of(texts).space_of(texts[0]) is None


def test_a_response_that_is_no_class_is_one_of_its_own() -> None:
    samples = [sample(["spam", "ham"][number % 2], name=str(number)) for number in range(40)]
    space = space_of([*samples, sample("neither")])
    rare = record("neither", base="I think it is neither.")

    assert space.encode(rare, "neither") == space.encode(rare, "I think it is neither.") == 2
    assert (space.size(rare), space.size(record("spam"))) == (3, 2)
    assert space.decode(rare, 2) == "neither"
    assert space.encode(rare, "It is ham.") == space.encode(record("spam"), "ham")
    both = record("spam or ham")
    assert space.encode(both, "spam or ham") == 2
    assert space.encode(record("no", ("yes", "no")), "perhaps") == -1


def test_a_long_text_among_classes_is_a_wrong_response_and_no_free_text() -> None:
    samples = [sample(["spam", "ham"][number % 2], name=str(number)) for number in range(40)]
    long = "I am a language model and cannot tell what kind of message this might well be."
    space = space_of([*samples, sample(long)])

    assert Groups.of([*samples, sample(long)]).place_of(sample(long)) == 0
    assert space.encode(record(long), long) == 2
    assert space.encode(record(long), "The message is spam.") == space.encode(record("ham"), "spam")
    texts = [sample(f"{long} {number}", name=f"long {number}") for number in range(20)]
    assert Groups.of([*samples, *texts]).space_of(texts[0]) is None


def test_options_that_words_alone_do_not_tell_apart_are_told_by_their_spelling() -> None:
    ratings = ("AA+", "AA", "AA-", "5 %", "5")
    space = space_of([sample(rating, ratings, name=rating) for rating in ratings])

    numbers = [space.encode(record(rating, ratings), rating) for rating in ratings]
    assert len(set(numbers)) == len(ratings)
    assert [space.decode(record("AA", ratings), number) for number in numbers] == list(ratings)


def test_a_sentence_that_names_one_response_of_its_task_alone_is_that_one() -> None:
    places = ["Asia", "Africa", "North America"]
    asked = [
        sample(places[number % 3], name=str(number)).model_copy(update={"task": "continent"})
        for number in range(30)
    ]
    others = [
        sample(f"thing {number}", name=f"o{number}").model_copy(update={"task": "thing"})
        for number in range(30)
    ]
    space = space_of([*asked, *others])

    def given(response: str, said: str) -> SampleRecord:
        of_task = sample(response).model_copy(update={"task": "continent"})
        return SampleRecord(sample=of_task, base=Prediction(answer=said, reply=said, usage=Usage()))

    near = given("Asia", "Mali is a republic in West Africa, south of Algeria")
    assert not space.shared
    assert space.encode(near, "It belongs to Southeast Asia with its islands") == 0
    assert space.encode(near, "Mali is a republic in West Africa, south of Algeria") == 1
    assert space.decode(near, 1) == "Africa"
    assert space.encode(near, "It is not in Asia") == -1
    assert space.encode(near, "South Asia, or maybe West Africa") == -1


def of_many(*, closed: bool = False) -> LabelSpace:
    return LabelSpace([f"card {number}" for number in range(99)], closed=closed)


def test_among_many_classes_what_is_none_has_a_number_of_the_samples_own() -> None:
    space = of_many()
    known = record("refund", base="It is a top up.")

    assert space.many
    assert space.encode(record("card 7"), "card 7") == 7
    assert space.encode(record("card 7"), "It is card 12.") == 12
    assert space.encode(record("card 7"), "card 1 or card 2") == -1
    assert space.encode(known, "refund") == 99
    assert space.encode(known, "It is a top up.") == 100
    assert space.encode(known, "lost") == -1
    assert space.size(known) == 101
    assert [space.decode(known, number) for number in (12, 99, 100, 101)] == [
        "card 12",
        "refund",
        "It is a top up.",
        None,
    ]


def test_a_given_response_that_names_two_of_many_classes_is_one_of_its_own() -> None:
    both = record("card 1 or card 2")
    assert of_many().encode(both, "card 1 or card 2") == 99


def test_among_many_options_nothing_else_can_be_meant() -> None:
    options = tuple(f"card {number}" for number in range(99))
    space, known = of_many(closed=True), record("card 3", options, base="the moon")

    assert space.encode(known, "It is card 4.") == 4
    assert space.encode(known, "the moon") == -1
    assert space.size(known) == 99
    assert space.decode(known, 98) == "card 98"


def test_denied_classes_are_not_meant() -> None:
    assert of_many().encode(record("card 7"), "It is not card 9.") != 9
