"""Calling the graphs in all the ways that LangGraph has."""

from pathlib import Path
from typing import Any

from robustft import Sample
from tests.support.endpoint import Endpoint

WAYS = ("invoke", "batch", "stream", "ainvoke", "abatch", "astream")


ROWS = [{"prompt": f"Capital of France, {at}?", "completion": "Paris"} for at in range(3)]


SAMPLE = Sample(id="1", prompt="Capital of France?", response="Rome")


THREAD = {"configurable": {"thread_id": "1"}}


async def call(graph: Any, way: str, given: Any, **options: Any) -> dict[str, Any]:
    """Call a graph and return its last state."""
    match way:
        case "invoke":
            return dict(graph.invoke(given, **options))
        case "ainvoke":
            return dict(await graph.ainvoke(given, **options))
        case "batch":
            return dict(graph.batch([given], **options)[0])
        case "abatch":
            return dict((await graph.abatch([given], **options))[0])
        case "stream":
            return dict(list(graph.stream(given, stream_mode="values", **options))[-1])
    return dict([chunk async for chunk in graph.astream(given, stream_mode="values", **options)][-1])


def context_for(endpoint: Endpoint) -> dict[str, Any]:
    model = {"provider": "openai", "name": "scripted", "base_url": endpoint.url}
    return {"config": {"models": {"default": model}, "agents": {"checker": {"policy": "unanimous"}}}}


def run_input(endpoint: Endpoint, folder: Path) -> dict[str, Any]:
    config = context_for(endpoint)["config"]
    return {"config": config, "samples": ROWS, "directory": str(folder / "run"), "until": "select"}


async def history_of(graph: Any, way: str) -> list[Any]:
    if way == "invoke":
        return list(graph.get_state_history(THREAD))
    return [state async for state in graph.aget_state_history(THREAD)]
