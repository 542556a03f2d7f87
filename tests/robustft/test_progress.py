"""What a run shows while it works: bars on a terminal, elsewhere a line a stage."""

import io

import pytest

from graph.stages.stage import Progress
from robustft.progress import LiveProgress
from robustft.terminal import Terminal


def shown(reports: list[Progress], *, terminal: bool) -> str:
    file = io.StringIO()
    console = Terminal(file=file, force_terminal=terminal, width=120, no_color=True)
    with LiveProgress(console) as progress:
        for report in reports:
            progress(report)
    return file.getvalue()


REPORTS = [
    Progress("detect", 0, 10),
    Progress("detect", 4, 10, 1200),
    Progress("detect", 10, 10, 34567, "80 replies"),
    Progress("train", 0, 6),
    Progress("train", 6, 6),
]


def test_without_a_terminal_each_stage_is_a_line_when_it_has_ended() -> None:
    lines = shown(REPORTS, terminal=False).splitlines()
    assert lines == ["detect    10/10 samples, 34,567 tokens, 0 s", "train     6/6 steps, 0 s"]


def test_a_stage_without_work_says_why() -> None:
    reports = [Progress("calibrate", 0, 0), Progress("calibrate", 0, 0, note="no work: the policy is hybrid")]
    assert shown(reports, terminal=False) == "calibrate no work: the policy is hybrid\n"


def test_a_stage_that_is_under_way_is_no_line_yet() -> None:
    file = io.StringIO()
    with LiveProgress(Terminal(file=file, force_terminal=False)) as progress:
        progress(REPORTS[0])
        progress(REPORTS[1])
        assert file.getvalue() == ""
        progress(REPORTS[3])
        assert file.getvalue().startswith("detect    4/10 samples")


def fail(progress: LiveProgress) -> None:
    with progress:
        progress(REPORTS[1])
        raise KeyboardInterrupt


@pytest.mark.parametrize("terminal", [False, True])
def test_a_stage_that_was_broken_off_is_not_said_to_have_ended(terminal: bool) -> None:
    file = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        fail(LiveProgress(Terminal(file=file, force_terminal=terminal, no_color=True)))
    assert " s\n" not in file.getvalue()


def test_on_a_terminal_each_stage_has_a_bar() -> None:
    told = shown(REPORTS, terminal=True)
    assert "detect" in told
    assert "10/10" in told
    assert "34,567 tokens" in told
    assert "80 replies" in told
    assert "6/6" in told


def test_of_no_reports_nothing_is_shown() -> None:
    assert shown([], terminal=False) == ""
