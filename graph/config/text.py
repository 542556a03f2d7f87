"""The text of a config: YAML in which no key is given twice."""

from typing import Any

import yaml


class TwiceError(yaml.MarkedYAMLError):
    """A mapping gives a key twice. YAML would take the last one and say nothing."""


class _Loader(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            # A key that is no scalar is refused later, as an unknown key.
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                raise TwiceError(problem=f"'{key.value}' is given twice", problem_mark=key.start_mark)
            if name is not None:
                seen.add(name)
        return node

    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
            problem = "holds half of a surrogate pair, which is not valid text"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return value


def load_yaml(text: str) -> Any:
    """Read YAML as plain data.

    Raises:
        YAMLError: the text is not YAML, or gives a key twice (`TwiceError`).
    """
    return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
