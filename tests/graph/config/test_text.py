"""A config's text: plain data, in which nothing is said twice and nothing is carried out."""

import pytest

from graph.config.text import LONGEST, TextError, load_yaml


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
    with pytest.raises(TextError, match=f"'{key}' is given twice") as error:
        load_yaml(text)
    assert error.value.line == line


def test_a_mapping_may_overrule_what_it_takes_from_another() -> None:
    text = "first: &one {model: a, seed: 1}\nsecond: {<<: *one, seed: 2}"
    assert load_yaml(text)["second"] == {"model": "a", "seed": 2}


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.getcwd []", "!!python/name:os.system", "a: [", "a: b: c"]
)
def test_what_is_no_plain_data_is_refused(text: str) -> None:
    with pytest.raises(TextError):
        load_yaml(text)


@pytest.mark.parametrize("text", ['a: "x\\ud800"', '"\\udc00": 1', 'a: [b, {c: "\\ud83dx"}]'])
def test_text_that_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(TextError, match="half of a surrogate pair"):
        load_yaml(text)


LAUGHS = "a: &a [1]\n" + "".join(
    f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(9)
)
ODD = {
    "a number of 5,000 digits": "9" * 5000,
    "no digits": "0b_",
    "another kind than it says": "!!int abc",
    "an empty number": "!!int ''",
    "no truth": "!!bool x",
    "a date by force": "!!timestamp x",
    "bytes": "!!binary eA==",
    "a set": "!!set {a}",
    "brackets": "[" * LONGEST,
    "braces": "{a: " * 9999,
    "indents": "".join(f"{' ' * depth}a:\n" for depth in range(200)),
    "aliases of aliases": LAUGHS,
    "an alias within itself": "a: &a [*a]",
    "a merge with itself": "a: &a {<<: *a}",
    "a list as a key": "{[1]: 2}",
    "a version from the future": "%YAML 9.9\n---\na",
    "a control character": "a: \x07",
    "too long": "a" * (LONGEST + 1),
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_whatever_yaml_raises_is_the_one_typed_error_with_one_line(text: str) -> None:
    with pytest.raises(TextError) as error:
        load_yaml(text)
    assert "\n" not in error.value.problem


def test_a_date_is_a_text_and_an_alias_is_what_it_names() -> None:
    assert load_yaml("a: 2024-13-45\nb: 2024-01-02") == {"a": "2024-13-45", "b": "2024-01-02"}
    assert load_yaml("a: &a {b: 1}\nc: [*a, *a]") == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}
