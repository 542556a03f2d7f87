"""Reading a dataset, from a file or the Hugging Face hub, as a stream of samples."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from reprlib import repr as shortened

from pydantic import BaseModel, ValidationError

from stores.annotated_rows import merge_annotations
from stores.bad_rows import BadRows, OnBadRow
from stores.columns import ColumnsConfig, Layout, unused_columns
from stores.errors import DataError
from stores.fields import RowError, name_type, read_text
from stores.options import Keys, check_options
from stores.records import Skipped
from stores.rows import Rows, read_source
from stores.sample import Sample
from stores.shapes import ReadRow, given_id, prompt_hash
from stores.survey import Reading, survey
from stores.turns import check_storable

_log = logging.getLogger("robustft.data")


class ReadingRules(BaseModel):
    """How files are read.

    Args:
        columns: which column is what, where the names do not tell.
        strict: whether a column that `columns` names must be there; else it is as if not named.
        on_bad_row: what becomes of a row that cannot be used; None is as `error`, but tells of no setting.
        noisy: take a response that is none of its options, and an empty one, for noise.
    """

    columns: ColumnsConfig = ColumnsConfig()
    strict: bool = True
    on_bad_row: OnBadRow | None = None
    noisy: bool = False

    def of_a_begun_run(self) -> "ReadingRules":
        """Return the same for a run that has begun: its config cannot be given another `on_bad_row`."""
        return self if self.on_bad_row == "skip" else self.model_copy(update={"on_bad_row": None})


def read_samples(
    source: str | Path,
    *,
    limit: int | None = None,
    noisy: bool = False,
    rules: ReadingRules | None = None,
    skip: Callable[[Skipped], None] | None = None,
) -> Iterator[Sample]:
    """Read samples one at a time; nothing but the ids already seen (and a .json file) is held in memory.

    A file is read twice: what its columns mean is told from all of it.

    Args:
        source: a data file, or a Hugging Face dataset id; see `stores.rows`.
        limit: stop after this many samples.
        noisy: take a response that is none of its options, and an empty one, for noise; the log says how many
            there were. The same as in `rules`.
        rules: how the file is read.
        skip: is told of each row that is set aside, where `rules.on_bad_row` is `skip`.

    Raises:
        DataError: on iteration, naming the file, line and field: the source cannot be read, holds no rows,
            or one of its rows cannot become a sample. A row of JSON, Parquet or the hub counts as a line.
    """
    rules = _with_noise(rules, noisy)
    rows = islice(read_identified(source, rules, limit=limit, skip=skip), limit)
    return _counting_invalid((row.sample for row in rows), source)


def read_rows(
    rows: Iterable[object],
    name: str,
    *,
    limit: int | None = None,
    noisy: bool = False,
    rules: ReadingRules | None = None,
    skip: Callable[[Skipped], None] | None = None,
) -> Iterator[Sample]:
    """Read samples from memory, by the rules that hold for a file's rows.

    Args:
        rows: a `Sample` each, or a mapping in one of the shapes that a file may have.
        name: what messages call them: the fourth of `samples` is `samples[3]`.
        limit: stop after this many samples.
        noisy: as for `read_samples`, as are the others.

    Raises:
        DataError: on iteration, naming the row and field: a row cannot become a sample, or there are none.
    """
    held = list(islice(rows, limit) if limit is not None and not rules else rows)
    samples = _identify(
        lambda: _memory_rows(held), name, _with_noise(rules, noisy), limit=limit, skip=skip, in_memory=True
    )
    return _counting_invalid((row.sample for row in islice(samples, limit)), name)


def _with_noise(rules: ReadingRules | None, noisy: bool) -> ReadingRules:
    rules = rules or ReadingRules()
    return rules.model_copy(update={"noisy": True}) if noisy else rules


def survey_source(
    source: str | Path, columns: ColumnsConfig | None = None, *, strict: bool = True
) -> Reading:
    """Return how the rows of a file are read, told from all of them.

    Args:
        source: as for `read_samples`.
        columns: which column is what, where the names do not tell.
        strict: whether a column that is named must be there.

    Raises:
        DataError: the source cannot be read, or its columns tell no samples.
    """
    rules = ReadingRules(columns=columns or ColumnsConfig(), strict=strict)
    return _survey(lambda: read_source(source), source, rules, None, in_memory=False)


def join_gold(
    samples: Iterator[Sample],
    gold: str | Path,
    *,
    rules: ReadingRules | None = None,
    skip: Callable[[Skipped], None] | None = None,
) -> Iterator[Sample]:
    """Give samples the right responses from a second file of the same rows.

    A sample meets its gold row by the id both rows were given, else by its prompt (history, prompt and
    options). Where a prompt has several gold rows that disagree, its k-th occurrence takes the k-th of them.
    A sample that meets none passes through as it is.

    Args:
        samples: the samples, in the order of their file.
        gold: a file or dataset id as for `read_samples`; its responses are the right ones.
        rules: how that file is read.
        skip: as for `read_samples`.

    Raises:
        DataError: on iteration: the gold file cannot be used, or none of its rows meets any sample.
    """
    by_id: dict[str, tuple[str, ...]] = {}
    by_prompt: dict[str, list[tuple[str, ...]]] = {}
    for row, explicit, _ in read_identified(gold, rules or ReadingRules(), skip=skip):
        right = (row.response, *row.other_responses)
        # A hashed id tells the noisy row from the clean one, as it covers the response: it joins nothing.
        if explicit:
            by_id[row.id] = right
        by_prompt.setdefault(prompt_hash(row), []).append(right)

    occurrences: dict[str, int] = {}
    seen = matched = 0
    for sample in samples:
        seen += 1
        prompt = prompt_hash(sample)
        occurrence = occurrences[prompt] = occurrences.get(prompt, 0) + 1
        found = by_id.get(sample.id) or _occurrence_of(by_prompt.get(prompt, []), occurrence)
        if found is not None:
            matched += 1
            sample = sample.model_copy(update={"gold": found[0], "other_golds": found[1:]})
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
    """Pass samples on, and say at the end how many responses were empty, or none of their options."""
    total = choices = invalid = empty = 0
    for sample in samples:
        total += 1
        is_empty = not sample.says_something
        empty += is_empty
        choices += bool(sample.options) and not is_empty
        invalid += bool(sample.options) and not is_empty and sample.response not in sample.options
        yield sample
    if total and empty == total:
        raise DataError("every response is empty; is it the right column?", path=source)
    if invalid and invalid == choices:
        raise DataError("no response is one of its options; is it the right column?", path=source)
    if invalid:
        _log.warning("%s: %d of %d responses are none of their options: noise", source, invalid, choices)
    if empty:
        _log.warning("%s: %d of %d responses are empty: noise", source, empty, total)


def read_identified(
    source: str | Path,
    rules: ReadingRules,
    *,
    limit: int | None = None,
    skip: Callable[[Skipped], None] | None = None,
    only: Callable[[object], bool] | None = None,
    bad: BadRows | None = None,
) -> Iterator[ReadRow]:
    """Yield every sample, whether its id was given by its row, and its line; see `read_samples`.

    Args:
        source: as for `read_samples`, as are the others.
        rules: how the file is read.
        limit: stop after this many samples.
        skip: is told of each row that is set aside.
        only: the rows to read; the others are as if they were not there.
        bad: takes the rows that cannot be used, and is not ended; without it they end the reading.
    """

    def rows() -> Rows:
        opened = read_source(source)
        if only is None:
            return opened
        return Rows((row for row in opened if only(row[1])), source, opened.classes)

    return _identify(rows, source, rules, limit=limit, skip=skip, bad=bad)


def _identify(
    rows: Callable[[], Iterator[tuple[int, object]]],
    source: str | Path,
    rules: ReadingRules,
    *,
    limit: int | None = None,
    skip: Callable[[Skipped], None] | None = None,
    in_memory: bool = False,
    bad: BadRows | None = None,
) -> Iterator[ReadRow]:
    reading = _survey(rows, source, rules, limit, in_memory=in_memory)
    is_own = bad is None
    bad = bad or BadRows(source, rules.on_bad_row, skip, has_lines=not in_memory)
    ids = _Ids()
    used = 0
    found = _samples_of(rows(), reading, rules, bad)
    if reading.layout.annotator is not None:
        found = merge_annotations(found, bad.add)
    for sample, explicit, line in found:
        try:
            claimed = ids.claim(sample.id, bad.place(line), explicit=explicit)
        except RowError as error:
            bad.add(line, error)
            continue
        if is_own and bad.stops:
            # Only counted from here on.
            used += 1
            continue
        used += 1
        named = sample if claimed == sample.id else sample.model_copy(update={"id": claimed})
        yield ReadRow(named, explicit, line)
        if limit is not None and used >= limit:
            return
    if is_own:
        bad.end(used)


def _samples_of(
    rows: Iterable[tuple[int, object]], reading: Reading, rules: ReadingRules, bad: BadRows
) -> Iterator[ReadRow]:
    """Yield the rows that can become samples; the others are counted as bad ones."""
    for line, row in rows:
        try:
            sample, explicit = _sample_of(row, reading, rules)
        except RowError as error:
            bad.add(line, error)
            continue
        yield ReadRow(sample, explicit, line)


def _survey(
    rows: Callable[[], Iterator[tuple[int, object]]],
    source: str | Path,
    rules: ReadingRules,
    limit: int | None,
    *,
    in_memory: bool,
) -> Reading:
    """Return how rows are read, and say in the log what was decided."""
    reached: list[int] = []
    opened = rows()

    def mappings() -> Iterator[Mapping[str, object]]:
        try:
            for line, row in opened:
                reached[:] = [line]
                if isinstance(row, Mapping) and all(isinstance(name, str) for name in row):
                    yield row
        except DataError:
            # What lies beyond the samples that are used does not matter.
            if limit is None or not reached or reached[0] < limit:
                raise

    # Filled in by the time the first row is there.
    names = opened.classes if isinstance(opened, Rows) else {}
    try:
        reading = survey(mappings(), rules.columns, names=names, strict=rules.strict)
    except RowError as error:
        # The first row of JSON lines, and the header of a table.
        first = None if in_memory else 1
        path = f"{source}[0]" if in_memory else source
        raise DataError(error.message, path=path, line=first, field=error.field) from error
    if reading is None:
        if not reached:
            raise DataError("holds no rows", path=source)
        # Samples in memory need none.
        return Reading(Layout("samples"), Keys())
    _log.info("%s: %s", source, _describe(reading, rules))
    return reading


def _describe(reading: Reading, rules: ReadingRules) -> str:
    """Return which column is what, for the log."""
    layout = reading.layout
    parts = [f"shape {layout.shape}"]
    if layout.options:
        parts.append(f"options from {', '.join(layout.options)}")
    if layout.system or layout.tools:
        parts.append(f"with {', '.join(filter(None, (layout.system, layout.tools)))}")
    if layout.annotator is not None:
        parts.append(
            f"one sample of all rows with the same prompt or id, by the annotators in {layout.annotator}"
        )
    parts += reading.notes
    _, others = unused_columns(layout, layout.columns, rules.columns.ignore)
    without = [*others, *(name for name in rules.columns.ignore if name not in others)]
    if without:
        parts.append(f"ignored columns: {', '.join(without)}")
    return "; ".join(parts)


def _sample_of(row: object, reading: Reading, rules: ReadingRules) -> tuple[Sample, bool]:
    """Return a row's sample, and whether its id is the row's own."""
    if isinstance(row, RowError):
        raise row
    if isinstance(row, Sample):
        return _checked(row, noisy=rules.noisy), True
    columns = _columns(row)
    explicit = given_id(columns, reading.layout.id) is not None
    return reading.sample(columns, noisy=rules.noisy), explicit


def _memory_rows(rows: Iterable[object]) -> Iterator[tuple[int, object]]:
    return ((index, row) for index, row in enumerate(rows))


def _checked(sample: Sample, *, noisy: bool) -> Sample:
    """Return a sample that was given in memory, checked as one of a file is.

    Raises:
        RowError: the sample was made without being checked, and holds what none may.
    """
    try:
        sample = Sample.model_validate(vars(sample))
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise RowError(field or None, "is none that a Sample may have") from error
    for name, value in sample:
        _check_texts(value, name)
    if not sample.id.strip() or not sample.prompt.strip():
        raise RowError("prompt" if sample.id.strip() else "id", "is empty")
    if sample.options:
        check_options(sample.options, (), "options")
    for name, free in (("response", noisy), ("gold", False)):
        value = getattr(sample, name)
        if value is not None and not free:
            if not value.strip():
                raise RowError(name, "is empty")
            if sample.options and value not in sample.options:
                raise RowError(name, f"{shortened(value)} is neither the letter nor the text of an option")
    return sample


def _check_texts(value: object, field: str) -> None:
    """Check that every text in a value can be sent and written, however deep it is.

    Raises:
        RowError: one cannot.
    """
    if isinstance(value, str):
        read_text(value, field)
    elif isinstance(value, BaseModel):
        for name, inner in value:
            _check_texts(inner, f"{field}.{name}")
    elif isinstance(value, Mapping):
        check_storable(value, field)
    elif isinstance(value, tuple):
        for place, inner in enumerate(value):
            _check_texts(inner, f"{field}[{place}]")


def _columns(row: object) -> dict[str, object]:
    if not isinstance(row, Mapping):
        raise RowError(None, f"must be a Sample or a mapping of columns, not {name_type(row)}")
    columns = dict(row)
    for column in columns:
        if not isinstance(column, str):
            raise RowError(None, f"must name its columns by text, not {name_type(column)}")
    return columns


def _occurrence_of(responses: list[tuple[str, ...]], occurrence: int) -> tuple[str, ...] | None:
    if len(set(responses)) == 1:
        return responses[0]
    return responses[occurrence - 1] if occurrence <= len(responses) else None
