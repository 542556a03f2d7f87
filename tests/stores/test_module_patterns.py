"""A pattern that takes for ever to match is refused before it is matched here."""

import pytest

from stores.errors import WeightsError
from stores.module_patterns import check_patterns

NAMES = [f"model.layers.{layer}.self_attn.{name}_proj" for layer in range(40) for name in "qkvo"]


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ["q_proj", "v_proj"]},
        {"target_modules": "all-linear"},
        {"target_modules": r"(?:.*?(?:language|text).*?(?:self_attn|mlp).*?(?:q|k)_proj.*?)|model\..*v_proj"},
        {"rank_pattern": {"layers.1.*q_proj": 4}, "alpha_pattern": None, "layers_pattern": "layers"},
    ],
)
def test_patterns_as_people_write_them_pass(settings: dict[str, object]) -> None:
    check_patterns("adapter", settings, NAMES)


@pytest.mark.parametrize("field", ["target_modules", "exclude_modules"])
def test_a_pattern_that_never_ends_is_refused(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stores.module_patterns._SECONDS", 2)
    with pytest.raises(WeightsError, match="is not matched with the model's modules within 2 s"):
        check_patterns("adapter", {field: "(([a-z._0-9]+)+)+!"}, NAMES)


def test_a_pattern_that_is_none_is_told() -> None:
    with pytest.raises(WeightsError, match="no regular expression"):
        check_patterns("adapter", {"target_modules": "(a|b"}, NAMES)
    with pytest.raises(WeightsError, match="no regular expression"):
        check_patterns("adapter", {"rank_pattern": {"(a+": 4}}, NAMES)
