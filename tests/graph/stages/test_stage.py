"""An open run: its prompts are its own, and it is held while a stage works."""

from pathlib import Path
from typing import Any

import pytest

from graph.config.run import RunConfig, load_config
from graph.context import load_prompts
from graph.stages.stage import Workspace, open_stage
from prompts.template import PromptError
from stores.errors import RunDirectoryError


def test_a_runs_prompts_are_read_from_its_directory(work: Workspace) -> None:
    assert work.prompts.texts == load_prompts(RunConfig()).texts


def test_a_prompt_that_is_lost_is_told_with_the_way_out(work: Workspace) -> None:
    (work.files.prompts / "check.md").unlink()
    with pytest.raises(PromptError, match=r"check\.md.*robustft run CONFIG --resume --out"):
        _ = work.prompts


def test_another_config_and_its_prompts_are_taken_for_the_next_stage_too(
    work: Workspace, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.md"
    mine.write_text("Mine: {{ question }}")
    config = RunConfig.model_validate({"agents": {"base": {"prompt": str(mine)}}})
    work.adopt(config, load_prompts(config))
    mine.unlink()
    again = Workspace(work.files.path, "report", lambda event: None)
    assert again.config == work.config == load_config(work.files.config) == config
    assert again.prompts.texts["base"] == work.prompts.texts["base"] == "Mine: {{ question }}"
    again.journal.close()


def test_a_report_of_other_work_keeps_what_the_stage_has_cost(work: Workspace) -> None:
    reports: list[dict[str, Any]] = []
    stage = Workspace(work.files.path, "detect", reports.append)
    for report in ((0, 3), (3, 3, 1200), (2, 3), (3, 3)):
        stage.report(*report)
    stage.journal.close()
    assert [report["tokens"] for report in reports] == [0, 1200, 1200, 1200]


async def test_no_stage_is_opened_where_no_run_is(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no run"):
        async with open_stage(str(tmp_path), "select"):
            raise AssertionError("entered")
