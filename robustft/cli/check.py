"""`robustft check`: new samples, decided by what a finished run has learned."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robustft.cli.options import Directory, Set
from robustft.cli.stopping import stoppable
from stores.counts import counted

if TYPE_CHECKING:
    from graph.config.run import RunConfig
    from stores.records import Decision


def check(
    directory: Directory,
    data: Annotated[str, typer.Option(help="New samples: a file or a Hugging Face id.")],
    out: Annotated[
        Path, typer.Option(help="The JSON Lines file of decisions to write; - for standard output.")
    ] = Path("-"),
    set_: Set = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N samples.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Say which samples of new data are noisy, by what a finished run has learned.

    The run's models are asked, and nothing is trained. A line is as in decisions.jsonl.
    """
    from graph.config.own import own_config
    from robustft import api
    from robustft.cli.terminal import errors, say, tell
    from robustft.progress import LiveProgress
    from stores.export import STDOUT, to_standard_output, write_decisions
    from stores.run_directory import RunDirectory

    config = own_config(RunDirectory(directory), set_ or ())
    to_file = str(out) != STDOUT
    if to_file:
        api.check_out(directory, out, force=force)
    with stoppable(), LiveProgress(errors) as progress:
        decisions = api.check(directory, data, config=config, limit=limit, progress=progress)
    if to_file:
        write_decisions(out, decisions)
        say(f"{out}: {_counted(decisions)}")
    else:
        to_standard_output(lambda file: write_decisions(file, decisions), ".jsonl")
        tell(_counted(decisions))
    _refuse_failures(decisions, config)


def _counted(decisions: "list[Decision]") -> str:
    """Return what became of the samples, in a line."""
    status = Counter(decision.status for decision in decisions)
    noisy = sum(decision.check is not None and decision.check.verdict == "noisy" for decision in decisions)
    failed = f", {status['failed']:,} failed" if status["failed"] else ""
    return (
        f"{counted(len(decisions), 'sample')}, {noisy:,} noisy, {status['relabelled']:,} relabelled{failed}"
    )


def _refuse_failures(decisions: "list[Decision]", config: "RunConfig") -> None:
    """Check that not too many samples failed; the others are written all the same.

    Raises:
        RunFailedError: too many did.
    """
    from graph.engine import RunFailedError

    failures = Counter(decision.failure for decision in decisions if decision.status == "failed")
    if failures.total() > config.run.max_failed * len(decisions):
        commonest = "; ".join(f"{count} x {reason}" for reason, count in failures.most_common(3))
        raise RunFailedError(
            f"more than {config.run.max_failed:.0%} of the samples failed (run.max_failed): {commonest}. "
            "Mend the cause and check those again"
        )
