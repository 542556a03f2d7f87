"""One more agent is four files, one more kind of answers is two: counted in a copy of the project."""

import difflib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
FLOORS = ("robustft", "graph", "training", "agents", "prompts", "stores", "configs")

SCEPTIC = '''"""The Sceptic: an answer given in doubt."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict

from agents.agent import AgentConfig, AnswerRecord, Parts, request
from agents.answers.kind import sample_kind
from prompts.template import QuestionTemplate
from stores.sample import Sample

if TYPE_CHECKING:
    from agents.role import Role


class Doubt(AnswerRecord):
    """An answer, and how many words it took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: int


class ScepticConfig(AgentConfig):
    """Settings of the Sceptic."""

    view: ClassVar[str | None] = "sceptic"

    prompt: str = "sceptic"

    def build(self, parts: Parts) -> "Sceptic":
        """Return the agent."""
        return Sceptic(parts.role, parts.prompts["prompt"])


class Sceptic:
    """Answers a sample's prompt, and doubts it."""

    def __init__(self, role: "Role", prompt: QuestionTemplate) -> None:
        self._role = role
        self._prompt = prompt

    async def answer(self, sample: Sample) -> Doubt:
        """Answer the sample's prompt."""
        reply = await self._role.ask(request(sample, self._prompt))
        answer = sample_kind(sample).extract(reply.text, sample.options)
        return Doubt(answer=answer, reply=reply.text, usage=reply.usage, words=len(reply.text.split()))
'''

# Sends two samples through the graph, each agent with a model that says which prompt it was asked.
JOURNEYS = """
import asyncio, json
from agents.record import to_decision
from graph.config.run import ConfigError, parse_config
from graph.context import build_agents, load_prompts
from graph.fingerprint import fingerprints
from graph.sample_graph import sample_graph
from graph.state import SampleInput, SampleState
from stores.sample import Sample
from tests.support.scripted import ScriptedModel

def say(messages):
    text = str(messages[-1].content)
    return "Verdict: reliable" if "Verdict" in text else "Answer: Bergen" if "in doubt" in text else "Oslo"

def configured(**sceptic):
    agents = {"checker": {"policy": "hybrid", "views": ["base", "reasoning", "sceptic"]}, "sceptic": sceptic}
    return parse_config({"agents": agents})

async def journey(config, sample):
    model = ScriptedModel(script=say)
    context = build_agents(config, {"default": model}, load_prompts(config))
    found = await sample_graph.ainvoke(SampleInput(sample=sample), context=context)
    state = SampleState.model_validate(found)
    kept = SampleState.from_entry(sample, state.to_entry())
    assert to_decision(kept, None) == to_decision(state, None)
    decision = to_decision(kept, None).model_dump(mode="json")
    return {"decision": decision, "answers": kept.answers(), "requests": len(model.requests)}

def hash_of(config):
    return fingerprints(config, load_prompts(config)).decisions.verdicts

sample = Sample(id="s", prompt="Capital of Norway?", response="Oslo")
config, hotter = configured(), configured(temperature=0.5)
quiet = parse_config({"agents": {"checker": {"policy": "hybrid"}}})
try:
    parse_config({"agents": {"checker": {"views": ["base", "skeptic"]}}})
except ConfigError as exc:
    refused = str(exc)
print(json.dumps({
    "heard": asyncio.run(journey(config, sample)),
    "quiet": asyncio.run(journey(quiet, sample)),
    "asks_again": hash_of(config) != hash_of(hotter),
    "refused": refused,
}))
"""

COLOUR = '''"""Colours: two answers agree where they are the same mixture of red, green and blue."""

import re
from collections.abc import Sequence

from agents.answers.form import Form

_COLOUR = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})(?![0-9a-fA-F])")


class Colour:
    """A colour as a web page writes it."""

    name = "colour"
    form: Form = "short"
    comparable = True

    def recognises(self, response: str, options: Sequence[str]) -> bool:
        """Say whether a response is a colour and nothing else."""
        return not options and _COLOUR.fullmatch(response) is not None

    def max_tokens(self, options: Sequence[str]) -> int | None:
        """Return room for seven signs."""
        return 16

    def extract(self, reply: str, options: Sequence[str] = ()) -> str | None:
        """Return the only colour of a reply."""
        found = {match.group() for match in _COLOUR.finditer(reply)}
        return found.pop() if len(found) == 1 else None

    def agree(self, left: str | None, right: str | None, options: Sequence[str] = ()) -> bool | None:
        """Say whether two colours are the same; three digits are short for six."""
        if left is None or right is None:
            return False
        return self._mixture(left) == self._mixture(right)

    def _mixture(self, text: str) -> str:
        digits = (self.extract(text) or text).lstrip("#").lower()
        return digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
'''

