"""The commands by name, and what all of them share. A command's own module is imported when it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any

import typer

from stores.printable import printable

COMMANDS = {
    "demo": "Run the whole pipeline on the bundled data with the embedded model: no account, no key, no GPU.",
    "run": "Denoise a dataset and fine-tune on it.",
    "resume": "Continue an interrupted run; no reply that arrived is asked for again.",
    "list": "List a run's samples, the most doubtful first, or what to check; without DIR, the runs.",
    "audit": "Say how right a run's verdicts and repairs are, from random samples that a person has checked.",
    "check": "Say which samples of new data are noisy, by what a finished run has learned.",
    "trace": "Show every agent's turn for one sample.",
    "evaluate": "Measure how often the model answers held-out data right, with and without an adapter.",
    "serve": "Keep a vLLM server of a config's model in the foreground; runs use it with base_url.",
    "noise": "Make a known share of a dataset's responses wrong; the right ones are kept under `gold`.",
    "export": "Write a run's training set in the shape another trainer reads.",
    "schema": "Print or write the JSON schemas of the config and of the records that a run leaves.",
    "doctor": "Say whether everything that a config needs is here and reachable.",
}
"""The commands in the order of the help, with the first line of each one's own. A command is the function of
its name in `robustft.cli.NAME`."""

_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


class _LazyGroup(typer.core.TyperGroup):
    """Lists the commands without their modules, and imports the module of the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: typer.core.TyperCommand(name, help=line) for name, line in COMMANDS.items()}

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        with _printable_errors():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: Any) -> Any:
        with _printable_errors():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(str(name)) if command is not None else None, rest


@contextmanager
def _printable_errors() -> Iterator[None]:
    """Let Typer's own errors, which it prints on a console of its own, quote arguments as printable text."""
    try:
        yield
    except Exception as exc:
        if hasattr(exc, "format_message") and isinstance(getattr(exc, "message", None), str):
            exc.message = printable(exc.message)  # type: ignore[attr-defined]
        raise


def load_command(name: str) -> Any:
    """Import a command.

    Args:
        name: a key of `COMMANDS`.
    """
    alone = typer.Typer(rich_markup_mode="rich", add_completion=False, context_settings=_SETTINGS)
    alone.command(name)(getattr(import_module(f"robustft.cli.{name}"), name))
    return typer.main.get_command(alone)


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
    help="Fine-tune on instruction data you cannot trust: find the noisy responses, repair them, keep the "
    "confident ones, and train a LoRA adapter on the result.",
    epilog="Start with [bold]robustft demo[/bold]; then [bold]robustft run my.yaml --data my.jsonl[/bold].",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from robustft.cli.terminal import say

        say(f"robustft {version('robustft')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks, and what the libraries have to say.")
    ] = False,
) -> None:
    """Take the options of all commands."""
    from robustft.cli.terminal import show_log

    show_log(debug=debug)
