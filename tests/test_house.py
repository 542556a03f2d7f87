"""The house: imports go down its floors, and every module is named for what it holds."""

import ast
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
