"""How often a model answers held-out samples right, by the same comparison as the checker's."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from agents.base import BaseAgent
from agents.errors import AgentError
from agents.sweep import sweep
from stores.sample import Sample
from training.metrics import is_right


class Accuracy(BaseModel):
    """How many of n held-out samples were answered right, and how many could not be asked."""

    model_config = ConfigDict(extra="forbid")

    n: int = 0
    right: int = 0
    failed: int = 0

    @property
    def share(self) -> float | None:
        """Return the share answered right; None where nothing was asked."""
        return self.right / self.n if self.n else None


async def evaluate(
    samples: Iterator[Sample],
    agents: Mapping[str, BaseAgent],
    record: Callable[[list[dict[str, Any]]], None],
    *,
    concurrency: int,
) -> dict[str, Accuracy]:
    """Ask each agent every held-out query and compare its answer with the right response.

    A reply that holds no answer, or a request that failed, counts as wrong.

    Args:
        samples: held-out samples; the right response is `gold` where there is one, else `response`.
        agents: what is compared, by name.
        record: takes finished samples, one plain record each.
        concurrency: how many samples are under way at once.
    """
    accuracy = {name: Accuracy() for name in agents}

    async def ask(sample: Sample) -> dict[str, Any]:
        answers = {name: await _answer(sample, agent, accuracy[name]) for name, agent in agents.items()}
        return {"id": sample.id, "prompt": sample.prompt, "gold": _gold(sample), "answers": answers}

    await sweep(samples, ask, record, concurrency=concurrency)
    return accuracy


async def _answer(sample: Sample, agent: BaseAgent, accuracy: Accuracy) -> dict[str, Any]:
    gold = _gold(sample)
    accuracy.n += 1
    try:
        prediction = await agent.answer(sample)
    except AgentError as exc:
        accuracy.failed += 1
        return {"failure": str(exc), "right": False}
    right = prediction.answer is not None and is_right(prediction.answer, gold, sample.options)
    accuracy.right += right
    return {"reply": prediction.reply, "answer": prediction.answer, "right": right}


def _gold(sample: Sample) -> str:
    return sample.gold if sample.gold is not None else sample.response
