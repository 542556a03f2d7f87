"""What a run's results depend on, and what they do not: where a model is changes nothing, a prompt does."""

from pathlib import Path
from typing import Any

import pytest

from graph.config.run import RunConfig, parse_config
from graph.context import load_prompts
from graph.fingerprint import fingerprints
from prompts.template import PromptError

JUDGE = {"provider": "openai", "name": "judge"}


def config(**sections: Any) -> RunConfig:
    return parse_config({"models": {"default": JUDGE, "other": {**JUDGE, "name": "other"}}, **sections})


def hashes(config: RunConfig) -> dict[str, str]:
    found = fingerprints(config, load_prompts(config))
    return {"detect": found.decisions.verdicts, "denoise": found.decisions.relabels, "run": found.run}


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [name for name in before if before[name] != after[name]]


def test_equal_configs_have_equal_fingerprints() -> None:
    assert hashes(config()) == hashes(config())
    assert len(set(hashes(config()).values())) == 3


@pytest.mark.parametrize(
    "sections",
    [
        {"models": {"default": {**JUDGE, "base_url": "http://elsewhere:9000/v1", "timeout": 5}}},
        {"models": {"default": {**JUDGE, "api_key_env": "A_KEY"}}},
        {"models": {"default": JUDGE, "unused": {"provider": "embedded"}}},
        {"run": {"concurrency": 3, "max_failed": 0.5, "patience": 1}},
        {"data": {"train": "elsewhere.jsonl", "limit": 3}},
    ],
)
def test_where_things_are_and_how_fast_they_go_changes_nothing(sections: dict[str, Any]) -> None:
    assert hashes(config(**sections)) == hashes(config())


@pytest.mark.parametrize(
    ("sections", "names"),
    [
        ({"run": {"seed": 1}}, ["detect", "denoise", "run"]),
        ({"agents": {"base": {"model": "other"}}}, ["detect", "denoise", "run"]),
        ({"agents": {"reasoner": {"max_reflections": 1}}}, ["detect", "denoise", "run"]),
        ({"agents": {"checker": {"policy": "majority"}}}, ["detect", "denoise", "run"]),
        ({"encoder": {"name": "a/b"}}, ["detect", "denoise", "run"]),
        ({"agents": {"relabeler": {"neighbours": 1}}}, ["denoise", "run"]),
        ({"agents": {"reviewer": {"temperature": 0.5}}}, ["denoise", "run"]),
        ({"selection": {"keep": 0.3}}, ["run"]),
        ({"training": {"epochs": 1}}, ["run"]),
        ({"training": {"model": "other"}}, ["run"]),
    ],
)
def test_a_change_reaches_what_depends_on_it_and_nothing_before(
    sections: dict[str, Any], names: list[str]
) -> None:
    assert changed(hashes(config()), hashes(config(**sections))) == names


def test_without_calibration_the_encoder_decides_no_verdict() -> None:
    majority = {"agents": {"checker": {"policy": "majority"}}}
    before = hashes(config(**majority))
    assert changed(before, hashes(config(**majority, encoder={"name": "a/b"}))) == ["denoise", "run"]


def test_a_models_name_in_the_config_is_only_a_name() -> None:
    agents = {name: {"model": "other"} for name in ("base", "reasoner", "checker", "relabeler", "reviewer")}
    renamed = parse_config({"models": {"other": JUDGE}, "agents": agents, "training": {"model": "other"}})
    assert hashes(renamed) == hashes(config())


def test_a_prompt_counts_by_its_text_and_not_by_its_file(tmp_path: Path) -> None:
    prompts = [tmp_path / name for name in ("one.md", "two.md")]
    for prompt in prompts:
        prompt.write_text("Answer: {{ question }}")
    one, two = (config(agents={"reviewer": {"prompt": str(prompt)}}) for prompt in prompts)
    with pytest.raises(PromptError):
        hashes(config(agents={"reviewer": {"prompt": str(tmp_path / "none.md")}}))
    for prompt in prompts:
        prompt.write_text("{{ question }} {{ context_answer }} {{ reasoning_answer }}")
    before = hashes(one)
    assert before == hashes(two)
    prompts[0].write_text("{{ question }} {{ context_answer }} or {{ reasoning_answer }}")
    assert changed(before, hashes(one)) == ["denoise", "run"]
