"""How plausible a model finds free text: two views of a response that no comparison of answers gives.

| view         | what is asked                                                    | requests         |
|--------------|------------------------------------------------------------------|------------------|
| `likelihood` | how likely the response is as the model's own, token by token    | 1, no decoding   |
| `plausible`  | for a letter: is it right? Once with "right" first, once last    | 2, a token each  |

A model prefers one letter whatever it stands for. The mean over both orders cancels that. A model that rates
no reply (only embedded ones and vLLM servers do) or no letter gives no such view.
"""

import math
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from agents.agent import AgentRecord, Usage, conversation, request
from prompts.template import QuestionTemplate
from stores.sample import Sample

if TYPE_CHECKING:
    from agents.role import Role

VARIABLES = frozenset({"response", "sides"})
VIEWS = ("likelihood", "plausible")
"""The views in the order of `Assessment.scores`."""
_SIDES = ("It is right.", "It is wrong.")
_LETTERS = ("A", "B")
# The least probability of a letter that is told from none: bounds its logarithm.
_RAREST = 1e-6


class Assessment(AgentRecord):
    """What the two views say of a response.

    `log_probabilities` are those of the response's tokens, in nats; empty where the model cannot rate them.
    `right` is the probability of the letter that stands for "right": where it comes first, and where it comes
    last. It is empty where the model rates no letter.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    log_probabilities: tuple[float, ...] = ()
    right: tuple[float, ...] = ()

    @property
    def likelihood(self) -> float | None:
        """The mean log-probability of a token, in nats; None where it is not known."""
        rated = self.log_probabilities
        return math.fsum(rated) / len(rated) if rated else None

    @property
    def plausible(self) -> float | None:
        """The log-odds of "right", the mean over both orders, in nats; None where it is not known."""
        return math.fsum(map(_log_odds, self.right)) / len(self.right) if self.right else None

    @property
    def bias(self) -> float | None:
        """How far the model prefers the first letter, in nats; None where it is not known."""
        if len(self.right) < 2:
            return None
        first, last = map(_log_odds, self.right)
        return (first - last) / 2

    @property
    def scores(self) -> tuple[float | None, float | None]:
        """What each of `VIEWS` says: the more, the better the response."""
        return self.likelihood, self.plausible


class Assessor:
    """Asks how plausible a response is.

    Args:
        role: the checker's model.
        prompt: asks for the letter.
    """

    def __init__(self, role: "Role", prompt: QuestionTemplate) -> None:
        self._role = role
        self._prompt = prompt

    async def assess(self, sample: Sample) -> Assessment:
        """Return what the views say of a sample's response, which says something.

        Raises:
            ModelBusyError, ModelCallError, EndpointDownError, StorageError: as `Role.rate`.
        """
        asked = conversation(sample, sample.prompt)
        rated = await self._role.rate(asked, sample.response, tools=sample.tools)
        usage = rated.usage if rated else Usage()
        right: list[float] = []
        for sides in (_SIDES, _SIDES[::-1]) if self._role.rates_letters else ():
            turns = request(sample, self._prompt, response=sample.response, sides=sides)
            reply = await self._role.rate_letters(turns, _LETTERS, tools=sample.tools)
            usage += reply.usage
            if len(reply.letters) < len(_LETTERS):
                # This endpoint rates no letters: the other order would tell nothing either.
                right = []
                break
            right.append(round(_share(reply.letters, _LETTERS[sides.index(_SIDES[0])]), 6))
        return Assessment(
            log_probabilities=tuple(round(value, 4) for value in rated.log_probabilities) if rated else (),
            right=tuple(right),
            usage=usage,
            reply_key=rated.key if rated else None,
        )


def _share(letters: dict[str, float], wanted: str) -> float:
    total = math.fsum(map(math.exp, letters.values()))
    return math.exp(letters[wanted]) / total if total else 0.5


def _log_odds(share: float) -> float:
    bounded = min(max(share, _RAREST), 1 - _RAREST)
    return math.log(bounded / (1 - bounded))
