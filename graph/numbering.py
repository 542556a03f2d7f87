"""Responses as numbers, for a model that weighs what many views say."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from agents.answers.kind import sample_kind
from agents.answers.short import Short
from agents.answers.words import normalise
from graph.state import SampleState
from stores.sample import Sample

# A response that fewer samples have is not one to learn about; nor is one of a thousand.
_FEWEST = 5
_MOST = 50
# The share of the samples whose responses must be among those that repeat.
_COVERED = 0.9
# How many answers an open question is taken to have; those that nobody gave are alike.
_OPEN = 10


def is_free(sample: Sample) -> bool:
    """Return whether a sample's response is free text, which nothing else ever equals."""
    return not sample_kind(sample).comparable


def _spelling_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return what names are compared by: what their words say, where that tells them apart."""
    return normalise if len(set(map(normalise, names))) == len(names) else str.strip


class Numbering:
    """Which number a response has: its class where responses repeat, else its place among its sample's own.

    A sample without options may have a response that is no class, a rare one or a stray: it comes after them.

    Args:
        classes: the responses that repeat; none where they do not.
        everywhere: whether free text, too, is compared with the classes.
    """

    def __init__(self, classes: Sequence[str], *, everywhere: bool = False) -> None:
        self._classes = tuple(classes)
        self._spelling = _spelling_of(classes)
        self._numbers = {self._spelling(name): number for number, name in enumerate(classes)}
        self._everywhere = everywhere

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> "Numbering":
        """Return the numbering that suits samples, told from their responses and options."""
        counts: Counter[str] = Counter()
        texts: dict[str, str] = {}
        options: dict[tuple[str, ...], tuple[str, ...]] = {}
        free = 0
        for sample in samples:
            if is_free(sample):
                free += 1
                continue
            if len(options) < 2:
                spelling = _spelling_of(sample.options)
                ordered = tuple(sorted(sample.options, key=spelling))
                options.setdefault(tuple(map(spelling, ordered)), ordered)
            name = normalise(sample.response)
            counts[name] += 1
            texts.setdefault(name, sample.response)
        if len(options) == 1 and (same := next(iter(options.values()))):
            return cls(same) if len(same) <= _MOST else cls(())
        repeated = [name for name, count in counts.items() if name and count >= _FEWEST]
        covered = sum(counts[name] for name in repeated)
        shared = (
            2 <= len(repeated) <= _MOST and covered >= _COVERED * counts.total() and options.keys() == {()}
        )
        if not shared:
            return cls(())
        # Among classes a few long texts are strays.
        everywhere = covered >= _COVERED * (counts.total() + free)
        return cls([texts[name] for name in repeated], everywhere=everywhere)

    @property
    def shared(self) -> bool:
        """Whether a number means the same response in every sample."""
        return bool(self._classes)

    def compares(self, sample: Sample) -> bool:
        """Return whether a sample's response compares with others; free text else does not."""
        return self._everywhere or not is_free(sample)

    def size(self, state: SampleState) -> int:
        """Return how many responses a sample can have."""
        if self._classes:
            return self.named(state)
        return len(state.sample.options) or _OPEN

    def named(self, state: SampleState) -> int:
        """Return how many of a sample's responses somebody has named; their numbers come first."""
        return len(self._candidates(state))

    def number(self, state: SampleState, answer: str | None) -> int:
        """Return an answer's number; -1 where there is none, or it is no response, or several classes."""
        if answer is None:
            return -1
        known = self._numbers.get(self._spelling(answer))
        return self._find(answer, state) if known is None else known

    def response(self, state: SampleState, number: int) -> str | None:
        """Return the response that has a number, in the sample's own words; None where nobody gave it.

        An open question's is the shortest: agents say in a sentence what a label says in a word.
        """
        candidates = self._candidates(state)
        if number >= len(candidates):
            return None
        sample = state.sample
        if not self._classes and not sample.options:
            said = (sample.response, *state.answers().values())
            return min(
                (text for text in said if text is not None and self._find(text, state) == number), key=len
            )
        name = self._spelling(candidates[number])
        return next(
            (option for option in sample.options if self._spelling(option) == name), candidates[number]
        )

    def _find(self, answer: str, state: SampleState) -> int:
        candidates = self._candidates(state)
        if self._classes and len(candidates) > len(self._classes) and answer == state.sample.response:
            return len(self._classes)
        found = self._among(candidates, answer, state.sample)
        if not found or (self._classes and len(found) > 1):
            return -1
        return found[0]

    def _among(self, candidates: Sequence[str], answer: str, sample: Sample) -> list[int]:
        kind = sample_kind(sample)
        if self._classes and not kind.comparable:
            # A class is looked for in a sentence, which is what an agent says where the label is one.
            kind = Short()
        return [
            number
            for number, candidate in enumerate(candidates)
            if kind.agree(answer, candidate, sample.options)
        ]

    def _candidates(self, state: SampleState) -> tuple[str, ...]:
        """Return what a sample's right response can be; of an open question, what has been said."""
        sample = state.sample
        if self._classes:
            return self._classes if self._is_class(sample) else (*self._classes, sample.response)
        if sample.options:
            return sample.options
        kind = sample_kind(sample)
        found: list[str] = []
        for answer in (sample.response, *state.answers().values()):
            if answer is not None and not any(kind.agree(answer, known) for known in found):
                found.append(answer)
        return tuple(found)

    def _is_class(self, sample: Sample) -> bool:
        """Return whether a response is one of the classes; among options there is nothing else to be."""
        if sample.options or self._spelling(sample.response) in self._numbers:
            return True
        return len(self._among(self._classes, sample.response, sample)) == 1
