"""The records that a run leaves: what a line of each of its files, and its summary, holds.

Each record has a `version`, which is written. A version is raised when a key is renamed, removed or means
something else, so that a reader of another version refuses the file instead of misreading it.
"""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stores.journal import Status
from stores.sample import Message

VERSION: Literal[1] = 1

DropReason = Literal[
    "high_entropy",
    "low_confidence",
    "failed",
    "empty",
    "unfinished",
    "refused",
    "other_form",
    "too_long",
]
"""Why a sample is not trained on: selection left it out, it has no new response, or it does not fit.

`unfinished` and `refused` are empty ones whose last reply did not end or repeats itself, and declines or was
filtered. `other_form` has a new response of another form than the responses of the data."""

ReplyOutcome = Literal["cut", "filtered", "refused", "looped"]
"""Why a reply is no answer: it did not end, a filter ended it, it declines, or it repeats itself."""

Source = Literal["original", "relabelled", "trusted"]
"""Whose response is trained on: the data's own, a new one, or one that the user vouches for."""
Contender = Literal["untuned", "tuned"]
"""The model without and with its adapter."""
HeldOut = Literal["test", "guard"]
"""What a model is evaluated on: the test samples, or a guard set that the training has nothing to do with."""


class Part(BaseModel):
    """A part of a record: it cannot be changed, and has no key that its model does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Record(Part):
    """A record of a run."""

    version: Literal[1] = VERSION

    def to_line(self) -> str:
        """Return the record as one line of JSON, without the keys that say nothing."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps({"version": self.version, **content}, ensure_ascii=False, allow_nan=False)


