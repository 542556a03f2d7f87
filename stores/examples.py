"""The store of clean examples: what the Context Relabeler retrieves from (Eq. 4 and 5)."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import cast

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
# Below what Chroma takes at once.
_INSERT_BATCH = 1000


class Neighbour(BaseModel):
    """A clean sample near a query, with its cosine distance (0 the same direction, 2 the opposite)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: Sample
    distance: float


class ExampleStore:
    """Clean samples in a persistent Chroma collection, found by the cosine distance of their queries.

    Only the query is embedded, never the response: a wrong response must not attract its like.

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

    def fill(self, samples: Iterable[Sample]) -> Iterator[int]:
        """Add any number of samples; yields how many were taken after each batch."""
        done = 0
        iterator = iter(samples)
        while batch := list(islice(iterator, _INSERT_BATCH)):
            self.add(batch)
            done += len(batch)
            yield done

    def add(self, samples: Sequence[Sample]) -> None:
        """Add up to 1,000 samples to the store; one whose query is in already is left out.

        Raises:
            StorageError: the disk is full, or the folder damaged.
        """
        # One row a query: the first sample to ask it. Equal vectors by the hundred would break up the
        # index's graph, and k neighbours should be k different queries.
        first: dict[str, Sample] = {}
        for sample in samples:
            first.setdefault(_fingerprint(sample.prompt), sample)
        prompts = [sample.prompt for sample in first.values()]
        embeddings = self._encoder.embed_documents(prompts)
        with self._typed_errors():
            self._collection.add(
                ids=list(first),
                embeddings=embeddings,  # type: ignore[arg-type]
                documents=prompts,
                metadatas=[{"sample": sample.model_dump_json(exclude={"gold"})} for sample in first.values()],
            )

    async def nearest(self, sample: Sample, count: int) -> list[Neighbour]:
        """Return the clean samples nearest to a sample's query, nearest first, ties by id.

        A sample never retrieves itself nor an exact duplicate of its query. There may be fewer than
        `count`, down to none.
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
        # One more than asked for: the query's own duplicate may be among them.
        wanted = min(size, max(count for _, count in requests) + 1)
        with self._typed_errors():
            found = self._collection.query(
                query_embeddings=embeddings,  # type: ignore[arg-type]
                n_results=wanted,
                include=["metadatas", "distances"],
            )
        replies = []
        for row, (sample, count) in enumerate(requests):
            replies.append(_without(_neighbours(found, row), sample)[:count])
        return replies


def _neighbours(found: QueryResult, row: int) -> list[Neighbour]:
    metadatas, distances = found["metadatas"], found["distances"]
    if metadatas is None or distances is None:
        return []
    neighbours = [
        Neighbour(sample=Sample.model_validate_json(str(metadata["sample"])), distance=round(distance, 6))
        for metadata, distance in zip(metadatas[row], distances[row], strict=True)
    ]
    return sorted(neighbours, key=lambda neighbour: (neighbour.distance, neighbour.sample.id))


def _without(neighbours: list[Neighbour], sample: Sample) -> list[Neighbour]:
    own = _fingerprint(sample.prompt)
    return [
        found
        for found in neighbours
        if found.sample.id != sample.id and _fingerprint(found.sample.prompt) != own
    ]


def _fingerprint(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]
