"""How well answers are compared: a table of pairs against what a person says of them.

    python benchmarks/pairs.py                 # all pairs, as the task's kind compares them
    python benchmarks/pairs.py --wrong         # and the pairs that came out otherwise

Prints JSON. Rows of `confusion` are what is right, columns what came out. A pair is compared as an agent's
reply and a sample's response are: the answer is read out of the reply first.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from agents.answers.kind import sample_kind
from stores.sample import Sample

PAIRS = Path(__file__).parent.parent / "tests" / "agents" / "answers" / "pairs.jsonl"
_NAMES = {True: "same", False: "different", None: "unknown"}


def read_pairs(path: Path = PAIRS) -> list[dict[str, Any]]:
    """Return the table: left, right, expected, kind, language, and the options where there are any."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def compare(pair: dict[str, Any]) -> str:
    """Say what the comparison says of a pair: same, different or unknown."""
    options = tuple(pair.get("options", ()))
    sample = Sample(id="pair", prompt="?", response=pair["right"], options=options, kind=pair["kind"])
    kind = sample_kind(sample)
    return _NAMES[kind.agree(kind.extract(pair["left"], options), pair["right"], options)]


def main() -> None:
    """Print the confusion over all pairs and of each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wrong", action="store_true", help="print the pairs that came out otherwise")
    arguments = parser.parse_args()
    confusion: Counter[tuple[str, str]] = Counter()
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    wrong = []
    for pair in read_pairs():
        said = compare(pair)
        confusion[pair["expected"], said] += 1
        total[pair["kind"]] += 1
        right[pair["kind"]] += said == pair["expected"]
        if said != pair["expected"]:
            wrong.append({**pair, "said": said})
    names = list(_NAMES.values())
    report: dict[str, Any] = {
        "pairs": confusion.total(),
        "right": right.total(),
        "confusion": {name: {said: confusion[name, said] for said in names} for name in names},
        "kinds": {kind: f"{right[kind]} of {count}" for kind, count in sorted(total.items())},
    }
    if arguments.wrong:
        report["wrong"] = wrong
    print(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
