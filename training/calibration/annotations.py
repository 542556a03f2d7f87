"""What several people gave as the response to a sample, as numbers of a label space.

Most annotators see few of the samples. So there is no column for each, but an entry for each annotation:

| sample | annotator | response |
| ------ | --------- | -------- |
| 0      | ann       | 2        |
| 0      | bob       | 1        |
| 1      | bob       | 1        |
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy

from agents.record import SampleRecord
from training.calibration import priors
from training.calibration.arrays import Bools, Numbers, places_of
from training.calibration.label_space import LabelSpace


@dataclass(frozen=True)
class Annotations:
    """All annotations of n samples that are responses of the label space.

    Args:
        names: the annotators, in alphabetical order.
        rows: the sample of each annotation, ascending (t).
        who: the place of its annotator among the names (t).
        said: the number of its response, from 0 (t).
        left_out: how many annotators say nothing, since there are more than can be known.
    """

    names: tuple[str, ...]
    rows: Numbers
    who: Numbers
    said: Numbers
    left_out: int = 0

    @classmethod
    def of_columns(cls, columns: Mapping[str, Numbers]) -> "Annotations":
        """Return the annotations of samples, from each annotator's numbers (n), -1 for none.

        Args:
            columns: by the annotator's name; at least one.
        """
        names = tuple(sorted(columns))
        said = numpy.stack([columns[name] for name in names], axis=1)
        rows, who = numpy.nonzero(said >= 0)
        return cls(names, rows, who, said[rows, who])

    def of(self, rows: Numbers) -> "Annotations":
        """Return those of some samples (m), in their order, each row being a place among them."""
        places = numpy.full(max(int(self.rows.max(initial=-1)), int(rows.max(initial=-1))) + 1, -1)
        places[rows] = numpy.arange(len(rows))
        found = places[self.rows]
        order = found.argsort(kind="stable")
        order = order[numpy.count_nonzero(found < 0) :]
        return replace(self, rows=found[order], who=self.who[order], said=self.said[order])

    def annotated(self, size: int) -> Bools:
        """Return which samples have an annotation, of so many samples (size)."""
        found = numpy.zeros(size, dtype=bool)
        found[self.rows] = True
        return found

    def annotated_twice(self) -> bool:
        """Say whether any sample has two annotations, so that they can be compared."""
        return len(numpy.unique(self.rows)) < len(self.rows)

    def placed(self, numbers: Numbers) -> "Annotations":
        """Return them with the places that responses have among samples' own candidates (n, candidates).

        One that is no candidate is left out.
        """
        places = places_of(numbers[self.rows], self.said)
        kept = places >= 0
        return replace(self, rows=self.rows[kept], who=self.who[kept], said=places[kept])

    def named(self, size: int) -> Numbers:
        """Return the commonest responses to each of so many samples, -1 for none (size, at most ten)."""
        pairs, counts = numpy.unique(numpy.stack([self.rows, self.said]), axis=1, return_counts=True)
        rows, said = pairs[:, numpy.lexsort((-counts, pairs[0]))]
        rank = numpy.arange(len(rows)) - numpy.searchsorted(rows, rows)
        found = numpy.full((size, min(int(rank.max(initial=-1)) + 1, priors.CANDIDATES_OF_MANY)), -1)
        few = rank < priors.CANDIDATES_OF_MANY
        found[rows[few], rank[few]] = said[few]
        return found


class AnnotationsBuilder:
    """Gathers annotations sample by sample.

    Args:
        space: of the samples' responses.
        names: the annotators that count, in alphabetical order. None for those who are there: of very many,
            those with the most annotations.
    """

    def __init__(self, space: LabelSpace, names: Sequence[str] | None) -> None:
        self._space = space
        self._names = names
        self._entries: list[tuple[int, str, int]] = []

    def add(self, row: int, record: SampleRecord) -> None:
        """Add those of a sample; one that is no response of the space says nothing."""
        said = {one.annotator: one.response for one in record.sample.annotations if one.response.strip()}
        if not said:
            return
        size = self._space.size(record)
        numbers = {text: self._space.encode(record, text) for text in set(said.values())}
        self._entries += [
            (row, name, numbers[text]) for name, text in said.items() if 0 <= numbers[text] < size
        ]

    def build(self) -> Annotations | None:
        """Return all annotations by annotators that count; None where there are none."""
        names = self._found() if self._names is None else tuple(self._names)
        places = {name: place for place, name in enumerate(names)}
        known = [(row, places[name], number) for row, name, number in self._entries if name in places]
        if not known:
            return None
        rows, who, said = numpy.array(known, dtype=numpy.int64).T
        everyone = {name for _, name, _ in self._entries}
        left_out = len(everyone) - len(names) if self._names is None else 0
        return Annotations(names, rows, who, said, left_out)

    def _found(self) -> tuple[str, ...]:
        counts = Counter(name for _, name, _ in self._entries)
        ranked = sorted(counts, key=lambda name: (-counts[name], name))
        return tuple(sorted(ranked[: priors.MOST_ANNOTATORS]))
