"""The nodes and routers of the sample graph: state in, what changed out."""

from typing import Any

from langgraph.graph import END
from langgraph.runtime import Runtime
from langgraph.types import Command

from agents.reasoner import final_answer
from graph.context import Agents, SampleContext, agents_of
from graph.state import SampleInput, SampleState


async def base(state: SampleInput, runtime: Runtime[SampleContext | Agents]) -> dict[str, Any]:
    """Answer directly (Eq. 1)."""
    agents = await agents_of(runtime)
    return {"base": await agents.base.answer(state.sample)} if agents.base else {}


async def reasoner(state: SampleState, runtime: Runtime[SampleContext | Agents]) -> Command[str]:
    """Reason, in the light of the last reflection if there is one; then reflect or leave the loop (Eq. 2)."""
    agents = await agents_of(runtime)
    if agents.reasoner is None:
        return Command(goto="checker")
    turn = await agents.reasoner.reason(state.sample, state.turns)
    done = agents.reasoner.is_done(state.sample, [*state.turns, turn])
    return Command(update={"turns": [turn]}, goto="checker" if done else "reflect")


async def reflect(state: SampleState, runtime: Runtime[SampleContext | Agents]) -> dict[str, Any]:
    """Criticise the last reasoning (Eq. 2)."""
    agents = await agents_of(runtime)
    assert agents.reasoner is not None  # noqa: S101 - only a reasoner sends a sample here
    return {"turns": [await agents.reasoner.reflect(state.sample, state.turns)]}


async def checker(state: SampleState, runtime: Runtime[SampleContext | Agents]) -> dict[str, Any]:
    """Say whether the label is reliable (Eq. 3)."""
    agents = await agents_of(runtime)
    direct = state.base.answer if state.base else None
    return {"check": await agents.checker.check(state.sample, direct, final_answer(state.turns))}


async def relabeler(state: SampleState, runtime: Runtime[SampleContext | Agents]) -> dict[str, Any]:
    """Answer again, shown the nearest clean examples (Eq. 4 and 5)."""
    agents = await agents_of(runtime)
    return {"context": await agents.relabeler.answer(state.sample)}


async def reviewer(state: SampleState, runtime: Runtime[SampleContext | Agents]) -> dict[str, Any]:
    """Settle on the new label (Eq. 6)."""
    agents = await agents_of(runtime)
    in_context = state.context.answer if state.context else None
    return {"review": await agents.reviewer.review(state.sample, in_context, final_answer(state.turns))}


async def after_checking(state: SampleState) -> str:
    """Send a noisy sample to be relabelled; a reliable one is finished."""
    return END if state.check is not None and state.check.reliable else "relabeler"
