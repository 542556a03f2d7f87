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
from training.calibration.arrays import Bools, Numbers, Vectors
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
        trusted: the responses that the user vouches for (n), -1 where there is none. None where there are
            none at all.
    """

    given: Numbers
    answers: Mapping[str, Numbers]
    verdicts: Numbers
    sizes: Numbers
    prompts: Vectors | None = None
    placed: bool = False
    closed: Bools | None = None
    trusted: Numbers | None = None

    def __len__(self) -> int:
        return len(self.given)

    @property
    def width(self) -> int:
        """How many candidates the sample with the most of them has."""
        return int(self.sizes.max())

    @property
    def of_few(self) -> bool:
        """Whether all candidates are known beforehand, as options or classes are; else prompts are open."""
        return self.placed or self.prompts is not None

    def missing(self) -> Bools:
        """Return which samples have no response at all (n)."""
        if self.closed is None:
            return numpy.zeros(len(self), dtype=bool)
        return (self.given < 0) & ~self.closed

    def candidates(self) -> Bools:
        """Return which candidates each sample has (n, width)."""
        return numpy.arange(self.width)[None] < self.sizes[:, None]


def label_matrix(records: Iterable[SampleRecord], space: LabelSpace, views: Sequence[str]) -> LabelMatrix:
    """Return the label matrix of samples that a label space covers, without the prompts' vectors.

    Args:
        records: the samples, with what was said of them.
        space: of their responses.
        views: whose answers count.
    """
    given, sizes, verdicts, closed = [], [], [], []
    answers: dict[str, list[int]] = {view: [] for view in views}
    placed = True
    for record in records:
        options = bool(record.sample.options)
        says_something = record.sample.says_something
        given.append(space.encode(record, record.sample.response) if says_something else -1)
        for view, answer in zip(views, view_answers(record, views), strict=True):
            answers[view].append(space.encode(record, answer))
        verdicts.append(verdict_of(record.check))
        sizes.append(space.size(record))
        # An empty response is nobody's evidence: not that wrong responses show themselves, either.
        closed.append((space.shared or options) and says_something)
        placed &= options
    return LabelMatrix(
        numpy.array(given),
        {view: numpy.array(numbers) for view, numbers in answers.items()},
        numpy.array(verdicts),
        numpy.array(sizes),
        placed=placed,
        closed=numpy.array(closed),
    )


def view_answers(record: SampleRecord, views: Sequence[str]) -> list[str | None]:
    """Return what each of the checker's views says of a sample; None where nothing was readable."""
    answers = record.view_answers()
    return [answers.get(view) for view in views]


def verdict_of(check: Check | None) -> int:
    """Return what the judge said: 1 reliable, 0 noisy, -1 nothing."""
    if check is None or check.judged in (None, "unreadable"):
        return -1
    return int(check.judged == "reliable")
