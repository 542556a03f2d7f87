"""Samples that are longer than a model takes are told of by their ids, before anything is asked."""

from pathlib import Path

import pytest

from agents.models.config import EmbeddedModelConfig
from agents.models.loading import load_embedded
from graph.config.run import RunConfig
from graph.context import load_prompts
from graph.windows import Window, tell_too_long, window_of_student, windows_of_agents
from stores.sample import Message, Sample
from tests.support.tiny_models import save_tiny_model

SHORT = Sample(id="short", prompt="Capital of France?", response="Paris")


def long(id: str, *, words: int = 1000) -> Sample:  # noqa: A002 - the column's name
    return Sample(id=id, prompt="word " * words + "?", response="Paris")


def in_words(sample: Sample) -> int:
    return len(sample.prompt.split())


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_long_samples_are_counted_and_the_first_five_named(caplog: pytest.LogCaptureFixture) -> None:
    samples = [SHORT, *(long(f"l{place}") for place in range(7))]
    tell_too_long(samples, [Window("m", 700, in_words, "they fail")])
    (line,) = warnings(caplog)
    assert "7 of 8 samples are longer than m takes (700 tokens); they fail: ids l0, l1, l2, l3, l4" in line
    assert line.endswith("and 2 more")


def test_nothing_is_said_where_all_fit(caplog: pytest.LogCaptureFixture) -> None:
    tell_too_long([SHORT, long("l")], [Window("m", 100_000, in_words, ""), Window("n", 5000, in_words, "")])
    assert warnings(caplog) == []


def test_only_what_may_exceed_is_made_tokens() -> None:
    counted: list[str] = []

    def count(sample: Sample) -> int:
        counted.append(sample.id)
        return 0

    tell_too_long([SHORT, long("l"), SHORT], [Window("m", 700, count, "")])
    assert counted == ["l"]


@pytest.mark.parametrize(
    "sample",
    [
        Sample(id="s", prompt="?", response="x", options=("word " * 1000, "x")),
        Sample(id="s", prompt="?", response="x", history=(Message(role="user", content="word " * 1000),)),
        Sample(id="s", prompt="?", response="x", tools=({"name": "word " * 1000},)),
        Sample(id="s", prompt="北京" * 600, response="x"),
        Sample(id="s", prompt="x = f(y[0])\n" * 300, response="x"),
    ],
)
def test_all_that_is_shown_counts(sample: Sample) -> None:
    counted: list[str] = []
    tell_too_long([sample], [Window("m", 1500, lambda one: counted.append(one.id) or 0, "")])
    assert counted == ["s"]


async def test_an_embedded_model_counts_its_own_tokens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry = EmbeddedModelConfig(name=str(save_tiny_model(tmp_path / "tiny")))
    config = RunConfig.model_validate({"models": {"default": entry.model_dump()}})
    model = load_embedded(entry)
    windows = windows_of_agents({"default": model, "other": model}, config, load_prompts(config))
    tell_too_long([SHORT, long("l")], windows)
    (line,) = warnings(caplog)
    assert "1 of 2 samples are longer than models.default" in line
    assert "(2,048 tokens); their requests will fail: ids l" in line


def test_what_is_trained_on_has_a_window_of_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entry = {"provider": "embedded", "name": str(save_tiny_model(tmp_path / "tiny"))}
    for kind, fate in (("drop", "left out of training"), ("cut", "ends will be cut off")):
        caplog.clear()
        training = {"max_length": 1024, "too_long": kind}
        config = RunConfig.model_validate({"models": {"default": entry}, "training": training})
        tell_too_long([SHORT, long("l")], [window_of_student(config, load_prompts(config))])
        (line,) = warnings(caplog)
        assert "longer than training.max_length takes (1,024 tokens)" in line
        assert fate in line
