"""The nodes and routers of the sample graph: state in, what changed out."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from langgraph.runtime import Runtime
from langgraph.types import Command

from agents.agent import AnswerRecord
from agents.base import BaseAgent
from agents.checker import Checker
from agents.reasoner import Reasoner, last_reasoning
from agents.record import SampleRecord
from agents.reviewer import Reviewer
from agents.trusted import with_trust
from graph.context import Agents, SampleContext
from graph.kept import agents_of
from graph.state import Decided, SampleInput, SampleState
from stores.sample import Sample

Context = SampleContext | Agents
SampleNode = Callable[[SampleInput, Runtime[Context]], Coroutine[Any, Any, dict[str, Any]]]


class Answers(Protocol):
    """An agent that answers a sample's prompt and needs nothing but the sample."""

    async def answer(self, sample: Sample) -> AnswerRecord:
        """Answer the sample's prompt."""
        ...


def base(others: Sequence[str]) -> Callable[..., Coroutine[Any, Any, Command[str]]]:
    """Return the node of the base agent, which goes on to the others, or past them where it leaves no doubt.

    Args:
        others: the agents that answer the prompt too, by their names in the config.
    """

    async def base(state: SampleInput, runtime: Runtime[Context]) -> Command[str]:
        agents = await agents_of(runtime)
        agent: BaseAgent | None = agents.get("base")
        if agent is None:
            return Command(goto=others)
        sample = await agents.known(state.sample)
        answer = await agent.answer(sample)
        sure = agents.glance is not None and await agents.glance.is_sure(sample, answer)
        return Command(update={"base": answer}, goto="checker" if sure else others)

    return base


def answer_with(agent: str, part: str | None = None) -> SampleNode:
    """Return the node of an agent that needs nothing but the sample.

    The node does nothing where the checker does not look at the agent's view.

    Args:
        agent: the agent's name in the config.
        part: the field of the record that takes its answer; None: `views`, under the agent's name.
    """

    async def node(state: SampleInput, runtime: Runtime[Context]) -> dict[str, Any]:
        agents = await agents_of(runtime)
        asked: Answers | None = agents.get(agent)
        if asked is None:
            return {}
        answer = await asked.answer(await agents.known(state.sample))
        return {"views": {agent: answer}} if part is None else {part: answer}

    return node


async def reasoner(state: SampleState, runtime: Runtime[Context]) -> Command[str]:
    """Reason, in the light of the last reflection if there is one; then reflect or leave the loop (Eq. 2)."""
    agents = await agents_of(runtime)
    agent: Reasoner | None = agents.get("reasoner")
    if agent is None:
        return Command(goto="checker")
    sample = await agents.known(state.sample)
    turn = await agent.reason(sample, state.turns)
    done = agent.is_done(sample, [*state.turns, turn])
    return Command(update={"turns": [turn]}, goto="checker" if done else "reflect")


async def reflect(state: SampleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Criticise the last reasoning (Eq. 2)."""
    agents = await agents_of(runtime)
    agent: Reasoner = agents.get("reasoner")
    return {"turns": [await agent.reflect(await agents.known(state.sample), state.turns)]}


async def checker(state: SampleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Say whether the response is clean (Eq. 3), by what a fitted run has learned where there is one."""
    agents = await agents_of(runtime)
    agent: Checker = agents.get("checker")
    sample = await agents.known(state.sample)
    check = with_trust(sample, await agent.check(sample, state.view_answers(), state.view_reasonings()))
    if agents.weights is not None:
        judged = await agents.weights.judge(state.model_copy(update={"sample": sample, "check": check}))
        check = judged.check or check
    # From here on the sample is as the run has it.
    return {"check": check} if sample is state.sample else {"check": check, "sample": sample}


async def reviewer(state: SampleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Decide on the new response (Eq. 6)."""
    agent: Reviewer = (await agents_of(runtime)).get("reviewer")
    in_context = state.context.answer if state.context else None
    last = last_reasoning(state.turns)
    reasoned, reasoning = (last.answer, last.reply) if last is not None else (None, None)
    return {"review": await agent.review(state.sample, in_context, reasoned, reasoning)}


async def conclude(state: SampleState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Decide on the sample's posterior and its final response."""
    agents = await agents_of(runtime)
    found: SampleRecord = state
    if agents.weights is not None:
        found = await agents.weights.conclude(state)
    if agents.run is not None:
        found = agents.run.in_form(found)
    check, consensus = found.check, found.consensus
    decided = Decided(
        verdict="clean" if check is not None and check.clean else "noisy",
        final=found.final,
        noise_probability=check.noise if check is not None else None,
        confidence=consensus.confidence if consensus is not None else None,
        provisional=agents.provisional,
    )
    changed = {"consensus": consensus, "rewritten": found.rewritten, "other_form": found.other_form}
    return {**changed, "decided": decided}


async def after_checking(state: SampleState) -> str:
    """Send a noisy sample to be relabelled; of a clean or a trusted one there is nothing more to ask."""
    return "relabeler" if state.status in ("noisy", "failed") else "conclude"
