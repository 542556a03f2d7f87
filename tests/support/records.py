"""One of every record that a run leaves, with hostile text in it."""

from stores.records import (
    AgentAnswer,
    Agreement,
    CalibrationFigures,
    Consensus,
    Decision,
    Detection,
    Dropped,
    Evaluation,
    EvaluationFigures,
    NeighbourShown,
    ReasoningTurn,
    Record,
    Relabel,
    RunUsage,
    Samples,
    Summary,
    TrainingFigures,
    TrainingRow,
    TrainingSet,
    Usage,
    Verdict,
)
from stores.sample import Message

HOSTILE = "ende\u2028 {{ x }} \x1b[31m\x00 \"'\\ 🦜 </script>"


SPENT = Usage(requests=1, prompt_tokens=20, completion_tokens=3)


DECISION = Decision(
    id="1",
    status="relabelled",
    prompt=HOSTILE,
    response="Rome",
    final="Paris",
    kept=False,
    drop_reason="low_confidence",
    options=("Paris", "Rome"),
    gold="Paris",
    check=Verdict(
        verdict="noisy",
        policy="calibrated",
        agreed=("base",),
        reason=HOSTILE,
        noise_probability=0.75,
        weights={"base": -1.5},
    ),
    consensus=Consensus(answer="Paris", confidence=0.5),
    agents={
        "base": AgentAnswer(answer=None, reply=HOSTILE, usage=SPENT),
        "reasoner": AgentAnswer(
            answer="Paris",
            turns=(
                ReasoningTurn(role="reason", reply="So: Paris", answer="Paris"),
                ReasoningTurn(role="reflect", reply="Fine."),
            ),
            usage=SPENT + SPENT,
        ),
        "relabeler": AgentAnswer(
            answer="Paris",
            reply="Paris",
            neighbours=(NeighbourShown(id="7", distance=0.1),),
            log_probabilities=(-0.1, -0.3),
            entropy=0.2,
        ),
        "another": AgentAnswer(answer="Lyon", reason="an agent of tomorrow"),
    },
)


SUMMARY = Summary(
    samples=Samples(total=2, clean=1, noisy=1, relabelled=1, kept=1, training=2),
    detection=Detection(precision=None, recall=0.5, f1=0.5, wrong=2, found=1),
    relabel=Relabel(accuracy=1.0, kept_accuracy=1.0, dropped_accuracy=None, relabelled=1, kept=1, dropped=0),
    training_set=TrainingSet(purity=1.0, size=2, purity_before=0.5),
    views={"base": Agreement(n=30, agreed=0.5, by_chance=0.25, above_chance=True)},
    calibration=CalibrationFigures(noise_rate=0.3, threshold=0.5, reliability={"base": 0.8}),
    usage=RunUsage(requests=1, prompt_tokens=20, completion_tokens=3, by_agent={"base": SPENT}),
    training=TrainingFigures(samples=2, steps=1, loss=0.5, seconds=1.5, dropped=1),
    evaluation=EvaluationFigures(n=4, untuned=0.25, tuned=0.75),
    timing={"detect": 1.25},
    config_hash="abc",
    versions={"python": "3.12"},
)


RECORDS: list[Record] = [
    DECISION,
    Decision(
        id="", status="failed", prompt="", response="", final=None, kept=None, failure="ModelCallError: no"
    ),
    TrainingRow(
        id="1",
        prompt=(Message(role="system", content="Be brief."), Message(role="user", content=HOSTILE)),
        completion=(Message(role="assistant", content="Paris"),),
        source="relabelled",
        weight=0.25,
    ),
    Dropped(id="1", reason="too_long"),
    Evaluation(model="tuned", id="1", prompt="?", gold="yes", right=True, answer="yes", reply=HOSTILE),
    Evaluation(model="untuned", id="1", prompt="?", gold="yes", right=False, failure="ModelBusyError: no"),
    SUMMARY,
]


def name_of(record: object) -> str:
    return type(record).__name__
