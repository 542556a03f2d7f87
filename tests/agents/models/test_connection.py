"""The connections: where they lead, what they believe, and what is told where they fail."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents.errors import EndpointError
from agents.models.connection import EndpointClient
from agents.models.limiter import FailureKind
from agents.models.refusal import RequestError
from tests.support.endpoint import Endpoint, free_port
from tests.support.tls import Authority

KEY = "sk-very-secret-0123456789"
ASKED = json.dumps({"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]}).encode()
CALL = """
import asyncio, sys
from agents.models.connection import EndpointClient
from agents.models.refusal import RequestError

async def call():
    client = EndpointClient(sys.argv[1])
    try:
        print("reached", await client.get("models"))
    except RequestError as error:
        print(error)
    finally:
        await client.close()

asyncio.run(call())
"""


@pytest.fixture
async def client(endpoint: Endpoint) -> AsyncIterator[EndpointClient]:
    client = EndpointClient(endpoint.url, key=SecretStr(KEY))
    yield client
    await client.close()


async def failure(client: EndpointClient) -> RequestError:
    with pytest.raises(RequestError) as error:
        await client.post("chat/completions", ASKED)
    assert KEY not in str(error.value)
    return error.value


async def test_a_redirect_is_not_followed(client: EndpointClient, endpoint: Endpoint) -> None:
    other = Endpoint()
    endpoint.redirect = f"{other.url}/chat/completions?key={KEY}"
    error = await failure(client)
    other.stop()
    assert error.failure is FailureKind.OWN
    assert f"redirects to {other.url}/chat/completions (307)" in str(error)
    assert other.requests == []


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
async def test_a_key_that_is_repeated_escaped_is_told_in_no_error(
    client: EndpointClient, endpoint: Endpoint, status: int
) -> None:
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in KEY)
    endpoint.status = status
    endpoint.body = f'{{"error": {{"message": "no {escaped} here"}}}}'.encode()
    if status == 200:
        # Valid JSON, which the reader of completions refuses.
        assert "error" in await client.post("chat/completions", ASKED)
        return
    assert "sk-" not in str(await failure(client))


async def test_a_cookie_is_not_sent_back(client: EndpointClient, endpoint: Endpoint) -> None:
    for _ in range(2):
        await client.post("chat/completions", ASKED)
    assert all("Cookie" not in headers for headers in endpoint.headers)


def use_proxy(monkeypatch: pytest.MonkeyPatch, scheme: str, proxy: str) -> None:
    for name in (f"{scheme.upper()}_PROXY", f"{scheme}_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


async def test_a_proxy_that_does_not_answer_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_proxy(monkeypatch, "http", f"http://user:secret@127.0.0.1:{free_port()}")
    client = EndpointClient("http://models.invalid/v1")
    error = await failure(client)
    await client.close()
    assert "the proxy does not answer" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("proxy", ["http://[", "http://secret:x", "socks5://u:secret@127.0.0.1:9", "secret"])
def test_a_proxy_that_is_none_is_refused_without_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_proxy(monkeypatch, "http", proxy)
    with pytest.raises(EndpointError, match="HTTP_PROXY: names no proxy") as error:
        EndpointClient("http://models.invalid/v1")
    assert "secret" not in str(error.value)


async def test_a_proxy_that_refuses_is_told(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    use_proxy(monkeypatch, "https", endpoint.url.removesuffix("/v1"))
    client = EndpointClient("https://models.invalid/v1")
    error = await failure(client)
    await client.close()
    assert "the proxy refuses" in str(error)


def call(url: str, authority: Path | None = None) -> str:
    """Return what a process of its own is told: certificates are read when it starts."""
    environment = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    if authority is not None:
        environment["SSL_CERT_FILE"] = str(authority)
    command = [sys.executable, "-c", CALL, url]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_private_authority_is_believed_where_its_file_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    endpoint = Endpoint(authority.context())
    endpoint.listed = ["scripted"]
    unknown, known = call(endpoint.url), call(endpoint.url, authority.file)
    endpoint.stop()
    assert "its certificate is not accepted" in unknown
    assert "SSL_CERT_FILE" in unknown
    assert known.startswith("reached")


@pytest.mark.parametrize(
    ("host", "days", "told"), [("127.0.0.1", -1, "expired"), ("10.0.0.1", 30, "not valid for '127.0.0.1'")]
)
def test_a_certificate_that_is_not_valid_here_is_told(
    host: str, days: int, told: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    endpoint = Endpoint(authority.context(host, days=days))
    said = call(endpoint.url, authority.file)
    endpoint.stop()
    assert "its certificate is not accepted" in said
    assert told in said


def test_an_endpoint_without_tls_is_told(endpoint: Endpoint) -> None:
    assert "no secure connection" in call(endpoint.url.replace("http:", "https:"))


def test_nobody_there_is_told() -> None:
    assert "is it running?" in call(f"http://127.0.0.1:{free_port()}/v1")
