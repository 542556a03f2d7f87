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
"""

from agents.answers.lexicon import (
    ABOUT,
    ARTICLES,
    COPULAS,
    DENIALS,
    FILLERS,
    JOINS,
    LATE_COPULAS,
    LIMITS,
    REASONS,
    SORTS,
    TURNS,
    YES_OR_NO,
)
from agents.answers.words import PAUSES, fold

_ENDS_IN_DENIAL = ("ない", "ません", "않다", "않습니다", "아니다", "아닙니다", "没有", "なかった")
_NEAR = 6


def claims(longer: tuple[str, ...], answer: tuple[str, ...]) -> bool | None:
    """Say whether a text gives an answer as its own.

    Args:
        longer: the text's tokens, as `cut_tokens` returns them.
        answer: the answer's tokens, fewer of them.

    Returns:
        True where the text is a sentence around the answer; False where it denies it, adds to it, or does not
        hold it; None where that cannot be told.
    """
    at = _last_place(longer, answer)
    if at is None:
        return False
    before, after = tuple(map(fold, longer[:at])), tuple(map(fold, longer[at + len(answer) :]))
    clause = _last_clause(before)
    if _denied(before, clause, after) or _limited(clause, after):
        return False
    if any(word in ABOUT for word in clause[-2:]):
        return None
    ends = _ends_well(tuple(map(fold, answer)), before, after)
    turned = bool(before) and before[-1] in TURNS
    return _begins_well(() if turned else before, after) if ends else ends


def _last_place(longer: tuple[str, ...], answer: tuple[str, ...]) -> int | None:
    """Return where a text last holds an answer's tokens next to each other."""
    # "As" and "I" are chemical symbols, "as" and "i" are not.
    first, size = answer[0], len(answer)
    symbol = size == 1 and len(first) <= 2 and first != first.lower() and first.lower() not in YES_OR_NO
    spell = str if symbol else fold
    words, wanted = tuple(map(spell, longer)), tuple(map(spell, answer))
    places = (at for at in range(len(words) - size, -1, -1) if words[at] == wanted[0])
    return next((at for at in places if words[at : at + size] == wanted), None)


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
    if first in PAUSES:
        rest = after[1] if len(after) > 1 else ""
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
