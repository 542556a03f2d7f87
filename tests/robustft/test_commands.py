"""The commands beside `run`: their help, noise, export, trace, doctor and evaluate."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from configs import shipped_configs
from robustft import run
from robustft.cli import app, main
from stores.dataset import read_samples
from tests.support.endpoint import Endpoint

OPTIONS = {
    "demo": ["--out", "--until"],
    "run": ["CONFIG", "--data", "--test", "--gold", "--out", "--set", "--limit", "--until", "--resume"],
    "resume": ["DIR", "--until"],
    "trace": ["DIR", "SAMPLE_ID", "--prompts"],
    "evaluate": ["CONFIG", "--test", "--adapter", "--set"],
    "serve": ["CONFIG", "--model", "--adapter", "--port", "--set"],
    "noise": ["FILE", "--rate", "--seed", "--out", "--force"],
    "export": ["DIR", "--format", "--out"],
    "schema": ["--out"],
    "doctor": ["CONFIG", "--set"],
}
REPOSITORY = Path(__file__).parents[2]
FORMATS = ["messages", "prompt-completion", "alpaca", "sharegpt", "parquet"]
HOSTILE = "\x1b[31mred\x1b[0m [bold]loud[/bold] [/nothing] \x07 \u202eesrever"


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    monkeypatch.chdir(tmp_path)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    """Return the exit code of the `robustft` command."""
    monkeypatch.setattr(sys, "argv", ["robustft", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def write_config(path: Path, url: str) -> Path:
    model = f"{{provider: openai, name: scripted, base_url: '{url}'}}"
    models = f"models: {{default: {model}, student: {{provider: embedded}}}}\ntraining: {{model: student}}\n"
    path.write_text(f"{models}agents: {{relabeler: {{neighbours: 0}}}}\n")
    return path


ROWS: list[dict[str, Any]] = [
    {"id": "clean", "prompt": "What is the capital of France?", "completion": "Paris"},
    {"id": "noisy", "prompt": "What is the capital of Italy?", "completion": "Vienna"},
    {"id": "evil", "prompt": f"What is this? {HOSTILE}", "completion": f"Oslo {HOSTILE}"},
]


def answer(messages: list[dict[str, Any]]) -> str:
    text = str(messages[-1]["content"])
    if "verdict" in text.lower():
        return f"Verdict: noisy\n{HOSTILE}"
    return f"Rome {HOSTILE}" if "What is this" in text else "Paris" if "France" in text else "Rome"


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.strip() == f"robustft {version('robustft')}"


def test_the_package_runs_as_the_command_does() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "robustft", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert told.stdout.strip() == f"robustft {version('robustft')}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run until select of one clean, one noisy and one hostile sample."""
    folder = tmp_path_factory.mktemp("commands")
    endpoint = Endpoint()
    endpoint.reply = answer
    config = write_config(folder / "my.yaml", endpoint.url)
    data = write_rows(folder / "train.jsonl", ROWS)
    settings = config.read_text() + f"data: {{train: '{data}'}}\nselection: {{keep: 1}}\n"
    config.write_text(settings)
    run(config, folder / "run", until="select")
    yield folder / "run"
    endpoint.stop()


def test_help_lists_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "--help") == 0
    told = plain(capsys.readouterr().out)
    assert all(re.search(rf"\b{name}\b", told) for name in OPTIONS)
    assert sorted(OPTIONS) == sorted(app.COMMANDS)


@pytest.mark.parametrize("name", app.COMMANDS)
def test_a_commands_line_in_the_list_opens_its_own_help(name: str) -> None:
    source = (REPOSITORY / "robustft" / "cli" / f"{name}.py").read_text(encoding="utf-8")
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    assert str(ast.get_docstring(functions[name])).splitlines()[0] == app.COMMANDS[name]


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_help_of_a_command_has_its_options(
    name: str, flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, name, flag) == 0
    told = plain(capsys.readouterr().out)
    assert [option for option in OPTIONS[name] if option.lower() not in told.lower()] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run"],
        ["run", "x.yaml", "--nonsense"],
        ["run", "x.yaml", "--until", "never"],
        ["resume"],
    ],
)
def test_a_wrong_command_line_ends_with_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, *arguments) == 2
    assert "Usage" in plain(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(["rnu"], "run"), (["resmue"], "resume"), (["run", "x.yaml", "--dta", "x"], "--data")],
)
def test_a_mistyped_command_or_option_is_told_what_was_meant(
    arguments: list[str],
    meant: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(monkeypatch, *arguments) == 2
    assert meant in plain(capsys.readouterr().err).splitlines()[-2]


@pytest.mark.parametrize(
    ("words", "offered"),
    [("robustft res", "resume"), ("robustft run --li", "--limit"), ("robustft run x --until tr", "train")],
)
def test_a_shell_completes_commands_options_and_choices(words: str, offered: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'robustft'; from robustft.cli import main; main()"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "_ROBUSTFT_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
    )
    assert told.stdout.split() == [offered]


def test_a_config_that_ships_is_found_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "run", "paper", "--data", "nowhere.jsonl") == 2
    assert "nowhere.jsonl: no such file" in capsys.readouterr().err


