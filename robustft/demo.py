"""The bundled data, made noisy for the demo."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from stores.dataset import read_samples
from stores.export import write_samples
from training.noise import inject_noise

FOLDER = Path(str(files("robustft"))) / "data"


@contextmanager
def noisy_data(rate: float, seed: int) -> Iterator[Path]:
    """Yield a file of the bundled training samples with a share of their responses made wrong.

    The run takes its samples into its own journal, so the file is gone afterwards.

    Args:
        rate: the share of wrong responses.
        seed: decides which, and what they become.
    """
    with tempfile.TemporaryDirectory(prefix="robustft-demo-") as folder:
        noisy = Path(folder) / "noisy.jsonl"
        write_samples(noisy, inject_noise(list(read_samples(FOLDER / "train.jsonl")), rate, seed))
        yield noisy
