"""Reading the rows of a data set on the Hugging Face hub."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from stores.classes import names_in
from stores.errors import DataError
from stores.files.rows import Row
from stores.files.tables import to_plain

# What the hub lets an owner or a data set be called.
_NAME = re.compile(r"[\w.-]+", re.ASCII)
_log = logging.getLogger("robustft.data")


class HubName(NamedTuple):
    """What to ask the hub for."""

    dataset: str
    config: str | None
    split: str


def parse_hub_name(name: str) -> HubName:
    """Take apart `owner/name`, `owner/name/config` or the old `name`, each with `:split` behind it or not.

    Raises:
        DataError: it is none of these.

    Example:
        >>> parse_hub_name("owner/name/config:test")
        HubName(dataset='owner/name', config='config', split='test')
    """
    if "://" in name:
        raise DataError(
            "is an address; fetch the file and name it, or write a data set on the hub as "
            "owner/name/config:split",
            path=name,
        )
    dataset, _, split = name.partition(":")
    parts = dataset.split("/")
    # Anything else would be asked for over the network, for half a minute where that is away.
    if len(parts) > 3 or not all(parts) or not all(map(_NAME.fullmatch, parts[:2])):
        raise DataError("no such file; a data set on the hub is owner/name/config:split", path=name)
    config = parts[2] if len(parts) == 3 else None
    return HubName("/".join(parts[:2]), config, split or "train")


def read_hub(name: str, classes: dict[str, tuple[str, ...]]) -> Iterator[tuple[int, Row]]:
    """Read the rows of a data set on the hub with their numbers.

    Args:
        name: see `parse_hub_name`.
        classes: takes the names that a column's numbers stand for, once the first row is there.

    Raises:
        DataError: on iteration: the data set cannot be loaded.
    """
    wanted = parse_hub_name(name)
    # imported here because it takes a second, which only hub users should pay
    import datasets  # type: ignore[import-untyped]

    _log.info("%s: no file of that name; the Hugging Face hub is asked for it", name)
    try:
        with _unheard("huggingface_hub"):
            rows = datasets.load_dataset(wanted.dataset, wanted.config, split=wanted.split, streaming=True)
        classes.update(names_in(getattr(rows, "features", None) or {}))
        for number, row in enumerate(rows, 1):
            yield number, {key: to_plain(value) for key, value in row.items()}
    except Exception as error:
        raise DataError(
            "is neither a file nor a Hugging Face dataset that could be loaded"
            f" ({type(error).__name__}: {error}){_advice(error, wanted)}",
            path=name,
        ) from error


def _advice(error: Exception, wanted: HubName) -> str:
    text = str(error).lower()
    if wanted.config is None and "config" in text and "missing" in text:
        return f"; name one of its configs as {wanted.dataset}/CONFIG:{wanted.split}"
    if "split" in text:
        return f"; name one of its splits as {'/'.join(filter(None, wanted[:2]))}:SPLIT"
    return ""


@contextmanager
def _unheard(library: str) -> Iterator[None]:
    """Keep back what a library has to say of its retries: the error that is left says it once."""
    log = logging.getLogger(library)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
