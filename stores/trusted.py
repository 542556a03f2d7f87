"""Responses that the user vouches for, in a file of their own: read, and met with the samples they are of."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from stores.bad_rows import BadRows
from stores.column_names import IDS, OPTIONS, TURNS
from stores.columns import has_column, look_up
from stores.dataset import ReadingRules, read_identified
from stores.errors import DataError
from stores.fields import RowError, read_answer, read_truth
from stores.files.check_cells import DRAWN, DRAWS, Drawn
from stores.found_columns import find_response
from stores.head import Head
from stores.named_columns import keep_those_there
from stores.options import Keys, Options, find_option
from stores.records import Skipped
from stores.rows import read_source
from stores.sample import Sample
from stores.shapes import content_hash, given_id, prompt_hash

_HEAD = 1000
_NO_PLACE = "matches no sample"


class TrustedRow(NamedTuple):
    """A row of a file of trusted responses.

    Args:
        line: its line.
        identifier: the id of its sample; None where only its prompt tells.
        asked: the prompt, without one where the id alone tells.
        responses: the trusted response, and others that are right as well.
    """

    line: int
    identifier: str | None
    asked: Sample | None
    responses: tuple[str, ...]


class TrustedFile:
    """A file of trusted responses.

    A row has an `id` or a prompt, and the response. With a column `trusted`, only rows that say yes in it are
    read: a file that is half filled in is no error.

    Args:
        source: a data file or a data set of the hub.
        rules: how it is read.
        skip: is told of each row that is set aside, where `rules.on_bad_row` is `skip`.
    """

    def __init__(
        self,
        source: str | Path,
        rules: ReadingRules | None = None,
        skip: Callable[[Skipped], None] | None = None,
    ) -> None:
        self._source = source
        self._rules = rules or ReadingRules(strict=False)
        self._skip = skip

    def match(self, samples: Callable[[], Iterable[Sample]]) -> dict[str, str]:
        """Return the trusted response of each sample that the file vouches for, by the sample's id.

        A row means the sample of its id; where the file has no ids, those of its prompt. Options tell prompts
        apart where the row has some.

        Args:
            samples: starts the samples' stream.

        Raises:
            DataError: the file cannot be read, or vouches for nothing. Or rows match no sample, or several
                with different responses, are none of the sample's options, or contradict other rows.
        """
        bad = BadRows(self._source, self._rules.on_bad_row, self._skip)
        rows = self._read(bad)
        meant = _meet(rows, samples)
        found: dict[str, tuple[str, int]] = {}
        used = 0
        for row in rows:
            try:
                for sample in _only(meant.get(row.line, []), row):
                    _agree(found, sample, _in_options(row, sample), row.line)
                used += 1
            except RowError as error:
                bad.add(row.line, error)
        bad.end(used)
        if not found:
            raise DataError("vouches for no sample's response", path=self._source)
        return {identifier: response for identifier, (response, _) in found.items()}

    def drawn(self) -> set[Drawn]:
        """Return how the file says that its samples were chosen; nothing where it does not say.

        Raises:
            DataError: the file cannot be read.
        """
        rows = (row for _, row in read_source(self._source) if isinstance(row, Mapping))
        said = {str(row.get(DRAWN)).strip() for row in rows}
        return {drawn for drawn in DRAWS if drawn in said}

    def _read(self, bad: BadRows) -> list[TrustedRow]:
        """Return the rows that are vouched for; `bad` takes those that cannot be read."""
        rows = (row for _, row in read_source(self._source) if isinstance(row, Mapping))
        head = Head(list(islice(rows, _HEAD)))
        columns = keep_those_there(self._rules.columns, head.columns)
        mark = columns.trusted or head.find("trusted")
        identifier = columns.id or head.find("id", *IDS)
        options = bool(columns.options or head.find(*OPTIONS))
        response = columns.answer or columns.response
        response = response or find_response(
            head, has_options=options, without={mark or "", identifier or ""}
        )
        if identifier is not None and response is not None:
            return list(self._by_id(identifier, response, mark, bad))

        def is_vouched_for(row: object) -> bool:
            # What no column could say is told when the row is read.
            try:
                return not isinstance(row, Mapping) or mark is None or read_truth(look_up(row, mark), mark)
            except RowError:
                return True

        if response is not None and columns.answer is None and head.find(*TURNS) is None:
            # Named, a column of bare letters is taken as it is: the samples' options tell what they mean.
            columns = self._rules.columns.model_copy(update={"response": response})
        else:
            columns = self._rules.columns
        rules = self._rules.model_copy(update={"noisy": False, "strict": False, "columns": columns})
        read = read_identified(self._source, rules, only=is_vouched_for, bad=bad)
        return [
            TrustedRow(
                row.line,
                row.sample.id if row.explicit else None,
                row.sample,
                (row.sample.response, *row.sample.other_responses),
            )
            for row in read
        ]

    def _by_id(self, identifier: str, response: str, mark: str | None, bad: BadRows) -> Iterator[TrustedRow]:
        """Yield the rows of a file in which ids tell the samples."""
        for line, row in read_source(self._source):
            try:
                if isinstance(row, RowError):
                    raise row
                if mark is not None and not read_truth(look_up(row, mark), mark):
                    continue
                named = given_id(row, identifier)
                if named is None:
                    raise RowError(identifier, "is empty")
                if not has_column(row, response):
                    raise RowError(response, "is missing")
                value = look_up(row, response)
                texts = value if isinstance(value, list) and value else [value]
                responses = tuple(read_answer(text, response) for text in texts)
            except RowError as error:
                bad.add(line, error)
                continue
            yield TrustedRow(line, named, None, responses)


def _meet(rows: Sequence[TrustedRow], samples: Callable[[], Iterable[Sample]]) -> dict[int, list[Sample]]:
    """Return the samples that each row may mean, by the row's line."""
    by_id: dict[str, list[int]] = {}
    by_prompt: dict[str, list[int]] = {}
    for row in rows:
        if row.identifier is not None:
            by_id.setdefault(row.identifier, []).append(row.line)
        elif row.asked is not None:
            by_prompt.setdefault(prompt_hash(row.asked), []).append(row.line)
    found: dict[int, list[Sample]] = {}
    for sample in samples():
        lines = [*by_id.get(sample.id, ())]
        if by_prompt:
            lines += by_prompt.get(prompt_hash(sample), ())
            if sample.options:
                lines += by_prompt.get(_without_options(sample), ())
        for line in lines:
            found.setdefault(line, []).append(sample)
    return found


