"""Write RobustFT's own sets as folders that `paper.py` takes: short code, maths, extraction, letters.

    python benchmarks/own_sets.py OUT [--sets code maths extraction letters] [--train 300] [--test 150]

All are drawn by rules (`benchmarks/sets/`), so what is right is right by construction. The same numbers
always give the same files: OUT/NAME/labeled.jsonl and OUT/NAME/test.jsonl, without a prompt in common.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from sets import code, extraction, letters, maths
from sets.drawn import Draw, Question, draw_samples

from stores.export import write_samples
from stores.sample import Sample

SETS: dict[str, Sequence[Callable[[Draw], Question]]] = {
    "code": code.TEMPLATES,
    "maths": maths.TEMPLATES,
    "extraction": extraction.TEMPLATES,
    "letters": letters.TEMPLATES,
}


def write_set(name: str, folder: Path, train: int, test: int) -> None:
    """Write a set's `labeled` and `test` files into a folder, which is made."""
    samples = draw_samples(name, SETS[name], train + test)
    folder.mkdir(parents=True, exist_ok=True)
    write_samples(folder / "labeled.jsonl", samples[:train])
    # Held-out samples have one right response, and none under suspicion.
    write_samples(folder / "test.jsonl", map(_held_out, samples[train:]))


def _held_out(sample: Sample) -> Sample:
    return sample.model_copy(update={"gold": None})


def main() -> None:
    """Write the sets that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--train", type=int, default=300)
    parser.add_argument("--test", type=int, default=150)
    arguments = parser.parse_args()
    for name in arguments.sets:
        write_set(name, arguments.out / name, arguments.train, arguments.test)
        print(arguments.out / name)


if __name__ == "__main__":
    main()
