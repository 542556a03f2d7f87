"""Every fault of an endpoint within a whole run: what passes costs nothing, what stays costs one sample."""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from robustft import RunFailedError, run
from tests.support.cases import Case, Finished, read_lines, said, script, write_run
from tests.support.endpoint import Endpoint

RECORDS = ("decisions.jsonl", "training.jsonl", "dropped.jsonl")
Messages = list[dict[str, Any]]
Fault = Callable[[dict[str, Any]], Any]


def message(**fields: Any) -> Fault:
    return lambda reply: with_choice(reply, message={"role": "assistant", **fields})


def with_choice(reply: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**reply, "choices": [{**reply["choices"][0], **fields}]}


def rated(value: object) -> Fault:
    """Every token has this for its log-probability."""
    tokens = [{"token": "x", "logprob": value}]
    return lambda reply: with_choice(reply, logprobs={"content": tokens})


# The fault, and what the failure says of it.
REPLIES: dict[str, tuple[Fault, str]] = {
    "not JSON": (lambda reply: b"Bad gateway", "not JSON"),
    "cut JSON": (lambda reply: b'{"choices": [{"message"', "not JSON"),
    "not UTF-8": (lambda reply: b'{"choices": "\xff"}', "not JSON"),
    "half a surrogate pair": (lambda reply: b'{"choices": "\\ud800"}', "not JSON"),
    "a list": (lambda reply: [reply], "no chat completion"),
    "no choices": (lambda reply: {**reply, "choices": []}, "no chat completion"),
    "null choices": (lambda reply: {**reply, "choices": None}, "no chat completion"),
    "no message": (lambda reply: {**reply, "choices": [{"index": 0}]}, "no chat completion"),
    "null message": (lambda reply: with_choice(reply, message=None), "no chat completion"),
    "null content": (message(content=None), "empty"),
    "only spaces": (message(content=" \n\t "), "empty"),
    "nested deep": (lambda reply: b'{"error":' * 1000 + b"1" + b"}" * 1000, "the endpoint failed (500)"),
    "ten megabytes": (lambda reply: message(content="Berlin " * 1_500_000)(reply), "longer than 8 MB"),
}
LOG_PROBABILITIES: dict[str, tuple[Fault, str]] = {
    "none": (lambda reply: with_choice(reply, logprobs=None), "no log-probabilities"),
    "no tokens": (lambda reply: with_choice(reply, logprobs={"content": []}), "no log-probabilities"),
    "not a dict": (lambda reply: with_choice(reply, logprobs="yes"), "log-probabilities cannot be read"),
    "null": (rated(None), "log-probabilities cannot be read"),
    "text": (rated("high"), "log-probabilities cannot be read"),
    "NaN": (rated(math.nan), "not JSON"),
    "-inf": (rated(-math.inf), "not JSON"),
    "-inf as a text": (rated("-inf"), "no logarithms of probabilities"),
    "above 0": (rated(0.5), "no logarithms of probabilities"),
    "more than a sum can take": (rated(-1e308), "no logarithms of probabilities"),
    "false": (rated(False), "log-probabilities cannot be read"),
}
STATUSES = (500, 502, 503, 504, 408)


def cases_of(names: Iterable[object]) -> list[Case]:
    """Return a case for each fault, told apart by its question, and one that nothing happens to."""
    replies = said("Berlin", "Berlin", relabel="It is Berlin")
    return [
        Case(str(name), f"Capital in <{name}>?", "Rome", replies, "relabelled") for name in [*names, "well"]
    ]


def sabotage(
    endpoint: Endpoint, faults: Mapping[str, tuple[Fault, str]], *, role: str = "", times: int = 10**9
) -> None:
    """Let the first replies in each fault's case be faulty."""
    left = dict.fromkeys(faults, times)

    def alter(reply: dict[str, Any], messages: Messages) -> Any:
        text = messages[-1]["content"]
        name = next((name for name in faults if f"<{name}>" in text), None)
        if name is None or not left[name] or not text.startswith(f"[{role}"):
            return reply
        left[name] -= 1
        return faults[name][0](reply)

    endpoint.alter = alter


