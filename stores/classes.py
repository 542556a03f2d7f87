"""The names of classes that a data set describes itself: what the numbers of a label stand for."""

from collections.abc import Mapping, Sequence
from typing import Any


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
