"""The methods that the study compares: settings of the one pipeline, and a rule for what comes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from graph.config import Stage
from graph.config.run import RunConfig
from study import rules

_JUDGE_ALONE = str(Path(__file__).parent / "judge_alone" / "check.md")


class Pipeline(NamedTuple):
    """A run of our own pipeline: what differs from the study's config, and how far it goes."""

    settings: Mapping[str, Mapping[str, Any]] = {}
    until: Stage = "select"


class Method(NamedTuple):
    """A method: the pipeline whose answers it needs, what it makes of them, and whose requests it costs."""

    pipeline: Pipeline | None
    rule: rules.Rule
    agents: tuple[str, ...] = ()
    retrieves: bool = False
    """Answers held-out questions in the light of the noisy samples, and is not tuned."""
    probes: bool = False
    """A linear model on the questions' embeddings answers in place of the language model."""
    training: Mapping[str, Any] = {}
    """What differs in training."""
    about: str = ""
    """What the page says of it, departures from its source included."""


EVERY_AGENT = ("base", "reasoner", "checker", "relabeler", "reviewer")
_OURS = Pipeline()
_SHIPPED = RunConfig()
_LOOP = {name: getattr(_SHIPPED.agents.reasoner, name) for name in ("max_reflections", "early_stop")}
# What is asked, and in how much room, is the study's for all methods: so they share their replies.
_DEFAULT: Mapping[str, Mapping[str, Any]] = {
    "checker": {"policy": _SHIPPED.agents.checker.policy},
    "reasoner": _LOOP,
    "selection": _SHIPPED.selection.model_dump(),
}


def _ours(*agents: str, about: str = "", **settings: Mapping[str, Any]) -> Method:
    return Method(Pipeline(settings), rules.decided, agents or EVERY_AGENT, about=about)


def _default(*agents: str, about: str = "", **settings: Mapping[str, Any]) -> Method:
    changed = {
        name: {**_DEFAULT.get(name, {}), **settings.get(name, {})} for name in {**_DEFAULT, **settings}
    }
    return _ours(*agents, about=about, **changed)


METHODS: dict[str, Method] = {
    "vanilla": Method(None, rules.nothing, about="The model as it is, not tuned."),
    "sft": Method(None, rules.as_given, about="Plain fine-tuning on all responses as given."),
    "sft-gold": Method(None, rules.right, about="Fine-tuning on the right responses: the ceiling."),
    "robustft": _ours(about="The paper's decisions: `policy: hybrid`, the rest by entropy."),
    "robustft-calibrated": _default(
        about="Our default: `policy: calibrated`, its reflections and its selection by confidence. Room, "
        "learning rate and all else are the study's."
    ),
    "robustft-calibrated-soft": Method(
        Pipeline({**_DEFAULT, "training": {"weighting": "soft"}}),
        rules.weighed,
        EVERY_AGENT,
        about="The same with `training.weighting: soft`: all are kept, each by how likely it is right.",
    ),
    "robustft-code": _ours(
        checker={"policy": "unanimous"},
        reasoner={"max_reflections": 0},
        about="The decisions of the paper's public code: both views must agree, no reflection.",
    ),
    "self-select": Method(
        Pipeline({"checker": {"policy": "judge", "views": [], "prompt": _JUDGE_ALONE}}, until="detect"),
        rules.reliable_alone,
        ("checker",),
        about="The model judges each response alone; what it does not call reliable is left out. One that "
        "gives no verdicts keeps nothing, and stays untuned.",
    ),
    "self-label": Method(
        Pipeline(
            {
                "checker": {"policy": "none", "views": []},
                "relabeler": {"neighbours": 0},
                "reviewer": {"policy": "context"},
            }
        ),
        rules.relabelled,
        ("relabeler",),
        about="The model's own answer in place of every response.",
    ),
    "noise-al": Method(
        Pipeline({"checker": {"policy": "unanimous"}}),
        rules.voted,
        ("base", "reasoner", "relabeler"),
        about="NoiseAL's division, by two answers of one model in place of two small trained ones: what they "
        "agree on is the response, else the in-context answer if it agrees with either; others are left out.",
    ),
    "self-rag": Method(
        None,
        rules.nothing,
        retrieves=True,
        about="Not tuned: answers each held-out question after the nearest noisy samples as examples.",
    ),
    "cleanlab": Method(
        None,
        rules.contradicted,
        about="Leaves out what confident learning finds, by a cross-validated logistic regression on the "
        "questions' embeddings. Responses that fewer than five samples share it cannot judge, and keeps.",
    ),
    "grape": Method(
        _OURS,
        rules.likeliest,
        EVERY_AGENT,
        about="GRAPE: of the given response and all agents' answers, the likeliest to the model to be tuned.",
    ),
    "s3ft": Method(
        _OURS,
        rules.own_words,
        ("base",),
        about="S3FT: the model's own reply where it says what the given response says, else that response.",
    ),
    "linear-probe": Method(
        None,
        rules.nothing,
        probes=True,
        about="No language model: a logistic regression on the questions' embeddings, trained on all "
        "responses as given. Its classes are the places of options, else what responses say.",
    ),
    "relabel-by-classifier": Method(
        None,
        rules.relabelled_by_classifier,
        about="As cleanlab, but what it finds gets the classifier's class for a response.",
    ),
    "small-loss": Method(
        None,
        rules.small_loss,
        about="After one epoch on all responses, keeps those of the smallest loss: as many as are right, "
        "which it is told (as Co-teaching is, but with one model).",
    ),
    "label-smoothing": Method(
        None,
        rules.as_given,
        training={"args": {"label_smoothing_factor": 0.1}},
        about="Plain fine-tuning on all responses as given, with a tenth of each token's target spread over "
        "all tokens (`label_smoothing_factor: 0.1`).",
    ),
    "crowdlab": Method(
        _OURS,
        rules.crowd_consensus,
        EVERY_AGENT,
        about="CROWDLAB: the given responses and all agents are annotators beside cleanlab's classifier. It "
        "trains on the consensus.",
    ),
}
"""Our own, the baselines of the paper's Table 1, and those of other work."""

