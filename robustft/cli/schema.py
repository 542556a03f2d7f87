"""`robustft schema`: what the config and the records of a run look like, for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from robustft.cli.stopping import stoppable
from robustft.schema import SchemaName


def schema(
    name: Annotated[SchemaName | None, typer.Argument(help="Which; all without it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write into this folder instead of printing.")] = None,
) -> None:
    """Print or write the JSON schemas of the config and of the records that a run leaves."""
    from robustft.cli.terminal import console
    from robustft.schema import show_schema, write_schemas

    with stoppable():
        files = write_schemas(out, name) if out is not None else []
        lines = map(str, files) if out is not None else [show_schema(name)]
        for line in lines:
            console.say(line)
