"""`robustft noise`: right responses made wrong, to measure what finds them."""

from pathlib import Path
from typing import Annotated

import typer

from robustft.cli.options import Set
from robustft.cli.stopping import stoppable
from stores.counts import counted
from stores.errors import InputError
from training.noise import ENCODED, NoiseKind, inject_noise


def noise(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A dataset with right responses.", show_default=False)
    ],
    rate: Annotated[float, typer.Option(min=0, max=1, help="The share of responses to make wrong, exactly.")],
    out: Annotated[Path, typer.Option(help="The JSONL file to write.")],
    seed: Annotated[int, typer.Option(help="Decides which responses, and what they become.")] = 0,
    kind: Annotated[NoiseKind, typer.Option(help="How they are wrong; the guide tells of each.")] = "uniform",
    force: Annotated[bool, typer.Option("--force", help="Replace the file that --out names.")] = False,
    config: Annotated[
        Path | None, typer.Option(help="A config whose data.columns say which column is what.")
    ] = None,
    set_: Set = None,
) -> None:
    """Make a known share of a dataset's responses wrong; the right ones are kept under `gold`."""
    from graph.config.run import load_config
    from robustft.cli.terminal import say
    from stores.dataset import ReadingRules, read_samples
    from stores.encoder import EncoderConfig, load_encoder
    from stores.export import check_target, write_samples

    if out.exists() and Path(file).exists() and out.samefile(file):
        raise InputError(f"{out}: is the data itself: its right responses would be lost; write another file")
    check_target(out, force=force)
    rules = ReadingRules(columns=load_config(config, set_ or ()).data.columns) if config or set_ else None
    encoder = load_encoder(EncoderConfig()) if kind in ENCODED else None
    with stoppable():
        samples = inject_noise(list(read_samples(file, rules=rules)), rate, seed, kind, encoder)
        write_samples(out, samples)
    changed = sum(sample.response != sample.gold for sample in samples)
    say(f"{out}: {counted(len(samples), 'sample')}, {changed} of them made wrong")
