"""The vectors of a dataset's questions, on disk: made once, read in parts."""

import hashlib
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import numpy
from numpy.typing import NDArray

from stores.atomic import atomic_path
from stores.encoder import EncoderConfig, load_encoder
from stores.sample import Sample

_BATCH = 1000


def question_vectors(
    folder: Path, samples: Iterable[Sample], count: int, config: EncoderConfig, report: Callable[[int], None]
) -> NDArray[numpy.float32]:
    """Return one vector of length 1 a sample (n, d), mapped from a file that is made where there is none.

    Args:
        folder: where the file is, or shall be.
        samples: the dataset, in its order.
        count: how many samples those are.
        config: the encoder.
        report: called with the number of samples encoded so far.

    Raises:
        WeightsError: the encoder cannot be loaded.
        OSError: the folder cannot be written, or is full.
    """
    name = hashlib.sha256(config.name.encode()).hexdigest()[:8]
    path = folder / f"questions-{name}.npy"
    known: NDArray[numpy.float32]
    if path.is_file():
        known = numpy.load(path, mmap_mode="r", allow_pickle=False)
        if len(known) == count:
            return known
    encoder = load_encoder(config)
    iterator = iter(samples)
    done = 0
    # Written, not mapped: on a full disk a write fails, where a mapped page would kill the process.
    with atomic_path(path) as part, part.open("xb") as file:
        while batch := list(islice(iterator, _BATCH)):
            texts = [sample.prompt for sample in batch]
            vectors = numpy.array(encoder.embed_documents(texts), dtype="<f4")
            if not done:
                header = {"descr": "<f4", "fortran_order": False, "shape": (count, vectors.shape[1])}
                numpy.lib.format.write_array_header_1_0(file, header)
            file.write(vectors.tobytes())
            done += len(batch)
            report(done)
    known = numpy.load(path, mmap_mode="r", allow_pickle=False)
    return known
