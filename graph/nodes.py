"""The nodes and routers of the sample graph: state in, what changed out."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from langgraph.graph import END
from langgraph.runtime import Runtime
from langgraph.types import Command

from agents.agent import AnswerRecord
from agents.checker import Checker
from agents.reasoner import Reasoner, last_reasoning
from agents.reviewer import Reviewer
from agents.trusted import with_trust
from graph.context import Agents, SampleContext, agents_of
from graph.state import SampleInput, SampleState
from stores.sample import Sample

Context = SampleContext | Agents
SampleNode = Callable[[SampleInput, Runtime[Context]], Coroutine[Any, Any, dict[str, Any]]]


class Answers(Protocol):
    """An agent that answers a sample's prompt and needs nothing but the sample."""

    async def answer(self, sample: Sample) -> AnswerRecord:
        """Answer the sample's prompt."""
        ...


def answer_with(agent: str, part: str | None = None) -> SampleNode:
    """Return the node of an agent that needs nothing but the sample.

    The node does nothing where the checker does not look at the agent's view.

    Args:
        agent: the agent's name in the config.
        part: the field of the record that takes its answer; None: `views`, under the agent's name.
    """

    async def node(state: SampleInput, runtime: Runtime[Context]) -> dict[str, Any]:
        asked: Answers | None = (await agents_of(runtime)).get(agent)
        if asked is None:
            return {}
        answer = await asked.answer(state.sample)
        return {"views": {agent: answer}} if part is None else {part: answer}

    return node


async def reasoner(state: SampleState, runtime: Runtime[Context]) -> Command[str]:
    """Reason, in the light of the last reflection if there is one; then reflect or leave the loop (Eq. 2)."""
    agent: Reasoner | None = (await agents_of(runtime)).get("reasoner")
    if agent is None:
        return Command(goto="checker")
    turn = await agent.reason(state.sample, state.turns)
    done = agent.is_done(state.sample, [*state.turns, turn])
    return Command(update={"turns": [turn]}, goto="checker" if done else "reflect")


async def reflect(state: SampleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Criticise the last reasoning (Eq. 2)."""
    agent: Reasoner = (await agents_of(runtime)).get("reasoner")
    return {"turns": [await agent.reflect(state.sample, state.turns)]}


async def checker(state: SampleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Say whether the response is clean (Eq. 3)."""
    agent: Checker = (await agents_of(runtime)).get("checker")
    check = await agent.check(state.sample, state.view_answers(), state.view_reasonings())
    return {"check": with_trust(state.sample, check)}


async def reviewer(state: SampleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Decide on the new response (Eq. 6)."""
    agent: Reviewer = (await agents_of(runtime)).get("reviewer")
    in_context = state.context.answer if state.context else None
    last = last_reasoning(state.turns)
    reasoned, reasoning = (last.answer, last.reply) if last is not None else (None, None)
    return {"review": await agent.review(state.sample, in_context, reasoned, reasoning)}


async def after_checking(state: SampleState) -> str:
    """Send a noisy sample to be relabelled; a clean one is finished, and so is a trusted one."""
    return "relabeler" if state.status in ("noisy", "failed") else END
