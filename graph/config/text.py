"""The text of a config: YAML of plain values, in which no key is given twice and nothing grows."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from stores.errors import first_line

LONGEST = 1 << 18
"""The most characters of a config: far more than anybody writes, and YAML takes seconds for a megabyte."""
_DEEPEST = 32
# An alias stands for all that it names. Eight of them within each other would fill any memory.
_MOST_NODES = 100_000
# What JSON has. A date, a set or bytes are no values of a config, and no endpoint is sent them.
_PLAIN = ("null", "bool", "int", "float", "str", "seq", "map", "merge")


HALF_PAIR = "holds half of a surrogate pair, which is not valid text"


def is_text(text: str) -> bool:
    """Say whether a text can be written as UTF-8; a file's name that is none is read as half pairs."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def texts_in(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in plain data, with the key that leads to it."""
    if isinstance(content, str):
        yield key, content
    elif isinstance(content, Mapping):
        for name, value in content.items():
            below = f"{key}.{name}" if key else str(name)
            yield below, str(name)
            yield from texts_in(value, below)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from texts_in(value, key)


class TextError(Exception):
    """A text is no YAML of plain values.

    Args:
        problem: what is wrong, to stand after the name of the file or the setting.
        line: the 1-based line, where one is to blame.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


class _Loader(yaml.SafeLoader):
    yaml_constructors = {  # noqa: RUF012 - PyYAML's own attribute
        tag: build
        for tag, build in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in _PLAIN
    }
    yaml_implicit_resolvers = {  # noqa: RUF012 - likewise
        sign: [(tag, pattern) for tag, pattern in known if tag.rpartition(":")[2] in _PLAIN]
        for sign, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            # A key that is no scalar is refused later, as an unknown key.
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                raise TextError(f"'{key.value}' is given twice; take one out", key.start_mark.line + 1)
            if name is not None:
                seen.add(name)
        return node

    def fetch_flow_collection_start(self, kind: Any) -> None:
        # PyYAML looks at every open bracket for each sign.
        if self.flow_level > _DEEPEST:
            raise TextError(f"is nested more than {_DEEPEST} levels deep", self.line + 1)
        super().fetch_flow_collection_start(kind)

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _count_nodes(node, {}, 0)
        return node

    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and not is_text(value):
            raise yaml.MarkedYAMLError(problem=HALF_PAIR, problem_mark=node.start_mark)
        return value


def load_yaml(text: str) -> Any:
    """Read YAML as plain data: texts, numbers, bools, null, lists and mappings. A date is a text.

    Raises:
        TextError: the text is not YAML, is too long or too deep, gives a key twice, or has another value.
            Nothing else is raised, whatever the text.
    """
    if len(text) > LONGEST:
        raise TextError(f"is longer than {LONGEST:,} characters")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except TextError:
        raise
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        problem = getattr(exc, "problem", None) or first_line(exc)
        raise TextError(f"is not YAML ({problem})", mark.line + 1 if mark else None) from exc
    except RecursionError as exc:
        raise TextError(f"is nested more than {_DEEPEST} levels deep") from exc
    except Exception as exc:
        # PyYAML passes on what Python says of a value, such as a number of 5,000 digits.
        raise TextError(f"is not YAML ({first_line(exc)})") from exc


def _count_nodes(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """Return how many values a node stands for, its aliases' included."""
    line = node.start_mark.line + 1
    if depth > _DEEPEST:
        raise TextError(f"is nested more than {_DEEPEST} levels deep", line)
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if (count := known.get(id(node))) is not None:
        if not count:
            raise TextError("an alias stands for what it is a part of", line)
        return count
    known[id(node)] = 0
    held = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
    known[id(node)] = count = 1 + sum(_count_nodes(part, known, depth + 1) for part in held)
    if count > _MOST_NODES:
        raise TextError(f"holds more than {_MOST_NODES:,} values", line)
    return count
