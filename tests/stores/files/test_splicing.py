"""A JSON text takes a new value, and every other byte of it stays."""

import json

import pytest

from stores.files.splicing import members, respell, splice


@pytest.mark.parametrize(
    ("text", "changed", "expected"),
    [
        ('{"a":1,"b":"x"}', {"b": "y"}, '{"a":1,"b":"y"}'),
        ('{"a": 1.50, "b": "x"}', {"b": "y", "c": "z"}, '{"a": 1.50, "b": "y", "c": "z"}'),
        ('{ "a" : 1e5 }', {"b": 2}, '{ "a" : 1e5, "b": 2 }'),
        ('{\n  "a": 1,\n  "b": 2\n}', {"c": 3}, '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}'),
        ('{"a": "caf\\u00e9"}', {"b": "é"}, '{"a": "caf\\u00e9", "b": "\\u00e9"}'),
        ('{"a": "café"}', {"a": "thé"}, '{"a": "thé"}'),
        ('{"a": "plain"}', {"a": "thé"}, '{"a": "thé"}'),
        ("{}", {"a": 1}, '{"a": 1}'),
        ('{"m": [{"r":"u"},  {"r":"a", "c":"x"}]}', {"m": [{"r": "u"}, {"r": "a", "c": "y"}]}, None),
        ('{"m": ["x",  "y"]}', {"m": ["x"]}, '{"m": ["x"]}'),
        ('{"m": "[{\\"c\\":1},  2]"}', {"m": [{"c": 5}, 2]}, '{"m": "[{\\"c\\":5},  2]"}'),
        ('{"a": "say \\"hi\\", {}"}', {"b": "}"}, '{"a": "say \\"hi\\", {}", "b": "}"}'),
        ('{"a": 1, "a": 2}', {"b": 1}, '{"a": 1, "a": 2, "b": 1}'),
        ('{"a": null, "b": true}', {"a": "now"}, '{"a": "now", "b": true}'),
    ],
)
def test_only_what_changes_is_written(text: str, changed: dict[str, object], expected: str | None) -> None:
    spliced = splice(text, json.loads(text), changed)
    assert spliced == (expected or text.replace('"c":"x"', '"c":"y"'))
    assert json.loads(spliced).keys() >= changed.keys()


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("blue", "red", "red"),
        ("3", 4, "4"),
        ('["a",  "b"]', ["a", "c"], '["a",  "c"]'),
        ("['a', 'b']", ["a", "c"], "['a', 'c']"),
        (' {"x": 1.0} ', {"x": "y"}, ' {"x": "y"} '),
        ("", ["a"], '["a"]'),
        ("blue", None, ""),
    ],
)
def test_a_cell_is_written_as_it_was_written(old: str, value: object, new: str) -> None:
    assert respell(old, value) == new


def test_members_are_found_with_their_places() -> None:
    text = '{ "a" : [1, {"b": 2}] , "c":"}" }'
    assert [(name, text[start:end]) for name, start, end in members(text)] == [
        ("a", '[1, {"b": 2}]'),
        ("c", '"}"'),
    ]
