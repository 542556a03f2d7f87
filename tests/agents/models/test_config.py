"""What a config may say of a model, and which models reply alike."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from agents.models.config import ModelConfig, identify

READ: TypeAdapter[Any] = TypeAdapter(ModelConfig)
OPENAI = {"provider": "openai", "name": "m"}


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("127.0.0.1:8000/v1", "begins with http"),
        ("ftp://host/v1", "begins with http"),
        ("http://", "names a host"),
        ("http://me:secret@host/v1", "user name or password"),
        ("http://host:port/v1", "port"),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "vllm"])
def test_an_address_that_cannot_be_one_is_refused(provider: str, address: str, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        READ.validate_python({"provider": provider, "name": "m", "base_url": address})


@pytest.mark.parametrize("provider", ["openai", "vllm", "embedded"])
def test_a_key_that_is_not_known_is_refused(provider: str) -> None:
    with pytest.raises(ValidationError, match="surprise"):
        READ.validate_python({"provider": provider, "name": "m", "surprise": 1})


def test_a_servers_arguments_are_text_and_none_of_ours() -> None:
    entry = {"provider": "vllm", "args": ["--tensor-parallel-size", 2]}
    assert READ.validate_python(entry).args == ("--tensor-parallel-size", "2")
    with pytest.raises(ValidationError, match="--port=1 is set by RobustFT"):
        READ.validate_python({"provider": "vllm", "args": ["--port=1"]})


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"base_url": "http://elsewhere/v1"}, True),
        ({"api_key_env": "KEY"}, True),
        ({"timeout": 1}, True),
        ({"name": "other"}, False),
        ({"provider": "vllm"}, False),
    ],
)
def test_a_model_replies_alike_wherever_it_is_served(change: dict[str, Any], same: bool) -> None:
    one, other = READ.validate_python(OPENAI), READ.validate_python({**OPENAI, **change})
    assert (identify(one) == identify(other)) is same


def test_the_arithmetic_of_an_embedded_model_tells_it_from_another() -> None:
    one, batched, precise = (
        READ.validate_python({"provider": "embedded", **change})
        for change in ({}, {"batch_size": 2}, {"dtype": "float32"})
    )
    assert identify(one) == identify(batched) != identify(precise)