def test_a_config_file_goes_before_a_shipped_one_of_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("paper").write_text("mine: true")
    assert command(monkeypatch, "run", "paper") == 2
    assert "paper: unknown key 'mine'" in capsys.readouterr().err


def test_a_config_that_is_not_there_is_told_with_the_names_that_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "run", "papre") == 2
    told = capsys.readouterr().err
    assert all(name in told for name in ("papre", *shipped_configs()))


INTERRUPTING = """
import importlib.abc, os, signal, sys

module = sys.argv.pop(1)

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
signal.signal(signal.SIGINT, signal.default_int_handler)
from robustft.cli import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "rich", "yaml", "graph.config.run", "langgraph", "robustft.api"])
def test_ctrl_c_while_libraries_are_imported_ends_without_a_traceback(module: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", INTERRUPTING, module, "run", "paper", "--data", "nowhere.jsonl"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert (told.returncode, told.stdout, told.stderr) == (130, "", "")


def noisy(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> list[dict[str, Any]]:
    assert command(monkeypatch, "noise", *arguments) == 0
    return read_rows(Path("noisy.jsonl"))


def facts(count: int) -> Path:
    rows = [{"id": f"{i}", "prompt": f"What is number {i}?", "completion": f"word{i}"} for i in range(count)]
    return write_rows(Path("facts.jsonl"), rows)


@pytest.mark.parametrize(("rate", "wrong"), [(0, 0), (0.3, 6), (0.5, 10), (0.33, 7), (1, 20)])
def test_noise_makes_exactly_its_share_wrong_and_keeps_the_gold(
    rate: float, wrong: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = noisy(monkeypatch, facts(20), "--rate", rate, "--out", "noisy.jsonl")
    assert [row["gold"] for row in rows] == [f"word{i}" for i in range(20)]
    assert sum(row["completion"] != row["gold"] for row in rows) == wrong


def test_noise_is_decided_by_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [facts(20), "--rate", 0.3, "--out", "noisy.jsonl", "--force", "--seed"]
    first = noisy(monkeypatch, *arguments, 1)
    assert noisy(monkeypatch, *arguments, 1) == first
    assert noisy(monkeypatch, *arguments, 2) != first


def test_noise_takes_another_option_of_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"question": "Which is an animal?", "options": ["dog", "bus"], "answer": "A"}
    write_rows(Path("choice.jsonl"), [row])
    rows = noisy(monkeypatch, "choice.jsonl", "--rate", 1, "--out", "noisy.jsonl")
    assert [(row["completion"], row["gold"]) for row in rows] == [("bus", "dog")]


@pytest.mark.parametrize("kind", ["neighbour", "truncated"])
def test_the_kind_of_noise_can_be_chosen(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = noisy(monkeypatch, facts(20), "--rate", 0.5, "--kind", kind, "--out", "noisy.jsonl")
    assert sum(row["completion"] != row["gold"] for row in rows) == 10


@pytest.mark.parametrize("rate", ["1.5", "-0.1", "nan", "much"])
def test_a_bad_noise_rate_ends_with_2_and_writes_nothing(
    rate: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "noise", facts(4), "--rate", rate, "--out", "noisy.jsonl") == 2
    assert "rate" in capsys.readouterr().err
    assert not Path("noisy.jsonl").exists()


def test_noise_into_a_folder_that_is_not_there_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "noise", facts(4), "--rate", "0.5", "--out", "no/where.jsonl") == 2
    assert capsys.readouterr().err.startswith("robustft: no/where.jsonl: cannot be written")


def test_noise_does_not_overwrite_the_right_responses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = facts(4).read_text()
    assert command(monkeypatch, "noise", "facts.jsonl", "--rate", "0.5", "--out", "./facts.jsonl") == 2
    assert "write another file" in capsys.readouterr().err
    assert Path("facts.jsonl").read_text() == before


def test_noise_replaces_a_file_only_when_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("noisy.jsonl").write_text("precious")
    arguments = ["noise", facts(4), "--rate", "0.5", "--out", "noisy.jsonl"]
    assert command(monkeypatch, *arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("robustft: noisy.jsonl: is there already")
    assert told.count("\n") == 1
    assert Path("noisy.jsonl").read_text() == "precious"
    assert command(monkeypatch, *arguments, "--force") == 0
    assert len(read_rows(Path("noisy.jsonl"))) == 4


def test_noise_is_written_where_its_name_says_what_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "noise", facts(4), "--rate", "0.5", "--out", "noisy.csv") == 2
    assert "end in .jsonl" in capsys.readouterr().err
    assert not Path("noisy.csv").exists()


def test_going_on_needs_the_runs_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my.yaml").write_text("data: {train: facts.jsonl}")
    facts(4)
    assert command(monkeypatch, "run", "my.yaml", "--resume") == 2
    assert "--out DIR" in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_reads_back_as_the_training_set(
    form: str, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path("out.parquet" if form == "parquet" else "out.jsonl")
    assert command(monkeypatch, "export", finished, "--format", form, "--out", out) == 0
    trained = read_rows(finished / "training.jsonl")
    assert len(trained) == 3
    expected = [(row["prompt"][-1]["content"], row["completion"][0]["content"]) for row in trained]
    assert [(sample.prompt, sample.response) for sample in read_samples(out)] == expected


def test_a_parquet_export_holds_ids_and_sources(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(monkeypatch, "export", finished, "--format", "parquet", "--out", "out.parquet") == 0
    rows = pyarrow.parquet.read_table("out.parquet").to_pylist()
    trained = read_rows(finished / "training.jsonl")
    assert [(row["id"], row["source"]) for row in rows] == [(row["id"], row["source"]) for row in trained]


def test_an_unknown_export_format_ends_with_2(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "export", finished, "--format", "csv", "--out", "out.csv") == 2
    assert "sharegpt" in plain(capsys.readouterr().err)
    assert not Path("out.csv").exists()


def test_an_export_of_a_run_without_a_training_set_says_how_to_get_one(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    data = write_rows(Path("train.jsonl"), ROWS[:1])
    assert command(monkeypatch, "run", config, "--data", data, "--out", "run", "--until", "detect") == 0
    capsys.readouterr()
    assert command(monkeypatch, "export", "run", "--format", "messages", "--out", "out.jsonl") == 2
    assert "robustft resume run" in capsys.readouterr().err
    assert not Path("out.jsonl").exists()


def test_an_export_of_decisions_that_no_longer_stand_says_how_to_get_another(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    data = write_rows(Path("train.jsonl"), ROWS)
    endpoint.reply = answer
    assert command(monkeypatch, "run", config, "--data", data, "--out", "run", "--until", "select") == 0
    changed = ["resume", "run", "--until", "detect", "--set", "agents.checker.policy=majority"]
    assert command(monkeypatch, *changed) == 0
    export = ["export", "run", "--format", "messages", "--out", "out.jsonl"]
    capsys.readouterr()
    assert command(monkeypatch, *export) == 2
    assert "robustft resume run --until select" in capsys.readouterr().err
    assert not Path("out.jsonl").exists()
    assert command(monkeypatch, "resume", "run", "--until", "select") == 0
    assert command(monkeypatch, *export) == 0


@pytest.mark.parametrize("name", [".state/journal.sqlite", "summary.json", "new.jsonl", "link.jsonl"])
def test_an_export_overwrites_no_file_of_the_run(
    name: str, finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("link").symlink_to(finished)
    Path("link.jsonl").symlink_to(finished / ".state" / "replies.sqlite")
    before = {path: path.stat().st_size for path in finished.rglob("*")}
    out = Path(name) if name == "link.jsonl" else Path("link", name)
    assert command(monkeypatch, "export", finished, "--format", "messages", "--out", out) == 2
    assert "inside the run directory" in capsys.readouterr().err
    assert {path: path.stat().st_size for path in finished.rglob("*")} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["trace", ".", "x"],
        ["resume", "."],
        ["resume", "nowhere"],
        ["export", ".", "--format", "messages", "--out", "out.jsonl"],
    ],
)
def test_a_folder_that_holds_no_run_ends_with_2(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, *arguments) == 2
    assert "holds no run" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_a_trace_shows_every_agents_turn(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "trace", finished, "noisy") == 0
    told = plain(capsys.readouterr().out)
    roles = ["sample", "base", "reasoner 1", "reflect 1", "reasoner 2", "checker", "relabeler", "reviewer"]
    places = [told.index(role) for role in [*roles, "outcome"]]
    assert places == sorted(places)
    assert all(part in told for part in ("capital of Italy", "Vienna", "Rome", "entropy 0.25", "trained on"))


def test_a_trace_of_a_clean_sample_ends_with_the_checker(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "trace", finished, "clean") == 0
    told = plain(capsys.readouterr().out)
    assert ": clean" in told
    assert "relabeler" not in told
    assert "reviewer" not in told


def test_a_trace_obeys_nothing_that_the_data_says(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "trace", finished, "evil") == 0
    told = capsys.readouterr().out
    assert not any(sign in told for sign in ("\x1b[31m", "\x07", "\u202e"))
    assert "[bold]loud[/bold] [/nothing]" in told


def test_a_trace_of_an_unknown_id_ends_with_2_and_shows_known_ones(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "trace", finished, "nobody") == 2
    told = capsys.readouterr().err
    assert "'nobody'" in told
    assert "clean, noisy, evil" in told


@pytest.mark.parametrize(
    "arguments", [["trace", "run", "noisy"], ["export", "run", "--format", "messages", "--out", "out.jsonl"]]
)
def test_a_damaged_journal_is_told_with_what_mends_it(
    arguments: list[str],
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(finished, "run")
    Path("run", ".state", "journal.sqlite").write_bytes(b"damaged " * 1000)
    assert command(monkeypatch, *arguments) == 1
    told = capsys.readouterr().err
    assert told.startswith("robustft: run: its files cannot be read")
    assert "`robustft resume run`" in told
    assert told.count("\n") == 1


def test_a_run_directory_named_like_markup_is_printed_as_it_is(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    data = write_rows(Path("train.jsonl"), ROWS[:1])
    out = "run[red]"
    assert command(monkeypatch, "run", config, "--data", data, "--out", out, "--until", "select") == 0
    assert f"robustft trace {out} " in plain(capsys.readouterr().out)
    assert command(monkeypatch, "export", out, "--format", "messages", "--out", "[bold].jsonl") == 0
    assert "[bold].jsonl" in plain(capsys.readouterr().out)


@pytest.mark.slow
def test_doctor_is_content_with_a_config_that_works(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    data = write_rows(Path("train.jsonl"), ROWS)
    assert command(monkeypatch, "doctor", config, "--set", f"data.train={data}") == 0
    told = plain(capsys.readouterr().out)
    assert "✗" not in told
    named = ("machine", "models and prompts", "training.model", "encoder", "data.train")
    assert all(part in told for part in named)
    assert "train.jsonl: the first row reads as an open question" in told


@pytest.mark.slow
def test_doctor_ends_with_2_and_names_all_that_is_wrong(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    endpoint.status = 500
    assert command(monkeypatch, "doctor", config, "--set", "data.train=nowhere.jsonl") == 2
    told = plain(capsys.readouterr().out)
    wrong = [line for line in told.splitlines() if "✗" in line]
    assert len(wrong) == 2
    assert "models.default" in wrong[0]
    assert "nowhere.jsonl: no such file" in wrong[1]


@pytest.mark.slow
def test_doctor_names_a_model_that_could_not_be_tuned(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    assert command(monkeypatch, "doctor", config, "--set", "models.student.name=./nowhere") == 2
    wrong = [line for line in plain(capsys.readouterr().out).splitlines() if "✗" in line]
    assert len(wrong) == 1
    assert wrong[0].startswith("✗ training.model: model './nowhere': no such folder")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("train", 0), ("test", 2)])
def test_doctor_takes_a_response_that_is_no_option_for_noise_where_a_run_does(
    name: str,
    code: int,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = write_config(Path("my.yaml"), endpoint.url)
    row = {"prompt": "Which is an animal?", "options": ["dog", "bus"], "completion": "oak"}
    data = write_rows(Path("choice.jsonl"), [row])
    assert command(monkeypatch, "doctor", config, "--set", f"data.{name}={data}") == code
    told = plain(capsys.readouterr().out)
    assert ("reads as a multiple choice question" in told) == (code == 0)


@pytest.mark.parametrize("adapter", ["nowhere", ".", "weightless"])
def test_evaluate_refuses_a_folder_that_is_no_adapter(
    adapter: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("weightless").mkdir()
    Path("weightless", "adapter_config.json").write_text("{}")
    config = write_config(Path("my.yaml"), endpoint.url)
    test = write_rows(Path("test.jsonl"), ROWS)
    assert command(monkeypatch, "evaluate", config, "--test", test, "--adapter", adapter) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"robustft: {adapter}: holds no PEFT adapter")
    assert endpoint.requests == []
