"""The vectors of a dataset's prompts, on disk: encoded once, however often they are needed."""

import hashlib
import json
import logging
from collections.abc import Callable, Generator, Iterable
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from stores.atomic import atomic_path, write_json_atomically
from stores.encoder import EncoderConfig, identify_encoder, load_encoder
from stores.manifest import digest_of_file
from stores.sample import Sample

_LOG = logging.getLogger("robustft")
_LONGER = "%s of %s prompts are longer than the encoder's %s tokens and were read in pieces"
# A whole number of the encoder's own batches, and few enough to stop within seconds.
_BATCH = 256
_KEY_BYTES = 16

Vectors = NDArray[numpy.float32]


class PromptVectors(Embeddings):
    """The encoder of a run, which looks up the prompts it has encoded before.

    Args:
        folder: where the vectors are, or shall be.
        config: the encoder.
    """

    def __init__(self, folder: Path, config: EncoderConfig) -> None:
        name = hashlib.sha256(identify_encoder(config).encode()).hexdigest()[:8]
        self._vectors = folder / f"prompts-{name}.npy"
        self._keys = folder / f"prompts-{name}.keys.npy"
        self._digests = folder / f"prompts-{name}.json"
        self._config = config
        self._checked: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.all()) if self._are_made else 0

    def all(self) -> Vectors:
        """Return one vector of length 1 a prompt (n, d) in the dataset's order, mapped from the file.

        Raises:
            OSError: they are not made yet.
        """
        vectors: Vectors = numpy.load(self._vectors, mmap_mode="r", allow_pickle=False)
        return vectors

    def make(self, samples: Callable[[], Iterable[Sample]], count: int) -> Generator[int, None, None]:
        """Encode a dataset's prompts where that was not done; yields how many are after each batch.

        Nothing is left of what is given up half-way.

        Args:
            samples: starts the dataset anew, in its order.
            count: how many samples those are.

        Raises:
            WeightsError: the encoder cannot be loaded.
            OSError: the folder cannot be written, or is full.
        """
        # They may be whole and another run's.
        if len(self) == count and self._are_of(samples()):
            return
        encoder = load_encoder(self._config)
        iterator = iter(samples())
        keys: list[bytes] = []
        longer = 0
        # Written, not mapped: on a full disk a write fails, where a mapped page would kill the process.
        with atomic_path(self._vectors) as part, part.open("xb") as file:
            while batch := list(islice(iterator, _BATCH)):
                texts = [sample.prompt for sample in batch]
                vectors = numpy.array(encoder.embed_documents(texts), dtype="<f4")
                if not keys:
                    header = {"descr": "<f4", "fortran_order": False, "shape": (count, vectors.shape[1])}
                    numpy.lib.format.write_array_header_1_0(file, header)
                file.write(vectors.tobytes())
                keys += map(_key_of, texts)
                longer += encoder.count_longer(texts)
                yield len(keys)
            # In place before the vectors are: where those are, these are.
            with atomic_path(self._keys) as keys_part, keys_part.open("xb") as keys_file:
                numpy.save(keys_file, numpy.array(keys, dtype=f"S{_KEY_BYTES}"), allow_pickle=False)
            file.flush()
            write_json_atomically(self._digests, [digest_of_file(part), digest_of_file(self._keys)])
        self.__dict__.pop("_index", None)
        if longer:
            _LOG.info(_LONGER, f"{longer:,}", f"{count:,}", encoder.window)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of any texts; those of the dataset's prompts are not encoded again.

        Of a text that is no prompt of the dataset, all counts alike, however long it is.
        """
        return self._look_up(texts, lambda new: load_encoder(self._config).embed_evenly(new))

    def embed_prompts(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of any prompts, encoded as those of the dataset are."""
        return self._look_up(texts, lambda new: load_encoder(self._config).embed_documents(new))

    def embed_query(self, text: str) -> list[float]:
        """Return one text's vector."""
        return self.embed_documents([text])[0]

    def _look_up(
        self, texts: list[str], encode: Callable[[list[str]], list[list[float]]]
    ) -> list[list[float]]:
        rows = self._rows_of(texts)
        known = self.all() if any(row >= 0 for row in rows) else None
        new = [text for text, row in zip(texts, rows, strict=True) if row < 0]
        encoded = iter(encode(new) if new else [])
        return [next(encoded) if row < 0 or known is None else known[row].tolist() for row in rows]

    @property
    def _are_made(self) -> bool:
        """Whether the vectors are there, and are what was written; what is not is encoded anew."""
        files = (self._vectors, self._keys, self._digests)
        try:
            stamp = tuple((file.stat().st_mtime_ns, file.stat().st_size) for file in files)
            if stamp != self._checked:
                known = json.loads(self._digests.read_bytes())
                if known != [digest_of_file(self._vectors), digest_of_file(self._keys)]:
                    return False
                self._checked = stamp
        except (OSError, ValueError, RecursionError):
            return False
        return True

    def _are_of(self, samples: Iterable[Sample]) -> bool:
        keys = iter(numpy.load(self._keys, allow_pickle=False).tolist())
        return all(_key_of(sample.prompt).rstrip(b"\0") == next(keys, None) for sample in samples)

    def _rows_of(self, texts: list[str]) -> list[int]:
        """Return each text's place in the dataset, -1 where it is no prompt there."""
        if not self._are_made:
            return [-1] * len(texts)
        keys, order = self._index
        wanted = numpy.array([_key_of(text) for text in texts], dtype=keys.dtype)
        places = numpy.minimum(numpy.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
        return [
            int(order[place]) if keys[order[place]] == key else -1
            for place, key in zip(places, wanted, strict=True)
        ]

    @cached_property
    def _index(self) -> tuple[NDArray[numpy.bytes_], NDArray[numpy.int64]]:
        """The prompts' keys, and their order; 24 bytes a prompt in memory."""
        keys = numpy.load(self._keys, allow_pickle=False)
        return keys, numpy.argsort(keys, kind="stable")


class PromptEncoder(Embeddings):
    """The encoder of a run for prompts alone, its own and others.

    `PromptVectors` takes any text that is none of the run's prompts for a response.

    Args:
        vectors: the run's.
    """

    def __init__(self, vectors: PromptVectors) -> None:
        self._vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector of length 1 a prompt."""
        return self._vectors.embed_prompts(texts)

    def embed_query(self, text: str) -> list[float]:
        """Return one prompt's vector."""
        return self.embed_documents([text])[0]


def _key_of(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES).digest()
