"""The outcomes of training and evaluation, kept with a hash of their inputs, so that none is made twice."""

import hashlib
import logging
from pathlib import Path
from typing import Any

from graph.stages.stage import Workspace
from stores.journal import Journal

_LOG = logging.getLogger("robustft")
# The stages whose outcomes follow from a training set.
_AFTER_SELECTION = ("train", "evaluate")
_INPUTS = "inputs"


def hash_inputs(*parts: str | Path) -> str:
    """Return a hash of what an outcome is made from: texts, and the contents of files."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
        else:
            content = hashlib.sha256(part.encode()).digest()
        digest.update(content)
    return digest.hexdigest()[:16]


def keep_outcome(work: Workspace, outcome: dict[str, Any], inputs: str) -> None:
    """Keep what the stage at work has made, once it ends.

    Args:
        work: the run.
        outcome: what there is to report of it.
        inputs: a hash of what it was made from (`hash_inputs`).
    """
    work.outcome = {**outcome, _INPUTS: inputs}


def reuse_outcome(work: Workspace, stage: str, inputs: str, *leaves: Path) -> dict[str, Any] | None:
    """Return what a stage made of the same inputs before; None where it has to be made.

    Args:
        work: the run.
        stage: the stage.
        inputs: a hash of what it would be made from now.
        leaves: the files that the stage leaves, unless it found nothing to do. One that is not what the run
            has made is made again.
    """
    outcome = work.journal.outcome(stage)
    if outcome is None or outcome.pop(_INPUTS, None) != inputs:
        return None
    if "skipped" in outcome or work.has_whole(*leaves):
        return outcome
    _LOG.warning("%s: was damaged or removed; the stage %s is done again", leaves[0].parent, stage)
    return None


def valid_outcomes(journal: Journal) -> dict[str, dict[str, Any]]:
    """Return what training and evaluation reported, as far as that follows from the run's decisions."""
    if not journal.validity.has_selection:
        return {}
    last = {stage: journal.outcome(stage) for stage in _AFTER_SELECTION}
    return {stage: _without_inputs(outcome) for stage, outcome in last.items() if outcome}


def too_long_samples(journal: Journal) -> set[str]:
    """Return the ids of the selected samples that training left out, as too long for it."""
    return set(valid_outcomes(journal).get("train", {}).get("dropped", ()))


def forget_outcomes(journal: Journal) -> None:
    """Forget what was trained and measured: the training set is another one now."""
    for stage in _AFTER_SELECTION:
        if journal.outcome(stage) is not None:
            journal.end_stage(stage, 0.0, None)


def _without_inputs(outcome: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in outcome.items() if name != _INPUTS}
