"""The kind of a sample's answers, told from its task: a response under suspicion must not tell it alone.

| data | kind |
|---|---|
| a `kind` column names one | that one |
| the sample has options | `choice` |
| half of a task's responses or more are of one kind | that one, for all of the task |
| none is of half of them | the sample's own; with more room, where two are as likely |

"I don't know." among numbers is a wrong number, and no short text.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from agents.answers.kind import KINDS, answer_kind
from stores.sample import Sample

_CLEAR = 0.5
# Of noisy responses many are of odd kinds. One kind of a few is still the task's where it leads by as much.
_LEADS = 0.3
_LEAD = 2
# What a shorter kind holds, a longer one can say as well.
_WIDER: Mapping[str, tuple[str, ...]] = {
    "number": ("maths", "working"),
    "date": ("short",),
    "list": ("short",),
    "json": ("code",),
}


class TaskKinds:
    """The kinds of tasks' answers, counted one sample at a time."""

    def __init__(self) -> None:
        self._counts: dict[str | None, Counter[str]] = {}

    def add(self, sample: Sample) -> None:
        """Count a sample for its task, with the kind that it names or its response has; not with options."""
        if not sample.options and sample.response.strip():
            kind = sample.kind or answer_kind(sample.response).name
            self._counts.setdefault(sample.task, Counter())[kind] += 1

    def kind(self, sample: Sample) -> str:
        """Return the name of the kind of a sample's answers.

        Raises:
            ValueError: the sample names a kind that does not exist.
        """
        if sample.kind is not None:
            if all(kind.name != sample.kind for kind in KINDS):
                names = ", ".join(kind.name for kind in KINDS)
                raise ValueError(f"kind: '{sample.kind}' is none of {names}")
            return sample.kind
        if sample.options:
            return "choice"
        return _clear_kind(self._counts.get(sample.task, Counter())) or answer_kind(sample.response).name


def count_kinds(samples: Iterable[Sample]) -> TaskKinds:
    """Return the kinds of the tasks that samples belong to."""
    kinds = TaskKinds()
    for sample in samples:
        kinds.add(sample)
    return kinds


def _clear_kind(counts: Counter[str]) -> str | None:
    """Return the kind that most of a task's responses are of; None where none is clearly the task's."""
    total = counts.total()
    ranked = counts.most_common()
    if total < 2 or not ranked:
        return None
    first, most = ranked[0]
    second = ranked[1][1] if len(ranked) > 1 else 0
    if most > second and (most >= _CLEAR * total or (most >= _LEADS * total and most >= _LEAD * second)):
        return first
    for wide in _WIDER.get(first, ()):
        if counts[first] + counts[wide] >= _CLEAR * total:
            return wide
    return None
