"""The configs that ship. A config's name is its file's, without `.yaml`."""

from pathlib import Path


def shipped_configs() -> dict[str, Path]:
    """Return the files of the configs that ship, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}
