"""`robustft export`: what a run trained on, for another trainer; or the run's own data file, corrected."""

from pathlib import Path
from typing import Annotated

import typer

from robustft.cli.options import Directory
from robustft.cli.stopping import stoppable
from stores.counts import counted
from stores.export import ExportFormat, What


def export(
    directory: Directory,
    format_: Annotated[
        ExportFormat,
        typer.Option(
            "--format", help="The shape to write; `same` is the run's own data file with the new responses."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write; - for standard output.")],
    what: Annotated[
        What | None,
        typer.Option(
            help="The samples to write: those trained on (kept), those with a new response (changed), those "
            "left out (dropped), or all. By default all of `same`, and kept of the others.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write a run's training set in the shape another trainer reads."""
    from robustft import api
    from robustft.cli.terminal import say, tell

    with stoppable():
        count = api.export(directory, out, format_, what=what, force=force)
    if str(out) == "-":
        tell(counted(count, "sample"))
    else:
        say(f"{out}: {counted(count, 'sample')}")
