"""A sample: what it holds, and that nobody changes it on the way."""

from typing import Any

import pytest
from pydantic import ValidationError

from stores.sample import Message, Sample


def test_a_sample_needs_an_id_a_prompt_and_a_response() -> None:
    sample = Sample(id="a", prompt="Capital of Peru?", response="Lima")
    assert (sample.options, sample.history, sample.task, sample.gold) == ((), (), None, None)
    for field in ("id", "prompt", "response"):
        with pytest.raises(ValidationError, match=field):
            Sample.model_validate(sample.model_dump(exclude={field}))


def test_a_sample_survives_a_file() -> None:
    sample = Sample(
        id="a",
        prompt="Which?",
        response="dog",
        options=("dog", "oak"),
        history=(Message(role="system", content="Be brief."),),
        task="animals",
        gold="oak",
    )
    assert Sample.model_validate_json(sample.model_dump_json()) == sample


def test_a_sample_cannot_be_changed() -> None:
    sample = Sample(id="a", prompt="Capital of Peru?", response="Lima")
    with pytest.raises(ValidationError):
        sample.response = "Quito"  # type: ignore[misc]


@pytest.mark.parametrize("more", [{"label": "Lima"}, {"history": [{"role": "narrator", "content": "x"}]}])
def test_what_a_sample_does_not_have_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({"id": "a", "prompt": "p", "response": "r", **more})
