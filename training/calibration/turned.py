"""A response with one fact turned, by rules: what it takes to find out whether wrong facts can be seen.

A number is changed, a name is taken from another sample, a word becomes its opposite, or a statement is
denied. Numbers and names are turned in any language that writes them with digits and capitals. Opposites
and denials come from a short list of English, German, French, Spanish, Italian and Chinese words.

Nothing here knows what is right. A turned response may happen to be true still, and the errors are clumsier
than those that people make.
"""

import random
import re
from collections.abc import Sequence

from training.calibration import priors

# Between other digits, points and letters a number is part of a date, a version or a name.
_NUMBER = re.compile(r"(?<![\w.,:/-])\d{1,6}(?![\w:/-]|[.,]\d)")
# Not at the beginning of a sentence, where any word has a capital.
_CAPITAL = f"[{''.join(sign for sign in map(chr, range(0x3000)) if sign.isupper())}]"
_NAME = re.compile(rf"(?<=[^\W\d_] |, |\w-){_CAPITAL}[^\W\d_]{{2,}}(?: {_CAPITAL}[^\W\d_]{{2,}})*")
_OPPOSITES = (
    "more less,most least,larger smaller,large small,big small,longer shorter,long short,higher lower,"
    "high low,faster slower,fast slow,before after,first last,always never,above below,hot cold,"
    "warm cool,inside outside,increases decreases,rises falls,rise fall,expands shrinks,north south,"
    "east west,left right,heavier lighter,heavy light,old new,older younger,early late,open close,"
    "start stop,begins ends,began ended,all none,stronger weaker,strong weak,inner outer,true false,"
    "soft hard,dry wet,buy sell,gains loses,with without,mehr weniger,größer kleiner,länger kürzer,"
    "höher niedriger,schneller langsamer,vor nach,immer nie,leichter schwerer,warm kalt,steigt fällt,"
    "erste letzte,plus moins,toujours jamais,avant après,grand petit,nord sud,augmente diminue,"
    "premier dernier,más menos,siempre nunca,antes después,mayor menor,norte sur,aumenta disminuye,"
    "primero último,più meno,sempre mai,prima dopo,maggiore minore"
)
_LISTED = [pair.split() for pair in _OPPOSITES.split(",") if pair]
_PAIRS = {one: other for left, right in _LISTED for one, other in ((left, right), (right, left))}
_OPPOSITE = re.compile(rf"\b(?:{'|'.join(map(re.escape, _PAIRS))})\b", re.IGNORECASE)
_DENIED = {
    "is": "is not", "are": "are not", "was": "was not", "were": "were not", "can": "cannot", "has": "has no",
    "should": "should not", "will": "will not", "ist": "ist nicht", "sind": "sind nicht", "war": "war nicht",
    "est": "n'est pas", "sont": "ne sont pas", "es": "no es", "son": "no son", "fue": "no fue", "è": "non è",
    "sono": "non sono",
}  # fmt: skip
_STATEMENT = re.compile(
    # Some languages deny before the verb.
    rf"(?<=\w )(?<!\bnon )(?<!\bno )(?<!\bne )(?:{'|'.join(_DENIED)})(?= (?!not\b|no\b|nicht\b|kein)\w)"
    r"|(?<=[\u4e00-\u9fff])[是会能](?=[\u4e00-\u9fff])"
)


def turn_fact(response: str, others: Sequence[str], seed: int | str) -> str | None:
    """Return a response with one fact turned; None where no rule finds one.

    Args:
        response: the text.
        others: responses to other prompts, whose names may be taken.
        seed: makes the choice among what can be turned repeatable.

    Example:
        >>> turn_fact("Water boils at 100 degrees.", [], 0)
        'Water boils at 130 degrees.'
    """
    draw = random.Random(seed)  # noqa: S311 - a draw, no secret
    names = sorted({name for other in others for name in _NAME.findall(other)} - set(_NAME.findall(response)))
    turns = [(found, _other_number(found.group(), draw)) for found in _NUMBER.finditer(response)]
    turns += [(found, draw.choice(names)) for found in _NAME.finditer(response) if names]
    turns += [(found, _opposite(found.group())) for found in _OPPOSITE.finditer(response)]
    # A denial fits nearly everywhere: it is taken where there is nothing else.
    turns = turns or [(found, _denial(found.group())) for found in _STATEMENT.finditer(response)]
    if not turns:
        return None
    found, new = draw.choice(turns)
    return f"{response[: found.start()]}{new}{response[found.end() :]}"


def turn_some(responses: Sequence[str], seeds: Sequence[str]) -> list[tuple[int, str]]:
    """Return the places of the first responses in which a fact can be turned, each with its turned text.

    Args:
        responses: texts (n), which lend each other their names.
        seeds: one a text, as for `turn_fact` (n).

    Returns:
        At most `priors.TURNED`; none where there are fewer than `priors.FEWEST_TURNED`.
    """
    found: list[tuple[int, str]] = []
    for place, response in enumerate(responses):
        others = [*responses[:place], *responses[place + 1 :]]
        turned = turn_fact(response, others, seeds[place])
        if turned is not None and turned != response:
            found.append((place, turned))
        if len(found) == priors.TURNED:
            break
    return found if len(found) >= priors.FEWEST_TURNED else []


def _other_number(digits: str, draw: random.Random) -> str:
    number = int(digits)
    if len(digits) == 4 and number in priors.YEARS:
        return str(number + draw.choice((-1, 1)) * draw.randint(11, 60))
    return str(number + max(1, round(0.3 * number)))


def _opposite(word: str) -> str:
    other = _PAIRS[word.lower()]
    return other.capitalize() if word[0].isupper() else other


def _denial(word: str) -> str:
    return _DENIED.get(word) or f"不{word}"
