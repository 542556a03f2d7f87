"""The store of clean examples: what the Relabeler retrieves from (Eq. 4 and 5)."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, cast

import chromadb
from chromadb.api.client import Client
from chromadb.api.types import QueryResult
from chromadb.config import Settings
from chromadb.errors import ChromaError
from langchain_core.embeddings import Embeddings
from pydantic import BaseModel, ConfigDict

from stores.batcher import Batcher
from stores.errors import StorageError
from stores.sample import Sample

_COLLECTION = "clean"
# Few at a time: the first neighbours are shown to a model while the next queries are encoded.
_QUERY_BATCH = 16
# Candidates for each neighbour: the nearest give way to trusted ones, and to others that can be trusted more.
_CHOICE = 2
# Below what Chroma takes at once.
_INSERT_BATCH = 1000


class Example(NamedTuple):
    """A clean sample, and how far its response can be trusted: 0 to 1."""

    sample: Sample
    trust: float = 1.0

    @classmethod
    def of_trusted(cls, sample: Sample) -> "Example":
        """Return a trusted sample as an example: it shows the trusted response, not the given one."""
        return cls(sample.model_copy(update={"response": sample.trusted, "other_responses": ()}))


class Neighbour(BaseModel):
    """A clean sample near a prompt, with its cosine distance (0 the same direction, 2 the opposite)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: Sample
    distance: float


class _Found(NamedTuple):
    neighbour: Neighbour
    trust: float


class ExampleStore:
    """Clean samples in a persistent Chroma collection, found by the cosine distance of their queries.

    Only the prompt is embedded, never the response: a wrong response must not attract its like.

    Args:
        folder: the Chroma folder.
        encoder: embeds the queries.

    Raises:
        StorageError: the folder is damaged or cannot be written.
    """

    def __init__(self, folder: Path, encoder: Embeddings) -> None:
        self._folder = folder
        self._encoder = encoder
        with self._typed_errors():
            client = chromadb.PersistentClient(
                path=str(folder), settings=Settings(anonymized_telemetry=False)
            )
            # Its declared type has no `close`.
            self._client = cast(Client, client)
            self._collection = client.get_or_create_collection(
                _COLLECTION, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
            )
        self._queries: Batcher[tuple[Sample, int], list[Neighbour]] = Batcher(self._search, _QUERY_BATCH)

    def __len__(self) -> int:
        return self._collection.count()

    @classmethod
    def anew(cls, folder: Path, encoder: Embeddings) -> "ExampleStore":
        """Return an empty store in place of whatever the folder holds: half an index is not to be trusted."""
        shutil.rmtree(folder, ignore_errors=True)
        return cls(folder, encoder)

    def close(self) -> None:
        """Let go of the folder; Chroma would keep it open for the life of the process."""
        self._queries.close()
        self._client.close()

    def fill(self, examples: Iterable[Example]) -> Iterator[int]:
        """Add any number of examples; yields how many were taken after each batch."""
        done = 0
        iterator = iter(examples)
        while batch := list(islice(iterator, _INSERT_BATCH)):
            self.add(batch)
            done += len(batch)
            yield done

    def add(self, examples: Sequence[Example]) -> None:
        """Add up to 1,000 examples to the store; one whose prompt is in already is left out.

        Raises:
            StorageError: the disk is full, or the folder damaged.
        """
        # One row a prompt: the first sample to ask it. Equal vectors by the hundred would break up the
        # index's graph, and k neighbours should be k different queries.
        first: dict[str, Example] = {}
        for example in examples:
            first.setdefault(_fingerprint(example.sample.prompt), example)
        prompts = [example.sample.prompt for example in first.values()]
        embeddings = self._encoder.embed_documents(prompts)
        with self._typed_errors():
            self._collection.add(
                ids=list(first),
                embeddings=embeddings,  # type: ignore[arg-type]
                documents=prompts,
                metadatas=[
                    {"sample": sample.model_dump_json(exclude={"gold", "other_golds"}), "trust": trust}
                    for sample, trust in first.values()
                ],
            )

    async def nearest(self, sample: Sample, count: int) -> list[Neighbour]:
        """Return the clean samples nearest to a sample's prompt, nearest first, ties by id.

        Of twice as many, those that the user vouches for are taken first, and then those whose cosine
        similarity times trust is the largest. A sample never retrieves itself nor an exact duplicate of its
        prompt. There may be fewer than `count`, down to none.
        """
        return await self._queries.submit((sample, count))

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except ChromaError as exc:
            raise StorageError(f"{self._folder}: the example store failed ({exc})") from exc

    def _search(self, requests: list[tuple[Sample, int]]) -> list[list[Neighbour]]:
        size = len(self)
        if not size:
            return [[] for _ in requests]
        embeddings = self._encoder.embed_documents([sample.prompt for sample, _ in requests])
        # One more than are chosen from: the prompt's own duplicate may be among them.
        wanted = min(size, _CHOICE * max(count for _, count in requests) + 1)
        with self._typed_errors():
            found = self._collection.query(
                query_embeddings=embeddings,  # type: ignore[arg-type]
                n_results=wanted,
                include=["metadatas", "distances"],
            )
        replies = []
        for row, (sample, count) in enumerate(requests):
            replies.append(_most_trusted(_without(_neighbours(found, row), sample), count))
        return replies


def _neighbours(found: QueryResult, row: int) -> list[_Found]:
    metadatas, distances = found["metadatas"], found["distances"]
    if metadatas is None or distances is None:
        return []
    return [
        _Found(
            Neighbour(
                sample=Sample.model_validate_json(str(metadata["sample"])), distance=round(distance, 6)
            ),
            float(str(metadata["trust"])),
        )
        for metadata, distance in zip(metadatas[row], distances[row], strict=True)
    ]


def _without(found: list[_Found], sample: Sample) -> list[_Found]:
    own = _fingerprint(sample.prompt)
    return [
        near
        for near in found
        if near.neighbour.sample.id != sample.id and _fingerprint(near.neighbour.sample.prompt) != own
    ]


def _most_trusted(found: list[_Found], count: int) -> list[Neighbour]:
    # One more may be among them; a trusted one that far off is not worth a nearer one.
    near_enough = {near.neighbour.sample.id for near in found[: _CHOICE * count]}

    def rank(near: _Found) -> tuple[bool, float, float, str]:
        distance, sample = near.neighbour.distance, near.neighbour.sample
        comes_first = sample.trusted is not None and sample.id in near_enough
        return not comes_first, -(1 - distance) * near.trust, distance, sample.id

    chosen = [near.neighbour for near in sorted(found, key=rank)[:count]]
    return sorted(chosen, key=lambda neighbour: (neighbour.distance, neighbour.sample.id))


def _fingerprint(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]
