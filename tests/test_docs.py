"""The docs keep to the house's English, and say what is in the code: keys, variables, diagrams, Python."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml
from langchain_core.messages import AIMessage

from agents.reply import read_reply
from docs.config_page import keys, providers, render
from graph.config.run import RunConfig, parse_config
from graph.context import load_prompts
from graph.run_graph import run_graph
from graph.sample_graph import sample_graph
from prompts.template import COMMON, PromptError
from robustft.cli.noise import noise
from stores.records import ReplyOutcome
from tests.support.endpoint import Endpoint
from training.noise import NoiseKind

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/results/*.md"),
    )
)

# A full stop after one of these ends no sentence.
ABBREVIATIONS = ("Eq.", "e.g.", "i.e.", "vs.")

# The right-hand column of the words' list, as far as a machine can tell them from other uses. Code, paths and
# link targets are left out; "expert", "item", "memory" and the like have senses that are allowed.
WORDS_NOT_USED = (
    r"queries|query",
    r"vanilla",
    r"strays?",
    r"weighing|weighings",
    r"numberings?",
    r"conclusions?",
    r"settles?|settled",
    r"mends?|mended",
    r"gone on with|going on with",
    r"standing outcomes?|no longer stands?",
    r"doubted|reliable responses?",
    r"labels?(?! (?:noise|model|space|matrix|sources?)\b)",
    r"denois\w+",
)
# Where a word is the right one.
ALLOWED = {
    ("docs/results.md", "vanilla"): "the study's name for the untuned model in its tables",
    ("CHANGELOG.md", "vanilla"): "an old key, beside the new one",
    ("docs/results.md", "label"): "the method Self-label",
    ("docs/measurements.md", "denoise"): "the stage of that name",
}


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(text: str) -> Iterator[str]:
    """Yield the blocks of a page that are made of sentences.

    Left out are code, tables, headings, pictures, comments, and blocks that end without a full stop, question
    mark, exclamation mark or colon. A span of code counts as one word, a link as its text.
    """
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "code", text).replace("**", "")
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    # A list entry is a block of its own.
    text = re.sub(r"^ *(?:[-*]|\d+\.) ", "\n", text, flags=re.MULTILINE)
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if not line.startswith(("    ", "|", "#", "<", ":::"))]
        joined = " ".join(" ".join(lines).split())
        if joined.endswith((".", "?", "!", ":")):
            yield joined


def sentences(text: str) -> list[str]:
    """Split prose into sentences: they end with . ? or ! before a space and a new beginning."""
    found: list[str] = []
    for block in prose(text):
        begun = ""
        for part in re.split(r"(?<=[.?!])\s+(?=[A-Z0-9\"'(*]|code)", block):
            begun = f"{begun} {part}".strip()
            if not begun.endswith(ABBREVIATIONS):
                found.append(begun)
                begun = ""
        if begun:
            found.append(begun)
    return found


def words(sentence: str) -> int:
    return len(re.findall(r"[\w%]+(?:[.,:'’/-]\w+)*", sentence))


def test_sentences_are_counted_fairly() -> None:
    text = "# Title\n\nOne `a b c` two. See Eq. 7 for [more words](x.md).\n\n| a | b |\n\n- no stop\n- Ends."
    assert sentences(text) == ["One code two.", "See Eq. 7 for more words.", "Ends."]
    assert [words(sentence) for sentence in sentences(text)] == [3, 6, 1]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_averages_twenty_words_a_sentence_or_fewer(page: str) -> None:
    counts = [words(sentence) for sentence in sentences(read(page))]
    assert not counts or sum(counts) / len(counts) <= 20


@pytest.mark.parametrize("page", PAGES)
def test_no_sentence_is_longer_than_forty_words(page: str) -> None:
    assert [sentence for sentence in sentences(read(page)) if words(sentence) > 40] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_one_word_for_one_thing(page: str) -> None:
    # The glossary's last column names the words that are not used.
    text = read(page).partition("## Glossary")[0] if page == "CONTRIBUTING.md" else read(page)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`|\]\([^)]*\)|<!--.*?-->", "", text)
    text = re.sub(r"^    .*$", "", text, flags=re.MULTILINE)
    found = {
        match[0].lower()
        for pattern in WORDS_NOT_USED
        for match in re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    }
    allowed = {word for where, word in ALLOWED if where == page}
    assert {word for word in found if not word.startswith(tuple(allowed) or ("\0",))} == set()


def test_the_readme_is_short() -> None:
    assert 80 <= len(read("README.md").splitlines()) <= 120


def test_the_config_reference_is_current() -> None:
    assert read("docs/config.md") == render(), "run: python docs/config_page.py"


def test_every_config_key_says_what_it_does() -> None:
    sections = {name: field.annotation for name, field in RunConfig.model_fields.items() if name != "models"}
    found = [key for name, model in sections.items() for key in keys(model, name)]  # type: ignore[arg-type]
    found += [key for provider, model in providers().items() for key in keys(model, f"models.{provider}")]
    assert [key.path for key in found if not (key.kind and key.default)] == []
    silent = [key.path for key in found if not key.text.endswith((".", "`).", ")"))]
    assert [path for path in silent if not path.endswith(".provider")] == []


def named_variables() -> dict[str, tuple[str, set[str]]]:
    """Return the key and the variables of each template, as docs/extending.md has them."""
    rows = re.findall(r"^\| `(\w+)` \| `(agents[\w.]+)` \| (.*) \|$", read("docs/extending.md"), re.MULTILINE)
    return {name: (key, set(re.findall(r"`(\w+)`", variables))) for name, key, variables in rows}


def test_the_guide_has_the_kinds_of_noise_that_the_help_sends_there_for() -> None:
    help_of_kind = get_type_hints(noise, include_extras=True)["kind"].__metadata__[0].help
    assert "guide" in help_of_kind
    guide = (ROOT / "docs" / "guide.md").read_text()
    assert [kind for kind in get_args(NoiseKind) if f"| `{kind}` |" not in guide] == []


def test_every_template_of_an_agent_is_in_the_table() -> None:
    shipped = {path.stem for path in (ROOT / "prompts").glob("*.md")} - {"question"}
    shipped |= {path.parent.name for path in (ROOT / "prompts").glob("*/*.md")}
    assert set(named_variables()) == shipped


@pytest.mark.parametrize("name", named_variables())
def test_the_variables_of_a_template_are_those_of_the_code(name: str, tmp_path: Path) -> None:
    key, variables = named_variables()[name]
    file = tmp_path / "mine.md"
    file.write_text("{{ question }} {{ no_such_variable }}", encoding="utf-8")
    _, agent, setting = key.split(".")
    config = parse_config({"agents": {agent: {setting: str(file)}}})
    with pytest.raises(PromptError) as caught:
        load_prompts(config)
    allowed = set(str(caught.value).partition("may use ")[2].split(", "))
    assert allowed == variables | COMMON
    table = read("docs/extending.md")
    assert [variable for variable in allowed if f"`{variable}`" not in table] == []


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", read(page), re.DOTALL)


@pytest.mark.parametrize("graph", [sample_graph, run_graph], ids=["sample", "run"])
def test_the_diagrams_are_the_ones_langgraph_draws(graph: object) -> None:
    drawn = [block.strip() for block in blocks("docs/architecture.md", "mermaid")]
    assert graph.get_graph().draw_mermaid().strip() in drawn  # type: ignore[attr-defined]


def test_the_architecture_names_every_folder() -> None:
    layout = read("docs/architecture.md").partition("## The floors")[2].partition("\n## ")[0]
    named = set(re.findall(r"^    (\w+)/", layout, re.MULTILINE))
    tracked = {path.parent.name for path in ROOT.glob("*/*") if path.is_file()}
    hidden = {name for name in tracked if name.startswith(".") or "egg-info" in name}
    assert named == tracked - hidden - {"runs", "site", "build"}


def run_block(code: str, endpoint: Endpoint, folder: Path) -> str:
    code = code.replace("http://127.0.0.1:8000/v1", endpoint.url).replace('"my-model"', '"scripted"')
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_that_runs_a_dataset_runs(endpoint: Endpoint, tmp_path: Path) -> None:
    rows = [{"prompt": f"What is the capital of France, {n}?", "completion": "Paris"} for n in range(4)]
    rows.append({"prompt": "What is the capital of Italy?", "completion": "Oslo"})
    (tmp_path / "my.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    printed = run_block(blocks("docs/guide.md", "python")[0], endpoint, tmp_path)
    assert "4 clean, 1 relabelled" in printed
    assert (tmp_path / "my-run" / "decisions.jsonl").is_file()


def test_the_python_that_sends_one_sample_runs(endpoint: Endpoint, tmp_path: Path) -> None:
    printed = run_block(blocks("docs/guide.md", "python")[1], endpoint, tmp_path)
    assert printed.splitlines()[-2:] == ["False Paris", "Paris by hybrid"]


def test_the_configs_in_the_docs_are_configs() -> None:
    import yaml

    shown = [block for page in PAGES for block in blocks(page, "yaml")]
    assert shown
    for block in shown:
        content = yaml.safe_load(block)
        named = {agent["model"] for agent in content.get("agents", {}).values() if "model" in agent}
        content.setdefault("models", {}).setdefault("default", {"provider": "embedded"})
        for name in named:
            content["models"].setdefault(name, {"provider": "embedded"})
        assert parse_config(content)


def test_every_test_that_the_reliability_page_names_is_there() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in ROOT.glob("tests/**/*.py"))
    page = read("docs/reliability.md")
    named = re.findall(r"`(test_\w+)`", page)
    assert [name for name in named if f"def {name}(" not in sources] == []
    assert [name for name in re.findall(r"`(tests/[\w/]+\.py)`", page) if not (ROOT / name).is_file()] == []


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", read(page), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in target and not ((ROOT / page).parent / target).exists():
                broken.append(f"{page}: {target}")
    assert broken == []


def replies_of_the_guide() -> list[tuple[str, str, str, str]]:
    guide = (ROOT / "docs" / "guide.md").read_text()
    section = guide.partition("## What a reply is read as")[2].partition("\n## ")[0]
    row = re.compile(r"^\| `(.+?)`, `(\w+)` \|(?: `(.+?)`)? \|(?: `(\w+)`)? \|$", re.MULTILINE)
    return row.findall(section)


@pytest.mark.parametrize(("reply", "finish", "text", "outcome"), replies_of_the_guide())
def test_a_reply_is_read_as_the_guide_says(reply: str, finish: str, text: str, outcome: str) -> None:
    read = read_reply(AIMessage(reply, response_metadata={"finish_reason": finish}))
    assert (read.text, read.outcome or "") == (text, outcome)


def test_the_guide_shows_replies_of_every_outcome_that_a_line_can_show() -> None:
    assert {outcome for *_, outcome in replies_of_the_guide()} == {"", *get_args(ReplyOutcome)} - {"looped"}


def test_the_guide_shapes_requests_with_settings_that_there_are() -> None:
    (block,) = [text for text in blocks("docs/guide.md", "yaml") if "max_tokens_key" in text]
    config = RunConfig.model_validate(yaml.safe_load(block))
    assert config.models["default"].model_dump()["drop"] == ("seed", "temperature", "logprobs")


def test_the_reference_names_types_as_a_reader_knows_them() -> None:
    page = (ROOT / "docs" / "config.md").read_text()
    assert not re.search(r"typing|FieldInfo|dict\[|NoneType", page)
