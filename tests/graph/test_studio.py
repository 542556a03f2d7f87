"""Both graphs as LangGraph's own server serves them to Studio: no account, blocking calls refused."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from robustft import load_run
from tests.support.endpoint import Endpoint, free_port
from tests.support.finished import as_given, finish
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
SAMPLE = {"id": "s1", "prompt": "What is the capital of France?", "response": "Lyon"}
START_SECONDS = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Start `langgraph dev` with the shipped langgraph.json in a folder of its own; yields URL and log."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "langgraph.json").write_text(json.dumps(served_config()))
    port = free_port()
    log = folder / "server.log"
    options = ["--no-browser", "--no-reload", "--port", str(port)]
    environment = {**os.environ, "LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "langgraph_cli", "dev", *options],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_up(process, f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def client(server: tuple[str, Path]) -> Iterator[SyncLangGraphClient]:
    url, log = server
    yield get_sync_client(url=url)
    sys.stdout.write(tail(log))  # pytest shows it where the test failed


def served_config() -> dict[str, Any]:
    config = json.loads((REPOSITORY / "langgraph.json").read_text())
    config["dependencies"] = [str(REPOSITORY)]
    config["graphs"] = {name: str(REPOSITORY / path) for name, path in config["graphs"].items()}
    return dict(config)


def wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    with suppress(AssertionError):
        wait_until(lambda: is_up(url) or process.poll() is not None, START_SECONDS)
    if not is_up(url):
        pytest.fail(f"the server did not start (exit status {process.poll()}):\n{tail(log)}")


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ok").is_success
    except httpx.HTTPError:
        return False


def tail(log: Path) -> str:
    return log.read_text(errors="replace")[-6000:]


def config_for(endpoint: Endpoint) -> dict[str, Any]:
    return {"models": {"default": {"provider": "openai", "name": "scripted", "base_url": endpoint.url}}}


def outputs(client: SyncLangGraphClient, graph: str, **arguments: Any) -> list[tuple[str, Any]]:
    """Run a graph; return the nodes' names with what each put out, in order; an error as ("error", ...)."""
    found: list[tuple[str, Any]] = []
    for part in client.runs.stream(None, graph, stream_mode="updates", stream_subgraphs=True, **arguments):
        if part.event.startswith("updates"):
            found += part.data.items()
        elif part.event == "error":
            found.append(("error", part.data))
    return found


def test_both_graphs_are_served(client: SyncLangGraphClient) -> None:
    assert {assistant["graph_id"] for assistant in client.assistants.search()} == {"sample", "run"}


def test_studio_draws_both_ways_out_of_the_checker(client: SyncLangGraphClient) -> None:
    (assistant,) = client.assistants.search(graph_id="sample")
    edges = client.assistants.get_graph(assistant["assistant_id"])["edges"]
    targets = {edge["target"] for edge in edges if edge["source"] == "checker"}
    assert targets == {"relabeler", "conclude"}


def test_every_node_of_a_noisy_samples_journey_can_be_read_back(
    client: SyncLangGraphClient, endpoint: Endpoint
) -> None:
    replies = iter(["Paris", "Paris", "a critique", "Paris", "Nice", "Paris"])
    endpoint.reply = lambda messages: next(replies)
    journey = outputs(client, "sample", input={"sample": SAMPLE}, context={"config": config_for(endpoint)})

    names = [name for name, _ in journey]
    assert sorted(names[:2]) == ["base", "reasoner"]
    assert names[2:] == ["reflect", "reasoner", "checker", "relabeler", "reviewer", "conclude"]
    views = dict(journey)
    assert views["base"]["base"]["answer"] == "Paris"
    assert views["reflect"]["turns"][0]["reply"] == "a critique"
    assert views["checker"]["check"]["clean"] is False
    assert views["relabeler"]["context"]["answer"] == "Nice"
    assert views["reviewer"]["review"]["answer"] == "Paris"
    decided = {"verdict": "noisy", "final": "Paris", "provisional": "hybrid"}
    assert {name: views["conclude"]["decided"][name] for name in decided} == decided


