"""The Checker: whether a response can be relied on, given the answers of other agents (Eq. 3)."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from agents.agent import TRIED, AgentConfig, AgentRecord, Parts, TemplateUse, kept_of, read_apart, request
from agents.answers.kind import agree_with_any, sample_kind
from agents.assessment import VARIABLES as ASSESSED
from agents.assessment import Assessment, Assessor
from agents.room import Need
from prompts.template import QuestionTemplate
from stores.sample import Sample

if TYPE_CHECKING:
    from agents.role import Role

VARIABLES = frozenset({"response", "views", "reasonings"})
EMPTY = "the response is empty"
"""Why a sample is noisy that has no response: no model is asked about it."""

PROVISIONAL = "hybrid"
"""The policy that decides in the place of `calibrated` while only one sample is known."""

Policy = Literal["unanimous", "majority", "judge", "hybrid", "calibrated", "none"]
JudgeVerdict = Literal["reliable", "noisy"]
Judgement = Literal["reliable", "noisy", "unreadable"]

# The verdict is a line of its own: a response quoted inside a sentence must not become one.
# Every repetition is bounded, so that the search takes linear time.
_VERDICT = re.compile(
    r"^[ \t>*_#-]{0,20}verdict\s{0,5}[:=][\s*_]{0,10}(reliable|noisy)[ \t\r*_.!]{0,10}$", re.I | re.M
)
_MENTIONED = re.compile(r"verdict[\s:=*_>#\"'`-]{1,20}(?:is[\s:*_\"'`]{1,5})?(reliable|noisy)", re.I)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")


class Check(AgentRecord):
    """A verdict on a response, and what it rests on.

    `agreed` names the views that match the response. `judged` is what the judge's reply says, None where it
    was not asked. `noise` is the probability that the response is wrong, and `weights` says what each view
    adds to that, in nats for the response; both are known once the views of all samples are (`policy:
    calibrated`). `assessment` says how plausible the model finds the response; only of free text there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clean: bool
    policy: Policy
    agreed: tuple[str, ...]
    judged: Judgement | None = None
    reason: str
    noise: float | None = None
    weights: dict[str, float] = Field(default_factory=dict)
    assessment: Assessment | None = None


class CheckerConfig(AgentConfig):
    """Settings of the Checker."""

    templates: ClassVar[Mapping[str, TemplateUse]] = {
        "prompt": TemplateUse(VARIABLES),
        "proofread_prompt": TemplateUse(ASSESSED),
        "facts_prompt": TemplateUse(ASSESSED),
    }
    need: ClassVar[Need] = "verdict"

    prompt: str = "check"
    """The judge's prompt: a name in `prompts/`, or a path to your own file or folder."""
    proofread_prompt: str = "proofread"
    """For `calibrated`: the prompt that asks for free text with every wrong fact corrected."""
    facts_prompt: str = "facts"
    """For `calibrated`: the prompt that asks whether every statement in free text is true."""
    policy: Policy = "calibrated"
    """How a response is judged. `calibrated` asks what `hybrid` asks and then weighs all views of all samples
    by how far each can be trusted. `hybrid` asks the judge where the views disagree. `unanimous` wants every
    view to match the response. `majority` wants one. `judge` asks the judge about every sample. `none` calls
    every response noisy."""
    threshold: float | None = Field(default=None, gt=0, lt=1, allow_inf_nan=False)
    """For `calibrated`: responses at or above this noise probability are noisy. By default it is a
    third."""
    sure_below: float | None = Field(default=None, ge=0, lt=1, allow_inf_nan=False)
    """For `calibrated`: where the base view alone leaves a noise probability below this, no other agent is
    asked about the response. By default it is 0.05. 0 asks all agents about every response."""
    views: tuple[str, ...] = ("base", "reasoning")
    """The views that are compared with the response. An agent whose view is not named is not asked."""

    @model_validator(mode="after")
    def _check_views(self) -> "CheckerConfig":
        if self.threshold is not None and self.policy != "calibrated":
            raise ValueError("threshold is for the policy 'calibrated'")
        if self.sure_below is not None and self.policy != "calibrated":
            raise ValueError("sure_below is for the policy 'calibrated'")
        if len(set(self.views)) < len(self.views):
            raise ValueError("views names one twice")
        if not self.views and self.policy not in ("judge", "none"):
            raise ValueError(
                f"views is empty, but the policy '{self.policy}' compares them with the response"
            )
        return self

    def tried_values(self, key: str, sample: Sample) -> Sequence[Mapping[str, object]]:
        """Return answers that were read and such that were not; of the other prompts, those that are used."""
        if key != "prompt":
            assessed = self.policy == "calibrated" and not sample_kind(sample).comparable
            return super().tried_values(key, sample) if assessed else ()
        if self.policy not in ("judge", "hybrid", "calibrated"):
            return ()
        return [
            {"response": sample.response, "views": shown, "reasonings": shown}
            for shown in (dict.fromkeys(self.views, TRIED), dict.fromkeys(self.views))
        ]

    def build(self, parts: Parts) -> "Checker":
        """Return the agent."""
        calibrates = self.policy == "calibrated"
        asks = (parts.prompts["proofread_prompt"], parts.prompts["facts_prompt"])
        assessor = Assessor(parts.role, *asks) if calibrates else None
        return Checker(parts.role, parts.prompts["prompt"], self, assessor)


