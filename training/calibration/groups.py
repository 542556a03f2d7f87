"""Groups of samples whose responses compare: each has a label space, a fit and a threshold of its own.

A file may be a mixture. Its samples are grouped by what makes their responses comparable:

| samples                                  | group                                    | label space        |
| ---------------------------------------- | ---------------------------------------- | ------------------ |
| have the same options, in any order      | that option set                          | the options        |
| have options that few others have        | options of their own                     | of each sample     |
| of a task whose responses repeat         | classes of the task                      | the classes        |
| of a task whose responses seldom repeat  | open prompts of the task                 | of each sample     |
| have free text as their response         | texts of the task                        | none: it is measured |

Samples without a task form one, which has no name. The kinds of its answers are told apart where they are
many: sentiments and sums are two groups though no task says so.

Groups too small to learn from are pooled with others of their nature. Small option sets, unless nearly all
samples have one, have options of their own. Small tasks are taken for one task. So one sample with other
options changes nothing for the others.

Odd spellings do not hide classes. A response that is no class is a response that can be wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, NamedTuple, TypeVar

from agents.answers.kind import sample_kind
from agents.answers.words import normalise
from stores.sample import Sample
from training.calibration import priors
from training.calibration.copies import copy_key
from training.calibration.hashes import hash_of
from training.calibration.label_space import LabelSpace, spelling_of

Nature = Literal["options", "own options", "classes", "open", "text"]
_CLASSES: Nature = "classes"
_OPEN: Nature = "open"
_ANY = ""
_SHOWN = 40

Task = tuple[str | None, ...]
"""A task's name in a tuple, None for the one without a name. The empty tuple is the pool of small tasks."""


@dataclass(frozen=True)
class Group:
    """Samples whose responses compare.

    Args:
        name: for people.
        nature: what makes them comparable.
        size: how many samples there were when groups were made.
        space: the numbers of their responses; None of free text.
    """

    name: str
    nature: Nature
    size: int
    space: LabelSpace | None


class Groups:
    """Which group each sample belongs to, also of samples that come later.

    Args:
        groups: all groups.
        by_options: the place of each option set's group, by the hash of the set.
        by_kind: the place of the group of a task's answers of a kind; "" is any other kind.
        by_text: the place of the group of a task's free text.
        own: the place of the group of options of their own; None where there is none.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        by_options: Mapping[int, int],
        by_kind: Mapping[tuple[Task, str], int],
        by_text: Mapping[Task, int],
        own: int | None,
    ) -> None:
        self.groups = tuple(groups)
        self.by_options = dict(by_options)
        self.by_kind = dict(by_kind)
        self.by_text = dict(by_text)
        self.own = own

    def __len__(self) -> int:
        return len(self.groups)

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> "Groups":
        """Return the groups of samples, which are read once; their order changes nothing."""
        census = _Census()
        for sample in samples:
            census.add(sample)
        return _Founder(census).found()

    def without_texts(self) -> "Groups":
        """Return the same, but that no group is like free text."""
        by_text = {
            task: place for task, place in self.by_text.items() if self.groups[place].space is not None
        }
        return Groups(self.groups, self.by_options, self.by_kind, by_text, self.own)

    def place_of(self, sample: Sample) -> int | None:
        """Return the place of a sample's group; None where no group is like it."""
        if sample.options:
            return self.by_options.get(option_set(sample.options), self.own)
        kind = sample_kind(sample)
        for task in ((sample.task,), ()):
            keys = [(task, kind.name), (task, _ANY)] if kind.comparable else []
            found = [self.by_kind[key] for key in keys if key in self.by_kind]
            if not kind.comparable and task in self.by_text:
                found = [self.by_text[task]]
            if found:
                return found[0]
        return None

    def space_of(self, sample: Sample) -> LabelSpace | None:
        """Return the label space of a sample's group; None of free text, and where no group is like it."""
        place = self.place_of(sample)
        return None if place is None else self.groups[place].space

    def choices(self, sample: Sample) -> int:
        """Return how many options or classes there are to choose from; 0 where the prompt is open."""
        space = self.space_of(sample)
        return len(sample.options) or (len(space.classes) if space is not None else 0)


def option_set(options: Sequence[str]) -> int:
    """Return the hash of what options are compared by, whatever their order."""
    return hash_of("\n".join(sorted(map(spelling_of(options), options))))


