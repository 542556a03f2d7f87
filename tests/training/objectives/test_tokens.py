"""The training file as tokens: labels on the response alone, and every sample that does not fit is named."""

import ast
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from agents.models.chat_template import ChatTemplate, Example
from stores.records import TrainingRow
from tests.support.tiny_models import bytes_tokenizer
from training.errors import NothingToTrainError, TrainingInterrupted
from training.lora import TrainingConfig
from training.objectives.tokens import IGNORED, Tokens, tokenize

# Each byte is a token: the prompt takes 35 of them before "Hi?", the response its own length and its end.
TOKENIZER = bytes_tokenizer()
TEMPLATE = ChatTemplate(TOKENIZER, "m")


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
    tokens.read(file, TEMPLATE, threading.Event())
    return tokens, list(Dataset.from_file(str(tokens.file)))


def text_of(tokens: list[int]) -> str:
    return str(TOKENIZER.decode(tokens, clean_up_tokenization_spaces=False))


PROMPT = "<|im_start|>user\nHi?<|im_end|>\n<|im_start|>assistant\n"
LENGTH = len(TOKENIZER(PROMPT)["input_ids"]) + len("Yes.") + 1


def test_the_response_begins_where_the_prompt_ends() -> None:
    [made] = tokenize([TrainingRow.model_validate(row("a", "Hi?", "Yes."))], TEMPLATE)
    assert isinstance(made, Example)
    assert text_of(made.tokens[made.start :]) == "Yes.<|im_end|>"
    assert text_of(made.tokens[: made.start]) == PROMPT


def test_only_the_response_and_its_end_have_labels(tmp_path: Path) -> None:
    tokens, [read_row] = read(tmp_path, [row("a", "Hi?", "Yes.")])
    labels = [label for label in read_row["labels"] if label != IGNORED]
    assert text_of(labels) == "Yes.<|im_end|>"
    assert len(read_row["labels"]) == len(read_row["input_ids"]) == read_row["length"] == tokens.longest
    assert tokens.longest == LENGTH


def test_code_that_is_trained_on_is_the_datas_own_byte_for_byte(tmp_path: Path) -> None:
    head = "def f(x):\n"
    bodies = [f"    y = {number}\n    return x + y\n" for number in range(20)]
    _, found = read(tmp_path, [row(str(at), head, body) for at, body in enumerate(bodies)])
    for body, one in zip(bodies, found, strict=True):
        trained = text_of([label for label in one["labels"] if label != IGNORED])
        assert trained == f"{body}<|im_end|>"
        ast.parse(head + trained.removesuffix("<|im_end|>"))


def test_a_sample_of_the_greatest_length_fits(tmp_path: Path) -> None:
    tokens, _ = read(tmp_path, [row("a", "Hi?", "Yes."), row("b", "Hi?", "Yes!!")], max_length=LENGTH)
    assert (tokens.samples, tokens.dropped, tokens.cut) == (1, ["b"], [])


def test_a_longer_sample_is_cut_where_a_part_of_its_response_fits(tmp_path: Path) -> None:
    rows = [row("a", "Hi?", "Yes."), row("b", "Hi?", "Yes, yes."), row("c", "Are you there?", "Yes.")]
    tokens, found = read(tmp_path, rows, max_length=LENGTH, too_long="cut")
    assert (tokens.samples, tokens.dropped, tokens.cut) == (2, ["c"], ["b"])
    assert text_of(found[1]["labels"][-5:]) == "Yes, "
    assert tokens.longest == LENGTH


def test_a_row_that_the_template_cannot_render_is_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refuses = (
        "{% for m in messages %}{% if m['role'] == 'tool' %}{{ raise_exception('No tools') }}{% endif %}"
    )
    template = ChatTemplate(bytes_tokenizer(refuses + "{{ m['content'] }}{% endfor %}"), "m")
    tool = [{"role": "user", "content": "Hi?"}, {"role": "tool", "content": "4"}]
    rows = [{**row("t", "", "Yes."), "prompt": tool}, row("a", "Hi?", "Yes.")]
    file = tmp_path / "training.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    tokens = Tokens(tmp_path / "tokens.arrow", TrainingConfig())
    tokens.read(file, template, threading.Event())
    assert (tokens.samples, tokens.dropped, tokens.refused) == (1, ["t"], ["t"])
    assert "not trained on: 1 samples, of which t is the first: the chat template of m cannot" in caplog.text


def test_a_row_counts_as_much_as_it_says(tmp_path: Path) -> None:
    _, found = read(tmp_path, [row("a", "Hi?", "Yes.", weight=0.25), row("b", "Hi?", "Yes.")])
    assert [one["weight"] for one in found] == [0.25, 1.0]


def test_many_rows_stay_in_their_order(tmp_path: Path) -> None:
    rows = [row(f"{number}", "Hi?", f"{number}.") for number in range(700)]
    _, found = read(tmp_path, rows)
    responses = [text_of([label for label in one["labels"] if label != IGNORED]) for one in found]
    assert responses == [f"{number}.<|im_end|>" for number in range(700)]


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
        Tokens(tmp_path / "tokens.arrow", TrainingConfig()).read(tmp_path / "training.jsonl", TEMPLATE, stop)
