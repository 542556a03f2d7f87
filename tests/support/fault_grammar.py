"""Responses that an endpoint should never send, drawn from a grammar: status, headers, body and timing."""

import base64
import gzip
import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

KEY = "sk-fault/0123456789-abcdef"
"""The key that is sent; the responses repeat it in many spellings."""
Timing = str
TIMINGS: tuple[Timing, ...] = ("whole", "cut", "abort", "slow", "silent", "endless", "short length", "chunks")

_STATUSES = (
    200,
    200,
    200,
    200,
    201,
    204,
    301,
    302,
    307,
    308,
    400,
    401,
    403,
    404,
    408,
    413,
    422,
    425,
    429,
    451,
)
_SERVER_ERRORS = (500, 501, 502, 503, 504, 520, 599, 600, 999)
_PAUSES = (
    "0", "-1", "0.01", "1e400", "nan", "inf", "-inf", "٣", "soon", "9" * 300, "0x10", "",
    "Wed, 21 Oct 2015 07:28:00 GMT", "Mon, 01 Jan 99999 00:00:00 GMT", "Mon, 99 Foo 2026 99:99:99 +9999",
    "Mon, 01 Jan 2026 00:00:00 -99999999999999999999", "Fri, 31 Dec 9999 23:59:59 -1200", "1, 2",
)  # fmt: skip
_PLACES = (
    "http://127.0.0.1:9/v1/chat/completions", f"https://u:{KEY}@else.example/v1?key={KEY}#f", "/v1/chat",
    "//else.example", "http://[", "javascript:alert(1)", "http://a..b/", "\x7f", "",
)  # fmt: skip


