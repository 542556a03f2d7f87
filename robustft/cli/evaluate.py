"""`robustft evaluate`: a model on held-out data, with and without an adapter."""

from pathlib import Path
from typing import Annotated

import typer

from robustft.cli.options import Config, Set, check_adapter
from robustft.cli.stopping import stoppable


def evaluate(
    config: Config,
    test: Annotated[str, typer.Option(help="Held-out data with right responses.")],
    adapter: Annotated[Path | None, typer.Option(help="A PEFT adapter to compare.")] = None,
    set_: Set = None,
) -> None:
    """Measure how often the model answers held-out data right, with and without an adapter."""
    import asyncio
    import json

    from graph.config.run import load_config
    from robustft.cli.terminal import console, errors
    from robustft.evaluation import evaluate_file
    from robustft.progress import LiveProgress

    check_adapter(adapter)
    with stoppable(), LiveProgress(errors) as progress:
        figures = asyncio.run(evaluate_file(load_config(config, set_ or ()), test, adapter, progress))
    console.print_json(json.dumps(figures))
