"""`robustft demo`: the whole pipeline on the bundled data, made noisy."""

import tempfile
from pathlib import Path

from robustft.cli.options import Out, Until
from robustft.cli.stopping import stoppable

_RATE = 0.3


def demo(out: Out = None, until: Until = "evaluate") -> None:
    """Run the whole pipeline on the bundled data with the embedded model: no account, no key, no GPU."""
    from graph.config.run import load_config
    from robustft.api import default_directory
    from robustft.cli.run import start_run
    from robustft.data import FOLDER
    from stores.dataset import read_samples
    from stores.export import write_samples
    from training.noise import inject_noise

    config = load_config(Path("demo"))
    config.data.test = str(FOLDER / "test.jsonl")
    # The run takes its samples into its own journal, so that this file may go when it ends.
    with stoppable(), tempfile.TemporaryDirectory(prefix="robustft-demo-") as folder:
        noisy = Path(folder) / "noisy.jsonl"
        samples = list(read_samples(FOLDER / "train.jsonl"))
        write_samples(noisy, inject_noise(samples, _RATE, config.run.seed))
        config.data.train = str(noisy)
        start_run(config, out or default_directory("demo"), until)