VERDICTS = """
import asyncio, json
from agents.answers.kind import sample_kind
from graph.config.run import parse_config
from graph.context import build_agents, load_prompts
from graph.sample_graph import sample_graph
from graph.state import SampleInput, SampleState
from stores.sample import Sample
from tests.support.scripted import ScriptedModel

async def verdict(response):
    sample = Sample(id="s", prompt="Which colour has a ripe lemon?", response=response)
    model = ScriptedModel(script=lambda messages: "It is #fe0, I think.")
    config = parse_config({"agents": {"checker": {"policy": "majority"}}})
    context = build_agents(config, {"default": model}, load_prompts(config))
    found = await sample_graph.ainvoke(SampleInput(sample=sample), context=context)
    state = SampleState.model_validate(found)
    return [sample_kind(sample).name, state.answers()["base"], state.status]

print(json.dumps([asyncio.run(verdict(colour)) for colour in ("#FFEE00", "#ff0000")]))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project to extend."""
    for floor in FLOORS:
        shutil.copytree(REPOSITORY / floor, tmp_path / floor, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "tests" / "support", tmp_path / "tests" / "support")
    (tmp_path / "tests" / "__init__.py").touch()
    return tmp_path


def put_after(file: Path, line: str, *added: str) -> None:
    """Add lines behind one of a file."""
    text = file.read_text(encoding="utf-8")
    assert text.count(f"{line}\n") == 1, f"{file}: {line}"
    file.write_text(text.replace(f"{line}\n", "\n".join((line, *added, ""))), encoding="utf-8")


def changes(copy: Path) -> dict[str, list[str] | None]:
    """Return the lines that each changed file of a copy has more, imports left out; None for a new file."""
    found: dict[str, list[str] | None] = {}
    for file in sorted(
        path for floor in FLOORS for path in (copy / floor).rglob("*") if path.suffix != ".pyc"
    ):
        name = str(file.relative_to(copy))
        original = REPOSITORY / name
        if file.is_dir() or (original.is_file() and original.read_bytes() == file.read_bytes()):
            continue
        if not original.is_file():
            found[name] = None
            continue
        lines = [path.read_text(encoding="utf-8").splitlines() for path in (original, file)]
        compared = [line for line in difflib.ndiff(*lines) if line[0] in "+-"]
        assert [line for line in compared if line[0] == "-"] == []
        found[name] = [line[2:] for line in compared if not line[2:].startswith(("from ", "import "))]
    return found


def run_in(copy: Path, code: str) -> Any:
    """Run a program in a copy of the project and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_one_more_agent_is_four_files_two_of_them_one_line(copy: Path) -> None:
    (copy / "agents" / "sceptic.py").write_text(SCEPTIC, encoding="utf-8")
    (copy / "prompts" / "sceptic.md").write_text("{{ question }}\n\nAnswer in doubt.\n", encoding="utf-8")
    config, graph = copy / "graph" / "config" / "run.py", copy / "graph" / "sample_graph.py"
    put_after(
        config, "from agents.reviewer import ReviewerConfig", "from agents.sceptic import ScepticConfig"
    )
    put_after(
        config,
        "    reviewer: ReviewerConfig = ReviewerConfig()",
        "    sceptic: ScepticConfig = ScepticConfig()",
    )
    put_after(graph, '    "reasoner",', '    "sceptic",')
    assert changes(copy) == {
        "agents/sceptic.py": None,
        "prompts/sceptic.md": None,
        "graph/config/run.py": ["    sceptic: ScepticConfig = ScepticConfig()"],
        "graph/sample_graph.py": ['    "sceptic",'],
    }

    found = run_in(copy, JOURNEYS)
    heard = found["heard"]["decision"]
    sceptic = heard["agents"]["sceptic"]
    assert (sceptic["reply"], sceptic["answer"], sceptic["usage"]["requests"]) == (
        "Answer: Bergen",
        "Bergen",
        1,
    )
    assert heard["check"]["agreed"] == ["base", "reasoning"]
    assert heard["agents"]["checker"]["answer"] == "reliable"
    assert found["heard"]["answers"] == {"base": "Oslo", "reasoner": "Oslo", "sceptic": "Bergen"}
    asked = sum(agent["usage"]["requests"] for agent in heard["agents"].values())
    assert asked == found["heard"]["requests"]
    # Nobody is asked whose view is not looked at.
    assert "sceptic" not in found["quiet"]["decision"]["agents"]
    assert found["quiet"]["requests"] == found["heard"]["requests"] - 2
    assert found["asks_again"]
    assert found["refused"] == (
        "config: agents.checker.views: no agent gives 'skeptic'; did you mean 'sceptic'?"
    )


def test_one_more_kind_of_answers_is_two_files_one_of_them_one_line(copy: Path) -> None:
    (copy / "agents" / "answers" / "colour.py").write_text(COLOUR, encoding="utf-8")
    kinds = copy / "agents" / "answers" / "kind.py"
    put_after(kinds, "from agents.answers.code import Code", "from agents.answers.colour import Colour")
    put_after(kinds, "    Number(),", "    Colour(),")
    assert changes(copy) == {"agents/answers/colour.py": None, "agents/answers/kind.py": ["    Colour(),"]}
    assert run_in(copy, VERDICTS) == [["colour", "#fe0", "clean"], ["colour", "#fe0", "relabelled"]]
