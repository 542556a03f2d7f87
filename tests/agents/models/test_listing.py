"""What an endpoint lists: names and contexts that make sense, and nothing for whatever else it sends."""

from typing import Any

import pytest

from agents.models.listing import read_listing


def test_models_are_listed_with_their_contexts() -> None:
    data = [{"id": "a", "max_model_len": 4096}, {"id": "b", "context_length": "many"}, {"id": "c"}]
    assert read_listing({"data": data}) == {"a": 4096, "b": None, "c": None}


@pytest.mark.parametrize(
    "content", [None, [], "x", 5, {}, {"data": None}, {"data": {"id": "a"}}, {"data": ["a", 5, None]}]
)
def test_what_is_no_list_lists_nothing(content: Any) -> None:
    assert read_listing(content) == {}


@pytest.mark.parametrize("context", [True, -1, 0, 64, 2**40, 10**400, 1.5, "4096", [], None])
def test_a_context_that_makes_no_sense_is_none(context: Any) -> None:
    assert read_listing({"data": [{"id": "a", "max_model_len": context}]}) == {"a": None}


def test_names_are_short_plain_and_without_the_key() -> None:
    data: list[Any] = [{"id": "KEY\x1b[2J" * 1000}, {"id": ["a"]}, {"id": 5}]
    (name,) = read_listing({"data": data}, lambda text: text.replace("KEY", "***"))
    assert name.isprintable()
    assert len(name) == 300
    assert "KEY" not in name
