"""`robustft trace`: how one sample was decided."""

from typing import Annotated

import typer

from robustft.cli.options import Directory
from robustft.cli.stopping import stoppable


def trace(
    directory: Directory,
    sample_id: Annotated[str, typer.Argument(metavar="SAMPLE_ID", help="A sample's id.", show_default=False)],
    prompts: Annotated[
        bool, typer.Option("--prompts", help="Show each request as it was sent, before the reply to it.")
    ] = False,
) -> None:
    """Show every agent's turn for one sample."""
    from robustft.cli.terminal import console
    from robustft.trace import print_trace

    with stoppable():
        print_trace(directory, sample_id, console, prompts=prompts)
