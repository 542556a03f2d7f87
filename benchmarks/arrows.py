"""Counts who imports whom among the rooms of a folder: the arrows that a drawing of it would have.

    python benchmarks/arrows.py [FOLDER ...]        (every floor, without one)

A room is a file of the folder, or a sub-folder with all it holds. An arrow goes from one room to another that
it imports, however often. Prints the rooms and arrows of each folder, and its rooms with the most arrows.
"""

import ast
import sys
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
FLOORS = ("robustft", "graph", "training", "agents", "prompts", "stores")


def imported_modules(source: str) -> set[str]:
    """Return the dotted names that a module imports, wherever in it.

    `from graph.stages import load` names both `graph.stages` and `graph.stages.load`: nothing in the text
    tells a module from what it holds.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def rooms_of(folder: Path) -> dict[str, list[Path]]:
    """Return the rooms of a folder: each one's name with its files."""
    rooms: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        if path.name != "__init__.py" and any(file.suffix == ".py" for file in files):
            rooms[path.stem] = files
    return rooms


def arrows(folder: Path) -> set[tuple[str, str]]:
    """Return the pairs of rooms of which the first imports the second.

    Args:
        folder: a package, relative to the repository.
    """
    rooms = rooms_of(REPOSITORY / folder)
    package = ".".join(folder.parts)
    found = set()
    for room, files in rooms.items():
        for file in files:
            for name in imported_modules(file.read_text(encoding="utf-8")):
                other = name.removeprefix(f"{package}.").partition(".")[0]
                if name.startswith(f"{package}.") and other in rooms and other != room:
                    found.add((room, other))
    return found


def main() -> None:
    """Print the figures of each folder."""
    for folder in sys.argv[1:] or FLOORS:
        found = arrows(Path(folder))
        busiest = Counter(room for pair in found for room in pair).most_common(4)
        told = ", ".join(f"{room} {count}" for room, count in busiest)
        rooms = len(rooms_of(REPOSITORY / folder))
        print(f"{folder:<22} {rooms:>3} rooms {len(found):>3} arrows   {told}")


if __name__ == "__main__":
    main()
