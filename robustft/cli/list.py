"""`robustft list`: the runs there are, a run's samples, and those of them that a person should check."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from robustft.cli.stopping import stoppable
from stores.counts import counted
from stores.errors import InputError


def list(  # noqa: A001 - the command's name
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A run directory; without one, runs are listed.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show only the first N samples.")] = 40,
    json_: Annotated[bool, typer.Option("--json", help="Write JSON lines, with whole texts.")] = False,
    to_check: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Write the N samples whose check is worth most, to be filled in."
        ),
    ] = None,
    audit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Write N random samples, to be filled in blind."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which samples --audit takes.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="The file to fill in, .jsonl or .csv.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """List a run's samples, the most doubtful first, or what to check; without DIR, the runs."""
    if to_check is not None or audit is not None:
        _write(directory, to_check, audit, seed, out, force=force)
    elif out is not None:
        raise InputError("--out: names the file of --to-check or --audit; add one of the two")
    elif directory is None:
        _show_runs(as_json=json_)
    else:
        _show_samples(directory, limit, as_json=json_)


def _write(
    directory: Path | None,
    to_check: int | None,
    audit: int | None,
    seed: int,
    out: Path | None,
    *,
    force: bool,
) -> None:
    from robustft.checking import write_check_file
    from robustft.cli.terminal import say

    if to_check is not None and audit is not None:
        raise InputError("--audit: takes random samples, and --to-check does not; leave one of the two out")
    if directory is None or out is None:
        lacking = "a run directory" if directory is None else "--out FILE"
        raise InputError(f"{'--audit' if audit else '--to-check'}: needs {lacking}")
    with stoppable():
        count = write_check_file(
            directory, out, audit or to_check or 0, audit=audit is not None, seed=seed, force=force
        )
    say(
        f"{out}: {counted(count, 'sample')}. "
        "Correct each response, and set `trusted` to true where you have checked it"
    )


def _show_runs(*, as_json: bool) -> None:
    from robustft.cli.terminal import console, tell
    from robustft.listing import RUNS, list_runs, plain_run, print_runs

    with stoppable():
        found = list_runs()
        if as_json:
            _print_lines([plain_run(run) for run in found])
        elif found:
            print_runs(console, found)
        else:
            tell(f"there are no runs below {RUNS}")


def _show_samples(directory: Path, limit: int, *, as_json: bool) -> None:
    from robustft.cli.terminal import console
    from robustft.listing import list_samples, plain_decision, print_samples

    with stoppable():
        found = list_samples(directory, limit)
        if as_json:
            _print_lines([plain_decision(decision) for decision in found])
        else:
            print_samples(console, found)


def _print_lines(rows: Sequence[dict[str, object]]) -> None:
    from robustft.cli.terminal import console

    for row in rows:
        console.say_json(row, indent=None)
