from agents.agent import Usage
from agents.base import Prediction
from agents.reviewer import Review
from graph.numbering import Numbering
from graph.state import SampleState
from stores.sample import Sample


def sample(response: str, options: tuple[str, ...] = (), name: str = "s") -> Sample:
    return Sample(id=name, prompt=f"Which one, {name}?", response=response, options=options)


def state(response: str, options: tuple[str, ...] = (), base: str | None = None) -> SampleState:
    said = None if base is None else Prediction(answer=base, reply=base, usage=Usage())
    return SampleState(sample=sample(response, options), base=said)


def test_options_that_all_samples_share_are_classes() -> None:
    numbering = Numbering.of([sample("no", ("yes", "no")), sample("yes", ("no", "yes"))])

    assert numbering.shared
    assert numbering.number(state("yes", ("yes", "no")), "Yes.") == numbering.number(state("no"), "yes")
    assert numbering.response(state("no", ("Yes", "No")), numbering.number(state("no"), "yes")) == "Yes"
    assert numbering.size(state("no", ("yes", "no"))) == 2


def test_responses_that_repeat_are_classes() -> None:
    samples = [sample(["spam", "ham"][number % 2], name=str(number)) for number in range(40)]
    numbering = Numbering.of([*samples, sample("neither")])

    assert numbering.shared
    assert {numbering.number(state("spam"), "Spam"), numbering.number(state("spam"), "ham")} == {0, 1}
    assert numbering.number(state("spam"), "neither") == -1
    assert numbering.number(state("ham"), "It is ham.") == numbering.number(state("spam"), "ham")
    assert numbering.number(state("ham"), "It could be spam or ham.") == -1


def test_answers_to_questions_of_their_own_are_told_apart_within_a_sample() -> None:
    numbering = Numbering.of([sample(f"answer {number}", name=str(number)) for number in range(40)])
    asked = state("Paris", base="Rome")

    assert not numbering.shared
    assert numbering.number(asked, "Paris") == 0
    assert numbering.number(asked, "the city of Rome") == 1
    assert numbering.number(asked, "Oslo") == -1
    assert numbering.response(asked, 1) == "Rome"
    assert numbering.response(asked, 7) is None
    assert numbering.named(asked) == 2
    assert numbering.size(asked) > 2


def test_of_wordings_of_one_answer_the_shortest_is_the_response() -> None:
    numbering = Numbering.of([sample(f"answer {number}", name=str(number)) for number in range(40)])
    review = Review(answer="Rome", reason="both answers agree")
    asked = state("Paris", base="The capital of Italy is Rome.").model_copy(update={"review": review})

    assert numbering.number(asked, "The capital of Italy is Rome.") == numbering.number(asked, "Rome") == 1
    assert numbering.response(asked, 1) == "Rome"


def test_options_that_differ_are_told_apart_within_a_sample() -> None:
    first, second = ("dog", "bus"), ("oak", "sea", "sun")
    numbering = Numbering.of([sample("dog", first), sample("sun", second)])

    assert not numbering.shared
    assert numbering.number(state("sun", second), "C") == 2
    assert numbering.size(state("sun", second)) == 3


def test_free_text_is_no_class() -> None:
    long = "A sentence that is too long to be one of a few responses, " * 3
    assert not Numbering.of([sample(long, name=str(number)) for number in range(40)]).shared


def test_a_response_that_is_no_class_is_one_of_its_own() -> None:
    samples = [sample(["spam", "ham"][number % 2], name=str(number)) for number in range(40)]
    numbering = Numbering.of([*samples, sample("neither")])
    rare = state("neither", base="I think it is neither.")

    assert numbering.number(rare, "neither") == numbering.number(rare, "I think it is neither.") == 2
    assert (numbering.size(rare), numbering.size(state("spam"))) == (3, 2)
    assert numbering.response(rare, 2) == "neither"
    assert numbering.number(rare, "It is ham.") == numbering.number(state("spam"), "ham")
    both = state("spam or ham")
    assert numbering.number(both, "spam or ham") == 2
    assert numbering.number(state("no", ("yes", "no")), "perhaps") == -1


def test_a_long_text_among_classes_is_a_stray_and_no_free_text() -> None:
    samples = [sample(["spam", "ham"][number % 2], name=str(number)) for number in range(40)]
    long = "I am a language model and cannot tell what kind of message this might well be."
    numbering = Numbering.of([*samples, sample(long)])

    assert numbering.compares(sample(long))
    assert numbering.number(state(long), long) == 2
    assert numbering.number(state(long), "The message is spam.") == numbering.number(state("ham"), "spam")
    texts = [sample(f"{long} {number}", name=f"long {number}") for number in range(20)]
    assert not Numbering.of([*samples, *texts]).compares(texts[0])


def test_options_that_words_alone_do_not_tell_apart_are_told_by_their_spelling() -> None:
    ratings = ("AA+", "AA", "AA-", "5 %", "5")
    numbering = Numbering.of([sample(rating, ratings, name=rating) for rating in ratings])

    numbers = [numbering.number(state(rating, ratings), rating) for rating in ratings]
    assert len(set(numbers)) == len(ratings)
    assert [numbering.response(state("AA", ratings), number) for number in numbers] == list(ratings)
