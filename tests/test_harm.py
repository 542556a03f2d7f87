"""The benchmark of harm: what each method does to drawn worlds, in numbers and in words."""

from collections.abc import Sequence
from functools import partial

import numpy
import pytest
from harm import ALL, Draw, measure, report
from worlds.annotators import People, annotate
from worlds.draw import RATES, World, draw, draw_world
from worlds.mixture import Mixture
from worlds.questions import Questions, untold
from worlds.rivals import cleanlab, crowdlab, dawid_skene
from worlds.texts import CONTENTS, Texts, cut, make_bank, pad
from worlds.words import without_options
from worlds.written import NO_RESPONSE, Known, Worded

from training.calibration.arrays import Numbers, Vectors

NAMES = ("negative", "neutral", "positive")
SIZE = 120
OWN = [name for name in ALL if name not in ("cleanlab", "CROWDLAB", "Dawid-Skene")]


def vectors_near(numbers: Numbers, seed: int) -> Vectors:
    """Return vectors in clouds, one a number."""
    random = numpy.random.default_rng(seed)
    found = 2 * numpy.eye(16)[numbers] + random.normal(size=(len(numbers), 16))
    return numpy.asarray(found / numpy.linalg.norm(found, axis=1, keepdims=True), dtype=numpy.float32)


def questions(name: str, size: int, *, shared: bool) -> Questions:
    right = numpy.arange(SIZE) % size
    vectors = vectors_near(right if shared else numpy.zeros(SIZE, dtype=int), seed=size)
    return Questions(name, right, numpy.full(SIZE, size), vectors, shared=shared, placed=not shared)


def classes() -> Worded:
    prompts = tuple(f"What is the sentiment of sentence {row}?" for row in range(SIZE))
    return Worded(questions("classes", 3, shared=True), prompts, (NAMES,) * SIZE, options=False)


def options() -> Worded:
    words = tuple(
        tuple(f"{colour} {row}" for colour in ("red", "blue", "green", "grey")) for row in range(SIZE)
    )
    prompts = tuple(f"Which colour has thing {row}?" for row in range(SIZE))
    return Worded(questions("options", CONTENTS, shared=False), prompts, words, options=True)


def known(*parts: Worded) -> Known:
    return Known(
        {text: one for part in parts for text, one in zip(part.prompts, part.questions.vectors, strict=True)}
    )


def meaning(text: str) -> Vectors:
    """Return a vector that says most of which thing a text is about, and little of its words."""
    found = numpy.zeros(64)
    for word in text.replace("?", " ").replace(".", " ").replace(",", " ").split():
        weight = 4.0 if word.isdigit() else 0.2
        found += weight * numpy.random.default_rng(sum(word.encode())).normal(size=64)
    return numpy.asarray(found / numpy.linalg.norm(found), dtype=numpy.float32)


@pytest.fixture(scope="module")
def pools() -> dict[str, Draw]:
    named, own = classes(), options()
    bank = make_bank(own.questions, own.prompts, own.words)
    encoder = known(named, own)
    return {
        "classes": partial(draw, named.questions),
        "text": Texts(bank, Known({text: meaning(text) for text in bank.texts()})).draw,
        "mixture": Mixture({"classes": named, "options": own, "open": without_options(own)}, encoder).draw,
        "annotators": People({"classes": named._replace(options=True), "options": own}, encoder).draw,
    }


def world(pools: Sequence[str], noise: float, seed: int, **changes: object) -> World:
    return draw_world(list(pools), noise, numpy.random.default_rng(seed))._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["classes", "text", "mixture", "annotators"])
def test_a_drawn_world_has_its_rate_of_noise(pools: dict[str, Draw], name: str) -> None:
    for noise in (0.0, 0.1, 0.5):
        some = world([name], noise, 3, kind="uniform")
        drawn = pools[name](some, SIZE, numpy.random.default_rng(4))
        wrong = (drawn.matrix.given != drawn.right).mean()
        assert wrong == pytest.approx(noise, abs=0.05)


@pytest.mark.parametrize("name", ["text", "mixture", "annotators"])
def test_the_words_of_a_draw_say_its_numbers(pools: dict[str, Draw], name: str) -> None:
    drawn = pools[name](world([name], 0.3, 5, unreadable=0.3), SIZE, numpy.random.default_rng(6))
    assert drawn.written is not None
    for row, (record, names) in enumerate(zip(drawn.written.records, drawn.written.numbers, strict=True)):
        if drawn.matrix.given[row] < CONTENTS:
            assert names[record.sample.response] == drawn.matrix.given[row]
        assert names[drawn.written.reviews[row]] == drawn.review[row]
        assert record.status in ("clean", "noisy")
    assert len({record.sample.id for record in drawn.written.records}) == len(drawn.right)