class Usage(Part):
    """What was asked of a model: requests, and tokens in both directions."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            requests=self.requests + other.requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class ReasoningTurn(Part):
    """One turn of the reasoner: a reasoning with the answer read from it, or a reflection on it."""

    role: Literal["reason", "reflect"]
    reply: str
    answer: str | None = None
    thoughts: str | None = None
    outcome: ReplyOutcome | None = None


class NeighbourShown(Part):
    """A clean sample that the relabeler was shown as an example."""

    id: str
    distance: float
    """The cosine distance between the two prompts, 0 to 2."""


class AgentAnswer(Part):
    """What one agent said of a sample. All agents have this shape; what an agent lacks is left out."""

    answer: str | None = None
    """What was read from the reply; none where nothing could be read. The checker's is what its judge said:
    `reliable`, `noisy` or `unreadable`. The verdict is under `check`."""
    reply: str | None = None
    """The raw text; none where the agent decided without asking its model. The reasoner's are its turns."""
    thoughts: str | None = None
    """What the model thought before it replied; no answer is read from it."""
    outcome: ReplyOutcome | None = None
    """Why the reply is no answer; none where it is one, or where no answer could be read in it."""
    confidence: float | None = Field(default=None, ge=0, le=1)
    """How likely the model finds its answer among the options; none where it was not asked by letter."""
    reason: str | None = None
    """Why the agent answered so, where it says."""
    turns: tuple[ReasoningTurn, ...] = ()
    neighbours: tuple[NeighbourShown, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    """Of each token of the reply, in nats."""
    entropy: float | None = None
    """The mean negative log-probability of those tokens, in nats (Eq. 7)."""
    usage: Usage = Usage()


class Verdict(Part):
    """What the checker decided about a response, and what that rests on."""

    verdict: Literal["clean", "noisy"]
    policy: str
    agreed: tuple[str, ...]
    """The views whose answer matches the response."""
    reason: str
    noise_probability: float | None = Field(default=None, ge=0, le=1)
    """The probability that the response is wrong; none unless the policy is `calibrated`."""
    weights: dict[str, float] = {}
    """What each view adds to that, in nats for the response."""
    unchanged: float | None = None
    """Of free text: the mean log-probability of its tokens as its own corrected copy, in nats."""
    least: float | None = None
    """Of free text: the log-probability of its least likely token, in nats."""
    plausible: float | None = None
    """Of free text: the log-odds with which that model says that every statement in it is true, in nats."""


class Consensus(Part):
    """What all views of all samples together say of one: its right response, and how likely that is."""

    answer: str
    confidence: float


class Decision(Record):
    """A line of decisions.jsonl: one sample, what became of it, and what every agent said.

    Example: the responses that were replaced are
    `[(d.response, d.final) for d in run.decisions() if d.status == "relabelled"]`.
    """

    id: str
    status: Status
    """`noisy` means that the run was stopped before the sample was relabelled."""
    prompt: str
    response: str
    """As the data give it."""
    final: str | None
    """The response the sample may be trained on; none where there is none."""
    kept: bool | None
    """Whether it is trained on; none before selection."""
    drop_reason: DropReason | None = None
    drop_detail: str | None = None
    """Where selection left it out, the confidence or the rank that it had."""
    failure: str | None = None
    """Why the sample could not be finished."""
    options: tuple[str, ...] = ()
    gold: str | None = None
    trusted: str | None = None
    """The response that the user vouches for."""
    annotations: dict[str, str] = {}
    """What each annotator gave, by their names."""
    check: Verdict | None = None
    consensus: Consensus | None = None
    agents: dict[str, AgentAnswer] = {}
    """By the agents' names, in the order in which they were asked."""

    @property
    def noise_probability(self) -> float | None:
        """The probability that the given response is wrong; None unless the checker is calibrated."""
        return self.check.noise_probability if self.check else None

    @property
    def confidence(self) -> float | None:
        """The probability that the final response is right; None unless the checker is calibrated."""
        return self.consensus.confidence if self.consensus else None

    @property
    def usage(self) -> Usage:
        """What all agents took, requests that the sample shares with other samples included."""
        return sum((agent.usage for agent in self.agents.values()), Usage())


class TrainingRow(Record):
    """A line of training.jsonl: a conversation, and the response that is trained on."""

    id: str
    prompt: tuple[Message, ...] = Field(min_length=1)
    """The base agent's request, after the sample's own earlier turns; a user's or a tool's turn ends it."""
    completion: tuple[Message, ...] = Field(min_length=1, max_length=1)
    source: Source
    tools: tuple[dict[str, Any], ...] = ()
    """The descriptions of the tools that the conversation may call."""
    weight: float | None = None
    """How much the response counts in the loss, 0 to 1; none is 1 (`training.weighting: soft`)."""

    @field_validator("prompt")
    @classmethod
    def _ends_with_user(cls, turns: tuple[Message, ...]) -> tuple[Message, ...]:
        if turns[-1].role not in ("user", "tool"):
            raise ValueError("must end with a user turn, or a tool's")
        return turns

    @field_validator("completion")
    @classmethod
    def _is_assistant(cls, turns: tuple[Message, ...]) -> tuple[Message, ...]:
        if turns[0].role != "assistant":
            raise ValueError("must be an assistant turn")
        return turns


class Dropped(Record):
    """A line of dropped.jsonl: a sample that is not trained on."""

    id: str
    reason: DropReason
    detail: str | None = None
    """Where selection left it out, the confidence or the rank that it had."""


class Skipped(Record):
    """A line of skipped.jsonl: a row of a data file that cannot become a sample, and was set aside."""

    file: str
    """The data file, as the config names it."""
    line: int
    """The line or row in it, from 1 on; of samples in memory, from 0 on."""
    field: str | None = None
    """The column to blame, where one is."""
    reason: str


class Evaluation(Record):
    """A line of evaluation.jsonl: what a model answered to a held-out sample."""

    model: Contender
    id: str
    prompt: str
    gold: str
    """The right response."""
    right: bool
    answer: str | None = None
    """None where the reply holds none, or the request failed."""
    reply: str | None = None
    failure: str | None = None
    part: HeldOut = "test"
    """What the sample is of."""
    task: str | None = None
    """The sample's category, where the data say it."""
    wording: int = 0
    """0 for the sample's own prompt; else which of its other wordings `prompt` is, from 1."""


class Samples(Part):
    """How many samples there are, by what became of them."""

    total: int = 0
    clean: int = 0
    noisy: int = 0
    """Judged noisy, relabelled since or not."""
    relabelled: int = 0
    empty: int = 0
    """Relabelled without a readable answer."""
    other_form: int = 0
    """Relabelled in another form than that of the data, and not trained on."""
    kept: int = 0
    """Relabelled and trained on."""
    trusted_kept: int = 0
    """Those of `kept` whose new response the user vouches for: no selection decided about them."""
    training: int = 0
    """Trained on: clean ones and those kept."""
    failed: int = 0
    trusted: int = 0
    """Those whose response the user vouches for; clean or relabelled, and trained on."""
    skipped: int = 0
    """Rows of the data files that were set aside (`data.on_bad_row: skip`); skipped.jsonl names them."""


class Detection(Part):
    """How well wrong responses were found, against gold. None where nothing was measured."""

    precision: float | None
    """The share of the responses judged noisy that are wrong."""
    recall: float | None
    """The share of the wrong responses that were judged noisy."""
    f1: float | None
    wrong: int
    """Wrong responses in the data."""
    found: int
    """Those of them that were judged noisy."""


class Relabel(Part):
    """How right the new responses are, against gold. None where nothing was measured."""

    accuracy: float | None
    """The share of all relabelled samples whose new response is right."""
    kept_accuracy: float | None
    """The same among those that selection kept."""
    dropped_accuracy: float | None
    """The same among those that it dropped."""
    relabelled: int
    kept: int
    dropped: int


class TrainingSet(Part):
    """How right the responses are that are trained on, against gold. None where nothing was measured."""

    purity: float | None
    """The share of right responses in the training set."""
    size: int
    """Samples in the training set whose gold is known."""
    purity_before: float | None
    """The share of right responses in the data as given."""


class ClassShare(Part):
    """How common a class is, by the likeliest response of each sample."""

    data: float
    """Its share of all samples that did not fail, dropped ones included."""
    training: float
    """Its share of the training set; of its weight, with `training.weighting: soft`."""


class Agreement(Part):
    """How often a view says what the given response says."""

    n: int
    """Samples whose answers can be compared."""
    agreed: float
    """The share on which they are the same."""
    by_chance: float
    """The share on which a guess would be."""
    above_chance: bool
    """Whether it is more by two standard deviations of guessing."""


class CalibrationFigures(Part):
    """What the calibrated checker estimates over the samples that it can calibrate."""

    samples: int = 0
    noisy: int = 0
    """Those of the calibrated samples that are judged noisy."""
    noise_rate: float
    """The share of their given responses that are wrong."""
    noise_interval: tuple[float, float] | None = None
    """The lowest and the highest such share that the data allow; None where some of them tell none."""
    threshold: float
    """Responses of at least this noise probability are noisy."""
    reliability: dict[str, float]
    """The share of each view's answers that are right; under `prompts`, of what similar prompts tell."""
    cautions: tuple[str, ...] = ()
    """What to know before trusting the verdicts, a sentence each."""


class JudgedAlone(Part):
    """The samples that could not be calibrated: the judge decides about them, and nothing is estimated."""

    samples: int
    unreadable: int = 0
    """Those of them about which the judge said nothing readable either. Their responses stay."""
    reasons: tuple[str, ...]
    """Why they could not be calibrated, a sentence a kind of responses."""


class TurnedFacts(Part):
    """How well the checker tells free text of this data from the same with a fact turned."""

    samples: int
    """In so many responses a fact was turned."""
    auc: float
    """How often an original looks more plausible than a turned one; 0.5 is chance."""
    low: float
    """The lower bound of the 95 % interval of `auc`."""
    high: float
    """Its upper bound."""
    seen: bool
    """Whether that is enough: only then plausibility has a part in noise probabilities."""


class FreeText(Part):
    """What new free text looks like beside the data's own. None of it says that a response is right."""

    relabelled: int
    """New responses that are free text."""
    length_ratio: float | None = None
    """Their median length in characters, over that of the clean responses as given."""
    repeating: int = 0
    """Those that come back to the same words again and again."""
    unfinished: int | None = None
    """Those that end without a full stop or the like; none where the data's own responses do so too."""


class RunUsage(Usage):
    """What a run has sent, in all and by agent: a request that several samples share was sent once."""

    by_agent: dict[str, Usage]


class TrainingRetry(Part):
    """Why training stopped before a step, and how it went on from there."""

    step: int
    """The step whose loss or gradient was not finite, from 1."""
    samples: tuple[str, ...]
    """Ids of the samples whose loss it was, or of the whole step's."""
    fault: str
    """What was not finite."""
    cause: str
    """The likely cause, or `unknown`."""
    setting: str
    """What the retry was computed with."""
    float32: bool
    """Whether that was float32."""
    halved: bool
    """Whether the learning rate was halved."""


class TrainingFigures(Part):
    """What training did."""

    skipped: str | None = None
    """Why there was no training."""
    samples: int = 0
    steps: int = 0
    loss: float | None = None
    """The mean over all steps, in nats a token of the response."""
    seconds: float = 0.0
    dropped: int = 0
    """Samples that were too long (`training.max_length`); dropped.jsonl names them."""
    cut: int = 0
    """Samples whose end was cut off."""
    retry: TrainingRetry | None = None
    """What was not finite on the way; none where everything was."""


class Share(Part):
    """A share of n samples, with its 95 % interval (Wilson)."""

    value: float
    low: float
    high: float
    n: int


class CategoryFigures(Part):
    """The share of a category's held-out samples that each model answers right."""

    untuned: Share | None = None
    tuned: Share | None = None


class Steadiness(Part):
    """How a model stands other wordings of the same prompts: shares of the samples that have any."""

    right: Share
    """Those that it answers right in every wording, the sample's own one included."""
    same: Share
    """Those to which it gives the same answer in every wording. An unreadable one is none."""


class ParaphraseFigures(Part):
    """What other wordings of the prompts change (`data.paraphrases`)."""

    samples: int
    """Held-out samples with other wordings."""
    wordings: int
    """How many other wordings they have in all."""
    untuned: Steadiness | None = None
    tuned: Steadiness | None = None


class GuardFigures(Part):
    """What tuning does to answers that the training has nothing to do with (`data.guard`)."""

    n: int = 0
    left_out: int | None = None
    """Samples whose right responses are free text, which nobody can compare."""
    failed: int | None = None
    """Samples about which a request failed: the change is not measured on them."""
    untuned: Share | None = None
    tuned: Share | None = None
    lost: int | None = None
    """Samples that are answered right before tuning alone."""
    won: int | None = None
    """Samples that are answered right after tuning alone."""
    change: float | None = None
    """The share answered right after tuning, less that before, on the same samples."""
    change_interval: tuple[float, float] | None = None
    """Its 95 % interval (Newcombe's, of paired samples)."""
    p: float | None = None
    """How likely chance alone loses or wins as much (the exact McNemar test)."""
    caution: str | None = None
    """Where more was forgotten than by chance: how much."""


class EvaluationFigures(Part):
    """The share of the held-out samples that the model answers right."""

    skipped: str | None = None
    """Why there was no evaluation."""
    n: int = 0
    left_out: int | None = None
    """Held-out samples whose right responses are free text, which nobody can compare."""
    untuned: float | None = None
    tuned: float | None = None
    intervals: dict[Contender, tuple[float, float]] = {}
    """The 95 % intervals (Wilson) of the two shares above."""
    failed: dict[Contender, int] = {}
    """Requests that failed, guard set and other wordings included. Their samples count as wrong."""
    by_category: dict[str, CategoryFigures] = {}
    """By the samples' tasks, the largest first; none where the data name no task."""
    other_categories: int = 0
    """How many further categories there are, which `by_category` leaves out."""
    paraphrases: ParaphraseFigures | None = None
    guard: GuardFigures | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain data, without the parts that were not measured."""
        return {"n": self.n, **self.model_dump(mode="json", exclude_defaults=True)}


class Figure(Part):
    """A figure from 0 to 1 with its 95 % interval."""

    value: float | None
    """None where nothing that was checked tells it."""
    low: float
    high: float
    checked: int
    """How many checked samples it rests on."""


class Audit(Record):
    """What an audit tells of a run: figures from a random sample that a person has checked."""

    samples: int
    """Those that the figures are of: all that have a verdict and whose response is not trusted."""
    checked: int
    noise_rate: Figure
    """The share of the given responses that are wrong."""
    precision: Figure
    """The share of those judged noisy that are wrong."""
    recall: Figure
    """The share of the wrong ones that were judged noisy."""
    repairs: Figure
    """The share of new responses that are right; free text does not count."""
    not_blind: int = 0
    """Checked samples that were left out, since the run was told what is right of them."""
    incomparable: int = 0
    """Checked samples that were left out, since nobody can tell whether two responses say the same."""
    random: bool = False
    """Whether the file says that its samples were drawn at random, as one of `list --audit` does."""


class Summary(Record):
    """summary.json: a run's figures. A part that was not measured is none."""

    samples: Samples
    detection: Detection | None = None
    relabel: Relabel | None = None
    training_set: TrainingSet | None = None
    balance: dict[str, ClassShare] = {}
    """By class, where responses are classes; only those of 20 samples or more."""
    incomparable: int = 0
    """Samples with gold that the three above leave out: nobody can tell whether a response says the same."""
    views: dict[str, Agreement] = {}
    """By the views' names; only those with samples enough to tell."""
    calibration: CalibrationFigures | None = None
    judged_alone: JudgedAlone | None = None
    turned_facts: TurnedFacts | None = None
    free_text: FreeText | None = None
    outcomes: dict[str, dict[str, int]] = {}
    """How many replies were no answer, by agent and by outcome; only those that had any."""
    usage: RunUsage
    training: TrainingFigures | None = None
    evaluation: EvaluationFigures | None = None
    timing: dict[str, float]
    """Seconds that each stage took."""
    config_hash: str
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain data, its empty parts included."""
        return self.model_dump(mode="json")
