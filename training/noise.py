"""Put wrong responses into clean data at an exact rate, to measure what finds them (paper section 4).

The paper's noise is uniform. Real noise is not: a class drifts to its neighbour, one annotator has a bad day,
a rule is wrong for one topic, responses are cut off or belong to another prompt.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

from agents.answers.kind import sample_kind
from agents.answers.words import normalise
from stores.counts import counted
from stores.errors import InputError
from stores.sample import Sample
from training.likeness import Vectors, by_likeness, embed_prompts, most_alike
from training.metrics import says_gold

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

NoiseKind = Literal[
    "uniform", "class", "neighbour", "systematic", "truncated", "garbled", "off-topic", "burst"
]
"""uniform: any other response. class: one class after another drifts to the next. neighbour: the response to
a similar prompt. systematic: the next class, for the prompts most like one of them. truncated: the first half
of the right response. garbled: its letters in another order. off-topic: a response to a prompt of another
kind. burst: any other response, for one block of the file."""

ENCODED: frozenset[NoiseKind] = frozenset({"neighbour", "systematic"})
"""The kinds that need to know which prompts are similar."""

# A pool is searched in full up to this many different responses and drawn from at random beyond it, so that
# the work stays linear in the samples.
_DRAWS = 64
_OFF_TOPIC_WORDS = 12

_Key = tuple[str, ...]


class NoiseError(InputError):
    """The noise asked for cannot be made from these samples."""


class _Pool(NamedTuple):
    """Responses that may stand in for each other, and the place of each by what it says."""

    responses: list[str]
    places: dict[str, int]


_Pools = dict[_Key, _Pool]


class _Plan(NamedTuple):
    """Whom to give a wrong response first, and which: None where there is none for a sample."""

    order: Sequence[int]
    wrong: Callable[[int], str | None]


def inject_noise(
    samples: Sequence[Sample],
    rate: float,
    seed: int,
    kind: NoiseKind = "uniform",
    encoder: "Embeddings | None" = None,
) -> list[Sample]:
    """Give exactly rate * n samples, rounded half up, a wrong response; the others get their right one.

    Another response of uniform noise is another option for multiple choice, else the right response of
    another sample: one of the same task, else one to a prompt of the same form, else one of the same kind,
    else any. The same arguments always give the same result.

    Args:
        samples: the data. A sample's right response is its gold, or its response where it has no gold.
        rate: the share to make wrong, 0 to 1.
        seed: which samples, and which wrong responses.
        kind: how they are wrong.
        encoder: tells which prompts are similar, for the kinds that need it (`ENCODED`).

    Returns:
        The samples in their order, each with its right response as `gold`.

    Raises:
        NoiseError: the rate is not between 0 and 1, or too few samples can be made wrong.
    """
    if not 0 <= rate <= 1:
        raise NoiseError(f"the noise rate is {rate}; it must be between 0 and 1")
    # Not `round`: it rounds a half to the even number, and 0.15 * 10 is not exact in binary.
    count = int((Decimal(str(rate)) * len(samples)).quantize(Decimal(1), ROUND_HALF_UP))
    clean = [
        sample.model_copy(update={"response": right, "gold": right}) for sample, right in _right(samples)
    ]
    results = list(clean)
    plan = _plan(clean, kind, random.Random(seed), encoder)  # noqa: S311 (noise has no need of secrecy)
    made = 0
    for index in plan.order:
        if made == count:
            break
        wrong = plan.wrong(index)
        if wrong is not None and not _may_be_right(wrong, clean[index]):
            results[index] = clean[index].model_copy(update={"response": wrong})
            made += 1
    if made < count:
        raise NoiseError(
            f"{count} of {counted(len(samples), 'sample')} were to be made wrong, but a wrong response can "
            f"be found for {made} only: the others' options, or the other samples' responses, all say the "
            "same; lower the rate or add samples"
        )
    return results


def _may_be_right(response: str, sample: Sample) -> bool:
    """Say whether a response is right, or nobody can tell that it is wrong."""
    return says_gold(response, sample) is not False


def _plan(
    samples: list[Sample], kind: NoiseKind, generator: random.Random, encoder: "Embeddings | None"
) -> _Plan:
    pools = _pools(samples)
    order = list(range(len(samples)))

    def another(index: int) -> str | None:
        return _another_response(samples[index], pools, generator)

    def next_label(index: int) -> str | None:
        return _next_label(samples[index], pools)

    match kind:
        case "burst":
            first = generator.randrange(len(order)) if order else 0
            return _Plan(order[first:] + order[:first], another)
        case "class":
            generator.shuffle(order)
            labels = dict.fromkeys(_label(samples[index]) for index in order)
            rank = {label: place for place, label in enumerate(labels)}
            return _Plan(sorted(order, key=lambda index: rank[_label(samples[index])]), next_label)
        case "systematic":
            vectors = _prompt_vectors(samples, encoder)
            topic = generator.randrange(len(order)) if order else 0
            return _Plan(by_likeness(vectors, topic) if order else order, next_label)
        case "neighbour":
            generator.shuffle(order)
            alike = most_alike(_prompt_vectors(samples, encoder), _DRAWS, generator.getrandbits(32))
            return _Plan(order, lambda index: _of_similar(samples, index, alike[index].tolist()))
        case "truncated":
            generator.shuffle(order)
            return _Plan(order, lambda index: _first_half(samples[index].response))
        case "garbled":
            generator.shuffle(order)
            return _Plan(order, lambda index: _garbled(samples[index].response, generator))
        case "off-topic":
            generator.shuffle(order)
            return _Plan(order, lambda index: _off_topic(samples, index, generator))
        case "uniform":
            generator.shuffle(order)
            return _Plan(order, another)


def _right(samples: Sequence[Sample]) -> Iterator[tuple[Sample, str]]:
    for sample in samples:
        yield sample, sample.response if sample.gold is None else sample.gold


def _keys(sample: Sample) -> list[_Key]:
    """Return the pools a sample gives its response to and takes from, the closest first."""
    kind = sample_kind(sample).name
    form = sample.prompt.lower().split(maxsplit=2)[:2]
    task = [("task", sample.task)] if sample.task is not None else []
    return [*task, ("form", kind, *form), ("kind", kind), ("any",)]


def _pools(samples: Sequence[Sample]) -> _Pools:
    """Return every pool's responses, each once however often and in whatever spelling it occurs."""
    pools: _Pools = {}
    for sample in samples:
        if sample.options or not sample.response.strip():
            continue
        said = normalise(sample.response)
        for key in _keys(sample):
            pool = pools.setdefault(key, _Pool([], {}))
            if said not in pool.places:
                pool.places[said] = len(pool.responses)
                pool.responses.append(sample.response)
    return pools


