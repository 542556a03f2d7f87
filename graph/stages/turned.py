"""Whether this run's models see wrong facts in this data's free text: tried on a few of its own responses.

A fact is turned in each (`training/calibration/turned.py`), and the checker assesses both texts with the
same views. That is done before any response is judged: where wrong facts are not seen, no other response is
assessed. It costs four requests for each of 20 responses at most, and none where there is little free text
or no view.
"""

import asyncio
import heapq
import logging
import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from agents.assessment import VIEWS, Assessor
from agents.checker import Checker
from agents.concurrency import map_concurrently
from agents.errors import ModelBusyError, ModelCallError
from graph.stages.stage import Workspace
from stores.atomic import write_json_atomically
from stores.sample import Sample
from training.calibration import priors
from training.calibration.facts import FactSight, Plausibility, see_facts
from training.calibration.free_text import plausibility_row
from training.calibration.hashes import hash_of
from training.calibration.label_space import is_free
from training.calibration.turned import turn_some

_LOG = logging.getLogger("robustft")
# Responses whose names are put in the place of others.
_LENDERS = 200
_BLIND = (
    "cannot see a wrong fact in free text of this data (AUC %.2f, %.2f to %.2f, of %d): what is called clean "
    "there may have facts wrong; a larger model in agents.checker.model may see them"
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Pair(_Part):
    """How plausible one response is as given and with a fact turned: rows of `Plausibility`, None for NaN."""

    id: str
    turned: str
    original: tuple[float | None, ...]
    scores: tuple[float | None, ...]


class _Tried(_Part):
    """The pairs, and what verdicts are made from (`DecisionInputs.verdicts`): others tell nothing of it."""

    version: Literal[1] = 1
    verdicts: str
    pairs: list[_Pair]


async def sees_facts(work: Workspace, checker: Checker) -> bool:
    """Return whether the checker sees wrong facts in a run's free text; what that rests on is kept.

    What an earlier try has kept decides, and nothing is asked. One line in the log says where facts are not
    seen.

    Args:
        work: the run.
        checker: its checker.

    Raises:
        EndpointDownError: the endpoint is down for too long.
        StorageError: a reply cannot be stored.
    """
    if checker.assessor is None or not checker.assessor.gives_views:
        return False
    tried = await asyncio.to_thread(_read, work)
    if tried is None:
        chosen = await asyncio.to_thread(_choose, work)
        pairs = await _try_out(checker.assessor, chosen, work.config.run.concurrency)
        if len(pairs) < priors.FEWEST_TURNED:
            # Too few can be turned. Or the endpoint was busy: a resumed run tries again.
            return False
        tried = _Tried(verdicts=work.journal.validity.inputs.verdicts, pairs=pairs)
        await asyncio.to_thread(_keep, work, tried)
        sight = await asyncio.to_thread(_sight, tried)
        if sight is not None and not sight.sees:
            _LOG.warning(_BLIND, sight.auc, sight.low, sight.high, sight.samples)
    else:
        sight = await asyncio.to_thread(_sight, tried)
    return sight is not None and sight.sees


def sight_of(work: Workspace) -> FactSight | None:
    """Return how far a run's checker sees wrong facts, from what is kept; None where it was not tried."""
    tried = _read(work)
    return None if tried is None else _sight(tried)


def figures_of(sight: FactSight | None) -> dict[str, Any] | None:
    """Return what the summary has of that (`stores.records.TurnedFacts`)."""
    if sight is None:
        return None
    figures = {"auc": sight.auc, "low": sight.low, "high": sight.high}
    rounded = {name: round(value, 4) for name, value in figures.items()}
    return {"samples": sight.samples, **rounded, "seen": sight.sees}


def _keep(work: Workspace, tried: _Tried) -> None:
    write_json_atomically(work.files.turned, tried.model_dump())
    work.keep(work.files.turned)


def _sight(tried: _Tried) -> FactSight | None:
    if not tried.pairs:
        return None
    original, scores = [pair.original for pair in tried.pairs], [pair.scores for pair in tried.pairs]
    return see_facts(_told(original), _told(scores))


def _read(work: Workspace) -> _Tried | None:
    """Return what is kept of a try; None where there was none, or the checker was another."""
    try:
        tried = _Tried.model_validate_json(work.files.turned.read_bytes())
        if any(len(row) != len(VIEWS) + 1 for pair in tried.pairs for row in (pair.original, pair.scores)):
            raise ValueError("rows of another length")
        if not work.has_whole(work.files.turned):
            raise ValueError("is not what was written")
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        _LOG.warning("%s: cannot be read, and is not used", work.files.turned)
        return None
    return tried if tried.verdicts == work.journal.validity.inputs.verdicts else None


def _choose(work: Workspace) -> list[tuple[Sample, str]]:
    """Return free texts in an order that follows from their ids, each with its turned text."""
    texts = (one for one in work.journal.samples("train") if one.says_something and is_free(one))
    found = heapq.nsmallest(_LENDERS, texts, key=lambda sample: hash_of(sample.id))
    if len(found) < priors.FEWEST_TEXTS:
        # Nothing is learned of so few.
        return []
    turned = turn_some([sample.response for sample in found], [sample.id for sample in found])
    return [(found[place], text) for place, text in turned]


async def _try_out(assessor: Assessor, chosen: list[tuple[Sample, str]], concurrency: int) -> list[_Pair]:
    """Assess responses as given and turned; those that the model was too busy for are left out."""
    found: dict[str, _Pair] = {}

    async def assess(one: tuple[Sample, str]) -> _Pair | None:
        sample, turned = one
        try:
            original = await assessor.assess(sample)
            other = await assessor.assess(sample.model_copy(update={"response": turned}))
        except (ModelBusyError, ModelCallError):
            return None
        rows = plausibility_row(sample.response, original), plausibility_row(turned, other)
        return _Pair(id=sample.id, turned=turned, original=_kept(rows[0]), scores=_kept(rows[1]))

    def keep(pairs: list[_Pair | None]) -> None:
        found.update((pair.id, pair) for pair in pairs if pair is not None)

    await map_concurrently(iter(chosen), assess, keep, concurrency=concurrency)
    # In their own order, whatever order the answers came in.
    return [found[sample.id] for sample, _ in chosen if sample.id in found]


def _kept(row: list[float]) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(value) else round(value, 6) for value in row)


def _told(rows: list[tuple[float | None, ...]]) -> Plausibility:
    return Plausibility.of([[math.nan if value is None else value for value in row] for row in rows])
