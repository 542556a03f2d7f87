"""What a run's models have replied, so that no request is sent twice: not after a kill, not for a duplicate.

A reply belongs to a request, not to a place in the run. Whatever changes the request (the model, the rendered
prompt, the sampling) makes it another one; whatever does not leaves its reply valid. Each reply carries the
key by which its request can be looked at later (`stores.replies.read_request`).
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson
from pydantic import ValidationError

from agents.agent import Recall, Reply
from agents.errors import ModelBusyError
from stores.errors import RobustFTError, StorageError
from stores.replies import StoredReply, read_request

_KEY_BYTES = 16


class Request(NamedTuple):
    """A request as it was sent."""

    model: str
    """Tells the model from every other whose replies may differ."""
    messages: list[tuple[str, str]]
    """Role and content of each turn."""
    sampling: dict[str, Any]


def request_of(path: Path, key: str, owner: str = "") -> Request | None:
    """Return the request that a stored reply answers, or None where it is not stored.

    Args:
        path: the file of the replies.
        key: the reply's `key`.
        owner: the run whose replies they shall be; any, where none is given.

    Raises:
        RunDirectoryError: the file is no store of replies, or another version of RobustFT wrote it.
        StorageError: it is damaged, or holds another request in this one's place.
    """
    try:
        found = read_request(path, bytes.fromhex(key), owner)
        if found is None:
            return None
        if _key_of(found).hex() != key:
            raise ValueError("it is not what the reply's key was made from")
        content = orjson.loads(found)
        model, turns = content.pop("model"), content.pop("messages")
        return Request(model, [(str(turn["role"]), str(turn["content"])) for turn in turns], content)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise StorageError(f"{path}: the request of reply {key} cannot be read") from exc


def _key_of(request: bytes) -> bytes:
    return hashlib.blake2b(request, digest_size=_KEY_BYTES).digest()


def _read_reply(stored: str | None) -> Reply | None:
    """Return a stored reply; None where there is none, or a damaged one, which is asked for again."""
    try:
        return Reply.model_validate_json(stored) if stored is not None else None
    except ValidationError:
        return None


class Replies(Protocol):
    """Where replies are found again."""

    async def find(self, key: bytes) -> str | None:
        """Return the reply to a request, or None where there is none."""
        ...

    async def keep(self, key: bytes, reply: StoredReply) -> None:
        """Take a reply that was not there."""
        ...


class ReplyCache:
    """The replies of a run, shared by its agents; belongs to one event loop.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Replies) -> None:
        self._store = store
        self._under_way: dict[bytes, asyncio.Future[Reply]] = {}
        self.asked: Counter[str] = Counter()
        """How many replies each agent needed."""
        self.reused: Counter[str] = Counter()
        """How many of them were there already, or on their way to another sample."""
        self.tokens = 0
        """What they took, in both directions."""

    def of(self, agent: str, model: str) -> Recall:
        """Return the cache of one agent's conversations with one model.

        Args:
            agent: its name, for the counts.
            model: tells the model from every other whose replies may differ.
        """

        async def recall(request: Mapping[str, Any], ask: Callable[[], Awaitable[Reply]]) -> Reply:
            content = orjson.dumps({"model": model, **request}, option=orjson.OPT_SORT_KEYS)
            key = _key_of(content)
            stored = _read_reply(await self._store.find(key))
            under_way = self._under_way.get(key)
            if stored is not None:
                reply = stored
            elif under_way is not None:
                reply = await asyncio.shield(under_way)
            else:
                reply = await self._ask(key, content, agent, ask)
            self.asked[agent] += 1
            self.reused[agent] += stored is not None or under_way is not None
            self.tokens += reply.usage.prompt_tokens + reply.usage.completion_tokens
            return reply.model_copy(update={"key": key.hex()})

        return recall

    async def _ask(
        self, key: bytes, request: bytes, agent: str, ask: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        waited_for = asyncio.get_running_loop().create_future()
        self._under_way[key] = waited_for
        try:
            reply = await ask()
            used = reply.usage
            text = reply.model_dump_json(exclude={"key"})
            stored = StoredReply(agent, used.prompt_tokens, used.completion_tokens, text, request)
            await self._store.keep(key, stored)
        except BaseException as exc:
            # Those who wait for the same reply may well ask again when this one is cancelled.
            own = isinstance(exc, RobustFTError)
            waited_for.set_exception(exc if own else ModelBusyError("the request was given up"))
            waited_for.exception()  # nobody may be waiting
            raise
        finally:
            del self._under_way[key]
        waited_for.set_result(reply)
        return reply
