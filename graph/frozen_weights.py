"""What a calibrated run has learned from all its samples, used to decide about one at a time."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy

from agents.record import SampleRecord
from graph.config.run import RunConfig
from graph.repeats import review_repeats
from graph.run_weights import load_weights
from stores.batcher import Batcher
from stores.encoder import load_encoder
from stores.errors import InputError
from stores.run_directory import RunDirectory
from stores.vectors import PromptVectors
from training.calibration.calibrate import calibrated, conclude
from training.calibration.measures import Measures

_BATCH = 64

Decide = Callable[[Sequence[SampleRecord]], list[SampleRecord]]


class FrozenWeights:
    """Decides about samples by a run's weights, which do not change for that.

    What comes at the same time is decided together, in a thread: it takes an encoder and no event loop.

    Args:
        files: the run's.
        vectors: of the run's prompts.
        config: the run's.
        known: the figures of its calibration that the run's journal keeps.

    Raises:
        InputError: the run has no weights.
        WeightsError: its encoder cannot be loaded.
        RecordError: the weights cannot be read, or are another run's.
    """

    def __init__(
        self,
        files: RunDirectory,
        vectors: PromptVectors,
        config: RunConfig,
        known: Mapping[str, Any] | None,
    ) -> None:
        if not files.calibration.is_dir():
            raise InputError(
                f"{files.path}: was calibrated by an earlier version, which kept no weights; begin a new run "
                f"with `--reuse {files.path}`, which asks next to nothing again"
            )
        self._fitted = load_weights(files, config, known)
        # Now, and in one thread: two cannot import transformers at once.
        load_encoder(config.encoder)
        self._vectors = vectors
        self._repeats = partial(review_repeats, config=config)
        self._calls: Batcher[tuple[bool, SampleRecord], SampleRecord] = Batcher(self._decide, _BATCH)

    @property
    def uses_plausibility(self) -> bool:
        """Whether they weigh how plausible free text is, so that the checker has to ask."""
        return self._fitted.uses_plausibility

    def close(self) -> None:
        """Answer those who wait, and end the thread."""
        self._calls.close()

    async def judge(self, record: SampleRecord) -> SampleRecord:
        """Return a sample that the agents were asked about with its noise probability, and its verdict."""
        return await self._calls.submit((False, record))

    async def conclude(self, record: SampleRecord) -> SampleRecord:
        """Return a sample with its consensus, in the light of what was answered since it was judged."""
        return await self._calls.submit((True, record))

    def _decide(self, calls: list[tuple[bool, SampleRecord]]) -> list[SampleRecord]:
        found: dict[int, SampleRecord] = {}
        for concludes, decide in ((False, self._judge), (True, self._conclude)):
            places = [place for place, (asked, _) in enumerate(calls) if asked is concludes]
            if places:
                done = decide([calls[place][1] for place in places])
                found.update(zip(places, done, strict=True))
        return [found[place] for place in range(len(calls))]

    def _judge(self, records: Sequence[SampleRecord]) -> list[SampleRecord]:
        return list(calibrated(lambda: records, self._measures(records), self._fitted))

    def _conclude(self, records: Sequence[SampleRecord]) -> list[SampleRecord]:
        return list(conclude(lambda: records, self._measures(records), self._fitted, self._repeats))

    def _measures(self, records: Sequence[SampleRecord]) -> Measures:
        prompts = [record.sample.prompt for record in records]
        return Measures(
            self._vectors, lambda: numpy.array(self._vectors.embed_prompts(prompts), dtype=numpy.float32)
        )
