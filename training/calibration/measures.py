"""Where the prompts' vectors and the similarities of free text come from, for any part of a stream.

A run has both on disk, for all samples in its order. Elsewhere the encoder is asked about a few samples.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy
from langchain_core.embeddings import Embeddings

from agents.record import SampleRecord
from training.calibration.arrays import Numbers, Reals, Vectors
from training.calibration.free_text import measure_similarities
from training.calibration.label_space import is_free

_BATCH = 500


class Measures:
    """Vectors and similarities.

    Args:
        encoder: gives vectors of length 1, near to each other where texts are alike.
        prompts: gives one vector a prompt (n, d) in the stream's order; it may lie on disk. None to ask the
            encoder. It is called once, when the first one is needed.
        similarities: gives what `measure_similarities` says of each sample (n, views + 1) in the stream's
            order, where it is free text; called in the same way. None to ask the encoder.
    """

    def __init__(
        self,
        encoder: Embeddings,
        prompts: Callable[[], Vectors] | None = None,
        similarities: Callable[[], Reals] | None = None,
    ) -> None:
        self._encoder = encoder
        self._prompts = None if prompts is None else cache(prompts)
        self._similarities = None if similarities is None else cache(similarities)

    def vectors(self, places: Numbers, prompts: Sequence[str]) -> Vectors:
        """Return one vector a prompt (m, d).

        Args:
            places: where the samples stand in the stream (m).
            prompts: their prompts (m).
        """
        if self._prompts is not None:
            vectors: Vectors = self._prompts()[places]
            return vectors
        return numpy.array(self._encoder.embed_documents(list(prompts)), dtype=numpy.float32)

    def similar(self, places: Numbers, records: Sequence[SampleRecord], views: Sequence[str]) -> Reals:
        """Return the similarities of free text (m, views + 1), NaN where there is none.

        Args:
            places: where the samples stand in the stream (m).
            records: the samples (m).
            views: the checker's views.
        """
        if self._similarities is not None:
            similarities: Reals = self._similarities()[places]
            return similarities
        return self.measure(records, [record.sample.response for record in records], views)

    def similar_answers(self, records: Sequence[SampleRecord], views: Sequence[str]) -> Reals:
        """Return how similar the new answers to free text are (m, views + 1), NaN where there is none."""
        new = [record.review.answer if record.review is not None else None for record in records]
        return self.measure(records, [answer or "" for answer in new], views)

    def measure(self, records: Sequence[SampleRecord], texts: Sequence[str], views: Sequence[str]) -> Reals:
        """Return how similar texts are to what is said of free-text samples (m, views + 1)."""
        found = numpy.full((len(records), len(views) + 1), numpy.nan)
        free = [row for row, text in enumerate(texts) if text.strip() and is_free(records[row].sample)]
        for start in range(0, len(free), _BATCH):
            rows = free[start : start + _BATCH]
            chosen = [records[row] for row in rows]
            found[rows] = measure_similarities(self._encoder, [texts[row] for row in rows], chosen, views)
        return found
