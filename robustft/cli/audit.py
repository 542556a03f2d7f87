"""`robustft audit`: what a filled-in audit tells of a run."""

from typing import Annotated

import typer

from robustft.cli.options import Directory
from robustft.cli.stopping import stoppable


def audit(
    directory: Directory,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="The filled-in file of `list --audit`.", show_default=False),
    ],
    json_: Annotated[bool, typer.Option("--json", help="Write the figures as JSON.")] = False,
) -> None:
    """Say how right a run's verdicts and repairs are, from random samples that a person has checked."""
    from robustft.audit import audit as audit_run
    from robustft.audit import print_audit
    from robustft.cli.terminal import console

    with stoppable():
        found = audit_run(directory, file)
    if json_:
        console.say_json(found.model_dump(mode="json"))
    else:
        print_audit(console, found)
