"""`robustft evaluate`: a model on held-out data, with and without an adapter."""

from pathlib import Path
from typing import Annotated

import typer

from configs import shipped_configs
from robustft.cli.options import Guard, Paraphrases, Set
from robustft.cli.stopping import stoppable
from stores.errors import InputError


def evaluate(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|DIR",
            help=f"A YAML config, the name of one that ships ({', '.join(shipped_configs())}), or the "
            "directory of a run that was trained.",
            show_default=False,
        ),
    ],
    test: Annotated[
        str | None, typer.Option(help="Held-out data with right responses. By default, data.test.")
    ] = None,
    guard: Guard = None,
    paraphrases: Paraphrases = None,
    adapter: Annotated[Path | None, typer.Option(help="A PEFT adapter to compare.")] = None,
    set_: Set = None,
) -> None:
    """Measure how often the model answers held-out data right, with and without an adapter.

    Of a run, its own adapter and held-out data are used. Nothing is trained, no reply that is there is asked
    for again, and the run's summary has the figures afterwards.
    """
    from graph.config.run import load_config
    from robustft import api
    from robustft.cli.terminal import console, errors
    from robustft.progress import LiveProgress
    from stores.run_directory import holds_run

    is_run = holds_run(config)
    if is_run and set_:
        raise InputError(f"--set: {config} is a run; `robustft resume {config} --set` changes its settings")
    # A run that is stopped here is gone on with by the same command.
    with stoppable(), LiveProgress(errors) as progress:
        figures = api.evaluate(
            config if is_run else load_config(config, set_ or ()),
            test,
            adapter,
            guard=guard,
            paraphrases=paraphrases,
            progress=progress,
        )
    console.say_json(figures.to_json())
