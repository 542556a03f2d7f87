"""The connections to an endpoint: HTTP without redirects, cookies and endless replies."""

import ssl
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from pydantic import SecretStr

from agents.errors import EndpointError
from agents.models.limiter import FailureKind
from agents.models.refusal import LONGEST_ERROR, RequestError, distrusting, one_line, read_body
from agents.models.secrets import Hider

_CONNECT_SECONDS = 10
# Log-probabilities take some 100 bytes a token: more than this is no reply to a question.
_LONGEST_REPLY = 8 << 20


class EndpointClient:
    """The connections to one endpoint; belongs to one event loop.

    Args:
        base_url: the address, ending in `/v1` with most servers.
        key: what the endpoint asks for, or None.
        timeout: seconds until one request counts as failed.

    Raises:
        EndpointError: the proxy that the environment names for the address is none.
    """

    def __init__(self, base_url: str, *, key: SecretStr | None = None, timeout: float = 120) -> None:
        self.base_url = base_url.rstrip("/")
        self.hide = Hider(key).hide
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=_CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None
        self._proxy = _proxy_of(base_url)
        self._closed = False

    async def close(self) -> None:
        """Close the connections; the client cannot be used again."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def post(self, path: str, body: bytes, *, reads: bool = True) -> Any:
        """Send JSON and return the JSON of the reply, or None where it is not to be read.

        Raises:
            RequestError: there was none.
        """
        return await self._call("POST", path, body, reads=reads)

    async def get(self, path: str) -> Any:
        """Return the JSON at a path.

        Raises:
            RequestError: there was none.
        """
        return await self._call("GET", path, None, reads=True)

    async def _call(self, method: str, path: str, body: bytes | None, *, reads: bool) -> Any:
        if self._closed:
            raise RuntimeError("the model's connections are closed")
        # Whatever else the library raises on a response is the endpoint's failure.
        with distrusting("the endpoint's reply cannot be read"):
            try:
                url = f"{self.base_url}/{path}"
                request = self._open().request(
                    method, url, data=body, proxy=self._proxy, allow_redirects=False
                )
                async with request as response:
                    content = await _read(response)
            except (aiohttp.ClientError, TimeoutError) as exc:
                raise self._failure(exc) from exc
            if response.status == 200 and not reads:
                return None
            return read_body(response.status, response.headers, content, self.hide)

    def _failure(self, error: Exception) -> RequestError:
        """Return what it means that no response came, or no whole one."""
        unreachable = f"the endpoint cannot be reached ({self.base_url})"
        match error:
            case aiohttp.ConnectionTimeoutError():
                return RequestError(f"{unreachable}: no connection in time", FailureKind.GONE)
            case TimeoutError():
                return RequestError("the endpoint did not answer in time", FailureKind.FAILING)
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return RequestError(f"{unreachable}: {_trouble_of(error)}", FailureKind.GONE)
            case aiohttp.ClientProxyConnectionError():
                return RequestError(f"{unreachable}: the proxy does not answer", FailureKind.GONE)
            case aiohttp.ClientHttpProxyError():
                return RequestError(f"{unreachable}: the proxy refuses ({error.status})", FailureKind.GONE)
            case aiohttp.ClientConnectionError() | aiohttp.InvalidURL():
                return RequestError(f"{unreachable}; is it running?", FailureKind.GONE)
        return RequestError("the endpoint's reply broke off", FailureKind.FAILING)

    def _open(self) -> aiohttp.ClientSession:
        # Opened on first use: a session belongs to the event loop it is opened in.
        if self._session is None:
            headers = {"Content-Type": "application/json"}
            if self._key is not None:
                headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
            # The limiter bounds the connections.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(
                headers=headers,
                timeout=self._timeout,
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                raise_for_status=False,
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return a reply's body; of an error's no more than the beginning.

    Raises:
        RequestError: it is longer than any reply; the rest is not read.
    """
    is_reply = response.status == 200
    parts: list[bytes] = []
    length = 0
    async for part in response.content.iter_any():
        parts.append(part)
        length += len(part)
        if not is_reply and length > LONGEST_ERROR:
            response.close()
            break
        if length > _LONGEST_REPLY:
            response.close()
            reason = f"the endpoint's reply is longer than {_LONGEST_REPLY >> 20} MB"
            raise RequestError(reason, FailureKind.FAILING)
    return b"".join(parts)


def _trouble_of(error: Exception) -> str:
    """Return what is wrong with an endpoint's TLS, and what to do where its certificate is not believed."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not accepted ({one_line(cause.verify_message)}); the certificate of an "
            "authority of your own goes into the file that the variable SSL_CERT_FILE names"
        )
    reason = getattr(cause, "reason", None) or "it speaks no TLS that is known here"
    return f"no secure connection ({one_line(str(reason))})"


def _proxy_of(base_url: str) -> str | None:
    """Return the proxy that the environment names for an address: once, not for every request.

    Raises:
        EndpointError: it cannot be used.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if host in ("127.0.0.1", "localhost", "::1") or proxy_bypass(host):
        return None
    proxy = getproxies().get(parts.scheme)
    if proxy and not _is_proxy(proxy):
        name = f"{parts.scheme.upper()}_PROXY"
        raise EndpointError(
            f"{name}: names no proxy that can be used; it begins with http:// and names a host, and NO_PROXY "
            "lists the hosts that are reached without it"
        )
    return proxy or None


def _is_proxy(address: str) -> bool:
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises ValueError where the port is no number
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
