"""Reading a dataset, from a file or the Hugging Face hub, as a stream of samples."""

import csv
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from stores.errors import DataError
from stores.fields import RowError, name_type
from stores.sample import Sample
from stores.shapes import Shape, content_hash, detect_shape, given_id, ignored_columns, to_row, to_sample

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
"""What a data file's name ends in."""

_CSV_FIELD_LIMIT = 10_000_000
_PARQUET_BATCH = 1024

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
    return _counting_strays((sample for sample, _ in rows), source)


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
    return _counting_strays((sample for sample, _ in samples), name)


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
        by_query.setdefault(_query(row), []).append(row.response)

    occurrences: dict[str, int] = {}
    seen = matched = 0
    for sample in samples:
        seen += 1
        query = _query(sample)
        occurrence = occurrences[query] = occurrences.get(query, 0) + 1
        right = by_id.get(sample.id) or _occurrence_of(by_query.get(query, []), occurrence)
        if right is not None:
            matched += 1
            sample = sample.model_copy(update={"gold": right})
        yield sample
    if seen and not matched:
        raise DataError("no row matches any sample, by id or by prompt; is it the same data?", path=gold)


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Read the objects of a JSON Lines file with their line numbers; blank lines are skipped.

    Raises:
        DataError: on iteration: the file cannot be read, or a line is not a JSON object in UTF-8.
    """
    for line, text in enumerate(_lines(path, newline="\n"), start=1):
        if text.strip():
            yield line, _object(_parsed(text, path, line), path, line)


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


def _counting_strays(samples: Iterator[Sample], source: str | Path) -> Iterator[Sample]:
    """Pass samples on, and say at the end how many responses were none of their options."""
    choices = strays = 0
    for sample in samples:
        choices += bool(sample.options)
        strays += bool(sample.options) and sample.response not in sample.options
        yield sample
    if strays and strays == choices:
        raise DataError("no response is one of its options; is it the right column?", path=source)
    if strays:
        _log.warning("%s: %d of %d responses are none of their options: noise", source, strays, choices)


def _identified_samples(source: str | Path, *, noisy: bool = False) -> Iterator[tuple[Sample, bool]]:
    """Yield every sample, and whether its id was given by its row."""
    return _identify(_rows(source), source, noisy=noisy)


def _identify(
    rows: Iterator[tuple[int, dict[str, object]]],
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


def _rows(source: str | Path) -> Iterator[tuple[int, dict[str, object]]]:
    path = Path(source)
    suffix = path.suffix.lower()
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path=source) from error
    if is_folder:
        raise DataError("is a folder; name a file in it", path=source)
    if not exists:
        if suffix in SUFFIXES:
            raise DataError("no such file", path=source)
        return _hub_rows(str(source))
    if suffix in (".jsonl", ".ndjson"):
        return read_json_lines(path)
    if suffix == ".json":
        return _json_rows(path)
    if suffix == ".csv":
        return _csv_rows(path)
    if suffix == ".parquet":
        return _parquet_rows(path)
    raise DataError(f"unknown file extension '{suffix}'; known: {', '.join(SUFFIXES)}", path=source)


def _memory_rows(rows: Iterable[object], name: str) -> Iterator[tuple[int, dict[str, object]]]:
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


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    text = "".join(_lines(path, newline="\n"))
    if not text.strip():
        return
    value = _parsed(text, path)
    if isinstance(value, dict):
        value = value.get("data")
    if not isinstance(value, list):
        raise DataError("must be a list of objects, or an object with such a list under 'data'", path=path)
    for line, row in enumerate(value, start=1):
        yield line, _object(row, path, line)


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    csv.field_size_limit(max(_CSV_FIELD_LIMIT, csv.field_size_limit()))
    # strict: a stray or missing quote is an error rather than rows that silently run together
    reader = csv.reader(_lines(path, newline=""), strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"is not CSV from here on: {error}", path=path, line=line) from error
        if cells is None:
            return
        if not cells:
            continue
        if header is None:
            header = cells
            if len(set(header)) < len(header):
                raise DataError("names a column twice", path=path, line=line)
        elif len(cells) != len(header):
            raise DataError(f"has {len(cells)} cells; the header has {len(header)}", path=path, line=line)
        else:
            yield line, dict(zip(header, cells, strict=True))


def _parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    # imported here because it takes a quarter of a second, which only Parquet users should pay
    import pyarrow  # type: ignore[import-untyped]
    import pyarrow.parquet  # type: ignore[import-untyped]

    line = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_BATCH):
                for row in batch.to_pylist():
                    line += 1
                    yield line, row
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read as Parquet: {error}", path=path) from error


def _hub_rows(name: str) -> Iterator[tuple[int, dict[str, object]]]:
    # imported here because it takes a second, which only hub users should pay
    import datasets  # type: ignore[import-untyped]

    dataset, _, split = name.partition(":")
    _log.info("%s: no file of that name; the Hugging Face hub is asked for it", name)
    try:
        with _unheard("huggingface_hub"):
            rows = datasets.load_dataset(dataset, split=split or "train", streaming=True)
        for line, row in enumerate(rows, 1):
            yield line, dict(row)
    except Exception as error:
        raise DataError(
            "is neither a file nor a Hugging Face dataset that could be loaded"
            f" ({type(error).__name__}: {error})",
            path=name,
        ) from error


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


def _lines(path: Path, newline: str) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            yield from file
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8 text", path=path, line=_first_line_not_utf8(path)) from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path=path) from error


def _first_line_not_utf8(path: Path) -> int | None:
    # The decoder works in blocks, so its error does not know the line.
    with path.open("rb") as file:
        for line, raw in enumerate(file, start=1):
            try:
                raw.decode()
            except UnicodeDecodeError:
                return line
    return None


def _parsed(text: str, path: Path, line: int | None = None) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"is not JSON: {error.msg}", path=path, line=line or error.lineno) from error
    except RecursionError as error:
        raise DataError("is nested too deeply", path=path, line=line) from error
    except ValueError as error:
        raise DataError(f"is not JSON that can be read: {error}", path=path, line=line) from error


def _object(value: object, path: Path, line: int) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DataError(f"must be a JSON object, not {type(value).__name__}", path=path, line=line)
    return value


def _query(sample: Sample) -> str:
    return content_hash(sample.history, sample.prompt, sample.options)


def _occurrence_of(responses: list[str], occurrence: int) -> str | None:
    if len(set(responses)) == 1:
        return responses[0]
    return responses[occurrence - 1] if occurrence <= len(responses) else None
