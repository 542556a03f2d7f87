"""The kinds of answers: how each is recognised, read out of a reply, and compared.

One more kind is one more file beside this one and one more entry in `_PLAIN`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from agents.answers.choice import Choice
from agents.answers.code import Code
from agents.answers.data import Data
from agents.answers.dates import Date
from agents.answers.form import Form
from agents.answers.free import Free
from agents.answers.listing import Listing
from agents.answers.maths import Maths
from agents.answers.number import Number
from agents.answers.short import Short
from agents.answers.words import LONGEST_READ
from agents.answers.working import Working
from agents.thoughts import split_thoughts
from stores.sample import Sample


class AnswerKind(Protocol):
    """A kind of answers. Replies are hostile input: all of a kind's methods take linear time."""

    name: str
    form: Form
    """Names the set of prompts that such answers are asked for with."""
    comparable: bool
    """Whether two answers of this kind can be told to differ; of free text, only a judge can say that."""

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether answers to a sample with this response and these options are of this kind."""
        ...

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return how many tokens a direct answer needs at most; None where the kind does not tell."""
        ...

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the answer in a reply; None where it holds none, or more than one. Never a guess."""
        ...

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two answers say the same; the order of the two does not matter.

        Args:
            left: an answer, as `extract` returns it or as a sample's response has it; None: unreadable.
            right: the other answer.
            options: the texts of the options, where the sample has any.

        Returns:
            True or False; None where it cannot be told, which is evidence of nothing. An unreadable answer
            agrees with nothing.
        """
        ...


class Spoken:
    """A kind of answers that looks at what a text says behind its thoughts, and at nothing else of it.

    A text of more than 32,768 characters is free text: no other answer is read out of it, and two that are
    not the same cannot be told to differ.

    Args:
        kind: the kind, which sees texts without thoughts.
    """

    def __init__(self, kind: AnswerKind) -> None:
        self._kind = kind
        self.name, self.form, self.comparable = kind.name, kind.form, kind.comparable

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether what a response says is of this kind."""
        said = _said(response)
        return (len(said) <= LONGEST_READ or self._takes_any(options)) and self._kind.recognises(
            said, options
        )

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return how many tokens a direct answer needs at most."""
        return self._kind.max_tokens(options)

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the answer in what a reply says."""
        said = _said(reply)
        if len(said) > LONGEST_READ and self.form != "long":
            return None
        return self._kind.extract(said, options)

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two texts say the same, whatever was thought before."""
        if left is None or right is None:
            return False
        one, other = _said(left), _said(right)
        if max(len(one), len(other)) > LONGEST_READ:
            return True if one.strip() == other.strip() else None
        return self._kind.agree(one, other, options)

    def _takes_any(self, options: Sequence[str]) -> bool:
        """Say whether a response of any length is of this kind."""
        return bool(options) or not self.comparable


def _said(text: str) -> str:
    return _said_short(text) if len(text) <= _SHORT else split_thoughts(text).text


_SHORT = 300
_said_short = lru_cache(maxsize=8192)(lambda text: split_thoughts(text).text)

# The first that recognises a response is its kind; the last one recognises all.
_PLAIN: tuple[AnswerKind, ...] = (
    Choice(),
    Data(),
    Working(),
    Code(),
    Number(),
    Date(),
    Maths(),
    Listing(),
    Short(),
    Free(),
)
KINDS: tuple[AnswerKind, ...] = tuple(Spoken(kind) for kind in _PLAIN)


def answer_kind(response: str, options: Sequence[str] = ()) -> AnswerKind:
    """Return the kind of the answers that compare with a response.

    Args:
        response: a sample's response.
        options: the sample's options, empty where it has none.

    Examples:
        >>> [answer_kind(text).name for text in ("$1,200", "Paris", "It depends on the year you mean.")]
        ['number', 'short', 'free']
    """
    return next(kind for kind in KINDS if kind.recognises(response, options))


def agree_with_any(sample: Sample, answer: str | None, rights: Sequence[str]) -> bool | None:
    """Say whether an answer to a sample says what one of several right ones says.

    Args:
        sample: tells the kind and the options.
        answer: the answer, None where none was readable.
        rights: the right answers; any of them counts.

    Returns:
        True where it agrees with one, None where of none it does but of one that cannot be told, else False.
    """
    kind = sample_kind(sample)
    told = [kind.agree(answer, right, sample.options) for right in rights]
    if any(told):
        return True
    return None if None in told else False


def sample_kind(sample: Sample) -> AnswerKind:
    """Return the kind of the answers to a sample: what its task tells, else what its own response does."""
    named = next((kind for kind in KINDS if kind.name == sample.kind), None)
    return named or answer_kind(sample.response, sample.options)
