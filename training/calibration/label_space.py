"""The label space: which number a response has, so that what many views say can be counted.

A sample's responses are numbered from 0. What a number means depends on the data set:

| responses of the data set        | a number is                                | the same in every sample |
| -------------------------------- | ------------------------------------------ | ------------------------ |
| all samples share their options  | an option's place in alphabetical order    | yes                      |
| few responses repeat: classes    | a class; a response that is none comes last | yes, but for the last    |
| options differ between samples   | an option's place among the sample's own   | no                       |
| open prompts                     | who named it first: the given response is 0 | no                       |

An answer that is none of them is -1: a missing one, and one that names two classes at once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from agents.answers.kind import sample_kind
from agents.answers.short import Short
from agents.answers.words import cut_words, mentions, normalise
from agents.record import SampleRecord
from stores.sample import Sample
from training.calibration import priors


def is_free(sample: Sample) -> bool:
    """Return whether a sample's response is free text, which nothing else ever equals."""
    return not sample_kind(sample).comparable


def _spelling_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return what names are compared by: what their words say, where that tells them apart."""
    return normalise if len(set(map(normalise, names))) == len(names) else str.strip


def _repeated(counts: Counter[str]) -> tuple[str, ...]:
    """Return the responses that a task repeats, where they are most of its responses; else none."""
    found = tuple(name for name, count in counts.items() if name and count >= priors.FEWEST_OF_TASK)
    few = 2 <= len(found) <= priors.MOST_CLASSES
    return (
        found if few and sum(counts[name] for name in found) >= priors.CLASSES_COVER * counts.total() else ()
    )


class LabelSpace:
    """The numbers of responses: of classes where responses repeat, else of a sample's own candidates.

    Args:
        classes: the responses that repeat; none where they do not.
        everywhere: whether free text, too, is compared with the classes.
        of_tasks: the responses that repeat within a task, where most of its responses do. A sentence that
            names one of them alone is that one.
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        everywhere: bool = False,
        of_tasks: Mapping[str | None, tuple[str, ...]] | None = None,
    ) -> None:
        self._classes = tuple(classes)
        self._spelling = _spelling_of(classes)
        self._numbers = {self._spelling(name): number for number, name in enumerate(classes)}
        self._everywhere = everywhere
        self._of_tasks = of_tasks or {}

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> "LabelSpace":
        """Return the label space that suits samples, told from their responses and options."""
        counts: Counter[str] = Counter()
        texts: dict[str, str] = {}
        tasks: dict[str | None, Counter[str]] = {}
        options: dict[tuple[str, ...], tuple[str, ...]] = {}
        free = 0
        for sample in samples:
            if not sample.says_something:
                continue
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
            if not sample.options:
                tasks.setdefault(sample.task, Counter())[name] += 1
        if len(options) == 1 and (same := next(iter(options.values()))):
            return cls(same) if len(same) <= priors.MOST_CLASSES else cls(())
        repeated = [name for name, count in counts.items() if name and count >= priors.FEWEST_OF_CLASS]
        covered = sum(counts[name] for name in repeated)
        shared = (
            2 <= len(repeated) <= priors.MOST_CLASSES
            and covered >= priors.CLASSES_COVER * counts.total()
            and options.keys() == {()}
        )
        if not shared:
            named = {task: _repeated(counted) for task, counted in tasks.items()}
            return cls((), of_tasks={task: tuple(texts[name] for name in few) for task, few in named.items()})
        # Among classes a few long texts are wrong responses, not free text.
        everywhere = covered >= priors.CLASSES_COVER * (counts.total() + free)
        return cls([texts[name] for name in repeated], everywhere=everywhere)

    @property
    def shared(self) -> bool:
        """Whether a number means the same response in every sample."""
        return bool(self._classes)

    def covers(self, sample: Sample) -> bool:
        """Return whether a sample's response has a number; free text has none, but among classes."""
        return self._everywhere or not is_free(sample)

    def size(self, record: SampleRecord) -> int:
        """Return how many responses a sample can have, those that nobody named included."""
        if self._classes:
            return self.named_count(record)
        return len(record.sample.options) or priors.OPEN_CANDIDATES

    def named_count(self, record: SampleRecord) -> int:
        """Return how many of a sample's responses somebody has named; their numbers come first."""
        return len(self._candidates(record))

    def encode(self, record: SampleRecord, answer: str | None) -> int:
        """Return an answer's number; -1 where there is none.

        | data set                         | answer                   | number                         |
        | -------------------------------- | ------------------------ | ------------------------------ |
        | classes "ham" and "spam"         | "It is spam."            | 1                              |
        |                                  | "spam or ham"            | -1: two classes                |
        |                                  | "news", as given         | 2: a response that is no class |
        |                                  | "news", given elsewhere  | -1                             |
        | options "oak", "sea", "sun"      | "C", or "the sun"        | 2                              |
        |                                  | "the moon"               | -1: invalid                    |
        | open; "Paris" given, "Rome" said | "the city of Rome"       | 1                              |
        |                                  | "Oslo"                   | -1: nobody has named it        |

        Args:
            record: the sample, with what was said of it.
            answer: the given response or an agent's answer; None where it was unreadable.
        """
        if answer is None:
            return -1
        answer = self._read(answer, record.sample)
        known = self._numbers.get(self._spelling(answer))
        return self._find(answer, record) if known is None else known

    def decode(self, record: SampleRecord, number: int) -> str | None:
        """Return the response that has a number, in the sample's own words; None where nobody named it.

        Of several wordings of an open answer it is the shortest: agents answer in a sentence where a response
        is a word. "It is Rome." and "Rome" are one number, which is decoded to "Rome".
        """
        candidates = self._candidates(record)
        if number >= len(candidates):
            return None
        sample = record.sample
        if not self._classes and not sample.options:
            said = self._said(record)
            return min((text for text in said if self._find(text, record) == number), key=len)
        name = self._spelling(candidates[number])
        return next(
            (option for option in sample.options if self._spelling(option) == name), candidates[number]
        )

    def _said(self, record: SampleRecord) -> list[str]:
        """Return a sample's response and what the agents answered, as far as it can be read."""
        answers = [answer for answer in record.answers().values() if answer is not None and answer.strip()]
        given = [record.sample.response] if record.sample.says_something else []
        return [*given, *(self._read(answer, record.sample) for answer in answers)]

    def _read(self, answer: str, sample: Sample) -> str:
        """Return the response of the task that an answer names alone and undenied, else the answer.

        "Mali lies in West Africa" is "Africa", where the responses of the task are continents.
        """
        names = () if sample.options else self._of_tasks.get(sample.task, ())
        if not names or answer == sample.response or normalise(answer) in map(normalise, names):
            return answer
        named = mentions(cut_words(answer), tuple(map(cut_words, names)))
        if len(named) != 1:
            return answer
        name = names[named.pop()]
        return answer if sample_kind(sample).agree(answer, name, sample.options) is False else name

    def _find(self, answer: str, record: SampleRecord) -> int:
        candidates = self._candidates(record)
        if self._classes and len(candidates) > len(self._classes) and answer == record.sample.response:
            return len(self._classes)
        found = self._among(candidates, answer, record.sample)
        if not found or (self._classes and len(found) > 1):
            return -1
        return found[0]

    def _among(self, candidates: Sequence[str], answer: str, sample: Sample) -> list[int]:
        kind = sample_kind(sample)
        if self._classes and not kind.comparable:
            # An agent answers with a class, in a sentence, although the given response is a long text.
            kind = Short()
        told = [kind.agree(answer, candidate, sample.options) for candidate in candidates]
        found = [number for number, same in enumerate(told) if same]
        if not found and self._classes and None in told:
            # "In Southeast Asia" names one class, where "Asia" alone could not be told from it.
            named = mentions(cut_words(answer), tuple(map(cut_words, candidates)))
            return sorted(named) if len(named) != 1 or None in (told[number] for number in named) else []
        return found

    def _candidates(self, record: SampleRecord) -> tuple[str, ...]:
        """Return what a sample's right response can be; of an open prompt, what somebody has named."""
        sample = record.sample
        if self._classes:
            is_class = not sample.says_something or self._is_class(sample)
            return self._classes if is_class else (*self._classes, sample.response)
        if sample.options:
            return sample.options
        kind = sample_kind(sample)
        found: list[str] = []
        for answer in self._said(record):
            # Of a wording that may be one of them nobody can tell: it is no candidate of its own.
            if all(kind.agree(answer, known) is False for known in found):
                found.append(answer)
        return tuple(found)

    def _is_class(self, sample: Sample) -> bool:
        """Return whether a response is a class; with options there is nothing else for it to be."""
        if sample.options or self._spelling(sample.response) in self._numbers:
            return True
        return len(self._among(self._classes, sample.response, sample)) == 1