class Fault(NamedTuple):
    """One response.

    Args:
        status: of three digits.
        headers: names and values.
        body: as it is sent, perhaps compressed.
        plain: as it is read.
        timing: how it is sent.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    plain: bytes
    timing: Timing


def draw(dice: random.Random, timings: tuple[Timing, ...] = TIMINGS) -> Fault:
    """Return the next fault."""
    status = 200 if dice.random() < 0.6 else dice.choice((*_STATUSES, dice.choice(_SERVER_ERRORS)))
    plain = dice.choice(_BODIES)(dice)
    headers = [("Content-Type", dice.choice(("application/json", "text/html", "text/event-stream", "x", "")))]
    if dice.random() < 0.3:
        headers.append(("Retry-After", dice.choice(_PAUSES)))
    if 300 <= status < 400 or dice.random() < 0.05:
        headers.append(("Location", dice.choice(_PLACES)))
    if dice.random() < 0.1:
        headers.append(("Set-Cookie", dice.choice(("a=b; expires=never", f"k={KEY}", "=", "\x0b=;;;"))))
    if dice.random() < 0.1:
        headers.append((f"X-{dice.randrange(99)}", "v" * dice.choice((1, 500, 9000))))
    body = plain
    if (packing := dice.random()) < 0.1:
        body = gzip.compress(plain, 1) if packing < 0.06 else b"\x1f\x8b" + dice.randbytes(30)
        plain = plain if packing < 0.06 else b""
        headers.append(("Content-Encoding", "gzip"))
    timing = "whole" if dice.random() < 0.7 else dice.choice(timings)
    return Fault(status, tuple(headers), body, plain, timing)


def _spelt_key(dice: random.Random) -> str:
    every = [ord(sign) for sign in KEY]
    return dice.choice(
        (
            KEY,
            KEY.replace("/", "\\/"),
            "".join(f"\\u{code:04x}" for code in every),
            quote(KEY, safe=""),
            "".join(f"&#{code};" for code in every),
            base64.b64encode(f"Bearer {KEY}".encode()).decode(),
        )
    )


def _text(dice: random.Random) -> str:
    long = dice.choice((1, 3, 50, 20_000))
    return dice.choice(
        (
            "", " \n\t", "Berlin", "Answer: Berlin", "\x1b[2J\u202e\x00\x07", "\ufeffBerlin",
            "I'm sorry, but I can't help with that.",
            "<think>so</think>Berlin", "<think>" * long, "</think>" * long,
            "<|channel|>final<|message|>x",
            "Verdict: noisy", "Verdict: reliable\nVerdict: noisy", "B", "(A) or (B)", "12", "9" * 400,
            "```\nx\n```", '{"a": 1}', "[" * long, "\\boxed{" * long, "\u0301\u0316" * long,
            "\u1100\u1161" * long,
            "ha " * long, "\n" * long, "." * long, "I am " + _spelt_key(dice),
            f"{{{{ {_spelt_key(dice)} }}}}",
        )
    )  # fmt: skip


def _odd(dice: random.Random, depth: int = 0) -> Any:
    """Return a JSON value of any kind."""
    if depth < 3 and dice.random() < 0.3:
        items = [_odd(dice, depth + 1) for _ in range(dice.randrange(4))]
        names = ("content", "text", "type", "token", "logprob", "message", "error", "code", "")
        return items if dice.random() < 0.5 else {dice.choice(names): item for item in items}
    numbers = (0, -1, 1, 400, 429, 2**31, 2**63, 10**30, 0.5, -0.5, 1e308, -1e308, -1e4, -10001.0, 5e-324)
    return dice.choice((None, True, False, *numbers, float("nan"), float("inf"), _text(dice), _text(dice)))


def _rating(dice: random.Random) -> Any:
    if dice.random() < 0.2:
        return _odd(dice)
    value = dice.choice((-0.25, -0.25, 0, 1e-9, False, "-0.5", None, -1e308, _odd(dice)))
    token: dict[str, Any] = {
        "token": dice.choice(("Berlin", "a", " ", "\ufffd", _odd(dice))),
        "logprob": value,
    }
    if dice.random() < 0.3:
        token["top_logprobs"] = [{"token": "A", "logprob": dice.choice((-1, -1e308, _odd(dice)))}, _odd(dice)]
    return token


def _completion(dice: random.Random) -> bytes:
    """A chat completion, a few of whose fields are odd."""

    def or_odd(value: Any) -> Any:
        return _odd(dice) if dice.random() < 0.06 else value

    finish = dice.choice(
        ("stop", "length", "content_filter", "tool_calls", "FinishReason.SAFETY", _text(dice))
    )
    message = {"role": "assistant", "content": or_odd(_text(dice))}
    if dice.random() < 0.3:
        name = dice.choice(("reasoning_content", "reasoning", "refusal", "tool_calls", "function_call"))
        message[name] = or_odd(_text(dice))
    ratings = [_rating(dice) for _ in range(dice.randrange(4))]
    choice = {
        "index": or_odd(0),
        "message": or_odd(message),
        "finish_reason": or_odd(finish),
        "logprobs": or_odd({"content": or_odd(ratings)}),
    }
    usage = {name: or_odd(dice.choice((7, 0))) for name in ("prompt_tokens", "completion_tokens")}
    reply = {
        "id": or_odd("x"),
        "model": or_odd(dice.choice(("scripted", "another", _text(dice)))),
        "choices": or_odd([or_odd(choice)]),
        "usage": or_odd({**usage, "completion_tokens_details": or_odd({"reasoning_tokens": or_odd(1)})}),
    }
    if dice.random() < 0.1:
        reply["error"] = _odd(dice)
    return json.dumps(reply, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")


def _error(dice: random.Random) -> bytes:
    inner: Any = {"message": _odd(dice), "code": _odd(dice), "type": _text(dice)}
    shape = dice.choice(({"error": inner}, {"error": _odd(dice)}, {"detail": _odd(dice)}, inner, _odd(dice)))
    return json.dumps(shape).encode()


def _nested(dice: random.Random) -> bytes:
    depth = dice.choice((30, 200, 254, 255, 999, 1000, 1024, 1025, 50_000))
    opening, inner, closing = dice.choice(
        (
            (b'{"error":', b'"x"', b"}"),
            (b"[", b"1", b"]"),
            (b'{"choices":[{"message":', b'{"content":"x"}', b"}]}"),
            (b'{"error":{"message":[', b"null", b"]}}"),
        )
    )
    deep = opening * depth + inner + closing * depth
    around = dice.choice(
        (b"%s", b'{"choices":[{"message":{"content":"x","tool_calls":%s},"finish_reason":%s}]}')
    )
    return around.replace(b"%s", deep)


def _broken(dice: random.Random) -> bytes:
    whole = _completion(dice)
    return dice.choice(
        (
            whole[: dice.randrange(len(whole))],
            whole.replace(b'"', b"'"),
            whole + whole,
            b"\xef\xbb\xbf" + whole,
            whole.decode("utf-8", "replace").encode("utf-16"),
            b"data: " + whole + b"\n\ndata: [DONE]\n\n",
            b"<html>" + dice.randbytes(50) + KEY.encode(),
            dice.randbytes(dice.choice((0, 1, 500))),
            b'{"choices": "\\ud800"}',
            b" " * 50_000,
            b'{"error": "' + _spelt_key(dice).encode() + b'"}',
            b'{"model": ' + b"9" * 5000 + b"}",
        )
    )


_BODIES: tuple[Callable[[random.Random], bytes], ...] = (
    _completion, _completion, _completion, _error, _nested, _broken,
)  # fmt: skip