class _Census:
    """Counts samples by what makes them comparable.

    Copies count once where it is decided what a group is: one row, given often enough, is else a class of its
    own. `copies` counts the others, by option set, by task and kind, and by task.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self.copies: Counter[int | tuple[Task, str] | Task] = Counter()
        self.sets: Counter[int] = Counter()
        self.wordings: dict[int, tuple[str, ...]] = {}
        self.tasks: dict[Task, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self.texts: Counter[Task] = Counter()

    def add(self, sample: Sample) -> None:
        copy = copy_key(sample)
        if copy in self._seen:
            self.copies[self._place(sample)] += 1
            return
        self._seen.add(copy)
        if sample.options:
            key = option_set(sample.options)
            self.sets[key] += 1
            # There may be as many sets as samples: the words of one that comes once are not kept.
            if self.sets[key] == 2:
                self.wordings[key] = tuple(sorted(sample.options, key=spelling_of(sample.options)))
            return
        kind = sample_kind(sample)
        if not kind.comparable:
            self.texts[(sample.task,)] += 1
        else:
            self.tasks[(sample.task,)][kind.name][sample.response] += 1

    @staticmethod
    def _place(sample: Sample) -> int | tuple[Task, str] | Task:
        if sample.options:
            return option_set(sample.options)
        kind = sample_kind(sample)
        return ((sample.task,), kind.name) if kind.comparable else (sample.task,)


class _Part(NamedTuple):
    """Answers of some kinds that are to be one group; "" is any kind that is not named elsewhere."""

    kinds: tuple[str, ...]
    counts: Counter[str]
    classes: tuple[str, ...]


class _Founder:
    """Makes groups of what was counted."""

    def __init__(self, census: _Census) -> None:
        self._census = census
        self._groups: list[Group] = []
        self._by_options: dict[int, int] = {}
        self._by_kind: dict[tuple[Task, str], int] = {}
        self._by_text: dict[Task, int] = {}

    def found(self) -> Groups:
        own = self._found_option_sets()
        self._found_tasks()
        self._found_texts()
        return Groups(self._groups, self._by_options, self._by_kind, self._by_text, own)

    def _found_option_sets(self) -> int | None:
        sets = self._census.sets
        total = sets.total()
        known = self._census.wordings
        large = _largest(
            {
                key: times
                for key, times in sets.items()
                if key in known and (times >= priors.FEWEST_ALONE or times >= priors.TASK_COVERS * total)
            }
        )
        pooled = sets.keys() - set(large)
        for key in large:
            options = known[key]
            name = _shown("options " + ", ".join(options))
            size = sets[key] + self._census.copies[key]
            self._by_options[key] = self._add(name, "options", size, LabelSpace(options, closed=True))
        if not pooled:
            return None
        size = sum(sets[key] + self._census.copies[key] for key in pooled)
        return self._add("options of their own", "own options", size, LabelSpace())

    def _found_tasks(self) -> None:
        tasks = self._census.tasks
        sizes = {task: sum(map(Counter.total, kinds.values())) for task, kinds in tasks.items()}
        large = _largest({task: size for task, size in sizes.items() if size >= priors.FEWEST_ALONE})
        pool: dict[Task, dict[str, Counter[str]]] = {task: tasks[task] for task in tasks if task not in large}
        for task in large:
            named = _named(task)
            for part in _parts(tasks[task]):
                self._add_part(task, part, named, [task])
        merged: dict[str, Counter[str]] = defaultdict(Counter)
        for kinds in pool.values():
            for kind, counts in kinds.items():
                merged[kind] += counts
        for part in _parts(merged):
            self._add_part((), part, " of small tasks" if large else "", list(pool))

    def _add_part(self, task: Task, part: _Part, named: str, tasks: Sequence[Task]) -> None:
        if part.classes:
            nature, name, space = _CLASSES, f"classes{named}", LabelSpace(part.classes)
        else:
            few = {known[0]: _few(self._census.tasks[known]) for known in tasks if known}
            space = LabelSpace(of_tasks={known: names for known, names in few.items() if names})
            nature, name = _OPEN, f"open prompts{named}"
        more = sum(self._census.copies[known, kind] for known in tasks for kind in part.kinds)
        place = self._add(_shown(name), nature, part.counts.total() + more, space)
        for kind in part.kinds:
            self._by_kind[task, kind] = place
        if part.classes:
            self._take_texts(part, tasks, place)

    def _take_texts(self, part: _Part, tasks: Sequence[Task], place: int) -> None:
        """Let a few long texts among classes be odd responses: they are no free text."""
        counts = _by_name(part.counts)
        covered = sum(counts[normalise(name)] for name in part.classes)
        texts = sum(self._census.texts[task] for task in tasks)
        if covered >= priors.TASK_COVERS * (counts.total() + texts):
            for task in tasks:
                self._by_text[task] = place

    def _found_texts(self) -> None:
        texts = {task: n for task, n in self._census.texts.items() if n and task not in self._by_text}
        large = _largest({task: size for task, size in texts.items() if size >= priors.FEWEST_ALONE})
        for task in large:
            named = _named(task)
            size = texts[task] + self._census.copies[task]
            self._by_text[task] = self._add(_shown(f"free text{named}"), "text", size, None)
        if pooled := sum(texts[task] + self._census.copies[task] for task in texts if task not in large):
            name = "free text of small tasks" if large else "free text"
            self._by_text[()] = self._add(name, "text", pooled, None)

    def _add(self, name: str, nature: Nature, size: int, space: LabelSpace | None) -> int:
        self._groups.append(Group(self._unlike_others(name), nature, size, space))
        return len(self._groups) - 1

    def _unlike_others(self, name: str) -> str:
        taken = {group.name for group in self._groups}
        numbered = (f"{name} ({number})" for number in count(2))
        return name if name not in taken else next(other for other in numbered if other not in taken)


_Key = TypeVar("_Key", int, Task)


def _largest(sizes: Mapping[_Key, int]) -> list[_Key]:
    """Return as many keys as can be groups of their own, those of the largest size first."""
    return sorted(sizes, key=lambda key: (-sizes[key], str(key)))[: priors.MOST_GROUPS]


def _parts(kinds: Mapping[str, Counter[str]]) -> Iterator[_Part]:
    """Yield what is to be one group of a task's answers, by their kinds.

    Kinds of few answers go with the kind of the most. Those whose responses repeat are classes together,
    unless that makes too many.
    """
    if not kinds:
        return
    order = sorted(kinds, key=lambda kind: (-kinds[kind].total(), kind))
    first, *others = order
    small = [kind for kind in others if kinds[kind].total() < priors.FEWEST_ALONE]
    joined = {kind: [kind] for kind in order if kind not in small}
    joined[first] += [*small, _ANY]
    counts = {
        kind: sum((kinds[one] for one in names if one in kinds), Counter()) for kind, names in joined.items()
    }
    repeating = [kind for kind in joined if _repeated(counts[kind])]
    together = _repeated(sum((counts[kind] for kind in repeating), Counter[str]()))
    sets = [[kind] for kind in repeating] if len(together) > priors.MOST_CLASSES else [repeating]
    for group in [*sets, [kind for kind in joined if kind not in repeating]]:
        if group:
            names = tuple(dict.fromkeys(name for kind in group for name in joined[kind]))
            total = sum((counts[kind] for kind in group), Counter[str]())
            classes = _repeated(total) if group[0] in repeating else ()
            yield _Part(names, total, classes if len(classes) > 1 else ())


def _by_name(counts: Counter[str]) -> Counter[str]:
    """Return how often each response is given, whatever its spelling."""
    names: Counter[str] = Counter()
    for text, times in counts.items():
        if text.strip():
            names[normalise(text)] += times
    return names


def _repeated(counts: Counter[str]) -> tuple[str, ...]:
    """Return the responses that repeat, in alphabetical order; none where they cover too little."""
    names = _by_name(counts)
    found = {name for name, times in names.items() if name and times >= priors.FEWEST_OF_CLASS}
    covered, total = sum(names[name] for name in found), names.total()
    typical = covered >= priors.CLASSES_COVER * total and covered >= priors.TYPICAL_CLASS * len(found)
    if not (typical or covered >= priors.TASK_COVERS * total):
        return ()
    return _worded(counts, found)


def _few(kinds: Mapping[str, Counter[str]]) -> tuple[str, ...]:
    """Return the responses that a task repeats, where they are few and most of its responses; else none."""
    counts = sum(kinds.values(), Counter[str]())
    names = _by_name(counts)
    found = {name for name, times in names.items() if name and times >= priors.FEWEST_OF_TASK}
    covered = sum(names[name] for name in found)
    if not 2 <= len(found) <= priors.MOST_CLASSES or covered < priors.TASK_COVERS * names.total():
        return ()
    return _worded(counts, found)


def _worded(counts: Counter[str], names: Collection[str]) -> tuple[str, ...]:
    """Return each response in its commonest spelling; of spellings as common, the first of the alphabet."""
    best: dict[str, str] = {}
    for text in sorted(counts, key=lambda text: (-counts[text], text)):
        name = normalise(text)
        if name in names:
            best.setdefault(name, text)
    return tuple(best[name] for name in sorted(best))


def _named(task: Task) -> str:
    return "" if task == (None,) else f" of {task[0]}"


def _shown(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"
