"""Patterns of module names in an adapter's config: whether they can be matched in the time there is.

PEFT matches them one by one within this process, where nothing ends a pattern that backtracks for ever. So
they are first matched in a process of their own.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from stores.errors import WeightsError

# Matching all names takes milliseconds, and starting Python some hundred.
_SECONDS = 20
_SIGNS = frozenset("*+?{|")
_MATCH = """
import json, re, sys
patterns, names = json.load(sys.stdin)
for pattern in patterns:
    for name in names:
        re.fullmatch(pattern, name)
"""


def check_patterns(where: str, settings: Mapping[str, Any], names: Sequence[str]) -> None:
    """Check that every pattern of an adapter's config can be matched with a model's modules.

    Args:
        where: the adapter's folder, for messages.
        settings: the adapter's config.
        names: the names of the model's modules.

    Raises:
        WeightsError: a pattern is none, or takes far longer than any that is meant well.
    """
    patterns = [text for text in _patterns(settings) if _SIGNS & set(text)]
    if not patterns:
        return
    try:
        matched = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-I", "-c", _MATCH],
            input=json.dumps([patterns, list(names)]),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WeightsError(
            f"model '{where}': a pattern of its adapter_config.json is not matched with the model's modules "
            f"within {_SECONDS} s; name the modules instead"
        ) from None
    if matched.returncode:
        raise WeightsError(f"model '{where}': a pattern of its adapter_config.json is no regular expression")


def _patterns(settings: Mapping[str, Any]) -> list[str]:
    found = [settings.get(name) for name in ("target_modules", "exclude_modules", "layers_pattern")]
    for name in ("rank_pattern", "alpha_pattern"):
        # PEFT matches their keys behind any beginning.
        keys = settings.get(name)
        found += [rf"(.*\.)?({key})" for key in keys] if isinstance(keys, dict) else []
    return [text for text in found if isinstance(text, str)]
