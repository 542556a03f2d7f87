"""The root of every error RobustFT raises, and the errors of the boundaries that `stores/` owns.

An `InputError` means that the command, the config or the data is wrong: the command line prints its one
message and exits with 2. Any other `RobustFTError` means that a run failed: exit 1.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RobustFTError(Exception):
    """The root of every error that RobustFT raises on purpose."""


class InputError(RobustFTError):
    """The user can mend it: the command, the config or the data is wrong."""


def as_written_here(path: Path | str) -> str:
    """Return a path as one would write it in the working directory: a message is to be short and to hold."""
    here = Path.cwd()
    given = Path(path)
    if given.is_absolute() and given != here and given.is_relative_to(here):
        return str(given.relative_to(here))
    return str(path)


class DataError(InputError):
    """A dataset file cannot be used.

    Args:
        message: what is wrong, and what to do about it.
        path: the file (or the Hugging Face dataset id) it is wrong in.
        line: the 1-based line (or row) number, where one is to blame.
        field: the field of that row, where one is to blame.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path | str,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        place = [as_written_here(path)]
        if line is not None:
            place.append(f"line {line}")
        if field is not None:
            place.append(f"field '{field}'")
        super().__init__(f"{', '.join(place)}: {message}")


class RecordError(DataError):
    """A record that a run left cannot be read: it is damaged, or of another version."""


class RunDirectoryError(InputError):
    """A run directory cannot be created, read or resumed."""


class StorageError(RobustFTError):
    """A run's files cannot be written: the disk is full, or fails. What was written before is whole."""


class DamageError(StorageError):
    """What a run has kept is not what was written: a row of its databases, or a file.

    Args:
        what: what is damaged; the message names it first.
        directory: the run's, where that is known.
    """

    def __init__(self, what: Path | str, directory: Path | str = "DIR") -> None:
        super().__init__(
            f"{as_written_here(what)}: was damaged, or another program changed it; `robustft resume "
            f"{directory}` makes anew what can be made from the rest, and says what cannot"
        )


@contextmanager
def reading_row(what: str) -> Iterator[None]:
    """Read what a database holds, which is ours and may be damaged all the same.

    Args:
        what: names the row in the message.

    Raises:
        DamageError: in place of whatever parsing raises.
    """
    try:
        yield
    except DamageError:
        raise
    except Exception as exc:
        raise DamageError(what) from exc


class WeightsError(InputError):
    """A model's weights or tokenizer cannot be found or read."""


_SHOWN = 300


def first_line(error: BaseException) -> str:
    """Return what another library's exception says, in one line for a message of ours."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # A heading alone says nothing.
    text = " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])
    # A KeyError says no more than the key.
    named = isinstance(error, LookupError | UnicodeError) or not text
    return (f"{type(error).__name__} {text}".strip() if named else text)[:_SHOWN].rstrip(".")
