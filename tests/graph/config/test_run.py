"""The config of a run: what a file, the command line and the defaults make of it, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from graph.config.run import ConfigError, RunConfig, load_config, parse_config

JUDGE = {"provider": "openai", "name": "judge"}


def written(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "my.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert load_config(None) == RunConfig()
    assert parse_config({}) == RunConfig()


def test_a_setting_goes_before_the_file_and_a_later_one_before_an_earlier(tmp_path: Path) -> None:
    path = written(tmp_path, {"run": {"seed": 1, "concurrency": 3}})
    config = load_config(path, ["run.seed=2", "run.seed=3", "selection.keep=0.4"])
    assert (config.run.seed, config.run.concurrency, config.selection.keep) == (3, 3, 0.4)


def test_a_setting_is_read_as_yaml(tmp_path: Path) -> None:
    models = "models={default: {provider: embedded}, judge: {provider: openai, name: 'a=b'}}"
    settings = [models, "agents.base.model=judge", "data.test=null"]
    config = load_config(written(tmp_path, {"data": {"test": "test.jsonl"}}), settings)
    assert config.models["judge"].name == "a=b"
    assert config.agents.base.model == "judge"
    assert config.data.test is None


def test_data_of_the_command_line_replaces_the_files(tmp_path: Path) -> None:
    path = written(tmp_path, {"data": {"train": "a.jsonl", "limit": 5}})
    config = load_config(path, train="b.jsonl", limit=None)
    assert (config.data.train, config.data.limit) == ("b.jsonl", 5)


def test_paths_of_a_file_are_relative_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").touch()
    (tmp_path / "base.md").touch()
    content = {"data": {"train": "train.jsonl"}, "agents": {"base": {"prompt": "base.md"}}}
    config = load_config(written(tmp_path, content))
    assert config.data.train == str(tmp_path / "train.jsonl")
    assert config.agents.base.prompt == str(tmp_path / "base.md")


def test_a_section_without_keys_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("run:\nselection: {}\n")
    assert load_config(path) == RunConfig()


@pytest.mark.parametrize(
    "config", [RunConfig(), parse_config({"models": {"default": JUDGE}, "run": {"seed": 7}})]
)
def test_a_config_survives_its_own_text(tmp_path: Path, config: RunConfig) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(config.to_yaml())
    assert load_config(path) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"agents": {"base": {"model": "jugde"}}}, "agents.base.model: no model 'jugde' in models; did"),
        ({"training": {"model": "none"}}, "training.model: no model 'none' in models; known: default, judge"),
        ({"training": {"weighting": "soft"}, "agents": {"checker": {"policy": "majority"}}},
         "training.weighting: soft needs agents.checker.policy: calibrated"),
        ({"training": {"weighting": "soft"}, "selection": {"min_confidence": 0.6}},
         "selection.min_confidence: 0.6 would be ignored: training.weighting: soft keeps every"),
        ({"run": {"sed": 1}}, "unknown key 'run.sed'; did you mean 'seed'?"),
        ({"run": {"seed": "x"}}, "run.seed: "),
    ],
)  # fmt: skip
def test_a_wrong_key_is_named_after_where_it_comes_from(content: dict[str, Any], message: str) -> None:
    models = {"default": {"provider": "embedded"}, "judge": JUDGE}
    with pytest.raises(ConfigError) as error:
        parse_config({"models": models, **content}, "the context")
    assert str(error.value).startswith(f"the context: {message}")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("run.seed", "write it as key.path=value"),
        ("=3", "write it as key.path=value"),
        ("run.seed.x=3", "run.seed holds no keys"),
        ("run.seed=[", "the value is not YAML"),
        ("run={seed: 1, seed: 2}", "'seed' is given twice"),
        ("run.seed=x", "run.seed: "),
        ("run.sed=1", "unknown key 'run.sed'; did you mean 'seed'?"),
    ],
)
def test_a_wrong_setting_is_blamed_and_not_the_file(tmp_path: Path, setting: str, message: str) -> None:
    path = written(tmp_path, {"run": {"seed": 1}})
    with pytest.raises(ConfigError) as error:
        load_config(path, [setting])
    assert str(error.value).startswith("--set ")
    assert message.removeprefix("run.seed: ") in str(error.value)
    assert str(path) not in str(error.value)


def test_a_share_is_set_for_what_soft_weights_do_not_keep() -> None:
    config = parse_config({"training": {"weighting": "soft"}, "selection": {"keep": 0.2}})
    assert config.selection.share == 0.2


def test_a_password_in_a_setting_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, ["models.default={provider: openai, name: a, base_url: 'http://me:secret@host'}"])
    assert "secret" not in str(error.value)


def test_a_config_says_which_models_its_agents_use() -> None:
    config = parse_config(
        {
            "models": {"default": JUDGE, "judge": JUDGE, "idle": JUDGE},
            "agents": {"checker": {"model": "judge"}},
        }
    )
    assert config.models_in_use() == {"default", "judge"}
    assert set(config.agents.by_name()) == {"base", "reasoner", "checker", "relabeler", "reviewer"}


@pytest.mark.parametrize(
    ("neighbours", "until", "shown"), [(3, "denoise", True), (0, "denoise", False), (3, "detect", False)]
)
def test_examples_are_shown_where_somebody_relabels(neighbours: int, until: Any, shown: bool) -> None:
    config = parse_config({"agents": {"relabeler": {"neighbours": neighbours}}})
    assert config.shows_examples(until) is shown
