"""What a run knows of its own files: the texts of its config and prompts, and digests of what it has made.

It lies in `.state/manifest.json` and, as a second copy, in the journal. So a config or prompt that was
emptied is put back, and one that was changed is told. A journal that has to be made anew is filled with the
data that the run was begun with, or not at all. A file that was made is believed while it has its digest.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stores.atomic import write_text_atomically
from stores.sample import Sample

_DIGEST = "digest"
# A config and prompts are far shorter, and a hostile file cannot take all memory.
_LONGEST = 64 << 20

_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class DataDigest(BaseModel):
    """Tells the samples of one split, as they were read, from all others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int = Field(ge=0)
    sha256: _Sha256


class Manifest(BaseModel):
    """What a run knows of its own files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    run: Annotated[str, Field(pattern="^[0-9a-f]{16}$")] = Field(default_factory=lambda: token_hex(8))
    """The run's own name, which its databases have, too."""
    config: str
    """The text of config.yaml."""
    prompts: dict[str, str]
    """The text of each prompt by its name."""
    data: dict[str, DataDigest] = {}
    """What was read of each data file, by what the config calls it."""
    files: dict[str, _Sha256] = {}
    """The digest of each file that the run has made, by its path in the run directory."""

    def to_text(self) -> str:
        """Return the manifest as the text of its file, which has a digest of the rest."""
        content = self.model_dump(mode="json")
        return json.dumps({_DIGEST: _digest_of(content), **content}, ensure_ascii=True) + "\n"


def read_manifest(text: str | bytes) -> Manifest | None:
    """Return the manifest that a text has; None where it is damaged, or was changed by hand."""
    try:
        content = json.loads(text)
        digest = content.pop(_DIGEST)
        return Manifest.model_validate(content) if digest == _digest_of(content) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ValidationError):
        return None


def load_manifest(path: Path) -> Manifest | None:
    """Return the manifest of a file; None where there is none, or a damaged one."""
    try:
        if path.is_symlink():
            return None
        with path.open("rb") as file:
            return read_manifest(file.read(_LONGEST))
    except OSError:
        return None


def save_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    write_text_atomically(path, manifest.to_text())


def digest_of_file(path: Path) -> str | None:
    """Return the SHA-256 of a file; None where there is no plain file that can be read."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def digest_of_texts(texts: Mapping[str, object]) -> DataDigest:
    """Return the digest of what a file said of some samples, by their ids."""
    content = json.dumps(dict(texts), sort_keys=True)
    return DataDigest(samples=len(texts), sha256=hashlib.sha256(content.encode()).hexdigest())


class Digesting:
    """Passes samples on, and makes their digest meanwhile.

    Args:
        samples: as the data give them: what the run adds to them later is no part of the digest.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = samples
        self._sum = hashlib.sha256()
        self._count = 0

    def __iter__(self) -> Iterator[Sample]:
        for sample in self._samples:
            self._count += 1
            self._sum.update(sample.model_dump_json(exclude_defaults=True).encode() + b"\n")
            yield sample

    def digest(self) -> DataDigest:
        """Return the digest of what was passed on."""
        return DataDigest(samples=self._count, sha256=self._sum.hexdigest())


def _digest_of(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
