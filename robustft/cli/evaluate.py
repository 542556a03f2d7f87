"""`robustft evaluate`: a model on held-out data, with and without an adapter."""

from pathlib import Path
from typing import Annotated

import typer

from robustft.cli.options import Config, Set
from robustft.cli.stopping import stoppable


def evaluate(
    config: Config,
    test: Annotated[str, typer.Option(help="Held-out data with right responses.")],
    adapter: Annotated[Path | None, typer.Option(help="A PEFT adapter to compare.")] = None,
    set_: Set = None,
) -> None:
    """Measure how often the model answers held-out data right, with and without an adapter."""
    from graph.config.run import load_config
    from robustft import api
    from robustft.cli.terminal import console, errors
    from robustft.progress import LiveProgress

    with stoppable(), LiveProgress(errors) as progress:
        figures = api.evaluate(load_config(config, set_ or ()), test, adapter, progress=progress)
    console.print_json(figures.model_dump_json(exclude_none=True))
