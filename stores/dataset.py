"""Reading a dataset, from a file or the Hugging Face hub, as a stream of samples."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from stores.errors import DataError
from stores.fields import RowError, name_type
from stores.rows import read_source
from stores.sample import Sample
from stores.shapes import Shape, content_hash, detect_shape, given_id, ignored_columns, to_row, to_sample

_log = logging.getLogger("robustft.data")


def read_samples(source: str | Path, *, limit: int | None = None, noisy: bool = False) -> Iterator[Sample]:
    """Read samples one at a time; nothing but the ids already seen (and a .json file) is held in memory.

    Args:
        source: a .jsonl, .ndjson, .json, .csv or .parquet file, or a Hugging Face dataset id, `name` or
            `name:split` (`train` where no split is named).
        limit: stop after this many samples.
        noisy: take a response that is none of its options for noise; a warning says how many there were.

    Raises:
        DataError: on iteration, naming the file, line and field: the source cannot be read, holds no rows,
            or one of its rows cannot become a sample. A row of JSON, Parquet or the hub counts as a line.
    """
    rows = islice(_identified_samples(source, noisy=noisy), limit)
    return _counting_invalid((sample for sample, _ in rows), source)


def read_rows(
    rows: Iterable[object], name: str, *, limit: int | None = None, noisy: bool = False
) -> Iterator[Sample]:
    """Read samples from memory one at a time, by the rules that hold for a file's rows.

    Args:
        rows: a `Sample` each, or a mapping in one of the shapes that a file may have.
        name: what messages call them: the fourth of `samples` is `samples[3]`.
        limit: stop after this many samples.
        noisy: take a response that is none of its options for noise; a warning says how many there were.

    Raises:
        DataError: on iteration, naming the row and field: a row cannot become a sample, or there are none.
    """
    samples = islice(_identify(_memory_rows(rows, name), name, noisy=noisy, in_memory=True), limit)
    return _counting_invalid((sample for sample, _ in samples), name)


def join_gold(samples: Iterator[Sample], gold: str | Path) -> Iterator[Sample]:
    """Give samples the right responses from a second file of the same rows.

    A sample meets its gold row by the id both rows were given, else by its prompt (history, prompt and
    options). Where a prompt has several gold rows that disagree, its k-th occurrence takes the k-th of them.
    A sample that meets none passes through as it is.

    Args:
        samples: the samples, in the order of their file.
        gold: a file or dataset id as for `read_samples`; its responses are the right ones.

    Raises:
        DataError: on iteration: the gold file cannot be used, or none of its rows meets any sample.
    """
    by_id: dict[str, str] = {}
    by_query: dict[str, list[str]] = {}
    for row, explicit in _identified_samples(gold):
        # A hashed id tells the noisy row from the clean one, as it covers the response: it joins nothing.
        if explicit:
            by_id[row.id] = row.response
        by_query.setdefault(_prompt_hash(row), []).append(row.response)

    occurrences: dict[str, int] = {}
    seen = matched = 0
    for sample in samples:
        seen += 1
        query = _prompt_hash(sample)
        occurrence = occurrences[query] = occurrences.get(query, 0) + 1
        right = by_id.get(sample.id) or _occurrence_of(by_query.get(query, []), occurrence)
        if right is not None:
            matched += 1
            sample = sample.model_copy(update={"gold": right})
        yield sample
    if seen and not matched:
        raise DataError("no row matches any sample, by id or by prompt; is it the same data?", path=gold)


class _Ids:
    """The ids handed out so far, each with its place, so that none is handed out twice."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._hashed: dict[str, str] = {}
        self._copies: dict[str, int] = {}

    def claim(self, wanted: str, place: str, *, explicit: bool) -> str:
        """Return the id to use: the one wanted, numbered where it is the hash of an earlier, equal row."""
        claimed = wanted
        if not explicit and wanted in self._hashed:
            self._copies[wanted] = self._copies.get(wanted, 1) + 1
            claimed = f"{wanted}-{self._copies[wanted]}"
        earlier = self._given.get(claimed) or self._hashed.get(claimed)
        if earlier is not None:
            raise RowError("id", f"the id '{claimed}' is taken by {earlier}; ids must differ")
        (self._given if explicit else self._hashed)[claimed] = place
        return claimed


def _counting_invalid(samples: Iterator[Sample], source: str | Path) -> Iterator[Sample]:
    """Pass samples on, and say at the end how many responses were none of their options."""
    choices = invalid = 0
    for sample in samples:
        choices += bool(sample.options)
        invalid += bool(sample.options) and sample.response not in sample.options
        yield sample
    if invalid and invalid == choices:
        raise DataError("no response is one of its options; is it the right column?", path=source)
    if invalid:
        _log.warning("%s: %d of %d responses are none of their options: noise", source, invalid, choices)


def _identified_samples(source: str | Path, *, noisy: bool = False) -> Iterator[tuple[Sample, bool]]:
    """Yield every sample, and whether its id was given by its row."""
    return _identify(read_source(source), source, noisy=noisy)


def _identify(
    rows: Iterator[tuple[int, dict[str, object] | RowError]],
    source: str | Path,
    *,
    noisy: bool,
    in_memory: bool = False,
) -> Iterator[tuple[Sample, bool]]:
    shape: Shape | None = None
    ids = _Ids()
    for line, row in rows:
        place = f"{source}[{line}]" if in_memory else f"line {line}"
        try:
            if isinstance(row, RowError):
                raise row
            if shape is None:
                shape = detect_shape(row)
                ignored = ", ".join(ignored_columns(row, shape))
                _log.info("%s: shape %s%s", source, shape, f"; ignored columns: {ignored}" if ignored else "")
            sample = to_sample(row, shape, noisy=noisy)
            explicit = given_id(row) is not None
            claimed = ids.claim(sample.id, place, explicit=explicit)
        except RowError as error:
            path, at = (place, None) if in_memory else (source, line)
            raise DataError(error.message, path=path, line=at, field=error.field) from error
        yield (sample if claimed == sample.id else sample.model_copy(update={"id": claimed})), explicit
    if shape is None:
        raise DataError("holds no rows", path=source)


def _memory_rows(rows: Iterable[object], name: str) -> Iterator[tuple[int, dict[str, object] | RowError]]:
    for index, row in enumerate(rows):
        try:
            yield index, to_row(row) if isinstance(row, Sample) else _columns(row)
        except RowError as error:
            raise DataError(error.message, path=f"{name}[{index}]", field=error.field) from error


def _columns(row: object) -> dict[str, object]:
    if not isinstance(row, Mapping):
        raise RowError(None, f"must be a Sample or a mapping of columns, not {name_type(row)}")
    columns = dict(row)
    for column in columns:
        if not isinstance(column, str):
            raise RowError(None, f"must name its columns by text, not {name_type(column)}")
    return columns


def _prompt_hash(sample: Sample) -> str:
    return content_hash(sample.history, sample.prompt, sample.options)


def _occurrence_of(responses: list[str], occurrence: int) -> str | None:
    if len(set(responses)) == 1:
        return responses[0]
    return responses[occurrence - 1] if occurrence <= len(responses) else None
