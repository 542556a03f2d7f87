"""A held-out prompt that is trained on is told before figures rest on it."""

import logging

import pytest

from graph.stages.overlap import tell_overlap
from graph.stages.stage import Workspace
from stores.sample import Message, Sample


def test_held_out_prompts_that_are_trained_on_are_counted_and_told(
    work: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    known = next(work.journal.samples("train"))
    greeting = Message(role="user", content="Hi")
    work.journal.add_samples(
        "guard",
        [
            Sample(id="same", prompt=f"  {known.prompt.upper()}", response="x"),
            Sample(id="again", prompt=known.prompt, response="y"),
            Sample(id="other", prompt=f"{known.prompt} Why?", response="x"),
            Sample(id="options", prompt=known.prompt, options=("x", "y"), response="x"),
            Sample(id="turns", prompt=known.prompt, history=(greeting,), response="x"),
        ],
    )
    with caplog.at_level(logging.WARNING, "robustft"):
        assert tell_overlap(work.journal, "guard") == 2
    assert "data.guard: the prompts of 2 of its 5 samples stand in the training data too" in caplog.text


def test_where_nothing_overlaps_nothing_is_told(work: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    work.journal.add_samples("guard", [Sample(id="g", prompt="Who are you?", response="x")])
    assert [tell_overlap(work.journal, split) for split in ("guard", "test")] == [0, 0]
    assert not caplog.records
