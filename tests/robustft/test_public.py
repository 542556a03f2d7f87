"""What `robustft` exports: all of it importable, none of it imported before it is used."""

import ast
import inspect
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import robustft

REPOSITORY = Path(__file__).parents[2]
HEAVY = {"chromadb", "datasets", "langchain_core", "langgraph", "pyarrow", "sklearn", "torch", "transformers"}
FUNCTIONS = [name for name in robustft.__all__ if inspect.isfunction(getattr(robustft, name))]


def modules_after(*statements: str) -> set[str]:
    """Return the top-level modules that a fresh process holds after some code."""
    code = "\n".join([*statements, "import sys; print(*{name.partition('.')[0] for name in sys.modules})"])
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    return set(told.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("name", robustft.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(robustft, name) is not None


def test_the_names_for_type_checkers_are_those_at_run_time() -> None:
    tree = ast.parse(Path(robustft.__file__).read_text(encoding="utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (alias.asname or alias.name): (node.module, alias.name)
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(typed) == sorted(robustft.__all__) == dir(robustft)
    for name, (module, original) in typed.items():
        assert getattr(robustft, name) is getattr(import_module(str(module)), original)


def test_a_module_does_not_take_the_place_of_a_public_name() -> None:
    # The import of a module `robustft/run.py` ends so.
    robustft.run = ModuleType("robustft.run")  # type: ignore[assignment]
    assert inspect.isfunction(robustft.run)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_error_that_a_public_function_names_is_public(name: str) -> None:
    documented = inspect.getdoc(getattr(robustft, name)) or ""
    _, _, raises = documented.partition("Raises:\n")
    named = re.findall(r"^    (\w+):", raises.partition("\n\n")[0], re.MULTILINE)
    assert [error for error in named if error not in robustft.__all__] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        robustft.nonsense  # noqa: B018 - the access is what fails


def test_importing_the_package_imports_no_library() -> None:
    assert modules_after("import robustft") & {*HEAVY, "numpy", "pydantic", "rich", "typer"} == set()


@pytest.mark.parametrize("name", ["RobustFTError", "DataError", "Sample", "add_noise"])
def test_a_light_name_imports_no_heavy_library(name: str) -> None:
    assert modules_after(f"from robustft import {name}") & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["run", "-h"], ["nonsense"]])
def test_a_command_that_does_no_work_imports_no_library_for_it(arguments: list[str]) -> None:
    start = f"import sys; sys.argv = {['robustft', *arguments]!r}"
    call = "from robustft.cli import main\ntry: main()\nexcept SystemExit: pass"
    assert modules_after(start, call) & {*HEAVY, "numpy", "yaml"} == set()


def test_the_config_imports_no_heavy_library() -> None:
    assert modules_after("from robustft import RunConfig, load_config") & HEAVY == set()


@pytest.mark.parametrize(
    "module",
    ["graph.config.paths", "stores.encoder", "stores.run_directory", "training.lora", "training.selection"],
)
def test_what_the_config_is_made_of_imports_no_heavy_library(module: str) -> None:
    assert modules_after(f"import {module}") & HEAVY == set()
