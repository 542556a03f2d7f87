"""The `robustft` command."""

import asyncio
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from graph.config.run import RunConfig, load_config
from graph.state import Stage
from robustft.api import check_adapter, default_directory
from robustft.api import evaluate as evaluate_model
from robustft.api import resume as resume_run
from robustft.api import run as start_run
from robustft.progress import LiveProgress
from robustft.schema import SchemaName
from robustft.tables import print_summary
from stores.errors import InputError, RobustFTError
from stores.export import ExportFormat
from stores.run_directory import RunDirectory, holds_run
from training.noise import ENCODED, NoiseKind, inject_noise

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Fine-tune on instruction data you cannot trust: find the noisy responses, repair them, keep the "
    "confident ones, and train a LoRA adapter on the result.",
    epilog="Start with [bold]robustft demo[/bold]; then [bold]robustft run my.yaml --data my.jsonl[/bold].",
)
console = Console()
errors = Console(stderr=True)

Config = Annotated[Path, typer.Argument(help="A YAML config; see configs/.", show_default=False)]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a setting, e.g. --set selection.keep=0.4", metavar="KEY.PATH=VALUE"),
]
Out = Annotated[Path | None, typer.Option(help="The new run directory.", show_default="runs/NAME-TIME")]
Until = Annotated[Stage, typer.Option(help="Stop after this stage; `robustft resume` goes on from there.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        console.print(f"robustft {version('robustft')}", highlight=False)
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
    if debug:
        logging.getLogger().setLevel(logging.DEBUG)


@app.command()
def demo(out: Out = None, until: Until = "evaluate") -> None:
    """Run the whole pipeline on the bundled data with the embedded model: no account, no key, no GPU."""
    from robustft.demo import noisy_data

    config = load_config(Path(str(files("configs") / "demo.yaml")))
    directory = out or default_directory("demo")
    with noisy_data(rate=0.3, seed=config.run.seed) as train:
        config.data.train = str(train)
        config.data.test = str(files("robustft") / "data" / "test.jsonl")
        _run(config, directory, until=until)


@app.command()
def run(
    config: Config,
    data: Annotated[str | None, typer.Option(help="Training data: a file or a Hugging Face id.")] = None,
    test: Annotated[str | None, typer.Option(help="Held-out data with right responses.")] = None,
    gold: Annotated[str | None, typer.Option(help="The same rows with right responses; for metrics.")] = None,
    out: Out = None,
    set_: Set = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N samples.")] = None,
    until: Until = "evaluate",
    reuse: Annotated[
        Path | None, typer.Option(help="Another run's directory: what its models replied is not asked again.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run that --out holds, with this config.")
    ] = False,
) -> None:
    """Denoise a dataset and fine-tune on it."""
    if resume and out is None:
        raise InputError("--resume: name the run to go on with by --out DIR")
    resolved = load_config(config, set_ or (), train=data, test=test, gold=gold, limit=limit)
    directory = out or default_directory(config.stem)
    if resume and holds_run(directory):
        _resume(directory, until, config=resolved, reuse=reuse)
    else:
        _run(resolved, directory, until=until, reuse=reuse)


@app.command()
def resume(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.", show_default=False)],
    until: Until = "evaluate",
    set_: Set = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again about the samples that failed.")
    ] = False,
) -> None:
    """Continue an interrupted run; no reply that arrived is asked for again.

    With --set, what no longer agrees with the config is done again, and nothing else.
    """
    config = load_config(RunDirectory(directory).config, set_) if set_ else None
    _resume(directory, until, config=config, retry_failed=retry_failed)


@app.command()
def trace(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.", show_default=False)],
    sample_id: Annotated[str, typer.Argument(help="A sample's id.", show_default=False)],
    prompts: Annotated[
        bool, typer.Option("--prompts", help="Show each request as it was sent, before the reply to it.")
    ] = False,
) -> None:
    """Show every agent's turn for one sample."""
    from robustft.trace import print_trace

    print_trace(directory, sample_id, console, prompts=prompts)


@app.command()
def evaluate(
    config: Config,
    test: Annotated[str, typer.Option(help="Held-out data with right responses.")],
    adapter: Annotated[Path | None, typer.Option(help="A PEFT adapter to compare.")] = None,
    set_: Set = None,
) -> None:
    """Measure how often the model answers held-out data right, with and without an adapter."""
    with _stoppable(), LiveProgress(errors) as progress:
        figures = evaluate_model(load_config(config, set_ or ()), test, adapter, progress=progress)
    console.print_json(figures.model_dump_json(exclude_none=True))


@app.command()
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
    from robustft.serving import serve as keep_serving

    check_adapter(adapter)
    asyncio.run(keep_serving(load_config(config, set_ or ()), model, port, adapter, console))


@app.command()
def noise(
    file: Annotated[str, typer.Argument(help="A dataset with right responses.", show_default=False)],
    rate: Annotated[float, typer.Option(min=0, max=1, help="The share of responses to make wrong, exactly.")],
    out: Annotated[Path, typer.Option(help="The JSONL file to write.")],
    seed: Annotated[int, typer.Option(help="Decides which responses, and what they become.")] = 0,
    kind: Annotated[NoiseKind, typer.Option(help="How they are wrong; see the README.")] = "uniform",
    force: Annotated[bool, typer.Option("--force", help="Replace the file that --out names.")] = False,
) -> None:
    """Make a known share of a dataset's responses wrong; the right ones are kept under `gold`."""
    from stores.dataset import read_samples
    from stores.encoder import EncoderConfig, load_encoder
    from stores.export import write_samples

    if Path(file).resolve() == out.resolve():
        raise InputError(f"{out}: is the data itself: its right responses would be lost; write another file")
    if out.exists() and not force:
        raise InputError(f"{out}: is there already; write another file, or replace it with --force")
    encoder = load_encoder(EncoderConfig()) if kind in ENCODED else None
    samples = inject_noise(list(read_samples(file)), rate, seed, kind, encoder)
    write_samples(out, samples)
    changed = sum(sample.response != sample.gold for sample in samples)
    console.print(
        f"{out}: {len(samples)} samples, {changed} of them made wrong", markup=False, highlight=False
    )


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.", show_default=False)],
    format_: Annotated[ExportFormat, typer.Option("--format", help="The shape to write.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
) -> None:
    """Write a run's training set in the shape another trainer reads."""
    from graph.stages.select import training_set
    from stores.export import export_training

    training = training_set(directory)
    if out.resolve().is_relative_to(directory.resolve()):
        raise InputError(f"{out}: is inside the run directory, whose files are the run's own; name another")
    console.print(f"{out}: {export_training(training, out, format_)} samples", markup=False, highlight=False)


@app.command()
def schema(
    name: Annotated[SchemaName | None, typer.Argument(help="Which; all without it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write into this folder instead of printing.")] = None,
) -> None:
    """Print or write the JSON schemas of the config and of the records that a run leaves."""
    from robustft.schema import show_schema, write_schemas

    if out is None:
        console.print(show_schema(name), markup=False, highlight=False, soft_wrap=True)
        return
    for file in write_schemas(out, name):
        console.print(str(file), markup=False, highlight=False, soft_wrap=True)


@app.command()
def doctor(
    config: Annotated[Path | None, typer.Argument(help="A YAML config; without one, the defaults.")] = None,
    set_: Set = None,
) -> None:
    """Say whether everything that a config needs is here and reachable."""
    from robustft.doctor import examine

    with _stoppable():
        well = asyncio.run(examine(load_config(config, set_ or ()), console))
    if not well:
        raise typer.Exit(2)


def main() -> None:
    """Run the command: 0 done, 1 the run failed, 2 the command, config or data is wrong."""
    handler = RichHandler(console=errors, show_path=False, show_time=False, show_level=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    logging.getLogger("robustft").setLevel(logging.INFO)
    # What the libraries will rename one day is their makers' business, not the user's.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")
    try:
        app()
    except RobustFTError as exc:
        logging.debug("where it happened", exc_info=True)
        _tell(f"robustft: {exc}", style="red")
        sys.exit(2 if isinstance(exc, InputError) else 1)


def _run(config: RunConfig, directory: Path, *, until: Stage, reuse: Path | None = None) -> None:
    with _stoppable(directory), LiveProgress(console) as progress:
        finished = start_run(config, directory, until=until, reuse=reuse, progress=progress)
    print_summary(console, finished.summary, finished.directory)


def _resume(
    directory: Path,
    until: Stage,
    *,
    config: RunConfig | None = None,
    retry_failed: bool = False,
    reuse: Path | None = None,
) -> None:
    with _stoppable(directory), LiveProgress(console) as progress:
        finished = resume_run(
            directory, config=config, until=until, retry_failed=retry_failed, reuse=reuse, progress=progress
        )
    print_summary(console, finished.summary, finished.directory)


@contextmanager
def _stoppable(directory: Path | None = None) -> Iterator[None]:
    """Let Ctrl-C or a SIGTERM stop what is done, once; say how to go on with a run that it stops."""
    try:
        before = signal.signal(signal.SIGTERM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
    except KeyboardInterrupt:
        # The process ends when its threads have; broken off in that, it would crash.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if directory is not None and holds_run(directory):
            _tell(f"stopped; go on with: robustft resume {directory}")
        raise


def _tell(text: str, style: str | None = None) -> None:
    errors.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
