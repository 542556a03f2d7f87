"""How often a model answers held-out samples right, by the same comparison as the checker's."""

from collections.abc import Callable, Iterator

from pydantic import BaseModel, ConfigDict

from agents.answers.kind import sample_kind
from agents.base import BaseAgent
from agents.concurrency import map_concurrently
from agents.errors import AgentError
from stores.records import Contender, Evaluation
from stores.sample import Sample
from training.metrics import says_gold


class Accuracy(BaseModel):
    """How many of n held-out samples were answered right."""

    model_config = ConfigDict(extra="forbid")

    n: int = 0
    right: int = 0
    left_out: int = 0
    """Samples whose right responses are free text, of which none is asked, and answers nobody can compare."""

    @property
    def share(self) -> float | None:
        """Return the share answered right; None where nothing was asked."""
        return self.right / self.n if self.n else None


async def evaluate(
    samples: Iterator[Sample],
    agent: BaseAgent,
    model: Contender,
    record: Callable[[list[Evaluation]], None],
    *,
    concurrency: int,
) -> Accuracy:
    """Ask an agent the held-out prompts and compare its answers with the right responses.

    Free text cannot be compared; its samples are counted and left out. A reply that holds no answer, a
    request that failed, and an answer of which nobody can tell whether it is right count as wrong.

    Args:
        samples: held-out samples; the right response is `gold` where there is one, else `response`.
        agent: the model to evaluate, in the base agent's role.
        model: what its records call it.
        record: takes the records of finished samples.
        concurrency: how many samples are under way at once.
    """
    accuracy = Accuracy()

    def comparing() -> Iterator[Sample]:
        for sample in samples:
            if sample_kind(sample.model_copy(update={"response": _right_of(sample)})).comparable:
                yield sample
            else:
                accuracy.left_out += 1

    async def ask(sample: Sample) -> Evaluation:
        gold = _right_of(sample)
        finished = Evaluation(model=model, id=sample.id, prompt=sample.prompt, gold=gold, right=False)
        try:
            prediction = await agent.answer(sample)
        except AgentError as exc:
            return finished.model_copy(update={"failure": str(exc)})
        answer = prediction.answer
        # What cannot be told to be right is not counted as right: a share may be too low, but never flatters.
        right = answer is not None and says_gold(answer, sample) is True
        return finished.model_copy(update={"reply": prediction.reply, "answer": answer, "right": right})

    def count(answers: list[Evaluation]) -> None:
        accuracy.n += len(answers)
        accuracy.right += sum(answer.right is True for answer in answers)
        record(answers)

    await map_concurrently(comparing(), ask, count, concurrency=concurrency)
    return accuracy


def _right_of(sample: Sample) -> str:
    return sample.gold if sample.gold is not None else sample.response
