"""A folder of noisy files as the study takes it, and the subsets that it works on."""

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from langchain_core.embeddings import Embeddings

from stores.dataset import join_gold, read_samples
from stores.errors import DataError
from stores.export import write_samples
from stores.sample import Sample
from training.noise import NoiseKind, inject_noise

_SUFFIXES = (".csv", ".jsonl", ".json", ".parquet")
_NOISY = re.compile(r"noisy(\d{1,3})")


class Folder(NamedTuple):
    """The files `labeled`, `test` and `noisyNN`, NN being the noise rate in percent."""

    name: str
    labeled: Path
    test: Path
    noisy: dict[int, Path]

    def noisy_samples(
        self, rate: int, kind: NoiseKind | None, size: int, seed: int, encoder: Embeddings | None
    ) -> list[Sample]:
        """Return a random subset with gold, the same rows at every rate, in the order of the file.

        Args:
            rate: the noise rate in percent.
            kind: how responses are made wrong at exactly that rate; None for the folder's own noisy file,
                whose rate the subset has only nearly.
            size: samples of the subset.
            seed: which ones, and which of them are made wrong.
            encoder: tells which prompts are similar, for the kinds that need it.

        Raises:
            DataError: a file cannot be used, or there is none of this rate.
        """
        if kind is not None:
            clean = _subset(list(read_samples(self.labeled)), size, seed)
            return inject_noise(clean, rate / 100, seed, kind, encoder)
        if rate not in self.noisy:
            raise DataError(f"has no noisy{rate} file", path=self.labeled.parent)
        rows = join_gold(read_samples(self.noisy[rate], noisy=True), self.labeled)
        return _subset([row for row in rows if row.gold is not None], size, seed)

    def test_samples(self, size: int, seed: int) -> list[Sample]:
        """Return a random subset of the held-out samples, in the order of the file."""
        return _subset(list(read_samples(self.test)), size, seed)


def open_folder(path: Path) -> Folder:
    """Find a folder's files.

    Raises:
        DataError: one is missing.
    """
    files = {file.stem: file for file in sorted(path.glob("*")) if file.suffix in _SUFFIXES}
    for name in ("labeled", "test"):
        if name not in files:
            raise DataError(f"has no {name} file ({', '.join(_SUFFIXES)})", path=path)
    rates = {int(match[1]): file for stem, file in files.items() if (match := _NOISY.fullmatch(stem))}
    return Folder(path.resolve().name, files["labeled"], files["test"], rates)


def save(path: Path, samples: Sequence[Sample]) -> Path:
    """Write samples where they are not yet; returns the path."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_samples(path, samples)
    return path


def _subset(samples: list[Sample], size: int, seed: int) -> list[Sample]:
    if size >= len(samples):
        return samples
    # Its own stream: with the seed alone it would choose what noise of the same seed leaves alone.
    chosen = random.Random(f"subset {seed}").sample(range(len(samples)), size)  # noqa: S311 - no secret
    return [samples[index] for index in sorted(chosen)]
