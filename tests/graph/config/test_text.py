"""A config's text: plain data, in which nothing is said twice and nothing is carried out."""

import pytest
import yaml

from graph.config.text import TwiceError, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 1\nb: [x, 2.5, null, true]", {"a": 1, "b": ["x", 2.5, None, True]}),
        ("a: {b: 1}\nc: {b: 1}", {"a": {"b": 1}, "c": {"b": 1}}),
        ("1: a\n'1': b", {1: "a", "1": "b"}),
        ("3", 3),
    ],
)
def test_yaml_is_read_as_plain_data(text: str, value: object) -> None:
    assert load_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("a: 1\na: 2", "a", 2),
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 1", "c", 5),
        ("a: [{b: 1, b: 1}]", "b", 1),
        ("a: 1\n'a': 2", "a", 2),
    ],
)
def test_a_key_that_is_given_twice_is_named_with_its_line(text: str, key: str, line: int) -> None:
    with pytest.raises(TwiceError, match=f"'{key}' is given twice") as error:
        load_yaml(text)
    assert error.value.problem_mark is not None
    assert error.value.problem_mark.line + 1 == line


def test_a_mapping_may_overrule_what_it_takes_from_another() -> None:
    text = "first: &one {model: a, seed: 1}\nsecond: {<<: *one, seed: 2}"
    assert load_yaml(text)["second"] == {"model": "a", "seed": 2}


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.getcwd []", "!!python/name:os.system", "a: [", "a: b: c"]
)
def test_what_is_no_plain_data_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)


@pytest.mark.parametrize("text", ['a: "x\\ud800"', '"\\udc00": 1', 'a: [b, {c: "\\ud83dx"}]'])
def test_text_that_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="half of a surrogate pair"):
        load_yaml(text)
