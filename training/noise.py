"""Put wrong responses into clean data at an exact rate, to measure what finds them (paper section 4)."""

import random
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

from agents.answers import agree, kind_of, normalise
from stores.errors import InputError
from stores.sample import Sample

# A pool is searched in full up to this many different responses and drawn from at random beyond it, so that
# the work stays linear in the samples.
_DRAWS = 64

_Key = tuple[str, ...]


class NoiseError(InputError):
    """The noise asked for cannot be made from these samples."""


def inject_noise(samples: Sequence[Sample], rate: float, seed: int) -> list[Sample]:
    """Give exactly rate * n samples, rounded half up, a wrong response; the others get their right one.

    A wrong response is another option for multiple choice, else the right response of another sample: one
    of the same task, else one to a question of the same form, else one of the same kind, else any. The same
    arguments always give the same result.

    Args:
        samples: the data. A sample's right response is its gold, or its response where it has no gold.
        rate: the share to make wrong, 0 to 1.
        seed: which samples, and which wrong responses.

    Returns:
        The samples in their order, each with its right response as `gold`.

    Raises:
        NoiseError: the rate is not between 0 and 1, or too few samples can be made wrong.
    """
    if not 0 <= rate <= 1:
        raise NoiseError(f"the noise rate is {rate}; it must be between 0 and 1")
    # Not `round`: it rounds a half to the even number, and 0.15 * 10 is not exact in binary.
    count = int((Decimal(str(rate)) * len(samples)).quantize(Decimal(1), ROUND_HALF_UP))
    results = [
        sample.model_copy(update={"response": right, "gold": right}) for sample, right in _right(samples)
    ]
    pools = _pools(results)
    generator = random.Random(seed)  # noqa: S311 (noise has no need of secrecy)
    order = list(range(len(results)))
    generator.shuffle(order)
    made = 0
    for index in order:
        if made == count:
            break
        wrong = _wrong_response(results[index], pools, generator)
        if wrong is not None:
            results[index] = results[index].model_copy(update={"response": wrong})
            made += 1
    if made < count:
        raise NoiseError(
            f"{count} of {len(samples)} samples were to be made wrong, but a wrong response can be found for "
            f"{made} only: the others' options, or the other samples' responses, all say the same; "
            "lower the rate or add samples"
        )
    return results


def _right(samples: Sequence[Sample]) -> Iterator[tuple[Sample, str]]:
    for sample in samples:
        yield sample, sample.response if sample.gold is None else sample.gold


def _keys(sample: Sample) -> list[_Key]:
    """Return the pools a sample gives its response to and takes from, the closest first."""
    kind = kind_of(sample.response, sample.options)
    form = sample.prompt.lower().split(maxsplit=2)[:2]
    task = [("task", sample.task)] if sample.task is not None else []
    return [*task, ("form", kind, *form), ("kind", kind), ("any",)]


def _pools(samples: Sequence[Sample]) -> dict[_Key, list[str]]:
    """Return every pool's responses, each once however often and in whatever spelling it occurs."""
    pools: dict[_Key, dict[str, str]] = {}
    for sample in samples:
        if sample.options or not sample.response.strip():
            continue
        said = normalise(sample.response)
        for key in _keys(sample):
            pools.setdefault(key, {}).setdefault(said, sample.response)
    return {key: list(responses.values()) for key, responses in pools.items()}


def _wrong_response(sample: Sample, pools: dict[_Key, list[str]], generator: random.Random) -> str | None:
    kind = kind_of(sample.response, sample.options)
    groups = [list(sample.options)] if sample.options else [pools.get(key, []) for key in _keys(sample)]
    for group in groups:
        for response in generator.sample(group, min(_DRAWS, len(group))):
            if agree(response, sample.response, kind, sample.options) is not True:
                return response
    return None
