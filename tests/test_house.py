"""The house: imports go down its floors, every module has its tests, and names say one word for one thing."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
# From the roof to the ground.
FLOORS = ("robustft", "graph", "training", "agents", "prompts", "stores")
MODULES = [file for floor in FLOORS for file in sorted((REPOSITORY / floor).rglob("*.py"))]


def imported(source: str) -> set[str]:
    """Return the top-level packages that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." if node.level else str(node.module).partition(".")[0])
    return found


def above(floor: str) -> set[str]:
    return {*FLOORS[: FLOORS.index(floor)], "tests", "benchmarks", "."}


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_nothing_imports_a_floor_above_its_own(module: Path) -> None:
    floor = module.relative_to(REPOSITORY).parts[0]
    assert imported(module.read_text(encoding="utf-8")) & above(floor) == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_a_floor_is_imported_by_from_alone(module: Path) -> None:
    # In a wheel the floors are below `robustft`, where `import graph.state` would bind another name.
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in names if name.partition(".")[0] in (*FLOORS, "configs")} == set()


def test_every_floor_has_modules() -> None:
    assert {module.relative_to(REPOSITORY).parts[0] for module in MODULES} == set(FLOORS)


def test_an_upward_import_is_found_wherever_it_hides() -> None:
    source = "def f():\n    if x:\n        from graph.state import SampleState\n    import agents.base as b\n"
    assert imported(source) == {"graph", "agents"}
    assert imported("from . import base") == {"."}


def test_no_module_is_called_utils() -> None:
    vague = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
    assert [module for module in MODULES if module.name in vague] == []


def test_the_tests_mirror_the_folders() -> None:
    folders = {path.name for path in (REPOSITORY / "tests").iterdir() if (path / "__init__.py").is_file()}
    assert folders == {*FLOORS, "support"}


@pytest.mark.parametrize("module", [m for m in MODULES if m.name != "__init__.py"], ids=lambda f: f.stem)
def test_every_module_says_what_it_holds(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))


def test_every_module_has_a_file_of_tests() -> None:
    modules = {
        str(module.relative_to(REPOSITORY))
        for module in MODULES
        if module.name not in ("__init__.py", "errors.py")
    }
    tested = {module for module in modules if file_of_tests(module).is_file()}
    assert modules - tested == set()


def file_of_tests(module: str) -> Path:
    path = REPOSITORY / "tests" / module
    return path.with_name(f"test_{path.name}")


# The words that names keep to; CONTRIBUTING.md has them with what is meant.
INSTEAD = {
    "completion": "response (of the data), reply (of a model)",
    "conclusion": "posterior, consensus",
    "continuation": "resume",
    "doubted": "noisy",
    "evidence": "label matrix, view",
    "expert": "agent, role",
    "fitting": "EM",
    "former": "invalid",
    "item": "sample",
    "memory": "reply cache",
    "mend": "relabel, repair",
    "numbering": "label space",
    "query": "prompt",
    "queries": "prompts",
    "question": "prompt",
    "questions": "prompts",
    "reliable": "clean",
    "settle": "consensus; say what is done",
    "settled": "consensus; say what is done",
    "stands": "valid",
    "stray": "say what is out of place",
    "sweep": "say what is done",
    "vanilla": "untuned",
    "weigh": "calibrate",
    "weighing": "calibration",
    "weighs": "calibrated",
}
# A name that has the word for a reason: the one of a library or a format, or another thing of that name.
ALLOWED = {
    "agents.concurrency.Item": "it works on anything, samples among them",
    "agents.models.completion": "an OpenAI-compatible endpoint calls its reply so",
    "agents.models.completion.read_completion": "an OpenAI-compatible endpoint calls its reply so",
    "agents.models.decoding.Completion": "what a causal model does to a prompt of tokens",
    "agents.models.vllm_command.free_memory": "the machine's",
    "training.memory": "the machine's",
    "agents.agent.AgentConfig.load_prompts.question": "the block that shows that variable",
    "graph.context.Prompts.question": "the block that shows that variable",
    "prompts.template.QuestionTemplate": "`question` is a variable of the templates",
    "prompts.template.QuestionTemplate.question": "the block that shows that variable",
    "prompts.template.load_question_block": "the block that shows that variable",
    "stores.database.Database.rows.query": "SQL's",
    "stores.database.Database.row.query": "SQL's",
    "stores.database.Database.stream.query": "SQL's",
    "stores.records.TrainingRow.completion": "TRL's key of a training file",
    "stores.records.Usage.completion_tokens": "an OpenAI-compatible endpoint counts them so",
    "stores.vectors.PromptVectors.embed_query": "LangChain's",
    "stores.vectors.PromptEncoder.embed_query": "LangChain's",
    "stores.sentence_encoder.SentenceEncoder.embed_query": "LangChain's",
    "stores.replies.StoredReply.completion_tokens": "an OpenAI-compatible endpoint counts them so",
}
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def public_names(module: str, source: str) -> Iterator[str]:
    """Yield the dotted names of a module, its classes, functions, arguments and fields; no private ones."""
    yield module
    yield from names_below(module, ast.parse(source).body)


def names_of(module: Path) -> list[str]:
    dotted = ".".join(module.relative_to(REPOSITORY).with_suffix("").parts)
    return list(public_names(dotted, module.read_text(encoding="utf-8")))


def names_below(place: str, body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # A constructor's arguments are its class's.
            own = place if node.name == "__init__" else f"{place}.{node.name}"
            if node.name.startswith("_") and own != place:
                continue
            yield own
            if isinstance(node, ast.ClassDef):
                yield from names_below(own, node.body)
            else:
                arguments = chain(node.args.posonlyargs, node.args.args, node.args.kwonlyargs)
                yield from (f"{own}.{argument.arg}" for argument in arguments)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            for target in targets:
                if isinstance(target, ast.Name) and not target.id.startswith("_"):
                    yield f"{place}.{target.id}"


def other_words(name: str) -> set[str]:
    """Return the words in the last part of a dotted name that have a better one."""
    return {word.lower() for word in WORDS.findall(name.rpartition(".")[2])} & INSTEAD.keys()


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_public_names_say_one_word_for_one_thing(module: Path) -> None:
    found = {
        name: [INSTEAD[word] for word in other_words(name)]
        for name in names_of(module)
        if other_words(name) and name not in ALLOWED
    }
    assert found == {}


def test_no_name_is_allowed_a_word_for_nothing() -> None:
    names = {name for module in MODULES for name in names_of(module)}
    assert {name for name in ALLOWED if name not in names or not other_words(name)} == set()


def test_a_word_is_found_in_every_kind_of_name() -> None:
    source = (
        "class LabelNumbering:\n    item: int\n    def ask(self, query): ...\n    def _weigh(self): ...\n"
    )
    names = [name for name in public_names("a.sweep", source) if other_words(name)]
    assert names == [
        "a.sweep",
        "a.sweep.LabelNumbering",
        "a.sweep.LabelNumbering.item",
        "a.sweep.LabelNumbering.ask.query",
    ]
    assert other_words("a.weight") | other_words("a.TrainingWeights") == set()