def test_of_a_clean_sample_nothing_more_is_asked(client: SyncLangGraphClient, endpoint: Endpoint) -> None:
    sample = {**SAMPLE, "response": "Paris"}
    journey = outputs(client, "sample", input={"sample": sample}, context={"config": config_for(endpoint)})
    assert [name for name, _ in journey[-2:]] == ["checker", "conclude"]
    assert journey[-2][1]["check"]["clean"] is True
    assert journey[-1][1]["decided"]["final"] == "Paris"


def test_a_sample_of_a_finished_run_is_decided_as_the_run_decided_it(
    client: SyncLangGraphClient, endpoint: Endpoint, tmp_path: Path
) -> None:
    directory = finish(tmp_path, endpoint)
    requests = len(endpoint.requests)
    for number in (0, 1):
        by_run = load_run(directory).decision(f"q{number}")
        given = {"sample": as_given(number).model_dump(mode="json", exclude_defaults=True)}
        journey = outputs(client, "sample", input=given, context={"run": str(directory)})
        name, left = journey[-1]
        assert (name, left["decided"]["provisional"]) == ("conclude", None)
        assert left["decided"]["final"] == by_run.final
        assert left["decided"]["noise_probability"] == by_run.noise_probability
    assert len(endpoint.requests) == requests


def test_a_typo_in_the_context_ends_the_journey_before_any_node_answers(
    client: SyncLangGraphClient, server: tuple[str, Path]
) -> None:
    context = {"config": {"agents": {"checker": {"polcy": "judge"}}}}
    journey = outputs(client, "sample", input={"sample": SAMPLE}, context=context)
    assert [name for name, _ in journey] == ["error"]
    # The server keeps the message from its clients; whoever runs it reads it in the log.
    assert "did you mean 'policy'?" in server[1].read_text(errors="replace")


def test_the_embedded_model_is_loaded_once_for_nodes_that_start_together(client: SyncLangGraphClient) -> None:
    agents = {name: {"max_tokens": 4} for name in ("base", "checker", "relabeler", "reviewer")}
    agents["reasoner"] = {"max_tokens": 4, "max_reflections": 0}
    journey = outputs(client, "sample", input={"sample": SAMPLE}, context={"config": {"agents": agents}})
    assert {"base", "reasoner", "checker"} <= {name for name, _ in journey}


def test_a_whole_run_can_be_started_from_studio(
    client: SyncLangGraphClient, endpoint: Endpoint, tmp_path: Path
) -> None:
    rows = [{"id": f"r{at}", "prompt": f"Question {at}?", "completion": "Lyon"} for at in range(4)]
    rows += [{"id": f"c{at}", "prompt": f"Other {at}?", "completion": "Paris"} for at in range(4)]
    data = {
        "train": written(tmp_path / "train.jsonl", rows),
        "test": written(tmp_path / "test.jsonl", rows[4:]),
    }
    # The agents ask the endpoint; what is tuned and evaluated is the embedded model.
    models = {"default": {"provider": "embedded"}, "remote": config_for(endpoint)["models"]["default"]}
    names = ("base", "reasoner", "checker", "relabeler", "reviewer")
    config = {
        "data": data,
        "models": models,
        "agents": {name: {"model": "remote", "max_tokens": 4} for name in names},
        "training": {"epochs": 1},
    }
    stages = outputs(client, "run", input={"config": config, "directory": str(tmp_path / "out")})

    expected = ["load", "glance", "detect", "calibrate", "index", "denoise", "conclude", "select", "train"]
    expected += ["evaluate", "report"]
    assert [name for name, _ in stages] == expected
    decisions = (tmp_path / "out" / "decisions.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in decisions] == ["relabelled"] * 4 + ["clean"] * 4
    assert (tmp_path / "out" / "adapter" / "adapter_config.json").is_file()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["samples"]["noisy"], summary["evaluation"]["n"]) == (4, 4)


def written(file: Path, rows: list[dict[str, str]]) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)
