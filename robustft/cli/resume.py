"""`robustft resume`: go on with a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.config import Stage
from robustft.cli.options import Directory, Set, Until
from robustft.cli.stopping import stoppable

if TYPE_CHECKING:
    from graph.config.run import RunConfig


def resume(
    directory: Directory,
    until: Until = "evaluate",
    set_: Set = None,
    trusted: Annotated[
        str | None,
        typer.Option(
            help="Responses that you vouch for: a file of id or prompt, and response. "
            "The run goes on to training with them; --until select stops before that."
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again about the samples that failed.")
    ] = False,
) -> None:
    """Continue an interrupted run; no reply that arrived is asked for again.

    With --set, what no longer agrees with the config is done again, and nothing else. Without --until, the
    run goes on to training and evaluation, with --trusted too.
    """
    from graph.config.own import own_config
    from stores.run_directory import RunDirectory

    config = own_config(RunDirectory(directory), set_) if set_ else None
    # A setting is no word about the prompt files: only one that names a prompt reads it.
    resume_run(directory, until, config=config, keep_prompts=True, retry_failed=retry_failed, trusted=trusted)


def resume_run(
    directory: Path,
    until: Stage,
    *,
    config: "RunConfig | None" = None,
    keep_prompts: bool = False,
    retry_failed: bool = False,
    trusted: str | None = None,
    reuse: Path | None = None,
) -> None:
    """Continue a run in view of a terminal, and print what was found."""
    from robustft import api
    from robustft.cli.terminal import console
    from robustft.progress import LiveProgress
    from robustft.tables import print_summary

    with stoppable(directory, until), LiveProgress(console) as progress:
        finished = api.resume(
            directory,
            config=config,
            keep_prompts=keep_prompts,
            until=until,
            retry_failed=retry_failed,
            trusted=trusted,
            reuse=reuse,
            progress=progress,
        )
    print_summary(console, finished.summary, finished.directory)
