"""A run's config is believed while it is the one that the run wrote."""

from pathlib import Path

import pytest

from graph.config.own import check_own_config, known_config, own_config
from graph.config.run import ConfigError, RunConfig
from stores.errors import RunDirectoryError
from stores.run_directory import RunDirectory
from stores.staged_run import StagedRun


@pytest.fixture
def files(tmp_path: Path) -> RunDirectory:
    staged = StagedRun(tmp_path / "run", RunConfig().to_yaml(), {})
    staged.commit()
    staged.discard()
    return RunDirectory(tmp_path / "run")


def test_a_runs_own_config_is_read_with_settings(files: RunDirectory) -> None:
    assert own_config(files) == RunConfig() == known_config(files, files.manifest())
    assert own_config(files, ["run.seed=3"], test="tests.jsonl").run.seed == 3


@pytest.mark.parametrize("content", [None, "", "run: {seed: 1}\n", "[" * 1000])
def test_what_the_run_did_not_write_is_refused_with_what_to_do(
    content: str | None, files: RunDirectory
) -> None:
    files.config.unlink()
    if content is not None:
        files.config.write_text(content)
    for read in (own_config, lambda files: check_own_config(files, files.manifest())):
        with pytest.raises(RunDirectoryError, match=r"Remove it, and `robustft resume.*--set KEY=VALUE"):
            read(files)
    assert known_config(files, files.manifest()) == RunConfig()


def test_a_link_is_not_followed(files: RunDirectory, tmp_path: Path) -> None:
    files.config.rename(tmp_path / "elsewhere.yaml")
    files.config.symlink_to(tmp_path / "elsewhere.yaml")
    with pytest.raises(RunDirectoryError, match="is not what the run wrote"):
        own_config(files)


def test_a_config_of_another_version_is_refused(files: RunDirectory) -> None:
    manifest = files.manifest().model_copy(update={"config": "later: {}\n"})
    with pytest.raises(ConfigError, match="later"):
        known_config(files, manifest)