class Checker:
    """Compares the response with the answers of the other agents.

    Args:
        role: the judge's model.
        prompt: the judge's.
        config: says how it judges.
        assessor: can be asked how plausible free text is; None with every other policy.
    """

    def __init__(
        self,
        role: "Role",
        prompt: QuestionTemplate,
        config: CheckerConfig,
        assessor: Assessor | None = None,
    ) -> None:
        self.assessor = assessor
        self.assesses = False
        """Whether it asks that. A run finds out first whether the answers tell a wrong fact."""
        self._role = role
        self._prompt = prompt
        self._policy = config.policy
        self._views = config.views

    async def check(
        self,
        sample: Sample,
        answers: Mapping[str, str | None],
        reasonings: Mapping[str, str] | None = None,
    ) -> Check:
        """Say whether the sample's response is clean (Eq. 3).

        With the policy `calibrated` that is provisional, and the reason says so: it is what `hybrid` says.

        Args:
            sample: the sample under suspicion.
            answers: what each view that was asked answered, None where that is unreadable. Views that the
                config does not name are not looked at.
            reasonings: the replies of the views that say more than their answers.
        """
        if not sample.says_something:
            return Check(clean=False, policy=self._policy, agreed=(), reason=EMPTY)
        kind = sample_kind(sample)
        given = (sample.response, *sample.other_responses)
        asked = [view for view in self._views if view in answers]
        texts = (*given, *(answers[view] for view in asked), *sample.options)
        views = await read_apart(
            lambda: {view: agree_with_any(sample, answers[view], given) for view in asked}, texts
        )
        agreed = tuple(view for view, same in views.items() if same)
        if self._policy == "none":
            return Check(clean=False, policy="none", agreed=agreed, reason="not checked")
        if self._policy == "judge" or (
            self._policy in ("hybrid", "calibrated") and _is_split(views, kind.comparable)
        ):
            shown = {view: answer for view, answer in answers.items() if view in self._views}
            check = self._told(await self._judge(sample, shown, reasonings or {}, agreed))
            return check if kind.comparable else await self._assessed(sample, check)
        enough = 1 if self._policy == "majority" else len(views)
        reason = f"{len(agreed)} of {len(views)} views match the response"
        clean = bool(views) and len(agreed) >= enough
        return self._told(Check(clean=clean, policy=self._policy, agreed=agreed, reason=reason))

    async def _assessed(self, sample: Sample, check: Check) -> Check:
        """Return a check of free text with how plausible it is, where that is asked."""
        if self.assessor is None or not self.assesses:
            return check
        assessment = await self.assessor.assess(sample)
        usage = check.usage + assessment.usage
        return check.model_copy(update={"assessment": assessment, "usage": usage})

    def _told(self, check: Check) -> Check:
        """Return a verdict whose reason says that it is provisional, where it is."""
        if self._policy != "calibrated":
            return check
        return check.model_copy(update={"reason": f"provisional: {PROVISIONAL}; {check.reason}"})

    async def _judge(
        self,
        sample: Sample,
        answers: Mapping[str, str | None],
        reasonings: Mapping[str, str],
        agreed: tuple[str, ...],
    ) -> Check:
        shown = {view: reasonings.get(view) for view in answers}
        asked = request(sample, self._prompt, response=sample.response, views=answers, reasonings=shown)
        reply = await self._role.ask(asked, tools=sample.tools)
        verdict = None
        if reply.outcome is None:
            quoted = (sample.prompt, sample.response, *answers.values(), *shown.values())
            verdict = await read_apart(lambda: parse_verdict(reply.text, quoted), (reply.text, *quoted))
        return Check(
            clean=verdict == "reliable",
            policy=self._policy,
            agreed=agreed,
            judged=verdict or "unreadable",
            reason=f"the judge says {verdict}" if verdict else "the judge's reply is unreadable",
            **kept_of(reply),
        )


def parse_verdict(reply: str, quoted: Iterable[str | None] = ()) -> JudgeVerdict | None:
    """Read the judge's verdict line; None where there is none, or where two lines contradict.

    Args:
        reply: what the judge said.
        quoted: the texts under judgement. A verdict of theirs is not the judge's where the reply repeats it,
            however it is dressed. One that calls the response noisy takes nothing from the judge: a response
            cannot silence the verdict against it by holding the same words.
    """
    said = _verdicts(reply)
    if not said or set(said) == {"noisy"}:
        return "noisy" if said else None
    own = Counter(said) - _mentioned(quoted)
    if set(own) == {"noisy"}:
        return "noisy"
    # Beside a quoted "noisy", the last line must be the judge's.
    return "reliable" if set(own) == {"reliable"} and said[-1] == "reliable" else None


def _mentioned(quoted: Iterable[str | None]) -> Counter[str]:
    """Count the verdicts in texts, however they are dressed: a judge may repeat them as a line of its own."""
    words = (_INVISIBLE.sub("", text) for text in quoted if text)
    return Counter(match.lower() for text in words for match in _MENTIONED.findall(text))


def _verdicts(text: str) -> list[str]:
    return [match.lower() for match in _VERDICT.findall(text)]


def _is_split(views: Mapping[str, bool | None], comparable: bool) -> bool:
    if all(views.values()):
        return False
    # Free text that differs in words, or could not be read, leaves the question open.
    return not comparable or not all(same is False for same in views.values())