@pytest.mark.parametrize("name", ["text", "mixture", "annotators"])
def test_every_method_of_ours_is_applied_and_the_same_seed_gives_the_same_runs(
    pools: dict[str, Draw], name: str
) -> None:
    chosen = {name: pools[name]}
    found = measure(chosen, OWN, SIZE, 0, seed=45)
    assert [run.method for run in found] == OWN
    assert found == measure(chosen, OWN, SIZE, 0, seed=45)
    given = found[OWN.index("as given")]
    assert given.change == 0
    assert given.kept == 1
    told = report(found, OWN)
    assert (
        told["noise 30 to 70 %" if RATES[45 % 7] > 0.1 else "noise 0 to 10 %"]["all"]["hybrid"]["runs"] == 1
    )


def test_agents_that_know_all_find_misplaced_responses(pools: dict[str, Draw]) -> None:
    some = world(
        ["text"], 0.3, 7, kind="class", skill=1.0, bias="none", unreadable=0.0, judge=0.6, gullible=0.0
    )
    drawn = pools["text"](some, SIZE, numpy.random.default_rng(8))
    found = ALL["calibrated"](drawn)
    assert found is not None
    wrong = drawn.matrix.given != drawn.right
    assert (found.noisy == wrong).mean() > 0.9


def test_trusted_responses_are_right_and_their_samples_are_left_out(pools: dict[str, Draw]) -> None:
    drawn = pools["mixture"](world(["mixture"], 0.5, 9), SIZE, numpy.random.default_rng(10))
    trusted = numpy.arange(len(drawn.right)) < 20
    vouched = drawn.vouch(trusted)
    assert vouched.written is not None
    found = ALL["calibrated"](vouched)
    assert found is not None
    assert (found.final[trusted] == drawn.right[trusted]).all()
    assert vouched.written.records[0].sample.trusted is not None
    assert vouched.written.records[30].sample.trusted is None


def test_a_response_that_cannot_be_right_has_no_number() -> None:
    pool = Mixture({"options": options()}, known(options()))
    drawn = pool.draw(world(["mixture"], 0.5, 11), SIZE, numpy.random.default_rng(12))
    assert drawn.written is not None
    for record, given in zip(drawn.written.records, drawn.matrix.given, strict=True):
        assert (record.sample.response == NO_RESPONSE) == (given < 0)


def test_people_annotate_one_to_four_at_once_and_the_commonest_response_is_given() -> None:
    pool = classes()
    said = annotate(pool.questions, 0.3, numpy.random.default_rng(13))
    each = (said >= 0).sum(0)
    assert each.min() >= 1
    assert each.max() <= 4
    people = People({"classes": pool}, known(pool))
    drawn = people.draw(world(["annotators"], 0.3, 14), SIZE, numpy.random.default_rng(15))
    assert drawn.written is not None
    for record in drawn.written.records:
        given = [one.response for one in record.sample.annotations]
        assert given.count(record.sample.response) == max(map(given.count, given))


def test_texts_are_cut_and_padded() -> None:
    assert cut("one two three four five") == "one two three"
    assert pad("So it is.").count("So it is.") == 2


def test_rivals_say_where_they_cannot_be_applied(pools: dict[str, Draw]) -> None:
    text = pools["text"](world(["text"], 0.3, 16), SIZE, numpy.random.default_rng(17))
    own = draw(options().questions, world(["options"], 0.3, 18), SIZE, numpy.random.default_rng(19))
    assert cleanlab(text) is crowdlab(text) is dawid_skene(text) is None
    assert cleanlab(own) is crowdlab(own) is None


@pytest.mark.parametrize("name", ["cleanlab", "CROWDLAB"])
def test_rivals_repair_what_prompts_tell_and_leave_other_parts_as_given(
    pools: dict[str, Draw], name: str
) -> None:
    some = world(["classes"], 0.3, 20, kind="uniform", skill=0.8, bias="none")
    drawn = pools["classes"](some, SIZE, numpy.random.default_rng(21))
    found = ALL[name](drawn)
    assert found is not None
    assert (found.final == drawn.right).mean() > 0.75
    mixed = pools["mixture"](world(["mixture"], 0.3, 22), SIZE, numpy.random.default_rng(23))
    judged = ALL[name](mixed)
    assert judged is not None
    others = slice(len(mixed.parts[0].right), None)
    assert (judged.final[others] == mixed.matrix.given[others]).all()


def test_shuffled_responses_are_as_common_as_before() -> None:
    pool = classes().questions
    assert sorted(untold(pool).right.tolist()) == sorted(pool.right.tolist())
