"""`robustft doctor`: whether all that a config needs is here."""

from typing import Annotated

import typer

from graph.config import Stage
from robustft.cli.options import OptionalConfig, Set
from robustft.cli.stopping import stoppable


def doctor(
    config: OptionalConfig = None,
    data: Annotated[str | None, typer.Option(help="Training data: a file or a Hugging Face id.")] = None,
    set_: Set = None,
    until: Annotated[Stage, typer.Option(help="The stage that a run would stop after.")] = "evaluate",
) -> None:
    """Say whether everything that a config needs is here and reachable."""
    import asyncio

    from graph.config.run import load_config
    from robustft.cli.terminal import console
    from robustft.doctor import examine

    with stoppable():
        settings = load_config(config, set_ or (), train=data)
        well = asyncio.run(examine(settings, console, until))
    if not well:
        raise typer.Exit(2)
