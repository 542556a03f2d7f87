"""Inputs that hypothesis makes for every boundary: each ends with a value or with the one typed error, soon.

    python -m tests.support.fuzz --examples 10000 --seed 0

prints how many inputs each boundary was given, and how many it refused, as JSON.
"""

import argparse
import gzip
import io
import json
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from agents.errors import TurnsRefusedError
from agents.models.chat_template import ChatTemplate
from agents.models.completion import read_completion
from agents.models.refusal import RequestError, read_refusal
from graph.config.run import ConfigError, RunConfig, load_config, parse_config
from prompts.template import PromptError, QuestionTemplate
from stores.dataset import read_samples
from stores.errors import DataError, WeightsError
from stores.pretrained import check_adapter, load_outline, load_tokenizer, put_adapter
from stores.sample import Sample
from stores.weight_files import check_safetensors
from stores.weights import resolve_weights
from tests.support.tiny_models import CHATML, bytes_tokenizer, save_tiny_adapter, save_tiny_model

# Far more than any input takes, on a machine that is busy: what is not linear does not come back at all.
SECONDS = 30

SAMPLE = Sample(id="s", prompt="Capital of Norway?", response="Oslo", options=("Bergen", "Oslo"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
ODD_NUMBERS = st.sampled_from([-1, 0, 1, 2**31, 2**32, 2**63, 2**64, 10**30, 1e308, -1e308, 1e-320, 0.5])
# What people get wrong, and what those who mean harm write.
YAML_PIECES = [
    "run:", "seed:", "1", "0b_", "0x_", "2024-13-45", "!!int", "!!float", "!!bool", "!!timestamp",
    "!!binary", "!!set", "abc", "''", "[", "]", "{", "}", ",", "&a", '*a\n', "", "", "", "<<", ":", "-",
    "?", "|", ">", "%", "#", "~", ".nan", ".inf", "1e999", "models:", "default:", "{provider:",
    "openai}", "data.limit", "agents.base", "190:20:30", '"\\ud800"\n', "", "", "",
    "!!python/name:os.system", "@", "`", '\t',
]  # fmt: skip
TEMPLATE_PIECES = [
    "question", "options", "views", "1", "10**9", "'a'", "range(99999)", "[]", "{}", "loop", "*", "**",
    "+", "~", "%", "(", ")", "[0]", "[1:]", ".x", ".upper", "==", "in", "|list", "|join", "|format",
    "|replace('a',question)", "|center(99)", "|map('upper')", "|sort", "|wordwrap(1)", "|tojson",
    "|attr('x')", "{{", "}}", "{%for", "a", "in", "%}", "{%endfor%}", "{%if", "{%endif%}", "{%set",
    "a=", "{%macro", "m(x)%}", "{%endmacro%}", "m(1)", "is", "not", "-", "{#", "{%block", "b%}",
    "{%endblock%}", "self.b()", "cycler", "lipsum()", "random", "'\\ud800'",
]  # fmt: skip
CHAT_PIECES = [
    "{{", "}}", "{%", "%}", "messages", "m['content']", "m['role']", "for", "m", "in", "endfor", "if",
    "endif", "set", "a", "=", "raise_exception('no')", "+", "add_generation_prompt", "tools",
    "strftime_now('%Y')", "|tojson", "|trim", "[0]", ".", "range(99)", "~", "'x'", "<|im_start|>",
    "namespace()",
]  # fmt: skip


def pieces(of: list[str], most: int = 16) -> st.SearchStrategy[str]:
    """Return texts that are put together of words, and of anything between them."""
    return st.lists(st.sampled_from(of) | st.text(max_size=4), max_size=most).map(" ".join)


def damaged(content: bytes) -> st.SearchStrategy[bytes]:
    """Return a file of which bytes are changed, cut off, doubled or put in."""
    places = st.integers(0, max(len(content) - 1, 0))

    def change(edits: list[tuple[int, bytes]], end: int, keeps: bool) -> bytes:
        made = bytearray(content)
        for place, new in edits:
            made[place : place + len(new)] = new
        return bytes(made if keeps else made[:end])

    edits = st.lists(st.tuples(places, st.binary(min_size=1, max_size=8)), max_size=6)
    return st.builds(change, edits, places, st.booleans())


def near(settings: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a settings file of which some values are others."""
    odd = JSON | ODD_NUMBERS
    changes = st.dictionaries(st.sampled_from(sorted(settings)) | st.text(max_size=8), odd, max_size=3)
    return changes.map(lambda changed: {**settings, **changed})


@dataclass(frozen=True)
class Boundary:
    """A place where something from outside comes in.

    Args:
        inputs: what it is given.
        take: takes one input, in a folder of its own.
        error: all that it may raise.
        share: of the examples that are asked for, what it is given: some take long.
    """

    inputs: st.SearchStrategy[Any]
    take: Callable[[Any, Path], object]
    error: type[Exception] | tuple[type[Exception], ...]
    share: float = 1.0


@dataclass
class Count:
    """How many inputs a boundary was given, and how many it refused."""

    inputs: int = 0
    refused: int = 0
    slowest: float = field(default=0.0)


@contextmanager
def soon(seconds: int = SECONDS) -> Iterator[None]:
    """Fail where an input takes longer, even where what it is given to takes the failure for an error."""
    is_late = False

    def late(*_: object) -> None:
        nonlocal is_late
        is_late = True
        raise AssertionError(f"an input took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        if is_late:
            raise AssertionError(f"an input took more than {seconds} s")


def fuzz(boundary: Boundary, examples: int, seed: int, folder: Path) -> Count:
    """Give a boundary inputs, and return how many; an input that ends otherwise is raised, made small.

    Args:
        boundary: the place.
        examples: how many inputs.
        seed: of what is made.
        folder: an empty one, for the files that are made.
    """
    count = Count()

    @seeded(seed)
    @settings(
        max_examples=max(1, int(examples * boundary.share)),
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(boundary.inputs)
    def take(given: Any) -> None:
        count.inputs += 1
        began = time.perf_counter()
        try:
            with soon():
                boundary.take(given, folder)
        except boundary.error:
            count.refused += 1
        count.slowest = max(count.slowest, time.perf_counter() - began)

    take()
    return count


def _config_file(text: str, folder: Path) -> None:
    path = folder / "my.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    load_config(path).to_yaml()


def _setting(setting: str, folder: Path) -> None:
    load_config(None, [setting]).to_yaml()


def _config(content: Any, folder: Path) -> None:
    parse_config(content).to_yaml()


def _data(content: bytes, folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(content)
    for sample in read_samples(path):
        sample.model_dump_json().encode()


def _data_in(name: str) -> Callable[[bytes, Path], None]:
    return lambda content, folder: _data(content, folder, name)


def _prompt(text: str, folder: Path) -> None:
    (folder / "base.md").write_text("{{ question }} " + text, encoding="utf-8")
    template = QuestionTemplate("base", frozenset({"views"}), folder=folder)
    first = template.render(SAMPLE, views={"base": "Oslo"})
    first.encode()
    assert template.render(SAMPLE, views={"base": "Oslo"}) == first


@cache
def _tokenizer() -> Any:
    return bytes_tokenizer(CHATML)


def _chat_template(text: str, folder: Path) -> None:
    tokenizer = _tokenizer()
    tokenizer.chat_template = text
    ChatTemplate(tokenizer, "m").encode([{"role": "user", "content": "Hello"}])


@cache
def _model() -> Path:
    return save_tiny_model(Path(tempfile.mkdtemp(prefix="robustft-fuzz-")) / "model")


@cache
def _adapter() -> Path:
    return save_tiny_adapter(Path(tempfile.mkdtemp(prefix="robustft-fuzz-")) / "adapter")


def _settings_of(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text())
    return content


def _copied(source: Path, folder: Path, name: str, content: bytes) -> Path:
    target = folder / source.name
    target.mkdir(exist_ok=True)
    for file in source.iterdir():
        if file.name != name and not (target / file.name).exists():
            (target / file.name).symlink_to(file)
    (target / name).unlink(missing_ok=True)
    (target / name).write_bytes(content)
    return target


def _weights_file(content: bytes, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(content)
    check_safetensors(folder / "model.safetensors")


def _model_config(content: dict[str, Any], folder: Path) -> None:
    load_outline(str(_copied(_model(), folder, "config.json", json.dumps(content).encode())))


def _tokenizer_config(content: dict[str, Any], folder: Path) -> None:
    copied = _copied(_model(), folder, "tokenizer_config.json", json.dumps(content).encode())
    ChatTemplate(load_tokenizer(str(copied)), "m")


def _adapter_config(content: dict[str, Any], folder: Path) -> None:
    copied = _copied(_adapter(), folder, "adapter_config.json", json.dumps(content).encode())
    put_adapter(load_outline(str(_model())), copied)


def _adapter_weights(content: bytes, folder: Path) -> None:
    check_adapter(_copied(_adapter(), folder, "adapter_model.safetensors", content))


def _gguf(content: bytes, folder: Path) -> None:
    path = folder / "m.gguf"
    path.write_bytes(b"GGUF" + content)
    resolve_weights(str(path))


def _refusal(given: tuple[int, bytes, str | None], folder: Path) -> None:
    status, content, retry_after = given
    error = read_refusal(status, {} if retry_after is None else {"Retry-After": retry_after}, content)
    assert error.retry_after is None or error.retry_after >= 0
    assert "\n" not in str(error)


def _parquet() -> bytes:
    sink = io.BytesIO()
    rows = [{"prompt": f"How much is {n} and 1?", "completion": str(n + 1)} for n in range(20)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink, compression="zstd")
    return sink.getvalue()


def _arrow() -> bytes:
    sink = io.BytesIO()
    table = pyarrow.Table.from_pylist([{"prompt": "Sky?", "completion": "blue"}] * 9)
    with pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


_LINES = b"".join(
    json.dumps({"prompt": f"Sky {n}?", "completion": "blue"}).encode() + b"\n" for n in range(9)
)
_CSV = b"prompt,completion\n" + b'"Sky, blue?",yes\n' * 9
_ROWS = st.lists(
    st.dictionaries(st.sampled_from(["id", "prompt", "completion", "options", "messages"]), JSON)
)


def boundaries() -> dict[str, Boundary]:
    """Return every boundary by its name."""
    sections = st.dictionaries(st.sampled_from(list(RunConfig.model_fields)), JSON | ODD_NUMBERS, max_size=4)
    texts = pieces(YAML_PIECES) | JSON.map(lambda value: str(yaml.safe_dump(value)))
    places = st.sampled_from(
        ["run.seed", "data.limit", "models.a", "training.args.x", "agents.base.prompt", "x..y"]
    )
    packed = st.sampled_from([gzip.compress(_LINES, mtime=0), pyarrow.compress(_LINES, "zstd", asbytes=True)])
    model, adapter = _model(), _adapter()
    weights = (model / "model.safetensors").read_bytes()
    return {
        "YAML": Boundary(texts, _config_file, ConfigError),
        "--set": Boundary(st.tuples(places, texts).map("=".join) | texts, _setting, ConfigError),
        "config as data": Boundary(sections, _config, ConfigError),
        "JSON lines": Boundary(
            damaged(_LINES) | _ROWS.map(lambda rows: "\n".join(map(json.dumps, rows)).encode()),
            _data_in("data.jsonl"),
            DataError,
        ),
        "CSV": Boundary(damaged(_CSV) | st.text().map(str.encode), _data_in("data.csv"), DataError),
        "Parquet": Boundary(damaged(_parquet()), _data_in("data.parquet"), DataError),
        "Arrow": Boundary(damaged(_arrow()), _data_in("data.arrow"), DataError),
        "gzip and zstd": Boundary(packed.flatmap(damaged), _data_in("data.jsonl"), DataError),
        "prompt files": Boundary(pieces(TEMPLATE_PIECES), _prompt, PromptError),
        "chat templates": Boundary(
            pieces(CHAT_PIECES) | pieces(CHAT_PIECES).map(CHATML.__add__),
            _chat_template,
            (WeightsError, TurnsRefusedError),
        ),
        "safetensors": Boundary(damaged(weights), _weights_file, WeightsError),
        "GGUF": Boundary(st.binary(max_size=200), _gguf, WeightsError),
        "model configs": Boundary(near(_settings_of(model, "config.json")), _model_config, WeightsError, 0.1),
        "tokenizer configs": Boundary(
            near(_settings_of(model, "tokenizer_config.json")), _tokenizer_config, WeightsError, 0.1
        ),
        "adapter configs": Boundary(
            near(_settings_of(adapter, "adapter_config.json")), _adapter_config, WeightsError, 0.1
        ),
        "adapter weights": Boundary(
            damaged((adapter / "adapter_model.safetensors").read_bytes()), _adapter_weights, WeightsError
        ),
        "replies": Boundary(
            JSON
            | JSON.map(lambda choice: {"choices": [choice]})
            | JSON.map(lambda usage: {"choices": [{"message": {"content": "Oslo"}}], "usage": usage}),
            lambda given, _: read_completion(given),
            RequestError,
        ),
        "refusals and headers": Boundary(
            st.tuples(st.integers(100, 599), st.binary(max_size=200), st.none() | st.text(max_size=40)),
            _refusal,
            RequestError,
        ),
    }


def main() -> int:
    """Fuzz every boundary, or those that are named, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    # What takes more than this is no bounded input; the machine is to live.
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    random.seed(arguments.seed)
    counts = {}
    for name, boundary in boundaries().items():
        if arguments.names and name not in arguments.names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            counts[name] = _told(boundary, arguments.examples, arguments.seed, Path(folder))
        print(name, counts[name], file=sys.stderr, flush=True)  # noqa: T201
    print(json.dumps(counts))  # noqa: T201
    return int(any("failed" in count for count in counts.values()))


def _told(boundary: Boundary, examples: int, seed: int, folder: Path) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        count = fuzz(boundary, examples, seed, folder)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        notes = getattr(error, "__notes__", [])
        return {"failed": f"{type(error).__name__}: {error}"[:300], "input": "".join(notes)[:500]}
    return {
        "inputs": count.inputs,
        "refused": count.refused,
        "slowest, s": round(count.slowest, 2),
        "seconds": round(time.perf_counter() - began),
    }


if __name__ == "__main__":
    sys.exit(main())
