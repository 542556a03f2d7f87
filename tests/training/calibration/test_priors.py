"""The room's tuned constants: all in one place, each with where it came from, and none unused."""

import ast
from pathlib import Path

import pytest

from training.calibration import priors

ROOM = Path(priors.__file__).parent
MODULES = [file for file in sorted(ROOM.glob("*.py")) if file.stem not in ("__init__", "priors")]


def constants() -> list[tuple[list[str], str | None]]:
    """Return the names of each assignment, with the text below it."""
    body = ast.parse(Path(priors.__file__).read_text(encoding="utf-8")).body
    found: list[tuple[list[str], str | None]] = []
    for statement, below in zip(body, [*body[1:], None], strict=True):
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        text = below.value if isinstance(below, ast.Expr) else None
        found.append((names, str(text.value) if isinstance(text, ast.Constant) else None))
    return found


def test_every_constant_says_what_it_is_and_where_it_was_chosen() -> None:
    provenances = (
        "Not measured",
        "not measured",
        "Chosen",
        "chosen",
        "one in",
        "same",
        "came with",
        "no figure",
    )
    assert len(constants()) > 30
    for names, text in constants():
        assert text, names
        assert any(word in text for word in provenances), (names, text)


def test_every_constant_is_used() -> None:
    # The stage before detection asks by one of them.
    glance = ROOM.parents[1] / "graph" / "glance.py"
    used = "".join(module.read_text(encoding="utf-8") for module in (*MODULES, glance))
    assert [name for names, _ in constants() for name in names if f"priors.{name}" not in used] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda file: file.stem)
def test_no_other_module_of_the_room_keeps_a_number_of_its_own(module: Path) -> None:
    kept = [
        ast.unparse(node)
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        and any(
            isinstance(part, ast.Constant) and isinstance(part.value, int | float) for part in ast.walk(node)
        )
    ]
    # How much is read or shown at once, the code of a number, what a share can be and which signs are
    # capitals change no figure.
    plain = {"_BATCH", "OTHER", "_SHOWN", "_MOST_BYTES", "_Share", "_CAPITAL"}
    assert {line.partition(" = ")[0] for line in kept} <= plain
