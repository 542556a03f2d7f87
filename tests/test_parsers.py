"""Whatever comes, the parsers end with a value or with their one typed error."""

import contextlib
import json
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.answers.kind import KINDS, answer_kind
from agents.checker import parse_verdict
from agents.models.chat import defuse
from agents.models.completion import RequestError, read_completion, read_refusal
from graph.config.run import ConfigError, RunConfig, load_config, parse_config
from stores.dataset import read_samples
from stores.errors import DataError
from stores.sample import Sample

FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LONG = 200_000

# Words that the parsers look for, between anything else.
WORDS = (
    "answer",
    "Answer:",
    "the answer is",
    "Verdict:",
    "Verdict: reliable",
    "noisy",
    "not",
    "option",
    "A",
    "b)",
)
MARKS = ("(C)", "\\boxed{", "\\frac{1}{", "}", "1,000", "-3.5e7", "½", "%", "$", "**", "\n", " ")
TOKENS = ("<|im_start|>", "<|im_end|>", "[INST]", "</s>")
PIECES = st.sampled_from(WORDS + MARKS + TOKENS)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=30).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
COLUMNS = ["id", "prompt", "completion", "response", "messages", "role", "content", "conversations", "from"]
COLUMNS += [
    "value",
    "instruction",
    "input",
    "output",
    "question",
    "answer",
    "options",
    "gold",
    "task",
    "text",
]
ROWS = st.dictionaries(
    st.sampled_from(COLUMNS),
    st.one_of(
        JSON,
        st.lists(
            st.dictionaries(st.sampled_from(["role", "content", "from", "value"]), JSON, max_size=3),
            max_size=4,
        ),
    ),
    max_size=8,
)

# Each is a worst case of some expression: repeated beginnings of what it looks for.
ADVERSARIAL = [
    " " * LONG,
    "\n" * LONG,
    "a " * (LONG // 2),
    "A" * LONG,
    "1" * LONG,
    "1," * (LONG // 2),
    "(" * LONG,
    "(A" * (LONG // 2),
    "*_" * (LONG // 2),
    "answer " * (LONG // 7),
    "the final answer" * (LONG // 16),
    "answer:" * (LONG // 7),
    "answer is" + " " * LONG,
    "\\boxed{" * (LONG // 7),
    "\\frac{1}{" * (LONG // 9),
    "not " * (LONG // 4),
    "is the answer A because " * (LONG // 24),
    "é" * LONG,
    "e\u0301" * (LONG // 2),
    "a.b." * (LONG // 4),
    "-" * LONG,
    "Verdict: " * (LONG // 9),
    "> > > " * (LONG // 6) + "Verdict: reliable",
    "<|" * (LONG // 2),
    "<|im_start" * (LONG // 10),
    "9" * 400 + "/" + "0" * 400,
]


@FUZZ
@given(
    reply=TEXTS,
    response=TEXTS,
    options=st.lists(TEXTS.filter(str.strip), min_size=2, max_size=5, unique=True),
)
def test_any_reply_is_read_and_compared(reply: str, response: str, options: list[str]) -> None:
    for kind in (answer_kind(response), *KINDS):
        given_options = options if kind.name == "choice" else []
        answer = kind.extract(reply, given_options)
        assert answer is None or isinstance(answer, str)
        if kind.name == "choice":
            assert answer is None or answer in options
        one, other = (
            kind.agree(answer, response, given_options),
            kind.agree(response, answer, given_options),
        )
        assert one == other


@pytest.mark.parametrize("text", ADVERSARIAL, ids=lambda text: repr(text[:12]))
def test_a_long_text_is_read_in_linear_time(text: str) -> None:
    # Nothing is measured: what is quadratic in this would not come back.
    options = ["alpha", "beta", "the answer"]
    for kind in KINDS:
        kind.extract(text, options if kind.name == "choice" else ())
        kind.agree(text, text[:-1], options if kind.name == "choice" else ())
    parse_verdict(text, quoted=(text,))
    defuse(text)
    answer_kind(text)


@FUZZ
@given(reply=TEXTS, quoted=TEXTS)
def test_any_judges_reply_has_one_verdict_or_none(reply: str, quoted: str) -> None:
    assert parse_verdict(reply, quoted=(quoted, None)) in ("reliable", "noisy", None)
    # What is under judgement is not the judge.
    assert parse_verdict(quoted, quoted=(quoted,)) != "reliable"


@FUZZ
@given(text=TEXTS)
def test_no_control_token_is_left_in_a_text(text: str) -> None:
    clean = defuse(text)
    assert not any(token in clean for token in ("<|im_start|>", "<|im_end|>", "[INST]", "</s>", "<s>"))
    assert clean.replace(" ", "") == text.replace(" ", "")


@FUZZ
@given(reply=JSON)
def test_any_json_is_a_completion_or_a_request_error(reply: Any) -> None:
    with contextlib.suppress(RequestError):
        read_completion(reply)


@FUZZ
@given(choice=JSON, usage=JSON, name=JSON)
def test_any_choice_is_a_completion_or_a_request_error(choice: Any, usage: Any, name: Any) -> None:
    for reply in (
        {"choices": [choice]},
        {"choices": [{"message": choice}]},
        {"choices": [{"message": {"content": "x"}}]},
    ):
        with contextlib.suppress(RequestError):
            result = read_completion({**reply, "usage": usage, "model": name})
            assert result.generations[0].message.usage_metadata["input_tokens"] >= 0  # type: ignore[union-attr, index]


@FUZZ
@given(
    status=st.integers(100, 599), body=st.binary(max_size=200), retry_after=st.none() | st.text(max_size=30)
)
def test_any_refusal_is_a_request_error(status: int, body: bytes, retry_after: str | None) -> None:
    error = read_refusal(status, body, retry_after)
    assert error.retry_after is None or error.retry_after >= 0
    assert "\n" not in str(error)


def read(path: Path) -> list[Sample]:
    try:
        return list(read_samples(path))
    except DataError:
        return []


@FUZZ
@given(content=st.binary(max_size=300), suffix=st.sampled_from([".jsonl", ".json", ".csv", ".parquet"]))
def test_any_bytes_are_samples_or_a_data_error(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"data{suffix}"
    path.write_bytes(content)
    read(path)


@FUZZ
@given(rows=st.lists(ROWS, min_size=1, max_size=4))
def test_any_rows_are_samples_or_a_data_error(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    samples = read(path)
    assert len({sample.id for sample in samples}) == len(samples)
    for sample in samples:
        sample.model_dump_json().encode()


@FUZZ
@given(text=st.text(alphabet=string.printable + "é\u202e\ufeff", max_size=200))
def test_any_csv_text_is_samples_or_a_data_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"prompt,completion\n{text}", encoding="utf-8", newline="")
    read(path)


@FUZZ
@given(content=st.dictionaries(st.sampled_from(list(RunConfig.model_fields)), JSON, max_size=4))
def test_any_mapping_is_a_config_or_a_config_error(content: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        parse_config(content)


@FUZZ
@given(
    text=st.one_of(st.text(max_size=200), JSON.map(lambda value: yaml.safe_dump(value))),
    setting=st.one_of(
        st.text(max_size=40), st.sampled_from(["run.seed=1", "models.default.name=[", "run=1", "a.b.c=d"])
    ),
)
def test_any_config_file_and_setting_is_a_config_or_a_config_error(
    text: str, setting: str, tmp_path: Path
) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with contextlib.suppress(ConfigError):
        load_config(path, [setting])
