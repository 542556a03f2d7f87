"""Which code and which models a record is of, and the choice of those that may share a page."""

import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from graph.config.run import RunConfig
from stores.errors import InputError
from study.tables import Record

_REPOSITORY = Path(__file__).parents[2]
# What a record's figures can depend on: a commit to the docs makes no other version of them.
_CODE = ("agents", "benchmarks", "configs", "graph", "prompts", "robustft", "stores", "training")
_VERSIONED = ("robustft", "transformers", "torch", "trl", "peft", "cleanlab")

EARLIER = "earlier"
"""The version of all records from before each said its models: of several commits and one model."""
_EARLIER_MODELS = {"agents": "smollm2-135m-instruct", "student": "smollm2-135m-instruct"}


def versions() -> dict[str, Any]:
    """Return the versions that make a record, our own by the last commit to the code too.

    A commit that ends in `+` is one with changes that are not committed.
    """
    commit = _git("log", "-1", "--format=%h", "--abbrev=12", "--", *_CODE)
    if commit and _git("status", "--porcelain", "--untracked-files=no", "--", *_CODE):
        commit += "+"
    named = {name: version(name) for name in _VERSIONED}
    return {"python": platform.python_version(), "commit": commit or None, **named}


def models_of_config(config: RunConfig) -> dict[str, str]:
    """Return the names of the agents' model and of the one that is tuned; of a folder, its last part.

    Raises:
        InputError: the agents ask several models.
    """
    agents = {config.models[name].name for name in config.models_in_use()}
    if len(agents) > 1:
        raise InputError(f"the study has one model for all agents, not {', '.join(sorted(agents))}")
    student = config.models[config.training.model].name
    return {"agents": _short(agents.pop()), "student": _short(student)}


def models_of(record: Record) -> tuple[str, str]:
    """Return the agents' model and the one that was tuned."""
    models = record.get("models", _EARLIER_MODELS)
    return models["agents"], models["student"]


def version_of(record: Record) -> str:
    """Return the commit of a record's code; `earlier` where it is from before records said their models."""
    if "models" not in record:
        return EARLIER
    return str(record["versions"].get("commit"))


def of_version(records: Sequence[Record], commit: str | None = None) -> list[Record]:
    """Return the records of one version of the code; figures of several are not put in one table.

    Args:
        records: of any versions.
        commit: the version; None where there is but one.

    Raises:
        InputError: there are several and none is chosen, or none is of the one that is.
    """
    counts = Counter(map(version_of, records))
    named = ", ".join(f"{name} ({count} records)" for name, count in sorted(counts.items()))
    if commit is None and len(counts) > 1:
        raise InputError(f"the records are of several versions of the code: {named}; choose with --commit")
    if commit is not None and commit not in counts and records:
        raise InputError(f"no record is of the version {commit}; there are {named}")
    return [record for record in records if commit is None or version_of(record) == commit]


def describe(records: Iterable[Record]) -> str:
    """Return in a sentence or two which code and which models figures are of."""
    records = list(records)
    pairs = sorted(set(map(models_of, records)))
    told = " and ".join(
        f"{agents} in every role" if agents == student else f"{agents} as agents with {student} tuned"
        for agents, student in pairs
    )
    if not records:
        return "There are no records yet."
    if version_of(records[0]) != EARLIER:
        return f"The figures on this page are of commit {version_of(records[0])}, and of {told}."
    commits = Counter(record.get("versions", {}).get("commit") for record in records)
    unknown = commits.pop(None, 0)
    kept = ", ".join(f"{count} of {commit}" for commit, count in sorted(commits.items()))
    return (
        f"The figures on this page are of earlier commits, not of today's code or default, and of {told}. "
        f"Of {len(records)} records, {unknown} are from before the commit was kept; {kept}."
    )


def _short(name: str) -> str:
    return Path(name).name or name


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_REPOSITORY), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
