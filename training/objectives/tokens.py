"""The training file as tokens, with labels on the response alone."""

import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from agents.models.chat import defuse
from stores.record_files import read_records
from stores.records import TrainingRow
from stores.sample import Message, plain_turns
from training.errors import NothingToTrainError, TrainingInterrupted
from training.lora import TrainingConfig

# The label that torch's cross entropy leaves out.
IGNORED = -100

_READ_AT_ONCE = 256


class Tokens:
    """The training file as tokens: an Arrow file that is read from disk, and the ids of what did not fit.

    Args:
        file: a new file for the tokens.
        config: says how long a sample may be, and what happens to a longer one.
    """

    def __init__(self, file: Path, config: TrainingConfig) -> None:
        self.file = file
        self.longest = 0
        self.samples = 0
        self.dropped: list[str] = []
        self.cut: list[str] = []
        self._config = config

    def read(self, training_file: Path, tokenizer: Any, stop: threading.Event) -> None:
        """Fill the file. Its labels are the response's tokens; the prompt's are masked out.

        TRL makes the same labels, but loses count of the samples that its `max_length` cuts or drops.

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
        ]
        schema = pa.schema(columns)
        rows = read_records(training_file, TrainingRow)
        with pa.ipc.new_stream(self.file, schema) as writer:
            while batch := list(islice(rows, _READ_AT_ONCE)):
                if stop.is_set():
                    raise TrainingInterrupted("training was stopped before its first step")
                writer.write_batch(
                    pa.RecordBatch.from_pylist(list(self._fit(batch, tokenizer)), schema=schema)
                )
        if not self.samples:
            raise NothingToTrainError(
                f"{training_file}: no sample is left to train on; {len(self.dropped)} were longer than "
                f"training.max_length ({self._config.max_length} tokens)",
                self.dropped,
            )

    def _fit(self, rows: list[TrainingRow], tokenizer: Any) -> Iterator[dict[str, Any]]:
        limit = self._config.max_length
        for row, (whole, start) in zip(rows, tokenize(rows, tokenizer), strict=True):
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
            }


def tokenize(rows: Sequence[TrainingRow], tokenizer: Any) -> Iterator[tuple[list[int], int]]:
    """Yield each row's tokens and where its response begins.

    Args:
        rows: prompts with their responses.
        tokenizer: a chat model's.
    """
    prompts = tokenizer.apply_chat_template(
        [_plain(row.prompt) for row in rows], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    wholes = tokenizer.apply_chat_template(
        [_plain(row.prompt + row.completion) for row in rows], return_dict=True
    )["input_ids"]
    for prompt, whole in zip(prompts, wholes, strict=True):
        yield whole, _common_prefix(prompt, whole)


def _plain(turns: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Return turns as a chat template takes them: what the data hold is none of its control tokens."""
    return [{**turn, "content": defuse(turn["content"])} for turn in plain_turns(turns)]


def _common_prefix(left: list[int], right: list[int]) -> int:
    pairs = zip(left, right, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right)))
