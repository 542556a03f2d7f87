"""What a run's models have replied, so that no request is sent twice: not after a kill, not for a duplicate.

A reply belongs to a request, not to a place in the run: whatever changes the request (the model, the rendered
prompt, the sampling) makes it another one, and whatever does not leaves its reply valid.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from agents.agent import Recall, Reply
from agents.errors import ModelBusyError
from stores.errors import RobustFTError
from stores.replies import ReplyStore, StoredReply

_KEY_BYTES = 16


class ReplyCache:
    """The replies of a run, shared by its agents; belongs to one event loop.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: ReplyStore) -> None:
        self._store = store
        self._under_way: dict[bytes, asyncio.Future[Reply]] = {}
        self.asked: Counter[str] = Counter()
        """How many replies each agent needed."""
        self.reused: Counter[str] = Counter()
        """How many of them were there already, or on their way to another sample."""
        self.tokens = 0
        """What they took, in both directions."""

    def of(self, agent: str, model: str) -> Recall:
        """Return the memory of one agent's conversations with one model.

        Args:
            agent: its name, for the counts.
            model: tells the model from every other whose replies may differ.
        """

        async def recall(request: Mapping[str, Any], ask: Callable[[], Awaitable[Reply]]) -> Reply:
            content = orjson.dumps({"model": model, **request}, option=orjson.OPT_SORT_KEYS)
            key = hashlib.blake2b(content, digest_size=_KEY_BYTES).digest()
            stored = await self._store.find(key)
            under_way = self._under_way.get(key)
            if stored is not None:
                reply = Reply.model_validate_json(stored)
            elif under_way is not None:
                reply = await asyncio.shield(under_way)
            else:
                reply = await self._ask(key, agent, ask)
            self.asked[agent] += 1
            self.reused[agent] += stored is not None or under_way is not None
            self.tokens += reply.usage.prompt_tokens + reply.usage.completion_tokens
            return reply

        return recall

    async def _ask(self, key: bytes, agent: str, ask: Callable[[], Awaitable[Reply]]) -> Reply:
        waited_for = asyncio.get_running_loop().create_future()
        self._under_way[key] = waited_for
        try:
            reply = await ask()
            used = reply.usage
            stored = StoredReply(agent, used.prompt_tokens, used.completion_tokens, reply.model_dump_json())
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
