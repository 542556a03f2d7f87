"""How plausible a model finds free text: views of a response that no comparison of answers gives.

| view        | what is asked                                                            | requests       |
|-------------|--------------------------------------------------------------------------|----------------|
| `unchanged` | to repeat it with every wrong fact corrected: how likely its tokens are  | 1, no decoding |
|             | then, in the mean                                                        |                |
| `least`     | the same of its least likely token: one wrong name among right words     | the same one   |
| `plausible` | whether every statement in it is true: how likely is "yes"?              | 1, one token   |

The words of a response say more of its likelihood than its facts do. Where the model has them before its
eyes, they cost nothing, and what it would correct stands out.

A model that rates no reply (only embedded ones and vLLM servers do) or no first token gives no such view. The
question was chosen among several (`docs/policies.md`, "Free text").
"""

import math
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from agents.agent import AgentRecord, Reply, Usage, request
from agents.errors import ModelBusyError, ModelCallError
from prompts.template import QuestionTemplate
from stores.sample import Sample

if TYPE_CHECKING:
    from agents.role import Role

VARIABLES = frozenset({"response"})
VIEWS = ("unchanged", "least", "plausible")
"""The views in the order of `Assessment.scores`."""
_YES, _NO = "Yes", "No"
# The least probability of a word that is told from none: bounds its logarithm.
_RAREST = 1e-6


class Assessment(AgentRecord):
    """What the views say of a response.

    `log_probabilities` are those of the response's tokens as its own corrected copy, in nats; empty where the
    model cannot rate them.
    `yes` is the probability of "yes" beside "no"; None where the model does not tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    log_probabilities: tuple[float, ...] = ()
    yes: float | None = None

    @property
    def unchanged(self) -> float | None:
        """The mean log-probability of a token, in nats; None where it is not known."""
        rated = self.log_probabilities
        return math.fsum(rated) / len(rated) if rated else None

    @property
    def least(self) -> float | None:
        """The log-probability of the least likely token, in nats; None where it is not known."""
        return min(self.log_probabilities, default=None)

    @property
    def plausible(self) -> float | None:
        """The log-odds of "yes", in nats; None where they are not known."""
        if self.yes is None:
            return None
        bounded = min(max(self.yes, _RAREST), 1 - _RAREST)
        return math.log(bounded / (1 - bounded))

    @property
    def scores(self) -> tuple[float | None, ...]:
        """What each of `VIEWS` says: the more, the better the response."""
        return self.unchanged, self.least, self.plausible


class Assessor:
    """Asks how plausible a response is.

    Args:
        role: the checker's model.
        proofread: asks for the response with every wrong fact corrected.
        facts: asks whether every statement in it is true, for "yes" or "no" alone.
    """

    def __init__(self, role: "Role", proofread: QuestionTemplate, facts: QuestionTemplate) -> None:
        self._role = role
        self._proofread = proofread
        self._facts = facts

    @property
    def gives_views(self) -> bool:
        """Whether the model can be asked any of this."""
        return self._role.rates_replies or self._role.rates_letters

    async def assess(self, sample: Sample) -> Assessment:
        """Return what the views say of a sample's response, which says something.

        Raises:
            ModelBusyError, EndpointDownError, StorageError: as `Role.rate`.
        """
        rated, said = await self._rate(sample), await self._ask(sample)
        asked = [reply.usage for reply in (rated, said) if reply is not None]
        return Assessment(
            log_probabilities=tuple(round(value, 4) for value in rated.log_probabilities) if rated else (),
            yes=_share(said.letters) if said else None,
            usage=sum(asked, Usage()),
            reply_key=rated.key if rated else None,
        )

    async def _rate(self, sample: Sample) -> Reply | None:
        turns = request(sample, self._proofread, response=sample.response)
        return await _unless_refused(self._role.rate(turns, sample.response, tools=sample.tools))

    async def _ask(self, sample: Sample) -> Reply | None:
        if not self._role.rates_letters:
            return None
        turns = request(sample, self._facts, response=sample.response)
        return await _unless_refused(self._role.rate_letters(turns, (_YES, _NO), tools=sample.tools))


async def _unless_refused(asked: Awaitable[Reply | None]) -> Reply | None:
    """Return a reply; None where the model takes no such request: a view less, and no failed sample."""
    try:
        return await asked
    except ModelBusyError:
        raise
    except ModelCallError:
        return None


def _share(words: dict[str, float]) -> float | None:
    """Return the probability of "yes" beside "no"; None where the model does not rate both."""
    if not {_YES, _NO} <= words.keys():
        return None
    return round(1 / (1 + math.exp(min(words[_NO] - words[_YES], 700.0))), 8)
