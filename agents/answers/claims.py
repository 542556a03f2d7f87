"""Whether a longer text gives a shorter one as its answer, denies it, or adds something to it.

Containment is no equality. A sentence around an answer says the same; a condition, a further item or a denial
says something else; of a longer name nobody can tell.

| answer | longer text | same |
|---|---|---|
| `Paris` | `The capital of France is Paris.` | yes |
| `Paris` | `It is Paris, the capital.` | yes |
| `Paris` | `It is not Paris`, `Paris değil`, `不是巴黎` | no |
| `Paris` | `Paris, Texas`, `Paris and London` | no |
| `1990` | `before 1990` | no |
| `New York` | `New York City` | cannot be told |
| `Jane Austen` | `Jane Austen wrote it` | yes |
| `Jane Austen` | `Jane Austen wrote Emma` | cannot be told: two are named |
"""

from itertools import islice

from agents.answers.lexicon import (
    ABOUT,
    ALTERNATIVES,
    ARTICLES,
    ASKS,
    COPULAS,
    DEEDS,
    DENIALS,
    FILLERS,
    JOINS,
    LANGUAGE,
    LATE_COPULAS,
    LIMITS,
    PLACED,
    REASONS,
    SORTS,
    TAKES_BACK,
    TURNS,
    YES_OR_NO,
)
from agents.answers.words import PAUSES, fold

_ENDS_IN_DENIAL = ("ない", "ません", "않다", "않습니다", "아니다", "아닙니다", "没有", "なかった")
_NEAR = 6
_MOST_PLACES = 4
_OF_THEM = frozenset([("of", "them"), ("of", "these"), ("of", "those"), ("of", "above")])


def claims(longer: tuple[str, ...], answer: tuple[str, ...]) -> bool | None:
    """Say whether a text gives an answer as its own.

    Args:
        longer: the text's tokens, as `cut_tokens` returns them.
        answer: the answer's tokens, fewer of them.

    Returns:
        True where the text is a sentence around the answer; False where it denies it, adds to it, or does not
        hold it; None where that cannot be told.
    """
    folded = tuple(map(fold, answer))
    # Of a name that a sentence holds twice, one place alone may tell: "Khmer, a form of the Khmer language".
    told = [
        _did(longer[:at], answer, longer[at + len(answer) :])
        or _claims_at(tuple(longer[:at]), folded, tuple(longer[at + len(answer) :]))
        for at in _places(longer, answer)
    ]
    if not told:
        return False
    return next((said for said in reversed(told) if said is not None), None)