def _without_options(sample: Sample) -> str:
    return content_hash(sample.history, sample.prompt.strip(), (), after=sample.after, tools=sample.tools)


def _only(samples: Sequence[Sample], row: TrustedRow) -> Sequence[Sample]:
    """Return the samples that a row means: one, or several with one response.

    Raises:
        RowError: there is none, or they differ.
    """
    if not samples:
        how = f"no sample has the id '{row.identifier}'" if row.identifier is not None else "no prompt is its"
        raise RowError("id" if row.identifier is not None else "prompt", f"{_NO_PLACE}: {how}", _NO_PLACE)
    if len({sample.response for sample in samples}) > 1:
        ids = " and ".join(f"'{sample.id}'" for sample in samples[:2])
        raise RowError(
            "prompt",
            f"matches {len(samples)} samples with different responses, as {ids}: name one by its id",
            "matches several samples",
        )
    return samples


def _in_options(row: TrustedRow, sample: Sample) -> str:
    """Return a row's response as a sample has it: its option's text, and the given one of several right ones.

    Raises:
        RowError: it is none of the sample's options.
    """
    responses = row.responses
    if sample.options:
        options = Options(sample.options)
        places = [find_option(text, options, Keys(), "response") for text in responses]
        responses = tuple(sample.options[place] for place in places)
    return sample.response if sample.response in responses else responses[0]


def _agree(found: dict[str, tuple[str, int]], sample: Sample, response: str, line: int) -> None:
    """Take a sample's trusted response.

    Raises:
        RowError: another one is trusted, by an earlier row or by the data themselves.
    """
    if sample.trusted is not None and sample.trusted.strip() != response.strip():
        raise RowError(
            "response",
            f"contradicts the data, whose column vouches for {sample.trusted[:60]!r}",
            "contradicts the data",
        )
    known = found.get(sample.id)
    if known is not None and known[0].strip() != response.strip():
        raise RowError(
            "response",
            f"contradicts line {known[1]}, which vouches for {known[0][:60]!r}",
            "contradicts a row",
        )
    found.setdefault(sample.id, (response if sample.trusted is None else sample.trusted, line))
