"""Is everything that a config needs here and reachable?"""

import asyncio
import os
import platform
import shutil
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Literal

from rich.text import Text

from agents.models.pool import ModelPool
from graph.config import Stage
from graph.config.run import ConfigError, RunConfig
from graph.context import load_prompts
from graph.preview import preview
from graph.readiness import TRIED, Needs, encodes
from graph.stages.resume import NO_TEST
from robustft.terminal import Terminal, shown_as
from stores.counts import counted
from stores.dataset import read_samples
from stores.errors import RobustFTError
from stores.records import Skipped
from stores.sample import Sample
from stores.trusted import TrustedFile
from stores.weights import cache_folder
from stores.wordings import read_wordings

Check = Callable[[], Awaitable[str]]
Split = Literal["train", "test", "guard", "gold"]


async def examine(config: RunConfig, console: Terminal, until: Stage = "evaluate") -> bool:
    """Try everything a run with this config would use, printing a line each; True where all is well.

    Args:
        config: the config to try.
        console: where the lines go.
        until: the stage that a run would stop after; before training, no model is needed for that.
    """
    checks: list[tuple[str, Check]] = [
        ("machine", _machine),
        ("libraries", _libraries),
        ("cache", _cache),
    ]
    async with ModelPool() as pool:
        needs = _needs(config, until)
        checks += [(check.name, check.look) for check in needs.checks(pool)]
        return await _tell([*checks, *_of_data(config)], console)


def _needs(config: RunConfig, until: Stage) -> Needs:
    """Return what a run would check. A server of ours is described, not started: that may take minutes."""
    prompts = cache(lambda: load_prompts(config))
    return Needs(
        config, prompts, lambda: _first_samples(config), until, encodes=encodes(config, until), starts=False
    )


def _of_data(config: RunConfig) -> Iterator[tuple[str, Check]]:
    for split in ("train", "test", "guard", "gold"):
        if getattr(config.data, split):
            yield f"data.{split}", lambda split=split: _data(config, split)  # type: ignore[misc]
    if config.data.paraphrases:
        yield "data.paraphrases", lambda: _paraphrases(config)
    if config.data.trusted and config.data.train:
        yield "data.trusted", lambda: _trusted(config)


async def _tell(checks: Iterable[tuple[str, Check]], console: Terminal) -> bool:
    well = True
    for name, check in checks:
        try:
            found = await check()
        except (RobustFTError, OSError) as exc:
            well = False
            mark, told = Text("✗", style="red"), str(exc)
        else:
            mark, told = Text("✓", style="green"), found
        console.say(Text.assemble(mark, shown_as(f" {name}: {told}")))
    return well


async def _machine() -> str:
    import torch

    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    else:
        device = "Apple GPU" if torch.backends.mps.is_available() else "no GPU"
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {device}"


async def _libraries() -> str:
    names = ("langgraph", "langchain-core", "chromadb", "transformers", "trl", "peft", "torch")
    return ", ".join(f"{name} {version(name)}" for name in names)


async def _cache() -> str:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return f"{folder}, {shutil.disk_usage(folder).free / 2**30:.0f} GiB free"


def _first_samples(config: RunConfig) -> list[Sample]:
    """Return a few samples to be rendered; what is wrong with the data has a line of its own."""
    if config.data.train is None:
        return []
    try:
        return list(islice(read_samples(config.data.train, rules=config.data.rules("train")), TRIED))
    except RobustFTError:
        return []


async def _trusted(config: RunConfig) -> str:
    """Read the file of trusted responses beside the data that they are of."""
    data, aside = config.data, list[Skipped]()
    file = TrustedFile(str(data.trusted), data.rules("trusted"), aside.append)

    def samples() -> Iterator[Sample]:
        return read_samples(str(data.train), limit=data.limit, rules=data.rules("train"))

    found = await asyncio.to_thread(file.match, samples)
    bad = f", {counted(len(aside), 'row')} set aside" if aside else ""
    return f"{Path(str(data.trusted)).name}: vouches for {counted(len(found), 'response')}{bad}"


async def _paraphrases(config: RunConfig) -> str:
    """Read the other wordings beside the test samples that they are of."""
    data = config.data
    if data.test is None:
        raise ConfigError(NO_TEST)

    def read() -> dict[str, tuple[str, ...]]:
        def samples() -> Iterator[Sample]:
            return read_samples(str(data.test), rules=data.rules("test"))

        return read_wordings(str(data.paraphrases), samples, rules=data.rules("paraphrases"))

    found = await asyncio.to_thread(read)
    wordings = counted(sum(map(len, found.values())), "wording")
    return f"{Path(str(data.paraphrases)).name}: {wordings} of {counted(len(found), 'sample')}"


async def _data(config: RunConfig, split: Split) -> str:
    """Read a whole data file, and show its first sample."""
    source, aside = str(getattr(config.data, split)), list[Skipped]()

    def read() -> tuple[Sample, int]:
        samples = read_samples(source, rules=config.data.rules(split), skip=aside.append)
        return next(samples), 1 + sum(1 for _ in samples)

    first, count = await asyncio.to_thread(read)
    kind = "a multiple choice" if first.options else "an open"
    bad = f", {counted(len(aside), 'row')} set aside" if aside else ""
    told = f"{Path(source).name}: {counted(count, 'sample')}{bad}; the first row reads as {kind} question"
    if split != "train":
        return told
    prompts = await asyncio.to_thread(load_prompts, config)
    return f"{told}; {preview(first, prompts.agents['base']['prompt'])}"
