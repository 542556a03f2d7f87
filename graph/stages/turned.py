"""Whether this run's models see wrong facts in this data's free text: tried on a few of its own responses.

A fact is turned in each (`training/calibration/turned.py`), and the checker assesses both texts with the
same views. Detection has assessed the original. It costs two requests for each of 20 responses, and none
where there is no free text or no view.
"""

import asyncio
import hashlib
import heapq
import json
import logging
import math
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from agents.assessment import VIEWS, Assessor
from agents.checker import Checker
from agents.errors import ModelBusyError, ModelCallError
from agents.record import SampleRecord
from graph.context import Agents
from graph.stages.stage import Workspace
from stores.atomic import write_json_atomically
from training.calibration import priors
from training.calibration.facts import FactSight, Plausibility
from training.calibration.free_text import plausibility_of, plausibility_row
from training.calibration.label_space import is_free
from training.calibration.turned import turn_fact

_LOG = logging.getLogger("robustft")
# Responses whose names are put in the place of others.
_LENDERS = 200
_BLIND = (
    "cannot see a wrong fact in free text of this data (AUC %.2f, %.2f to %.2f, of %d): what is called clean "
    "there may have facts wrong; a larger model in agents.checker.model may see them"
)


class _Pair(BaseModel):
    """How plausible one response is as given and with a fact turned: rows of `Plausibility`, None for NaN."""

    model_config = ConfigDict(extra="forbid")

    id: str
    turned: str
    original: tuple[float | None, ...]
    scores: tuple[float | None, ...]


async def turn_facts(work: Workspace, agents: Agents) -> None:
    """Assess some of a run's free texts with a fact turned, and keep what the views say in its directory.

    Call it when all responses are judged and the models are still open.

    Args:
        work: the run.
        agents: those that have judged it.
    """
    checker: Checker = agents.get("checker")
    if checker.assessor is None:
        return
    chosen = await asyncio.to_thread(_choose, work)
    pairs = await asyncio.gather(*(_assess(checker.assessor, record, turned) for record, turned in chosen))
    kept = [pair.model_dump() for pair in pairs if pair is not None]
    await asyncio.to_thread(write_json_atomically, work.files.turned, kept)


def turned_of(work: Workspace) -> tuple[Plausibility, Plausibility] | None:
    """Return how plausible some free texts are as given and with a fact turned; None where none was tried."""
    try:
        rows = json.loads(work.files.turned.read_bytes())
        pairs = [_Pair.model_validate(row) for row in rows]
        columns = {len(row) for pair in pairs for row in (pair.original, pair.scores)}
        if columns - {len(VIEWS) + 1}:
            raise ValueError("rows of another length")
    except FileNotFoundError:
        return None
    except (OSError, TypeError, ValueError):
        _LOG.warning("%s: cannot be read; free text is judged without it", work.files.turned)
        return None
    if not pairs:
        return None
    return _told([pair.original for pair in pairs]), _told([pair.scores for pair in pairs])


def report_sight(sight: FactSight | None) -> dict[str, Any] | None:
    """Return what the summary has of that; one line in the log where wrong facts are not seen."""
    if sight is None:
        return None
    if not sight.sees:
        _LOG.warning(_BLIND, sight.auc, sight.low, sight.high, sight.samples)
    figures = {"auc": sight.auc, "low": sight.low, "high": sight.high}
    rounded = {name: round(value, 4) for name, value in figures.items()}
    return {"samples": sight.samples, **rounded, "seen": sight.sees}


def _choose(work: Workspace) -> list[tuple[SampleRecord, str]]:
    """Return free texts, those that look clean before others, each with its turned text."""

    def free() -> Iterator[SampleRecord]:
        for sample, entry in work.journal.entries():
            if is_free(sample):
                record = SampleRecord.from_entry(sample, entry)
                if not all(map(math.isnan, plausibility_of(record)[:-1])):
                    yield record

    def order(record: SampleRecord) -> tuple[bool, bytes]:
        noisy = record.check is not None and record.check.judged == "noisy"
        return noisy, hashlib.blake2b(record.sample.id.encode()).digest()

    # Some have nothing that can be turned.
    found = heapq.nsmallest(_LENDERS, free(), key=order)
    texts = [record.sample.response for record in found]
    chosen: list[tuple[SampleRecord, str]] = []
    for place, record in enumerate(found):
        turned = turn_fact(texts[place], texts[:place] + texts[place + 1 :], record.sample.id)
        if turned is not None and turned != texts[place]:
            chosen.append((record, turned))
        if len(chosen) == priors.TURNED:
            break
    return chosen


async def _assess(assessor: Assessor, record: SampleRecord, turned: str) -> _Pair | None:
    try:
        found = await assessor.assess(record.sample.model_copy(update={"response": turned}))
    except (ModelBusyError, ModelCallError):
        return None
    original, scores = plausibility_of(record), plausibility_row(turned, found)
    return _Pair(id=record.sample.id, turned=turned, original=_kept(original), scores=_kept(scores))


def _kept(row: list[float]) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(value) else round(value, 6) for value in row)


def _told(rows: list[tuple[float | None, ...]]) -> Plausibility:
    return Plausibility.of([[math.nan if value is None else value for value in row] for row in rows])
