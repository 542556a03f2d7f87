"""The Checker: whether a label can be relied on, given the views of two experts (Eq. 3)."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.answers import agree, kind_of
from agents.role import AgentConfig, Role, Usage, conversation
from prompts.template import QuestionTemplate
from stores.sample import Sample

VARIABLES = frozenset({"response", "base", "reasoning"})

Policy = Literal["unanimous", "majority", "judge", "hybrid", "calibrated", "none"]
View = Literal["base", "reasoning"]
Judgement = Literal["reliable", "noisy"]

# The verdict is a line of its own: a label quoted inside a sentence must not become one.
# What it repeats is bounded, which keeps it linear.
_VERDICT = re.compile(
    r"^[ \t>*_#-]{0,20}verdict\s{0,5}[:=][\s*_]{0,10}(reliable|noisy)[ \t\r*_.!]{0,10}$", re.I | re.M
)


class Check(BaseModel):
    """A verdict on a label, and what it rests on.

    `agreed` names the views that match the label. `reply` and `judged` are the judge's, where it was asked.
    `noise` is the probability that the label is wrong, and `weights` says what each view adds to that, in
    nats for the label; both are known once all samples have their views (`policy: calibrated`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reliable: bool
    policy: Policy
    agreed: tuple[View, ...]
    reply: str | None = None
    judged: Judgement | None = None
    reason: str
    noise: float | None = None
    weights: dict[str, float] = {}
    usage: Usage = Usage()


class CheckerConfig(AgentConfig):
    """Settings of the Checker."""

    prompt: str = "check"
    """The judge's template: a name in `prompts/`, or a path to your own file."""
    max_tokens: int = Field(default=128, gt=0)
    """The most tokens of the judge's reply."""
    policy: Policy = "calibrated"
    """How a response is judged. `calibrated` asks what `hybrid` asks and then weighs all views of all samples
    by how far each can be trusted. `hybrid` asks the judge where the views disagree. `unanimous` wants every
    view to match the response. `majority` wants one. `judge` asks the judge about every sample. `none` calls
    every response noisy."""
    threshold: float | None = Field(default=None, gt=0, lt=1, allow_inf_nan=False)
    """For `calibrated`: responses at or above this noise probability are noisy. By default their share
    equals the estimated noise rate."""
    views: tuple[View, ...] = ("base", "reasoning")
    """The agents whose answers are compared with the response. The others are not asked."""

    @model_validator(mode="after")
    def _check_views(self) -> "CheckerConfig":
        if self.threshold is not None and self.policy != "calibrated":
            raise ValueError("threshold is for the policy 'calibrated'")
        if len(set(self.views)) < len(self.views):
            raise ValueError("views names one twice")
        if not self.views and self.policy not in ("judge", "none"):
            raise ValueError(f"views is empty, but the policy '{self.policy}' compares them with the label")
        return self


class Checker:
    """Compares the label with the answers of the other experts."""

    def __init__(self, role: Role, prompt: QuestionTemplate, config: CheckerConfig) -> None:
        self._role = role
        self._prompt = prompt
        self._policy = config.policy
        self._views = config.views

    async def check(self, sample: Sample, base: str | None, reasoning: str | None) -> Check:
        """Say whether the sample's response is reliable (Eq. 3).

        Args:
            sample: the sample under suspicion.
            base: the Base agent's answer.
            reasoning: the Reasoner's last answer.
        """
        kind = kind_of(sample.response, sample.options)
        answers: dict[View, str | None] = {"base": base, "reasoning": reasoning}
        views = {view: agree(answers[view], sample.response, kind, sample.options) for view in self._views}
        agreed = tuple(view for view, same in views.items() if same)
        if self._policy == "none":
            return Check(reliable=False, policy="none", agreed=agreed, reason="not checked")
        if self._policy == "judge" or (self._policy in ("hybrid", "calibrated") and _is_split(views)):
            return await self._judge(sample, base, reasoning, agreed)
        enough = 1 if self._policy == "majority" else len(views)
        reason = f"{len(agreed)} of {len(views)} views match the response"
        return Check(reliable=len(agreed) >= enough, policy=self._policy, agreed=agreed, reason=reason)

    async def _judge(
        self, sample: Sample, base: str | None, reasoning: str | None, agreed: tuple[View, ...]
    ) -> Check:
        request = self._prompt.render(sample, response=sample.response, base=base, reasoning=reasoning)
        reply = await self._role.ask(conversation(sample, request))
        verdict = parse_verdict(reply.text, quoted=(sample.prompt, sample.response, base, reasoning))
        return Check(
            reliable=verdict == "reliable",
            policy=self._policy,
            agreed=agreed,
            reply=reply.text,
            judged=verdict,
            reason=f"the judge says {verdict}" if verdict else "unparsed",
            usage=reply.usage,
        )


def parse_verdict(reply: str, quoted: Iterable[str | None] = ()) -> Judgement | None:
    """Read the judge's verdict line; None where there is none, or where two lines contradict.

    Args:
        reply: what the judge said.
        quoted: the texts under judgement. A verdict line of theirs that the judge repeats is not the judge's.
    """
    found = _verdicts(reply)
    for text in quoted:
        found -= _verdicts(text or "")
    if set(found) == {"reliable"}:
        return "reliable"
    return "noisy" if set(found) == {"noisy"} else None


def _verdicts(text: str) -> Counter[str]:
    return Counter(match.lower() for match in _VERDICT.findall(text))


def _is_split(views: dict[View, bool | None]) -> bool:
    # A free-text view that cannot be compared (None) leaves the question open as well.
    return not (all(views.values()) or all(same is False for same in views.values()))
