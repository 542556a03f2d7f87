"""How many tokens a reply may take, found from how long the data's own responses are."""

import math
import re
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from agents.answers.kind import sample_kind
from stores.sample import Sample

Need = Literal["response", "working", "verdict"]
"""What an agent's reply holds: a response, a working that ends in one, or a judgement with its reason."""

# What a model that thinks before it answers needs for that.
THINKING = 2048
_WORKING = 256
_VERDICT = 128
# A few sentences around an answer, and what a response may be longer than those of the data.
_SENTENCES = 128
_SLACK = 1.5
# More is asked for only where a reply was cut.
_MOST = 8192
# A whole word has three letters a token or more in what tokenizers were made for; the rest is counted singly.
_LETTERS = re.compile(r"[A-Za-z ]+")
_LETTERS_A_TOKEN = 3
# Of UTF-8: two for a sign of Cyrillic or Arabic, three for one of Chinese, which may take two tokens.
_BYTES_A_TOKEN = 1.5


class Lengths(BaseModel):
    """How long the responses of a data set are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    response: int = 0
    """Tokens of all responses but the longest in a hundred, by `estimate_tokens`."""
    works: bool = False
    """Whether any of them is an answer that models work out before they give it, such as a number."""


class Room(BaseModel):
    """How many tokens a reply may take, and how many when it is asked for again after it was cut."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int
    most: int | None = None
    """None where nothing but the model bounds it."""


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has: rather too many, in any language and in code.

    Examples:
        >>> estimate_tokens("The capital of France is Paris."), estimate_tokens("北京")
        (11, 4)
    """
    letters = sum(len(found) for found in _LETTERS.findall(text))
    ascii_signs = len(text.encode("ascii", "ignore"))
    others = len(text.encode("utf-8", "ignore")) - ascii_signs
    return math.ceil(letters / _LETTERS_A_TOKEN + (ascii_signs - letters) + others / _BYTES_A_TOKEN)


def measure(samples: Iterable[Sample]) -> Lengths:
    """Return how long the responses of a data set are; the same data give the same."""
    counts: dict[int, int] = {}
    works = False
    for sample in samples:
        length = max(estimate_tokens(response) for response in (sample.response, *sample.other_responses))
        counts[length] = counts.get(length, 0) + 1
        works = works or sample_kind(sample).form == "working"
    beyond = sum(counts.values()) // 100
    for length in sorted(counts, reverse=True):
        beyond -= counts[length]
        if beyond < 0:
            return Lengths(response=length, works=works)
    return Lengths()


def room_for(setting: int | Literal["auto"], need: Need, lengths: Lengths, *, thinks: bool) -> Room:
    """Return the room of an agent's replies.

    A number is the limit of a reply however often it is asked for. `auto` follows the data, and a reply that
    was cut gets more.

    Args:
        setting: the agent's `max_tokens`.
        need: what its replies hold.
        lengths: of the data's responses.
        thinks: whether its model thinks before it answers.
    """
    if setting != "auto":
        return Room(first=setting, most=setting)
    first = _VERDICT if need == "verdict" else _SENTENCES + math.ceil(_SLACK * lengths.response)
    first += _WORKING if need == "working" or (need == "response" and lengths.works) else 0
    return Room(first=min(first, _MOST) + (THINKING if thinks else 0))
