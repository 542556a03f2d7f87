"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from configs import shipped_configs
from graph.config import Stage

Config = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        help=f"A YAML config, or the name of one that ships: {', '.join(shipped_configs())}.",
        show_default=False,
    ),
]
OptionalConfig = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG", help="A YAML config, or the name of one that ships; without one, the defaults."
    ),
]
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.", show_default=False)]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a setting, e.g. --set selection.keep=0.4", metavar="KEY.PATH=VALUE"),
]
Trusted = Annotated[
    str | None, typer.Option(help="Responses that you vouch for: a file of id or prompt, and response.")
]
Guard = Annotated[
    str | None,
    typer.Option(help="Data with right responses, foreign to the training: was any of it forgotten?"),
]
Paraphrases = Annotated[
    str | None, typer.Option(help="Other wordings of the held-out prompts: a file of id and prompt.")
]
Out = Annotated[Path | None, typer.Option(help="The new run directory.", show_default="runs/NAME-TIME")]
Until = Annotated[Stage, typer.Option(help="Stop after this stage; `robustft resume` goes on from there.")]