def scripted(endpoint: Endpoint, cases: list[Case]) -> Endpoint:
    by_query = {case.query: case for case in cases}

    def reply(messages: Messages) -> str:
        role, found, rest = messages[-1]["content"][1:].partition("] ")
        query = rest.partition("?")[0] + "?"
        return by_query[query].replies[role] if found else "yes"

    endpoint.reply = reply
    return endpoint


def statuses(out: Path) -> dict[str, tuple[str, str | None]]:
    return {row["id"]: (row["status"], row.get("failure")) for row in read_lines(out / "decisions.jsonl")}


def same_records(out: Path, mixed: Finished) -> bool:
    return all((out / name).read_bytes() == (mixed.out / name).read_bytes() for name in RECORDS)


@pytest.mark.parametrize(("faults", "role"), [(REPLIES, ""), (LOG_PROBABILITIES, "relabel")])
def test_a_faulty_reply_is_asked_for_again(
    faults: dict[str, tuple[Fault, str]], role: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    cases = cases_of(faults)
    sabotage(scripted(endpoint, cases), faults, role=role, times=2)
    run(write_run(tmp_path, endpoint.url, cases), tmp_path / "run", until="select")
    assert set(statuses(tmp_path / "run").values()) == {("relabelled", None)}


@pytest.mark.parametrize(("faults", "role"), [(REPLIES, "reason"), (LOG_PROBABILITIES, "relabel")])
def test_a_reply_that_stays_faulty_fails_its_sample_alone_with_the_reason(
    faults: dict[str, tuple[Fault, str]], role: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    cases = cases_of(faults)
    sabotage(scripted(endpoint, cases), faults, role=role)
    run(write_run(tmp_path, endpoint.url, cases, run__max_failed=1.0), tmp_path / "run", until="select")
    found = statuses(tmp_path / "run")
    assert found.pop("well") == ("relabelled", None)
    for name, (_, reason) in faults.items():
        status, failure = found[name]
        assert (status, reason in str(failure)) == ("failed", True), (name, failure)
    dropped = {row["id"]: row["reason"] for row in read_lines(tmp_path / "run" / "dropped.jsonl")}
    assert {name for name, reason in dropped.items() if reason == "failed"} == set(faults)


def test_a_log_probability_a_little_above_0_is_0(tmp_path: Path, endpoint: Endpoint) -> None:
    faults: dict[str, tuple[Fault, str]] = {"rounded": (rated(0.0005), "")}
    cases = cases_of(faults)
    sabotage(scripted(endpoint, cases), faults, role="relabel")
    run(write_run(tmp_path, endpoint.url, cases), tmp_path / "run", until="select")
    rows = read_lines(tmp_path / "run" / "decisions.jsonl")
    assert next(row for row in rows if row["id"] == "rounded")["agents"]["relabeler"]["entropy"] == 0


def refuse_by_status(times: int) -> Callable[[Messages], int | None]:
    """Answer the first requests in each status's case with it."""
    left = dict.fromkeys(STATUSES, times)

    def refuse(messages: Messages) -> int | None:
        text = messages[-1]["content"]
        status = next((status for status in STATUSES if f"<{status}>" in text), None)
        if status is None or not left[status]:
            return None
        left[status] -= 1
        return status

    return refuse


@pytest.mark.parametrize("retry_after", [None, "0.1"])
def test_a_server_error_that_passes_costs_no_sample(
    retry_after: str | None, tmp_path: Path, endpoint: Endpoint
) -> None:
    cases = cases_of(STATUSES)
    scripted(endpoint, cases).retry_after = retry_after
    endpoint.refuse = refuse_by_status(2)
    run(write_run(tmp_path, endpoint.url, cases), tmp_path / "run", until="select")
    assert set(statuses(tmp_path / "run").values()) == {("relabelled", None)}


def test_a_server_error_that_stays_fails_its_sample_alone_with_the_reason(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    cases = cases_of(STATUSES)
    scripted(endpoint, cases).refuse = refuse_by_status(10**9)
    run(write_run(tmp_path, endpoint.url, cases, run__max_failed=1.0), tmp_path / "run", until="select")
    found = statuses(tmp_path / "run")
    assert found.pop("well") == ("relabelled", None)
    for name in STATUSES:
        status, failure = found[str(name)]
        assert (status, f"the endpoint failed ({name})" in str(failure)) == ("failed", True), failure


def test_a_storm_of_refusals_costs_no_sample(tmp_path: Path, endpoint: Endpoint, mixed: Finished) -> None:
    dice = [429, None, 429, 429, None] * 15
    script(endpoint).refuse = lambda messages: (
        dice.pop() if dice and messages[-1]["content"][0] == "[" else None
    )
    run(write_run(tmp_path, endpoint.url), tmp_path / "run", until="select")
    assert same_records(tmp_path / "run", mixed)


def test_replies_that_break_off_cost_no_sample(tmp_path: Path, endpoint: Endpoint, mixed: Finished) -> None:
    script(endpoint)
    config = write_run(tmp_path, endpoint.url, run__concurrency=1)
    asked = 0

    def reply_or_hang_up(messages: Messages) -> int | None:
        nonlocal asked
        asked += 1
        endpoint.hang_ups = int(asked % 5 == 0)
        return None

    endpoint.refuse = reply_or_hang_up
    run(config, tmp_path / "run", until="select")
    assert same_records(tmp_path / "run", mixed)


def test_a_key_refused_in_the_middle_stops_the_run_with_the_reason(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "KEY", "sk-very-secret")
    script(endpoint).key = "sk-very-secret"
    config = write_run(tmp_path, endpoint.url)
    config.write_text(
        config.read_text().replace("provider: openai", "provider: openai\n    api_key_env: KEY")
    )

    def revoke(messages: Messages) -> int | None:
        return 401 if "Germany" in messages[-1]["content"] or "Peru" in messages[-1]["content"] else None

    endpoint.refuse = revoke
    with pytest.raises(RunFailedError, match=r"max_failed.*refused the API key \(401\).*api_key_env"):
        run(config, tmp_path / "run", until="select")


def test_usage_that_makes_no_sense_counts_as_none(
    tmp_path: Path, endpoint: Endpoint, mixed: Finished
) -> None:
    wrong = iter(
        [{"prompt_tokens": -5}, "lots", None, [], {"completion_tokens": "many"}, 7, {"prompt_tokens": 1e9}]
    )
    script(endpoint).alter = lambda reply, messages: {**reply, "usage": next(wrong, None)}
    summary = run(write_run(tmp_path, endpoint.url), tmp_path / "run", until="select").summary
    assert summary.samples == mixed.summary.samples
    assert summary.usage.requests == mixed.summary.usage.requests
    assert summary.usage.prompt_tokens == summary.usage.completion_tokens == 0


def test_a_model_that_changes_its_name_is_warned_of_once(
    tmp_path: Path, endpoint: Endpoint, mixed: Finished, caplog: pytest.LogCaptureFixture
) -> None:
    probe = "Say yes."
    script(endpoint).alter = lambda reply, messages: {
        **reply,
        "model": "scripted" if messages[-1]["content"] == probe else "another",
    }
    run(write_run(tmp_path, endpoint.url), tmp_path / "run", until="select")
    assert same_records(tmp_path / "run", mixed)
    warnings = [text for text in caplog.messages if "is it still one model" in text]
    assert len(warnings) == 1
    assert "'another'" in warnings[0]
    assert "'scripted'" in warnings[0]


def test_a_reply_after_the_time_out_is_asked_for_again(
    tmp_path: Path, endpoint: Endpoint, mixed: Finished
) -> None:
    script(endpoint)
    config = write_run(tmp_path, endpoint.url, run__concurrency=4)
    config.write_text(config.read_text().replace("provider: openai", "provider: openai\n    timeout: 0.5"))
    late = [True]

    def hold_back(messages: Messages) -> int | None:
        endpoint.delay = 1.0 if late and "Germany" in messages[-1]["content"] else 0.0
        if endpoint.delay:
            late.pop()
        return None

    endpoint.refuse = hold_back
    run(config, tmp_path / "run", until="select")
    assert same_records(tmp_path / "run", mixed)
