"""`robustft export`: what a run trained on, for another trainer."""

from pathlib import Path
from typing import Annotated

import typer

from robustft.cli.options import Directory
from robustft.cli.stopping import stoppable
from stores.export import ExportFormat


def export(
    directory: Directory,
    format_: Annotated[ExportFormat, typer.Option("--format", help="The shape to write.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
) -> None:
    """Write a run's training set in the shape another trainer reads."""
    from robustft import api
    from robustft.cli.terminal import say

    with stoppable():
        count = api.export(directory, out, format_)
    say(f"{out}: {count} samples")
