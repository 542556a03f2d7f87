"""`robustft serve`: a vLLM server in the foreground."""

from pathlib import Path
from typing import Annotated

import typer

from robustft.cli.options import Config, Set
from robustft.cli.stopping import stoppable


def serve(
    config: Config,
    model: Annotated[
        str | None, typer.Option(help="The key in models, where several could be served.")
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option(help="A PEFT adapter to serve beside it, as `tuned`.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on 127.0.0.1.")] = 8000,
    set_: Set = None,
) -> None:
    """Keep a vLLM server of a config's model in the foreground; runs use it with base_url."""
    import asyncio

    from graph.config.run import load_config
    from robustft import serving
    from robustft.cli.terminal import console

    with stoppable():
        asyncio.run(serving.serve(load_config(config, set_ or ()), model, port, adapter, console))
