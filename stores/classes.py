"""The names of classes that a data set describes itself: what the numbers of a label stand for."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_FEATURES = b"huggingface"


def class_names(source: str | Path) -> dict[str, tuple[str, ...]]:
    """Return the names of a Parquet file's classes by column, as the Hugging Face hub writes them there.

    Nothing is returned of another file, or of one that cannot be read: who reads its rows says why.
    """
    path = Path(source)
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return {}
    # Imported here because it takes a quarter of a second, which only Parquet users should pay.
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    try:
        metadata = pyarrow.parquet.read_schema(path).metadata or {}
        described = json.loads(metadata.get(_FEATURES, b"{}"))
    except (pyarrow.ArrowException, OSError, ValueError):
        return {}
    return names_in(described.get("info", {}).get("features", {}) if isinstance(described, dict) else {})


def names_in(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes among a data set's features, by column."""
    found = {}
    for column, feature in features.items():
        names = feature.get("names") if isinstance(feature, Mapping) else getattr(feature, "names", None)
        if (
            isinstance(names, Sequence)
            and not isinstance(names, str)
            and all(isinstance(n, str) for n in names)
        ):
            found[column] = tuple(names)
    return found
