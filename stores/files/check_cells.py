"""The cells of a check file: how its samples were drawn, and text that no spreadsheet takes for a formula.

A spreadsheet reckons a cell that begins with `=`, and some other signs. Text of a data set would then run as
a formula (OWASP, "CSV Injection"). So such a cell is written with an apostrophe before it. Only files with
the column `DRAWN` are written so, and only in them the apostrophe is taken away again.
"""

import re
from typing import Literal, get_args

DRAWN = "robustft_drawn"
"""The column of a check file that says how its samples were chosen."""

Drawn = Literal["random", "worth"]
"""At random, for an audit, or those whose check is worth most."""

DRAWS: tuple[Drawn, ...] = get_args(Drawn)

# With apostrophes before it: what is guarded twice is unguarded twice.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def guard(cell: str) -> str:
    """Return a cell as a spreadsheet takes it for text.

    Example:
        >>> guard("=1+1"), guard("1+1"), unguard(guard("=1+1"))
        ("'=1+1", '1+1', '=1+1')
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """Return what `guard` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
