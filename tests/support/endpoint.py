"""A small OpenAI-compatible endpoint on loopback, scripted per test: real HTTP, no model."""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.support.waiting import until

Reply = Callable[[list[dict[str, Any]]], str]
Alter = Callable[[dict[str, Any], list[dict[str, Any]]], Any]
Refuse = Callable[[list[dict[str, Any]]], int | None]


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Endpoint:
    """Serves /v1/chat/completions from a thread of its own and remembers every request.

    `reply` answers a list of chat messages; `status` other than 200 makes every request fail so;
    `log_probabilities` False leaves them out; a model name other than `model` is a 404; a wrong key a 401
    where `key` is set. `refuse` may give single requests another status; `log_probability` rates each token
    of a reply; `delay` holds every answer back, and `most_in_flight` is how many waited at once. A
    request that arrives while there is a `gate` waits until that gate is set.
    `retry_after` goes with every failure; `body` is sent in place of any reply or error; `cut_short` breaks
    the connection within a reply, and `hang_ups` is how many requests to come get no reply at all. `alter`
    may change the JSON of a reply, or give bytes in its place. `redirect` sends every request elsewhere, with
    the status 307. `refuses` has fields that a request may not
    have, with what is said then, and `listed` the models that GET /v1/models names (none: a 404), each with
    the same `details`.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.model = "scripted"
        self.key: str | None = None
        self.reply: Reply = lambda messages: "Paris"
        self.status = 200
        self.refuse: Refuse = lambda messages: None
        self.log_probability: Callable[[str], float] = lambda token: -0.25
        self.delay = 0.0
        self.most_in_flight = 0
        self.in_flight = 0
        self.gate: threading.Event | None = None
        self.log_probabilities = True
        self.retry_after: str | None = None
        self.body: bytes | None = None
        self.cut_short = False
        self.hang_ups = 0
        self.alter: Alter = lambda reply, messages: reply
        self.redirect: str | None = None
        self.refuses: dict[str, str] = {}
        self.listed: list[str] | None = None
        self.details: dict[str, Any] = {}
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/v1"

    def texts(self) -> list[str]:
        """Return the last message of every request."""
        return [request["messages"][-1]["content"] for request in self.requests]

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_get("/v1/models", self._list)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _wait(self) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        gate = self.gate
        try:
            if gate is not None:
                await until(gate.is_set)
            await asyncio.sleep(self.delay)
        finally:
            self.in_flight -= 1

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if self.listed is None:
            return _error(404, "Not Found")
        return web.json_response(
            {"object": "list", "data": [{"id": name, **self.details} for name in self.listed]}
        )

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(401, "wrong API key")
        if body["model"] != self.model:
            return _error(404, f"The model `{body['model']}` does not exist.")
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        await self._wait()
        if self.redirect is not None:
            return web.Response(status=307, headers={"Location": self.redirect})
        if self.hang_ups > 0:
            self.hang_ups -= 1
            return _hang_up(request)
        if self.cut_short:
            return await _cut_short(request)
        refused = next((name for name in self.refuses if name in body), None)
        if refused is not None:
            return _error(400, self.refuses[refused])
        status = self.refuse(body["messages"]) or self.status
        headers = {"Retry-After": self.retry_after} if self.retry_after and status != 200 else {}
        if self.body is not None:
            return web.Response(status=status, body=self.body, headers=headers)
        if status != 200:
            return _error(status, "scripted failure", headers)
        text = self.reply(body["messages"])
        tokens = text.split() or [""]
        content = [
            {
                "token": token,
                "logprob": self.log_probability(token),
                "bytes": list(token.encode()),
                "top_logprobs": [],
            }
            for token in tokens
        ]
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
            "logprobs": {"content": content} if self.log_probabilities else None,
        }
        usage = {"prompt_tokens": 7, "completion_tokens": len(tokens), "total_tokens": 7 + len(tokens)}
        reply = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": self.model,
            "choices": [choice],
            "usage": usage,
        }
        altered = self.alter(reply, body["messages"])
        content = altered if isinstance(altered, bytes) else json.dumps(altered).encode()
        return web.Response(body=content, content_type="application/json")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    error = {"message": message, "type": "error", "code": status}
    return web.json_response({"error": error}, status=status, headers=headers)


def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def _cut_short(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices": [')
    assert request.transport is not None
    request.transport.close()
    return response
