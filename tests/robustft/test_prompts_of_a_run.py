"""A run keeps its prompts: what becomes of the user's files later does not matter to it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from prompts.template import PromptError
from robustft import InputError, RobustFTError, load_config, resume, run
from stores.errors import RunDirectoryError
from tests.support.cases import (
    PROMPTS,
    SHIPPED,
    Finished,
    asked,
    command,
    read_lines,
    reply,
    script,
    write_run,
)
from tests.support.endpoint import Endpoint

RECORDS = ("decisions.jsonl", "training.jsonl", "dropped.jsonl")


def kept(out: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (out / "prompts").iterdir()}


def test_every_prompt_is_kept_as_it_was_used(tmp_path: Path, endpoint: Endpoint) -> None:
    run(write_run(tmp_path, script(endpoint).url), tmp_path / "run", until="detect")
    texts = kept(tmp_path / "run")
    assert "{{ prompt }}" in texts["question"]
    assert {name: text for name, text in texts.items() if name not in SHIPPED} == PROMPTS
    assert texts.keys() > SHIPPED


def test_a_finished_run_is_resumed_and_reported_without_its_prompt_files(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    first = run(write_run(tmp_path, script(endpoint).url), out, until="select").summary
    before = {name: (out / name).read_bytes() for name in RECORDS}
    for name in PROMPTS:
        (tmp_path / f"{name}.md").unlink()
    for name in (*RECORDS, "summary.json"):
        (out / name).unlink()
    endpoint.requests.clear()

    again = resume(out, until="select")

    assert endpoint.requests == []
    assert again.summary.config_hash == first.config_hash
    assert {name: (out / name).read_bytes() for name in RECORDS} == before


def test_an_interrupted_run_goes_on_without_its_prompt_files(tmp_path: Path, endpoint: Endpoint) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="detect")
    for name in PROMPTS:
        (tmp_path / f"{name}.md").unlink()
    assert resume(out, until="select").summary.samples.relabelled == 6


def test_a_prompt_that_is_edited_while_a_run_works_changes_nothing_in_it(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    config = write_run(tmp_path, script(endpoint).url)
    expected = run(config, tmp_path / "undisturbed", until="select")
    endpoint.requests.clear()

    def edit(messages: list[dict[str, Any]]) -> str:
        if messages[-1]["content"].startswith("[check]"):
            for name, text in PROMPTS.items():
                (tmp_path / f"{name}.md").write_text(f"{text} EDITED")
        return reply(messages)

    endpoint.reply = edit
    finished = run(config, tmp_path / "run", until="select")

    assert "EDITED" in (tmp_path / "base.md").read_text()
    assert "EDITED" not in str(endpoint.requests)
    assert finished.summary.config_hash == expected.summary.config_hash
    for name in RECORDS:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


def test_another_prompt_of_the_reviewer_asks_the_reviewer_alone(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "run"
    first = run(write_run(tmp_path, script(endpoint).url), out, until="select").summary
    other = tmp_path / "other.md"
    other.write_text(f"{PROMPTS['review']} Please.")
    before = asked(endpoint)
    caplog.set_level("INFO", logger="robustft")

    changed = ["resume", out, "--set", f"agents.reviewer.prompt={other}", "--until", "select"]
    assert command(monkeypatch, *changed) == 0

    assert {role for role, _ in asked(endpoint) - before} == {"review"}
    differing = [message for message in caplog.messages if message.startswith("the prompt of")]
    assert differing == ["the prompt of reviewer differs: what depends on it is asked again"]
    assert kept(out)["review"] == other.read_text()
    assert json.loads((out / "summary.json").read_text())["config_hash"] != first.config_hash
    other.unlink()
    assert resume(out, until="select").summary.samples.relabelled == 6


def test_a_prompt_that_is_only_named_otherwise_asks_nobody(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "run"
    first = run(write_run(tmp_path, script(endpoint).url), out, until="select").summary
    moved = (tmp_path / "review.md").rename(tmp_path / "moved.md")
    endpoint.requests.clear()
    caplog.set_level("INFO", logger="robustft")

    changed = ["resume", out, "--set", f"agents.reviewer.prompt={moved}", "--until", "select"]
    assert command(monkeypatch, *changed) == 0

    assert endpoint.requests == []
    assert not [message for message in caplog.messages if message.startswith("the prompt of")]
    assert json.loads((out / "summary.json").read_text())["config_hash"] == first.config_hash


@pytest.mark.parametrize("what", ["edited", "deleted"])
def test_a_setting_of_something_else_reads_no_prompt_file(
    what: str, tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="select")
    before = kept(out)
    for name, text in PROMPTS.items():
        file = tmp_path / f"{name}.md"
        file.write_text(f"{text} EDITED") if what == "edited" else file.unlink()
    endpoint.requests.clear()

    changed = ["resume", out, "--set", "selection.keep=1.0", "--until", "select"]
    assert command(monkeypatch, *changed) == 0

    assert endpoint.requests == []
    assert kept(out) == before


def test_a_new_config_that_names_a_lost_prompt_is_refused_and_says_where_the_runs_own_is(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    config = write_run(tmp_path, script(endpoint).url)
    run(config, out, until="select")
    (tmp_path / "base.md").unlink()
    mine = f"agents.base.prompt={out / 'prompts' / 'base.md'}"
    with pytest.raises(InputError, match=re.escape(f"name it with --set, as in {mine}")):
        resume(out, config=load_config(config), until="select")

    assert resume(out, config=load_config(config, [mine]), until="select").summary.samples.relabelled == 6


def test_a_prompts_name_leads_to_no_file_outside_of_the_run(tmp_path: Path, endpoint: Endpoint) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    config = write_run(folder, script(endpoint).url)
    hostile = folder / "..%2f{{ question }};base.md"
    hostile.write_text(PROMPTS["base"])
    named = load_config(config, [f"agents.base.prompt={folder / '..' / 'data' / hostile.name}"])
    run(named, tmp_path / "run", until="detect")
    assert set(kept(tmp_path / "run")) == {*PROMPTS, *SHIPPED}
    assert {path.name for path in tmp_path.iterdir()} == {"data", "run"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{{ question }} {{ secret }}", "unknown variable 'secret'"),
        ("no question", "every sample would be asked the same"),
        ("{{ question", "base.md, line 1"),
        (b"\xff\xfe{{ question }}", "no readable text file"),
    ],
)
def test_a_runs_own_prompt_is_checked_like_any_other(
    content: str | bytes, told: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    config = write_run(tmp_path, script(endpoint).url)
    run(config, out, until="select")
    path = out / "prompts" / "base.md"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(PromptError, match=told) as refused:
        resume(out, until="select")
    assert f"remove the file, and `robustft resume {out}` puts the run's own there" in str(refused.value)
    assert f"robustft run CONFIG --resume --out {out}" in str(refused.value)

    resume(out, config=load_config(config), until="select")
    assert path.read_text() == PROMPTS["base"]


@pytest.mark.parametrize("name", [*sorted(PROMPTS), "question"])
@pytest.mark.parametrize("content", ["", None], ids=["emptied", "removed"])
def test_a_runs_own_prompt_that_is_gone_or_empty_is_put_back(
    name: str, content: str | None, tmp_path: Path, mixed: Finished, caplog: pytest.LogCaptureFixture
) -> None:
    out = Path(shutil.copytree(mixed.out, tmp_path / "run"))
    path = out / "prompts" / f"{name}.md"
    own = path.read_text()
    path.unlink()
    if content is not None:
        path.write_text(content)
    resume(out, until="select")
    assert path.read_text() == own
    assert f"{path}: was gone or empty; the run's own is put back" in caplog.messages
    for record in RECORDS:
        assert (out / record).read_bytes() == (mixed.out / record).read_bytes()


@pytest.mark.parametrize("edited", ["config.yaml", "prompts/base.md", "prompts/question.md"])
def test_an_edit_by_hand_is_refused_with_how_to_take_it_back_and_how_to_take_it(
    edited: str, tmp_path: Path, mixed: Finished
) -> None:
    out = Path(shutil.copytree(mixed.out, tmp_path / "run"))
    path = out / edited
    own = path.read_text()
    path.write_text(own.replace("seed: 0", "seed: 1") + " \n")
    with pytest.raises(InputError, match=r"is not what the run wrote.*[Rr]emove") as refused:
        resume(out, until="select")
    assert "--set" in str(refused.value)
    assert (out / "decisions.jsonl").read_bytes() == (mixed.out / "decisions.jsonl").read_bytes()
    path.unlink()
    resume(out, until="select")
    assert path.read_text() == own


def test_an_edited_prompt_of_a_run_is_taken_where_a_setting_names_it(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="select")
    path = out / "prompts" / "review.md"
    path.write_text(f"{path.read_text()} EDITED")
    endpoint.requests.clear()
    changed = ["resume", out, "--set", f"agents.reviewer.prompt={path}", "--until", "select"]
    assert command(monkeypatch, *changed) == 0
    assert {role for role, _ in asked(endpoint)} == {"review"}
    assert kept(out)["review"].endswith("EDITED")


@pytest.mark.parametrize("content", ["{{ options }}", "Which?"])
def test_a_runs_question_block_shows_the_question(content: str, tmp_path: Path, endpoint: Endpoint) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="detect")
    (out / "prompts" / "question.md").write_text(content)
    with pytest.raises(PromptError, match=r"question\.md: does not use {{ prompt }}"):
        resume(out, until="select")


@pytest.mark.parametrize("name", [*PROMPTS, "question"])
@pytest.mark.parametrize("is_edited", [True, False], ids=["edited", "removed"])
def test_a_runs_own_prompt_that_is_changed_while_it_works_stops_it(
    name: str, is_edited: bool, tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    config = write_run(tmp_path, script(endpoint).url)
    own = out / "prompts" / f"{name}.md"
    kept_text = {}

    def change(messages: list[dict[str, Any]]) -> str:
        if messages[-1]["content"].startswith("[check]") and own.exists() and not kept_text:
            kept_text[name] = own.read_text()
            own.unlink()
            if is_edited:
                own.write_text(f"{kept_text[name]} EDITED")
        return reply(messages)

    endpoint.reply = change
    with pytest.raises(RobustFTError, match=r"changed while it worked|is missing"):
        run(config, out, until="select")
    assert "EDITED" not in str(endpoint.requests)

    own.write_text(kept_text[name])
    resume(out, until="select")
    run(config, tmp_path / "undisturbed", until="select")
    for record in RECORDS:
        assert (out / record).read_bytes() == (tmp_path / "undisturbed" / record).read_bytes()


def test_no_link_and_no_more_than_a_prompt_is_read_of_a_runs_prompts(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    out = tmp_path / "run"
    finished = run(write_run(tmp_path, script(endpoint).url), out, until="detect")
    assert finished.prompts() == kept(out)
    (out / "prompts" / "secret.md").symlink_to(tmp_path / "my.yaml")
    with pytest.raises(InputError, match=r"secret\.md.*no plain file"):
        finished.prompts()
    (out / "prompts" / "secret.md").unlink()
    with (out / "prompts" / "base.md").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="is longer than"):
        finished.prompts()


@pytest.mark.parametrize("linked", ["prompts", "prompts/base.md"])
def test_a_link_among_a_runs_prompts_is_not_followed(linked: str, tmp_path: Path, endpoint: Endpoint) -> None:
    out = tmp_path / "run"
    config = write_run(tmp_path, script(endpoint).url)
    run(config, out, until="select")
    elsewhere = (out / linked).rename(tmp_path / "elsewhere")
    (out / linked).symlink_to(elsewhere)
    for changed in (None, load_config(config, ["selection.keep=1.0"])):
        with pytest.raises(RunDirectoryError, match=f"{linked}: is a symbolic link"):
            resume(out, config=changed, until="select")
    (out / linked).unlink()
    resume(out, config=load_config(config, ["selection.keep=1.0"]), until="select")
    assert not (out / "prompts").is_symlink()
    assert not (out / "prompts" / "base.md").is_symlink()
    assert elsewhere.exists()


def test_a_template_in_a_runs_prompts_reaches_nothing_of_python(tmp_path: Path, endpoint: Endpoint) -> None:
    out = tmp_path / "run"
    run(write_run(tmp_path, script(endpoint).url), out, until="detect")
    (tmp_path / "relabel.md").write_text("{{ question }} {{ question.__class__.__mro__ }}")
    with pytest.raises(Exception, match=r"relabel\.md: .*unsafe"):
        resume(out, config=load_config(tmp_path / "my.yaml"), until="select")


def test_samples_that_share_a_reply_lead_to_one_request_and_a_reuse_takes_it_along(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"id": name, "prompt": "Capital of France?", "completion": "Paris"} for name in ("one", "two")]
    config = write_run(tmp_path, script(endpoint).url, rows)
    run(config, tmp_path / "old", until="detect")
    run(config, tmp_path / "new", until="detect", reuse=tmp_path / "old")
    for name in ("one", "two"):
        assert command(monkeypatch, "trace", tmp_path / "new", name, "--prompts") == 0
        assert "[base] Capital of France?" in capsys.readouterr().out


def test_decisions_do_not_name_the_replies_they_rest_on(tmp_path: Path, endpoint: Endpoint) -> None:
    run(write_run(tmp_path, script(endpoint).url), tmp_path / "run", until="select")
    assert "reply_key" not in str(read_lines(tmp_path / "run" / "decisions.jsonl"))
