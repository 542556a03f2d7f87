"""Which of a run's outcomes are valid: which still follow from what they were made from.

A run makes its outcomes in this order, each from those before it:

    verdicts -> calibration -> relabels -> consensus -> selection -> training and evaluation

An outcome on disk is valid only while its row is in this table. A kill at any moment must leave no invalid
outcome that passes for valid. So whoever changes an outcome writes in this order:

1. `invalidate_...` the outcome. What comes after it in the list becomes invalid with it.
2. Write the outcome (decisions, `training.jsonl`, ...).
3. `validate_...` it.

Verdicts and relabels have no such row, since they are made sample by sample: a sample without a decision
has no valid one. The inputs of all decisions are kept instead. A run that is resumed with other inputs
forgets the decisions first and stores the new inputs last (`keep_inputs`). If it is killed in between, the
next resume compares with the old inputs, and forgets again.

Trusted responses are a part of the samples. They change together with what they make invalid
(`Journal.trust`).
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from stores.database import Database, Layout
from stores.errors import DamageError, reading_row

SCHEMA = "CREATE TABLE validity (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL);"
COLUMNS = {"name": "TEXT", "value": "TEXT"}

_Name = Literal[
    "verdict inputs",
    "relabel inputs",
    "trusted",
    "glance",
    "calibration",
    "consensus",
    "selection",
    "manifest",
]
MADE_ANEW = frozenset(get_args(_Name)) - {"trusted"}
"""What is made anew where its row is damaged. Nothing else tells which responses a file vouched for."""
# In the order in which they are made.
_OUTCOMES: tuple[_Name, ...] = ("calibration", "consensus", "selection")


class DecisionInputs(NamedTuple):
    """Hashes of what a run's verdicts and relabels are made from; empty where that was never kept."""

    verdicts: str
    relabels: str


class Validity:
    """What is valid in one run; part of its journal.

    Args:
        database: the journal's file, which has the table of `SCHEMA`.
        layout: the journal's.
    """

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._store = layout.insert("validity", "INSERT OR REPLACE")
        self._find = f"SELECT {layout.is_whole('validity')}, value FROM validity WHERE name = ?"  # noqa: S608

    @property
    def inputs(self) -> DecisionInputs:
        """What the decisions were made from."""
        return DecisionInputs(self._read("verdict inputs") or "", self._read("relabel inputs") or "")

    @property
    def has_glance(self) -> bool:
        """Whether it was learned, from what verdicts are made from now, what the base view alone tells."""
        found = self._read("glance")
        return found is not None and found == self.inputs.verdicts

    @property
    def calibration(self) -> dict[str, Any] | None:
        """What the calibrated checker found of all samples; None where the verdicts are not calibrated."""
        found = self._read("calibration")
        if found is None:
            return None
        with reading_row("the calibration in the journal"):
            return dict(json.loads(found))

    @property
    def has_consensus(self) -> bool:
        """Whether every sample has its consensus."""
        return self._read("consensus") is not None

    @property
    def has_selection(self) -> bool:
        """Whether the training set follows from the decisions."""
        return self._read("selection") is not None

    @property
    def has_trusted(self) -> bool:
        """Whether a file of trusted responses was read, though it may have changed nothing."""
        return self._read("trusted") is not None

    @property
    def trusted(self) -> dict[str, str]:
        """The trusted responses that a file of such gave, by the samples' ids."""
        found = self._read("trusted")
        with reading_row("the trusted responses in the journal"):
            return dict(json.loads(found)) if found is not None else {}

    @property
    def manifest(self) -> str | None:
        """The second copy of the run's manifest (`stores.manifest`)."""
        return self._read("manifest")

    def keep_manifest(self, text: str) -> None:
        """Keep a copy of the run's manifest."""
        self._write("manifest", text)

    def keep_trusted(self, connection: sqlite3.Connection, responses: Mapping[str, str]) -> None:
        """Keep which trusted responses a file gave, as a part of the transaction that changes the samples."""
        connection.execute(self._store, ("trusted", json.dumps(dict(responses))))

    def keep_inputs(self, inputs: DecisionInputs) -> None:
        """Keep what the decisions are made from, once those of other inputs are forgotten."""
        rows = [("verdict inputs", inputs.verdicts), ("relabel inputs", inputs.relabels)]
        self._database.change_each(self._store, rows)

    def invalidate_glance(self) -> None:
        """What the base view alone tells is about to be learned."""
        self._database.change("DELETE FROM validity WHERE name = ?", "glance")

    def validate_glance(self) -> None:
        """What the base view alone tells is learned, from the inputs that verdicts have now."""
        self._write("glance", self.inputs.verdicts)

    def invalidate_calibration(self) -> None:
        """Verdicts are about to be made: calibration, consensus and selection are invalid."""
        self._invalidate("calibration")

    def validate_calibration(self, found: dict[str, Any]) -> None:
        """Every verdict is calibrated.

        Args:
            found: what there is to report of that.
        """
        self._write("calibration", json.dumps(found))

    def invalidate_consensus(self) -> None:
        """Relabels are about to be made: consensus and selection are invalid."""
        self._invalidate("consensus")

    def validate_consensus(self) -> None:
        """Every sample has its consensus."""
        self._write("consensus", "")

    def invalidate_selection(self) -> None:
        """Decisions are about to change: the training set, and what was made of it, are invalid."""
        self._invalidate("selection")

    def validate_selection(self) -> None:
        """The training set follows from the decisions, and so do the training and evaluation on record."""
        self._write("selection", "")

    def _invalidate(self, first: _Name) -> None:
        names = [(name,) for name in _OUTCOMES[_OUTCOMES.index(first) :]]
        self._database.change_each("DELETE FROM validity WHERE name = ?", names)

    def _read(self, name: _Name) -> str | None:
        row = self._database.row(self._find, name)
        if row is None:
            return None
        is_whole, value = row
        if not is_whole or not isinstance(value, str):
            raise DamageError(f"the journal ({name})")
        return value

    def _write(self, name: _Name, value: str) -> None:
        self._database.change(self._store, name, value)
