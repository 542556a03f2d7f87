"""`robustft run`: a new run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.config import Stage
from robustft.cli.options import Config, Guard, Out, Paraphrases, Set, Trusted, Until
from robustft.cli.stopping import stoppable
from stores.errors import InputError

if TYPE_CHECKING:
    from graph.config.run import RunConfig


def run(
    config: Config,
    data: Annotated[str | None, typer.Option(help="Training data: a file or a Hugging Face id.")] = None,
    test: Annotated[str | None, typer.Option(help="Held-out data with right responses.")] = None,
    guard: Guard = None,
    paraphrases: Paraphrases = None,
    gold: Annotated[str | None, typer.Option(help="The same rows with right responses; for metrics.")] = None,
    trusted: Trusted = None,
    out: Out = None,
    set_: Set = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N samples.")] = None,
    until: Until = "evaluate",
    reuse: Annotated[
        Path | None, typer.Option(help="Another run's directory: what its models replied is not asked again.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run that --out holds, with this config.")
    ] = False,
) -> None:
    """Denoise a dataset and fine-tune on it."""
    from graph.config.run import load_config
    from robustft.api import default_directory
    from robustft.cli.resume import resume_run
    from stores.run_directory import holds_run

    if resume and out is None:
        raise InputError("--resume: name the run to go on with by --out DIR")
    files = {"train": data, "test": test, "guard": guard, "paraphrases": paraphrases, "gold": gold}
    resolved = load_config(config, set_ or (), **files, trusted=trusted, limit=limit)
    directory = out or default_directory(config.stem)
    if resume and holds_run(directory):
        resume_run(directory, until, config=resolved, reuse=reuse)
    else:
        start_run(resolved, directory, until, reuse=reuse)


def start_run(config: "RunConfig", directory: Path, until: Stage, *, reuse: Path | None = None) -> None:
    """Run in view of a terminal, and print what was found."""
    from robustft import api
    from robustft.cli.terminal import console
    from robustft.progress import LiveProgress
    from robustft.tables import print_summary

    with stoppable(directory, until), LiveProgress(console) as progress:
        finished = api.run(config, directory, until=until, reuse=reuse, progress=progress)
    print_summary(console, finished.summary, finished.directory)