def _another_response(sample: Sample, pools: _Pools, generator: random.Random) -> str | None:
    known = [pools[key].responses for key in _keys(sample) if key in pools]
    for group in [list(sample.options)] if sample.options else known:
        for response in generator.sample(group, min(_DRAWS, len(group))):
            if not _may_be_right(response, sample):
                return response
    return None


def _label(sample: Sample) -> _Key:
    """Return what samples of one label share: the place of their option, else what they say."""
    if sample.options:
        return ("option", str(sample.options.index(sample.response)))
    return (*_keys(sample)[0], normalise(sample.response))


def _next_label(sample: Sample, pools: _Pools) -> str | None:
    """Return the response that follows a sample's own, always the same one: the next option, or the next
    response of the closest pool that has several."""
    if sample.options:
        group = list(sample.options)
        return group[(group.index(sample.response) + 1) % len(group)]
    said = normalise(sample.response)
    known = (pools[key] for key in _keys(sample) if key in pools)
    pool = next((pool for pool in known if len(pool.responses) > 1), None)
    return pool.responses[(pool.places[said] + 1) % len(pool.responses)] if pool else None


def _prompt_vectors(samples: list[Sample], encoder: "Embeddings | None") -> Vectors:
    if encoder is None:
        raise NoiseError("this kind of noise needs an encoder that tells which prompts are similar")
    return embed_prompts(encoder, (sample.prompt for sample in samples))


def _of_similar(samples: list[Sample], index: int, similar: Sequence[int]) -> str | None:
    """Return the response to a similar prompt; for multiple choice, the option that it is or stands for."""
    sample = samples[index]
    for other in similar:
        response = samples[other].response
        if sample.options and response not in sample.options:
            place = samples[other].options.index(response) if samples[other].options else 0
            response = sample.options[place % len(sample.options)]
        if not _may_be_right(response, sample):
            return response
    return None


def _first_half(response: str) -> str | None:
    return response[: len(response) // 2].rstrip() or None


def _garbled(response: str, generator: random.Random) -> str | None:
    """Return the letters of each word in another order."""
    words = ("".join(generator.sample(word, len(word))) for word in response.split())
    return " ".join(words) or None


def _off_topic(samples: list[Sample], index: int, generator: random.Random) -> str | None:
    """Return the response to a prompt of another kind, or where there is none the words of a prompt."""
    own = _keys(samples[index])[0]
    others = [samples[at] for at in generator.sample(range(len(samples)), min(_DRAWS, len(samples)))]
    for other in others:
        if _keys(other)[0] != own and other.response not in samples[index].options:
            return other.response
    for other in others:
        words = other.prompt.split()[-_OFF_TOPIC_WORDS:]
        if other.prompt != samples[index].prompt and words:
            return " ".join(words)
    return None
