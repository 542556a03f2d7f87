"""`robustft doctor`: whether all that a config needs is here."""

from typing import Annotated

import typer

from robustft.cli.options import OptionalConfig, Set
from robustft.cli.stopping import stoppable


def doctor(
    config: OptionalConfig = None,
    data: Annotated[str | None, typer.Option(help="Training data: a file or a Hugging Face id.")] = None,
    set_: Set = None,
) -> None:
    """Say whether everything that a config needs is here and reachable."""
    import asyncio

    from graph.config.run import load_config
    from robustft.cli.terminal import console
    from robustft.doctor import examine

    with stoppable():
        well = asyncio.run(examine(load_config(config, set_ or (), train=data), console))
    if not well:
        raise typer.Exit(2)
