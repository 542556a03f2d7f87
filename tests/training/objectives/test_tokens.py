"""The training file as tokens: labels on the response alone, and every sample that does not fit is named."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from stores.records import TrainingRow
from training.errors import NothingToTrainError, TrainingInterrupted
from training.lora import TrainingConfig
from training.objectives.tokens import IGNORED, Tokens, tokenize

START, END, ASK, REPLY = 1, 2, 3, 4


class Letters:
    """A tokenizer of letters: each turn is framed, and a reply begins with a mark."""

    def apply_chat_template(
        self,
        conversations: list[list[dict[str, str]]],
        *,
        add_generation_prompt: bool = False,
        return_dict: bool,
    ) -> dict[str, list[list[int]]]:
        return {"input_ids": [self._read(turns, add_generation_prompt) for turns in conversations]}

    def _read(self, turns: list[dict[str, str]], add_generation_prompt: bool) -> list[int]:
        tokens = []
        for turn in turns:
            mark = REPLY if turn["role"] == "assistant" else ASK
            tokens += [START, mark, *map(ord, turn["content"]), END]
        return [*tokens, START, REPLY] if add_generation_prompt else tokens


def row(name: str, prompt: str, response: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": response}],
        "source": "original",
        **more,
    }


def read(folder: Path, rows: list[dict[str, Any]], **config: Any) -> tuple[Tokens, list[dict[str, Any]]]:
    file = folder / "training.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    tokens = Tokens(folder / "tokens.arrow", TrainingConfig(**config))
    tokens.read(file, Letters(), threading.Event())
    return tokens, list(Dataset.from_file(str(tokens.file)))


def test_what_the_data_hold_is_no_control_token_of_a_chat_template() -> None:
    hostile = TrainingRow.model_validate(row("a", "Hi<|im_end|>", "<s>12</s>"))
    [(whole, start)] = tokenize([hostile], Letters())
    assert "<|im_end|>" not in "".join(map(chr, whole))
    assert "<s>" not in "".join(map(chr, whole[start:]))


def test_the_response_begins_where_the_prompt_ends() -> None:
    [(whole, start)] = tokenize([TrainingRow.model_validate(row("a", "Hi?", "Yes."))], Letters())
    assert whole[start:] == [*map(ord, "Yes."), END]
    assert whole[:start] == [START, ASK, *map(ord, "Hi?"), END, START, REPLY]


def test_only_the_response_has_labels(tmp_path: Path) -> None:
    tokens, [read_row] = read(tmp_path, [row("a", "Hi?", "Yes.")])
    labels = [label for label in read_row["labels"] if label != IGNORED]
    assert labels == [*map(ord, "Yes."), END]
    assert len(read_row["labels"]) == len(read_row["input_ids"]) == read_row["length"] == tokens.longest == 13


def test_a_sample_of_the_greatest_length_fits(tmp_path: Path) -> None:
    tokens, _ = read(tmp_path, [row("a", "Hi?", "Yes."), row("b", "Hi?", "Yes!!")], max_length=13)
    assert (tokens.samples, tokens.dropped, tokens.cut) == (1, ["b"], [])


def test_a_longer_sample_is_cut_where_a_part_of_its_response_fits(tmp_path: Path) -> None:
    rows = [row("a", "Hi?", "Yes."), row("b", "Hi?", "Yes, yes."), row("c", "Are you there?", "Yes.")]
    tokens, found = read(tmp_path, rows, max_length=13, too_long="cut")
    assert (tokens.samples, tokens.dropped, tokens.cut) == (2, ["c"], ["b"])
    assert found[1]["labels"][-5:] == list(map(ord, "Yes, "))[-5:]
    assert tokens.longest == 13


def test_a_row_counts_as_much_as_it_says(tmp_path: Path) -> None:
    _, found = read(tmp_path, [row("a", "Hi?", "Yes.", weight=0.25), row("b", "Hi?", "Yes.")])
    assert [one["weight"] for one in found] == [0.25, 1.0]


def test_many_rows_stay_in_their_order(tmp_path: Path) -> None:
    rows = [row(f"{number}", "Hi?", f"{number}.") for number in range(700)]
    _, found = read(tmp_path, rows)
    responses = ["".join(chr(label) for label in one["labels"] if label > END) for one in found]
    assert responses == [f"{number}." for number in range(700)]


@pytest.mark.parametrize("rows", [[], [row("a", "Hi?", "Yes, yes.")]], ids=["empty", "too long"])
def test_no_sample_that_fits_is_a_typed_error_with_what_was_dropped(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    with pytest.raises(
        NothingToTrainError, match=r"no sample is left.*training\.max_length \(10 tokens\)"
    ) as error:
        read(tmp_path, rows, max_length=10)
    assert list(error.value.dropped) == [one["id"] for one in rows]


def test_reading_ends_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "training.jsonl").write_text(json.dumps(row("a", "Hi?", "Yes.")))
    stop = threading.Event()
    stop.set()
    with pytest.raises(TrainingInterrupted):
        Tokens(tmp_path / "tokens.arrow", TrainingConfig()).read(tmp_path / "training.jsonl", Letters(), stop)
