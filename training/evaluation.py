"""How often a model answers held-out samples right, by the same comparison as the checker's."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agents.answers.kind import AnswerKind, sample_kind
from agents.base import BaseAgent
from agents.concurrency import map_concurrently
from agents.errors import AgentError
from stores.records import Contender, Evaluation, HeldOut
from stores.sample import Sample
from training.metrics import says_gold


@dataclass
class Accuracy:
    """How many of n held-out samples a model answered right, in all and by what they are."""

    n: int = 0
    right: int = 0
    left_out: int = 0
    """Samples whose right responses are free text, of which none is asked, and answers nobody can compare."""
    by_task: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By the samples' tasks: how many there are, and how many of them were answered right."""
    failures: Counter[str] = field(default_factory=Counter)
    """Why requests failed, and how many did; their samples count as wrong."""
    told: dict[str, bool] = field(default_factory=dict)
    """By the samples' ids, whether each was answered right; without those whose request failed."""
    reworded: int = 0
    """Samples with other wordings."""
    wordings: int = 0
    """How many other wordings those have."""
    all_right: int = 0
    """Those of them that were answered right in every wording."""
    all_same: int = 0
    """Those of them that were answered alike in every wording."""

    @property
    def share(self) -> float | None:
        """Return the share answered right; None where nothing was asked."""
        return self.right / self.n if self.n else None

    def add(self, asked: "Asked") -> None:
        """Count a sample; `asked` begins with the answer to its own prompt."""
        own, *others = asked.answers
        self.n += 1
        self.right += own.right
        self.failures.update(answer.failure for answer in asked.answers if answer.failure is not None)
        if own.failure is None:
            self.told[own.id] = own.right
        if own.task is not None:
            count, right = self.by_task.get(own.task, (0, 0))
            self.by_task[own.task] = count + 1, right + own.right
        if others:
            self.reworded += 1
            self.wordings += len(others)
            self.all_right += all(answer.right for answer in asked.answers)
            self.all_same += asked.same


class Asked(NamedTuple):
    """A sample's answers: to its own prompt, and to its other wordings."""

    answers: Sequence[Evaluation]
    same: bool
    """Whether all of them say the same."""


async def evaluate(
    samples: Iterator[Sample],
    agent: BaseAgent,
    model: Contender,
    record: Callable[[list[Evaluation]], None],
    *,
    concurrency: int,
    part: HeldOut = "test",
) -> Accuracy:
    """Ask an agent the held-out prompts and compare its answers with the right responses.

    Free text cannot be compared; its samples are counted and left out. A reply that holds no answer, a
    request that failed, and an answer of which nobody can tell whether it is right count as wrong.

    Args:
        samples: held-out samples; the right response is `gold` where there is one, else `response`. Other
            wordings of a prompt are asked too.
        agent: the model to evaluate, in the base agent's role.
        model: what its records call it.
        record: takes the records of finished samples.
        concurrency: how many samples are under way at once.
        part: what the samples are of.
    """
    accuracy = Accuracy()

    def comparing() -> Iterator[Sample]:
        for sample in samples:
            if _kind_of(sample).comparable:
                yield sample
            else:
                accuracy.left_out += 1

    async def ask(sample: Sample) -> Asked:
        own = await _answer(agent, sample, 0, model, part)
        others = [
            await _answer(agent, sample.model_copy(update={"prompt": wording}), place, model, part)
            for place, wording in enumerate(sample.wordings, start=1)
        ]
        return Asked([own, *others], _are_alike(sample, [own, *others]))

    def count(asked: list[Asked]) -> None:
        for each in asked:
            accuracy.add(each)
        record([answer for each in asked for answer in each.answers])

    await map_concurrently(comparing(), ask, count, concurrency=concurrency)
    return accuracy


async def _answer(
    agent: BaseAgent, sample: Sample, wording: int, model: Contender, part: HeldOut
) -> Evaluation:
    finished = Evaluation(
        model=model,
        id=sample.id,
        prompt=sample.prompt,
        gold=_right_of(sample),
        right=False,
        part=part,
        task=sample.task,
        wording=wording,
    )
    try:
        prediction = await agent.answer(sample)
    except AgentError as exc:
        return finished.model_copy(update={"failure": str(exc)})
    answer = prediction.answer
    # What cannot be told to be right is not counted as right: a share may be too low, but never flatters.
    right = answer is not None and says_gold(answer, sample) is True
    return finished.model_copy(update={"reply": prediction.reply, "answer": answer, "right": right})


def _are_alike(sample: Sample, answers: Sequence[Evaluation]) -> bool:
    """Whether all answers to a sample say the same; an unreadable one says nothing."""
    first, *others = (answer.answer for answer in answers)
    kind = _kind_of(sample)
    return first is not None and all(
        other is not None and kind.agree(other, first, sample.options) is True for other in others
    )


def _kind_of(sample: Sample) -> AnswerKind:
    return sample_kind(sample.model_copy(update={"response": _right_of(sample)}))


def _right_of(sample: Sample) -> str:
    return sample.gold if sample.gold is not None else sample.response