ABLATIONS: dict[str, Method] = {
    "no-selection": _ours(selection={"keep": 1.0}),
    "no-checker": _ours(
        "reasoner", "relabeler", "reviewer", checker={"policy": "none", "views": ["reasoning"]}
    ),
    "no-reviewer": _ours("base", "reasoner", "checker", "relabeler", reviewer={"policy": "context"}),
    "no-context": _ours(relabeler={"neighbours": 0}),
    "no-reasoning": _ours("base", "checker", "relabeler", checker={"views": ["base"]}),
}
"""The paper's Table 3. Without the checker every label counts as noisy; without context the relabeler is
shown no examples."""

DEFAULT_ABLATIONS: dict[str, Method] = {
    "default-no-selection": _default(selection={"min_confidence": 0.0}),
    "default-no-reviewer": _default(
        "base", "reasoner", "checker", "relabeler", reviewer={"policy": "context"}
    ),
    "default-no-context": _default(relabeler={"neighbours": 0}),
    "default-no-reasoning": _default("base", "checker", "relabeler", "reviewer", checker={"views": ["base"]}),
    "default-asks-all": _default(checker={"sure_below": 0.0}),
}
"""The same parts taken from our default. `benchmarks/ablation.py` takes out what no setting does, as what
similar prompts tell. The last asks further about every sample, also where the base agent leaves no doubt."""

SENSITIVITY: dict[str, Method] = {
    **{f"keep-{share}": _ours(selection={"keep": share / 100}) for share in range(10, 101, 10)},
    **{f"k-{count}": _ours(relabeler={"neighbours": count}) for count in range(9)},
}
"""The paper's Figure 3."""

EVERY: dict[str, Method] = {**METHODS, **ABLATIONS, **DEFAULT_ABLATIONS, **SENSITIVITY}
GROUPS: dict[str, tuple[str, ...]] = {
    "baselines": tuple(METHODS),
    "ablations": ("robustft", *ABLATIONS),
    "default-ablations": ("robustft-calibrated", *DEFAULT_ABLATIONS),
    "sensitivity": tuple(SENSITIVITY),
}
