"""The label matrix: what each view says of each sample, as numbers of a label space.

It is the input of weak supervision and crowdsourcing alike: a row for each sample, a column for each view. Of
two samples of a task with the classes negative (0), neutral (1) and positive (2):

| given response | base | reasoning | judge |
| -------------- | ---- | --------- | ----- |
| 0              | 2    | 2         | 0     |
| 1              | 1    | -1        | -1    |

The first response is negative, both agents say positive, and the judge says noisy. In the second row the
reasoner's answer was unreadable, and no judge was asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy

from agents.checker import Check
from agents.record import SampleRecord
from training.calibration.annotations import Annotations, AnnotationsBuilder
from training.calibration.arrays import Bools, Numbers, Reals, Vectors
from training.calibration.copies import words_of
from training.calibration.hashes import fold_of
from training.calibration.label_space import LabelSpace


@dataclass(frozen=True)
class LabelMatrix:
    """What is known of n samples. Responses are numbers from 0; -1 is an invalid or missing one.

    Args:
        given: the responses as given (n).
        answers: by view, its answers (n each).
        verdicts: the judge's: 1 reliable, 0 noisy, -1 not asked (n).
        sizes: how many responses each sample can have (n). Its candidates are the numbers below that.
        prompts: one vector a prompt (n, d), where a number means the same response in every sample, so that
            prompts can tell; else None. They are read in blocks, and may lie on disk.
        placed: whether a number is a place that an agent may favour, as with options. The candidates of an
            open prompt are numbered as they were named, which nobody favours.
        closed: whether a response could be invalid (n), as with options. To an open prompt it could not. None
            where it could be everywhere.
        told: what prompts tell of each candidate (n, width), where there are too many classes to learn that
            of all; else None.
        classes: how many there are, where samples have a few of them as candidates; else 0.
        folds: the fold of each sample (n), which follows from its prompt; None where folds are to be drawn.
        trusted: the responses that the user vouches for (n), -1 where there is none. None where there are
            none at all.
        least_width: the fewest candidates that the widest sample is taken to have.
        annotations: what several people gave, of whose responses the given one is the commonest; None where
            there are none.
    """

    given: Numbers
    answers: Mapping[str, Numbers]
    verdicts: Numbers
    sizes: Numbers
    prompts: Vectors | None = None
    placed: bool = False
    closed: Bools | None = None
    told: Reals | None = None
    classes: int = 0
    folds: Numbers | None = None
    trusted: Numbers | None = None
    least_width: int = 1
    annotations: Annotations | None = None

    def __len__(self) -> int:
        return len(self.given)

    @property
    def width(self) -> int:
        """How many candidates the sample with the most of them has."""
        return max(int(self.sizes.max()), self.least_width)

    @property
    def choices(self) -> Numbers:
        """How many responses there are to choose from in each sample, of which it may have few (n)."""
        return numpy.maximum(self.sizes, self.classes)

    @property
    def has_places(self) -> bool:
        """Whether an agent may favour a number: it is a place among options, or a class."""
        return self.placed or self.prompts is not None

    def missing(self) -> Bools:
        """Return which samples have no response at all (n)."""
        if self.closed is None:
            return numpy.zeros(len(self), dtype=bool)
        return (self.given < 0) & ~self.closed

    def annotated(self) -> Bools:
        """Return which samples have annotations, so that the given response is only their commonest (n)."""
        if self.annotations is None:
            return numpy.zeros(len(self), dtype=bool)
        return self.annotations.annotated(len(self))

    def candidates(self) -> Bools:
        """Return which candidates each sample has (n, width)."""
        return numpy.arange(self.width)[None] < self.sizes[:, None]


class LabelMatrixBuilder:
    """Makes a label matrix sample by sample, so that no record has to be kept.

    Args:
        space: of the samples' responses.
        views: whose answers count.
        annotators: which of the people count, in alphabetical order. None for those who are there.
    """

    def __init__(
        self, space: LabelSpace, views: Sequence[str], annotators: Sequence[str] | None = None
    ) -> None:
        self._space = space
        self._views = views
        self._annotations = AnnotationsBuilder(space, annotators)
        self._rows: list[tuple[int, ...]] = []
        self._placed = True

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, record: SampleRecord) -> None:
        """Add a sample, with what was said of it."""
        space, options = self._space, bool(record.sample.options)
        says_something = record.sample.says_something
        self._annotations.add(len(self), record)
        self._rows.append(
            (
                space.encode(record, record.sample.response) if says_something else -1,
                verdict_of(record.check),
                space.size(record),
                # An empty response is nobody's evidence: not that wrong responses show themselves, either.
                (space.shared or options) and says_something,
                fold_of(words_of(record.sample)),
                space.encode(record, record.sample.trusted),
                *(space.encode(record, answer) for answer in view_answers(record, self._views)),
            )
        )
        self._placed &= options or space.shared

    def build(self, order: Numbers | None = None) -> LabelMatrix:
        """Return the matrix of all samples, or of some in an order of their own; without prompts' vectors."""
        table = numpy.array(self._rows, dtype=numpy.int64).reshape(-1, 6 + len(self._views))
        columns = (table if order is None else table[order]).T
        given, verdicts, sizes, closed, folds, trusted, *answers = columns
        annotations = self._annotations.build()
        return LabelMatrix(
            given,
            dict(zip(self._views, answers, strict=True)),
            verdicts,
            sizes,
            placed=self._placed,
            closed=closed.astype(bool),
            folds=folds,
            trusted=trusted if (trusted >= 0).any() else None,
            least_width=self._space.least_size,
            annotations=annotations if annotations is None or order is None else annotations.of(order),
        )


def label_matrix(
    records: Iterable[SampleRecord],
    space: LabelSpace,
    views: Sequence[str],
    annotators: Sequence[str] | None = None,
) -> LabelMatrix:
    """Return the label matrix of samples that a label space covers, without the prompts' vectors.

    Args:
        records: the samples, with what was said of them.
        space: of their responses.
        views: whose answers count.
        annotators: as for `LabelMatrixBuilder`.
    """
    builder = LabelMatrixBuilder(space, views, annotators)
    for record in records:
        builder.add(record)
    return builder.build()


def view_answers(record: SampleRecord, views: Sequence[str]) -> list[str | None]:
    """Return what each of the checker's views says of a sample; None where nothing was readable."""
    answers = record.view_answers()
    return [answers.get(view) for view in views]


def verdict_of(check: Check | None) -> int:
    """Return what the judge said: 1 reliable, 0 noisy, -1 nothing."""
    if check is None or check.judged in (None, "unreadable"):
        return -1
    return int(check.judged == "reliable")
