"""A model or a folder that cannot be used ends a run with 2 before it begins; no key is written anywhere."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from robustft.cli import main
from tests.support.endpoint import Endpoint, free_port

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def _with_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.jsonl").write_text('{"prompt": "What is the capital of France?", "completion": "Paris"}\n')


def write_config(url: str, **model: str) -> None:
    entries = {"provider": "openai", "name": "scripted", "base_url": url, **model}
    entry = ", ".join(f"{name}: '{value}'" for name, value in entries.items())
    agents = "{base: {model: second}, relabeler: {neighbours: 0}}"
    second = f"{{provider: openai, name: scripted, base_url: '{url}'}}" if not model else f"{{{entry}}}"
    Path("my.yaml").write_text(f"models: {{default: {{{entry}}}, second: {second}}}\nagents: {agents}\n")


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str, out: str = "run"
) -> tuple[object, str]:
    """Return the exit code of a run until select, and all that it printed."""
    command = ["robustft", "run", "my.yaml", "--data", "train.jsonl", "--until", "select", "--out", out]
    monkeypatch.setattr(sys, "argv", [*command, *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr()
    return stop.value.code, told.out + told.err


def refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str, out: str = "run"
) -> str:
    """Return the one message of a run that ends with 2 and leaves the folder as it was."""
    before = sorted(Path().rglob("*"))
    code, told = run(monkeypatch, capsys, *arguments, out=out)
    assert code == 2
    assert told.startswith("robustft: ")
    assert told.count("\n") == 1, told
    assert sorted(Path().rglob("*")) == before
    return told.removeprefix("robustft: ").strip()


def texts_below(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode(errors="replace") for path in files)


def test_an_unreachable_endpoint_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    write_config(url)
    message = refusal(monkeypatch, capsys)
    assert message.startswith("models.default: ")
    assert url in message
    assert "cannot be reached" in message


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000/v1", "http://", "ftp://127.0.0.1/v1", "http://127.0.0.1:x/v1"]
)
def test_an_address_that_is_none_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(url)
    assert "models.default" in refusal(monkeypatch, capsys)


def test_an_unknown_model_is_named_with_the_config_entry(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(endpoint.url, name="scirpted")
    message = refusal(monkeypatch, capsys)
    assert message.startswith("models.default: ")
    assert "scirpted" in message


def test_a_refused_key_is_told_without_the_key(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.key = "another key"
    monkeypatch.setenv("MY_KEY", KEY)
    write_config(endpoint.url, api_key_env="MY_KEY")
    message = refusal(monkeypatch, capsys)
    assert "401" in message
    assert KEY not in message


def test_a_missing_key_variable_is_named(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    write_config(endpoint.url, api_key_env="MY_KEY")
    assert "MY_KEY" in refusal(monkeypatch, capsys)
    assert endpoint.requests == []


@pytest.mark.parametrize("key", ["", " ", f"{KEY}é"])
def test_a_key_that_no_header_can_hold_is_told_without_the_key(
    key: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", key)
    write_config(endpoint.url, api_key_env="MY_KEY")
    message = refusal(monkeypatch, capsys)
    assert "MY_KEY" in message
    assert KEY not in message


def test_the_line_end_behind_a_key_is_no_part_of_it(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.key = KEY
    monkeypatch.setenv("MY_KEY", f"{KEY}\n")
    write_config(endpoint.url, api_key_env="MY_KEY")
    code, told = run(monkeypatch, capsys)
    assert code == 0, told
    assert KEY not in told


def test_an_endpoint_without_log_probabilities_is_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.log_probabilities = False
    write_config(endpoint.url)
    message = refusal(monkeypatch, capsys)
    assert message.startswith("models.default: ")
    assert "log-probabilities" in message


def test_only_the_relabelers_model_needs_log_probabilities(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blind = Endpoint()
    blind.log_probabilities = False
    write_config(endpoint.url)
    code, told = run(monkeypatch, capsys, "--set", f"models.second.base_url={blind.url}")
    blind.stop()
    assert code == 0, told
    assert blind.requests


def test_a_key_that_is_right_appears_in_no_file_and_no_message(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.key = KEY
    monkeypatch.setenv("MY_KEY", KEY)
    write_config(endpoint.url, api_key_env="MY_KEY")
    code, told = run(monkeypatch, capsys)
    assert code == 0
    assert KEY not in told
    assert KEY not in texts_below(Path("run"))
    assert "MY_KEY" in Path("run/config.yaml").read_text()


@pytest.mark.parametrize("spelt", [KEY, KEY.replace("s", "\\\\u0073", 1), KEY.replace("-", "%2D")])
def test_a_key_that_is_repeated_in_replies_is_nowhere(
    spelt: str,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def repeat(reply: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
        said = {"role": "assistant", "content": f"Paris {spelt}", "reasoning_content": spelt}
        choice = {**reply["choices"][0], "message": said, "finish_reason": spelt}
        return {**reply, "choices": [choice], "model": f"{spelt} {len(messages[-1]['content'])}"}

    endpoint.alter = repeat
    monkeypatch.setenv("MY_KEY", KEY)
    write_config(endpoint.url, api_key_env="MY_KEY")
    code, told = run(monkeypatch, capsys)
    assert code == 0, told
    left = told + texts_below(Path("run"))
    assert spelt not in left
    assert KEY not in left
    assert "***" in left


def test_a_redirect_is_refused_before_a_prompt_is_sent_elsewhere(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Endpoint()
    endpoint.redirect = f"{other.url}/chat/completions"
    write_config(endpoint.url)
    message = refusal(monkeypatch, capsys)
    other.stop()
    assert f"redirects to {other.url}" in message
    assert other.requests == []


def test_not_even_a_debugged_failure_shows_the_key(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.key = KEY
    endpoint.refuse = lambda messages: 401 if "Say yes" not in messages[-1]["content"] else None
    monkeypatch.setenv("MY_KEY", KEY)
    write_config(endpoint.url, api_key_env="MY_KEY")
    command = [sys.executable, "-c", "from robustft.cli import main; main()", "--debug", "run", "my.yaml"]
    done = subprocess.run(
        [*command, "--data", "train.jsonl", "--out", "run", "--until", "select"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "refused the API key" in done.stderr
    assert KEY not in done.stdout + done.stderr + texts_below(Path("run"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_parent_that_cannot_be_written_is_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(endpoint.url)
    Path("locked").mkdir(mode=0o500)
    assert refusal(monkeypatch, capsys, out="locked/run").startswith("locked/run: ")
    assert endpoint.requests == []


@pytest.mark.parametrize("out", ["train.jsonl", "train.jsonl/run", "train.jsonl/deep/run", "x" * 300])
def test_a_place_where_no_folder_can_be_is_refused(
    out: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(endpoint.url)
    assert refusal(monkeypatch, capsys, out=out).startswith(f"{out}: ")
    assert endpoint.requests == []


def test_a_folder_with_other_files_is_refused(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(endpoint.url)
    Path("run").mkdir()
    Path("run/thesis.tex").write_text("years of work")
    assert refusal(monkeypatch, capsys).startswith("run: exists and is not empty")
    assert endpoint.requests == []


def test_a_folder_that_holds_a_run_is_refused_without_resume(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(endpoint.url)
    assert run(monkeypatch, capsys)[0] == 0
    summary = Path("run/summary.json").read_bytes()
    message = refusal(monkeypatch, capsys)
    assert message.startswith("run: ")
    assert "resume" in message
    assert Path("run/summary.json").read_bytes() == summary


def test_an_empty_folder_is_taken(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(endpoint.url)
    Path("run").mkdir()
    assert run(monkeypatch, capsys)[0] == 0
    assert Path("run/summary.json").is_file()


def test_a_bad_endpoint_leaves_no_new_parent_folder_behind(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.log_probabilities = False
    write_config(endpoint.url)
    assert "log-probabilities" in refusal(monkeypatch, capsys, out="new/parent/run")