def _did(before: tuple[str, ...], answer: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Say whether a sentence is what one person did: "Jane Austen wrote it". Nobody else is named in it.

    A single word may be the name of a thing, and what the thing did may be what was asked about.
    """
    if len(answer) < 2 or not all(word.isalpha() and word[0].isupper() for word in (*answer, *before)):
        return False
    # Whatever stands before the name is a title of the person's.
    if len(before) > 1 or {fold(word) for word in before} & (DENIALS | LIMITS | JOINS | FILLERS | ABOUT):
        return False
    verb, rest = after[:1], [fold(word) for word in after[1:]]
    if not verb or not (
        verb[0] in DEEDS or (len(verb[0]) > 4 and verb[0].endswith("ed") and verb[0].islower())
    ):
        return False
    plain = all(word.islower() or word.isdecimal() for word in after)
    return plain and not (DENIALS | JOINS | TURNS | LIMITS | ABOUT | ASKS).intersection(rest)


def takes_back(sentence: tuple[str, ...], answer: tuple[str, ...]) -> bool:
    """Say whether a sentence takes back an answer that was given before.

    "It is not Rome" and "No, Rome is in Italy" do. "Rome is not small" goes on about it.

    Args:
        sentence: its tokens, as `cut_tokens` returns them.
        answer: the answer's tokens.
    """
    folded = tuple(map(fold, sentence))
    if TAKES_BACK.union(DENIALS).intersection(folded[:1]) or folded[:1] in (("wait",), ("correction",)):
        return True
    return any(DENIALS.intersection(_last_clause(folded[:at])[-_NEAR:]) for at in _places(sentence, answer))


def _claims_at(before: tuple[str, ...], answer: tuple[str, ...], spelt: tuple[str, ...]) -> bool | None:
    """Say what a sentence makes of the answer at one place of it."""
    before, after = tuple(map(fold, before)), tuple(map(fold, spelt))
    before, after = _without_repeats(before, answer, after)
    clause = _last_clause(before)
    if any(word in ABOUT for word in clause[-2:]) or ASKS.intersection(clause):
        return None
    if _denied(before, clause, after):
        return False
    if after in _OF_THEM and len(answer) == 1 and answer[0] in ("none", "all", "both", "neither", "some"):
        return _begins_well(before, ())
    if _limited(clause, after):
        # "It is Paris or Lyon" names two; whether it means one of them nobody can tell.
        either = ALTERNATIVES.intersection((*clause[-1:], *after[:1]))
        return None if either and COPULAS.intersection(clause) else False
    if _is_asked_about(before, after):
        return False
    ends = _ends_well(answer, before, after)
    if ends is None and _explains_by_noun(answer, spelt):
        ends = True
    turned = bool(before) and before[-1] in TURNS
    turn = next((at for at in range(len(before) - 1, 0, -1) if before[at] in TURNS), 0)
    if turn and ends and not DENIALS.intersection(before[:turn]):
        # "It is Rome, but it was Turin" names two.
        return None
    return _begins_well(() if turned else before, after) if ends else ends


def _places(longer: tuple[str, ...], answer: tuple[str, ...]) -> list[int]:
    """Return the places, the last few, where a text holds an answer's tokens next to each other."""
    # "As" and "I" are chemical symbols, "as" and "i" are not.
    first, size = answer[0], len(answer)
    symbol = size == 1 and len(first) <= 2 and first != first.lower() and first.lower() not in YES_OR_NO
    spell = str if symbol else fold
    words, wanted = tuple(map(spell, longer)), tuple(map(spell, answer))
    places = (at for at in range(len(words) - size, -1, -1) if words[at] == wanted[0])
    found = list(islice((at for at in places if words[at : at + size] == wanted), _MOST_PLACES))
    return found[::-1]


def _without_repeats(
    before: tuple[str, ...], answer: tuple[str, ...], after: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Leave out an answer that stands beside itself: "weak or weak" names one."""
    size = len(answer)
    if after[:1] and after[0] in ALTERNATIVES and after[1 : 1 + size] == answer:
        after = after[1 + size :]
    if before[-1:] and before[-1] in ALTERNATIVES and before[-1 - size : -1] == answer:
        before = before[: -1 - size]
    return before, after


def _is_asked_about(before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Say whether a sentence says something of the answer's own: "The capital of France is" ."""
    if len(after) < 2 or after[0] not in COPULAS or len(before) < 2 or before[-1] != "of":
        return False
    return before[-2] not in SORTS and not COPULAS.intersection(before)


def _explains_by_noun(answer: tuple[str, ...], spelt: tuple[str, ...]) -> bool:
    """Say whether a noun behind a comma explains a word: "loaves, plural of loaf"."""
    named = all(word.isalpha() for word in answer)
    return named and len(spelt) > 2 and spelt[0] == "," and spelt[2] == "of" and spelt[1].islower()


def _last_clause(before: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that belong to what follows them: "not Rome but" says nothing of it."""
    for at in range(len(before) - 1, max(-1, len(before) - 9), -1):
        if before[at] in TURNS or before[at] in PAUSES:
            return before[at + 1 :]
    return before


def _denied(before: tuple[str, ...], clause: tuple[str, ...], after: tuple[str, ...]) -> bool:
    if not clause and before[-2:-1] and before[-2] in ("anything", "nothing", "all", "everything"):
        return True
    if any(word in DENIALS or word.endswith(_ENDS_IN_DENIAL) for word in clause[-_NEAR:]):
        return True
    near = []
    for word in after[:_NEAR]:
        if word in PAUSES:
            break
        near.append(word)
    return bool(DENIALS.intersection(near[:3])) or "".join(near).endswith(_ENDS_IN_DENIAL)


def _limited(clause: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Say whether a condition or a further item stands beside an answer."""
    if any(word in LIMITS for word in clause[-2:]) or (after and after[0] in LIMITS | JOINS):
        return True
    return bool(clause) and clause[-1] in JOINS - COPULAS - FILLERS


def _ends_well(answer: tuple[str, ...], before: tuple[str, ...], after: tuple[str, ...]) -> bool | None:
    """Say whether what follows an answer leaves it as it is."""
    if not after or all(word in LATE_COPULAS for word in after):
        return True
    first = after[0]
    if first in LANGUAGE and len(after) > 1 and after[1] in COPULAS and not COPULAS.intersection(before):
        return True
    if first in PAUSES:
        rest = after[1] if len(after) > 1 else ""
        if rest in TURNS and before:
            # "It is Paris, but not for long" still says Paris; "but it may be Lyon" takes it back.
            return None if (TAKES_BACK | COPULAS).intersection(after[1:]) else True
        if rest in REASONS or (len(answer) == 1 and answer[0] in YES_OR_NO and not before):
            return True
        if not before:
            return False
        # "It is Paris, Texas" may be another town, "in Asia, close to the sea" is none.
        explains = rest in FILLERS or rest in ARTICLES or rest == "capital" or rest.endswith(("ed", "ally"))
        return True if explains else None
    if (first in COPULAS and not before) or (first in REASONS and first not in ("as", "for", "that", "que")):
        return True
    return None


def _begins_well(before: tuple[str, ...], after: tuple[str, ...]) -> bool | None:
    """Say whether what precedes an answer is a sentence that leads to it."""
    if not before or before[-1] == ":" or all(word in FILLERS or word in PAUSES for word in before):
        return True
    if {before[-1], *before[-2:]} & SORTS and before[-1] in SORTS | {"of"}:
        return True
    if before[-1] in FILLERS and before[-2:-1] and before[-2] in PLACED:
        return True
    if after and after[0] in LANGUAGE:
        return all(word in FILLERS or word in PAUSES or word in YES_OR_NO for word in before) or None
    for word in reversed(before[-5:]):
        if word in COPULAS:
            return True
        if word not in FILLERS and not (len(word) > 4 and word.endswith(("ed", "ly"))):
            break
    if after and all(word in LATE_COPULAS for word in after):
        return True
    if before[-1] == ",":
        return all(word in FILLERS or word in PAUSES or word in YES_OR_NO for word in before)
    return None
