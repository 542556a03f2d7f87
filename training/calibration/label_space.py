"""The label space of a group of samples: which number a response has, so that what views say can be counted.

A sample's responses are numbered from 0. What a number means depends on the group (`groups.py`):

| responses of the group             | a number is                                | the same in every sample |
| ---------------------------------- | ------------------------------------------ | ------------------------ |
| all samples share their options    | an option's place in alphabetical order    | yes                      |
| few responses repeat: classes      | a class; a response that is none comes last | yes, but for the last   |
| many do (above `MOST_CLASSES`)     | a class; then what else was named there    | yes, but for the rest    |
| options differ between samples     | an option's place among the sample's own   | no                       |
| open prompts                       | who named it first: the given response is 0 | no                      |

An answer that is none of them is -1: a missing one, and one that names two classes at once.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from agents.answers.kind import AnswerKind, sample_kind
from agents.answers.short import Short
from agents.answers.words import cut_words, mentions, normalise
from agents.record import SampleRecord
from stores.sample import Sample
from training.calibration import priors


def is_free(sample: Sample) -> bool:
    """Return whether a sample's response is free text, which nothing else ever equals."""
    return not sample_kind(sample).comparable


def spelling_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return what names are compared by: what their words say, where that tells them apart."""
    return normalise if len(set(map(normalise, names))) == len(names) else str.strip


class LabelSpace:
    """The numbers of responses: of classes where responses repeat, else of a sample's own candidates.

    Args:
        classes: the options that all samples share, or the responses that repeat; none where neither is so.
        closed: whether the classes are options, so that there is nothing else for a response to be.
        of_tasks: the responses that repeat within a task, where most of its responses do. A sentence that
            names one of them alone is that one.
    """

    def __init__(
        self,
        classes: Sequence[str] = (),
        *,
        closed: bool = False,
        of_tasks: Mapping[str | None, tuple[str, ...]] | None = None,
    ) -> None:
        self.classes = tuple(classes)
        self.closed = closed
        self.of_tasks = dict(of_tasks or {})
        self._spelling = spelling_of(self.classes)
        self._numbers = {self._spelling(name): number for number, name in enumerate(self.classes)}
        self._longest = max((name.count(" ") + 1 for name in self._numbers), default=0)

    @property
    def shared(self) -> bool:
        """Whether a number means the same response in every sample."""
        return bool(self.classes)

    @property
    def many(self) -> bool:
        """Whether there are too many classes to weigh all of them for every sample."""
        return len(self.classes) > priors.MOST_CLASSES

    @property
    def least_size(self) -> int:
        """How many candidates a label matrix has at least, whichever samples it is of."""
        if not self.shared or self.many:
            return 1
        return len(self.classes) + (not self.closed)

    def size(self, record: SampleRecord) -> int:
        """Return how many responses a sample can have, those that nobody named included."""
        if self.many:
            return len(self.classes) + (0 if self.closed else len(self._others(record)))
        if self.shared:
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
        | 99 classes; "news" given         | "news", or another       | 99, or 100                     |
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
        if known is not None:
            return known
        return self._find_among_many(answer, record) if self.many else self._find(answer, record)

    def decode(self, record: SampleRecord, number: int) -> str | None:
        """Return the response that has a number, in the sample's own words; None where nobody named it.

        Of several wordings of an open answer it is the shortest: agents answer in a sentence where a response
        is a word. "It is Rome." and "Rome" are one number, which is decoded to "Rome".
        """
        open_ended = number >= len(self.classes) and (self.many or not self.shared)
        sample = record.sample
        if open_ended and not sample.options:
            said = (text for text in self._said(record) if self.encode(record, text) == number)
            return min(said, key=len, default=None)
        candidates = self.classes if self.many else self._candidates(record)
        if not 0 <= number < len(candidates):
            return None
        name = self._spelling(candidates[number])
        return next(
            (option for option in sample.options if self._spelling(option) == name), candidates[number]
        )

    def _said(self, record: SampleRecord) -> list[str]:
        """Return a sample's response, what the agents answered as far as it can be read, and annotations.

        Of very many annotations the commonest count.
        """
        answers = [answer for answer in record.answers().values() if answer is not None and answer.strip()]
        annotated = Counter(one.response for one in record.sample.annotations if one.response.strip())
        answers += [text for text, _ in annotated.most_common(priors.OPEN_CANDIDATES)]
        known = [record.sample.response, record.sample.trusted or ""]
        return [*filter(str.strip, known), *(self._read(answer, record.sample) for answer in answers)]

    def _read(self, answer: str, sample: Sample) -> str:
        """Return the response of the task that an answer names alone and undenied, else the answer.

        "Mali lies in West Africa" is "Africa", where the responses of the task are continents.
        """
        names = () if sample.options else self.of_tasks.get(sample.task, ())
        if not names or answer == sample.response or normalise(answer) in map(normalise, names):
            return answer
        named = mentions(cut_words(answer), tuple(map(cut_words, names)))
        if len(named) != 1:
            return answer
        name = names[named.pop()]
        return answer if sample_kind(sample).agree(answer, name, sample.options) is False else name

    def _find(self, answer: str, record: SampleRecord) -> int:
        candidates = self._candidates(record)
        if self.classes and len(candidates) > len(self.classes) and answer == record.sample.response:
            return len(self.classes)
        found = self._among(candidates, answer, record.sample)
        if not found or (self.classes and len(found) > 1):
            return -1
        return found[0]

    def _find_among_many(self, answer: str, record: SampleRecord) -> int:
        """Return the number of an answer that is not spelt as a class is."""
        number = self._class_within(answer, record.sample)
        if number is not None:
            return number
        found = [] if self.closed else self._among(self._others(record), answer, record.sample)
        return len(self.classes) + found[0] if found else -1

    def _class_within(self, answer: str, sample: Sample) -> int | None:
        """Return the one of many classes that an answer names; -1 where it names several, None where none."""
        if self.closed:
            chosen = sample_kind(sample).extract(answer, sample.options)
            return -1 if chosen is None else self._numbers.get(self._spelling(chosen), -1)
        words = normalise(answer).split()
        spans = ((at, at + size) for at in range(len(words)) for size in range(1, self._longest + 1))
        named = {self._numbers.get(" ".join(words[start:end])) for start, end in spans} - {None}
        numbers = sorted(number for number in named if number is not None)
        found = self._among([self.classes[number] for number in numbers], answer, sample)
        if len(found) == 1:
            return numbers[found[0]]
        # A given response that names two classes is none of them, and may be right all the same.
        return -1 if found and answer != sample.response else None

    def _others(self, record: SampleRecord) -> tuple[str, ...]:
        """Return what was named of a sample and is none of many classes, the given response first."""
        said = [
            text
            for text in self._said(record)
            if self._spelling(text) not in self._numbers and self._class_within(text, record.sample) is None
        ]
        return self._distinct(said, record.sample)

    def _among(self, candidates: Sequence[str], answer: str, sample: Sample) -> list[int]:
        kind = self._kind(sample)
        told = [kind.agree(answer, candidate, sample.options) for candidate in candidates]
        found = [number for number, same in enumerate(told) if same]
        if not found and self.classes and None in told:
            # "In Southeast Asia" names one class, where "Asia" alone could not be told from it.
            named = mentions(cut_words(answer), tuple(map(cut_words, candidates)))
            return sorted(named) if len(named) != 1 or None in (told[number] for number in named) else []
        return found

    def _kind(self, sample: Sample) -> AnswerKind:
        """Return how answers to a sample are compared."""
        kind = sample_kind(sample)
        # An agent answers with a class, in a sentence, although the given response is a long text.
        return Short() if self.shared and not kind.comparable else kind

    def _candidates(self, record: SampleRecord) -> tuple[str, ...]:
        """Return what a sample's right response can be; of an open prompt, what somebody has named."""
        sample = record.sample
        if self.classes:
            is_class = not sample.says_something or self._is_class(sample)
            return self.classes if is_class else (*self.classes, sample.response)
        if sample.options:
            return sample.options
        return self._distinct(self._said(record), sample)

    def _distinct(self, texts: Sequence[str], sample: Sample) -> tuple[str, ...]:
        kind = self._kind(sample)
        found: list[str] = []
        for text in texts:
            # Of a wording that may be one of them nobody can tell: it is no candidate of its own.
            if all(kind.agree(text, known) is False for known in found):
                found.append(text)
        return tuple(found)

    def _is_class(self, sample: Sample) -> bool:
        """Return whether a response is a class; with options there is nothing else for it to be."""
        if sample.options or self._spelling(sample.response) in self._numbers:
            return True
        return len(self._among(self.classes, sample.response, sample)) == 1
