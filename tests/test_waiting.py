"""How tests wait: for something to happen, never for a fixed time, and never without a deadline."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# The one place that sleeps. Virtual time takes no time, and fails where nothing is left to wait for.
WAITS = TESTS / "support" / "waiting.py"
SLEEPS = ("time.sleep", "asyncio.sleep", "sleep")
MODULES = [file for file in sorted(TESTS.rglob("*.py")) if file != WAITS]


def is_virtual(tree: ast.Module) -> bool:
    """Return whether all asynchronous tests of a module run in virtual time."""
    tests = [
        node for node in tree.body if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    return bool(tests) and all("virtually" in map(ast.unparse, test.decorator_list) for test in tests)


def real_waits(source: str) -> list[str]:
    """Return what in a module waits for a fixed time, or loops for as long as it takes."""
    tree = ast.parse(source)
    if is_virtual(tree):
        return []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.While):
            found.append(f"line {node.lineno}: while {ast.unparse(node.test)}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in SLEEPS:
            # Nothing but a turn of the event loop, or what the test's own scenario decides.
            constant = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else 0
            if constant:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(TESTS)))
def test_no_test_waits_for_a_fixed_time_or_without_a_deadline(module: Path) -> None:
    assert real_waits(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("time.sleep(2)", ["line 1: time.sleep(2)"]),
        ("async def f():\n    await asyncio.sleep(0.1)", ["line 2: asyncio.sleep(0.1)"]),
        ("while process.poll() is None:\n    pass", ["line 1: while process.poll() is None"]),
        ("await asyncio.sleep(0)", []),
        ("await asyncio.sleep(self.delay)", []),
        ("@virtually\nasync def test_it():\n    await asyncio.sleep(9)", []),
        ("@virtually\nasync def test_a():\n    pass\nasync def test_b():\n    await asyncio.sleep(9)",
         ["line 5: asyncio.sleep(9)"]),
    ],
)  # fmt: skip
def test_a_wait_is_found_wherever_it_hides(source: str, found: list[str]) -> None:
    assert real_waits(source) == found
