"""The training file as tokens, with labels on the response alone."""

import logging
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from agents.errors import TurnsRefusedError
from agents.models.chat import with_arguments
from agents.models.chat_template import ChatTemplate, Example
from stores.record_files import read_records
from stores.records import TrainingRow
from stores.sample import plain_turns
from training.errors import NothingToTrainError, TrainingInterrupted
from training.lora import TrainingConfig

_LOG = logging.getLogger("robustft")

# The label that torch's cross entropy leaves out.
IGNORED = -100

_READ_AT_ONCE = 256


class Tokens:
    """The training file as tokens: an Arrow file that is read from disk, and the ids of what was left out.

    Args:
        file: a new file for the tokens.
        config: says how long a sample may be, and what happens to a longer one.

    Attributes:
        dropped: ids of the samples that are left out.
        refused: those among them whose turns the chat template cannot render.
        cut: ids of the samples whose end was cut off.
    """

    def __init__(self, file: Path, config: TrainingConfig) -> None:
        self.file = file
        self.longest = 0
        self.samples = 0
        self.dropped: list[str] = []
        self.cut: list[str] = []
        self.refused: list[str] = []
        self._config = config
        self._reason = ""

    def read(self, training_file: Path, template: ChatTemplate, stop: threading.Event) -> None:
        """Fill the file. Its labels are the response's tokens and the end of its turn; the prompt is masked.

        TRL trains on what the template makes of a response, which may trim it. It also loses count of the
        samples that its `max_length` cuts or drops.

        Args:
            training_file: the rows.
            template: the chat template of the model that is tuned.
            stop: set it from another thread to end reading.

        Raises:
            TrainingInterrupted: `stop` was set.
            RecordError: a line of the training file is no row.
            NothingToTrainError: no sample is left.
        """
        import pyarrow as pa  # type: ignore[import-untyped]

        numbers = pa.list_(pa.int32())
        columns = [
            ("input_ids", numbers),
            ("labels", numbers),
            ("length", pa.int32()),
            ("weight", pa.float32()),
            ("id", pa.string()),
        ]
        schema = pa.schema(columns)
        rows = read_records(training_file, TrainingRow)
        with pa.ipc.new_stream(self.file, schema) as writer:
            while batch := list(islice(rows, _READ_AT_ONCE)):
                if stop.is_set():
                    raise TrainingInterrupted("training was stopped before its first step")
                writer.write_batch(
                    pa.RecordBatch.from_pylist(list(self._fit(batch, template)), schema=schema)
                )
        if self.refused:
            _LOG.warning(
                "not trained on: %d samples, of which %s is the first: %s",
                len(self.refused),
                self.refused[0],
                self._reason,
            )
        if not self.samples:
            raise NothingToTrainError(
                f"{training_file}: no sample is left to train on; "
                f"{len(self.dropped) - len(self.refused)} were longer than training.max_length "
                f"({self._config.max_length} tokens)" + (f"; {self._reason}" if self.refused else ""),
                self.dropped,
            )

    def _fit(self, rows: list[TrainingRow], template: ChatTemplate) -> Iterator[dict[str, Any]]:
        limit = self._config.max_length
        for row, made in zip(rows, tokenize(rows, template), strict=True):
            if isinstance(made, TurnsRefusedError):
                self._reason = self._reason or str(made)
                self.refused.append(row.id)
                self.dropped.append(row.id)
                continue
            whole, start = made
            too_long = len(whole) > limit
            if (too_long and self._config.too_long == "drop") or start >= min(limit, len(whole)):
                self.dropped.append(row.id)
                continue
            if too_long:
                self.cut.append(row.id)
            kept = whole[:limit]
            self.samples += 1
            self.longest = max(self.longest, len(kept))
            yield {
                "input_ids": kept,
                "labels": [IGNORED] * start + kept[start:],
                "length": len(kept),
                "weight": 1.0 if row.weight is None else row.weight,
                "id": row.id,
            }


def tokenize(rows: Sequence[TrainingRow], template: ChatTemplate) -> list[Example | TurnsRefusedError]:
    """Return each row's tokens and where its response begins; or why its prompt cannot be rendered.

    Args:
        rows: prompts with their responses.
        template: a chat model's.
    """
    return template.encode_examples(
        [
            (with_arguments(plain_turns(row.prompt), as_text=False), row.completion[0].content, row.tools)
            for row in rows
        ]
    )
