"""One HTTP exchange with a hub: what it answered, or which part of the way failed; no retries, no opinion.

Whatever the other side does, an exchange ends within its time, takes little memory, follows no redirect and decodes
nothing.
"""

import os
import re
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx

from mercure_deploy.errors import printable
from mercure_deploy.facts.origins import Origin

SECONDS = 10.0
LATE = "timed out"
# the longest body that is of interest is a page of a proxy
_LONGEST = 4096

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
Part = Literal["resolve", "connect", "tls", "answer", "held"]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Way:
    """How to get to the hub: `via` is another address of it, `authority` a file with one's own certificate authority.

    Host and the name in the certificate stay those of the public URL. `seconds` is how long one exchange may take.
    With `http2` nothing else is spoken; without it HTTP/1.1, and HTTP/2 with who wants nothing else.
    """

    via: Origin | None = None
    authority: Path | None = None
    seconds: float = SECONDS
    http2: bool = False

    def address(self, url: Origin) -> Origin:
        """Where the packets go."""
        return self.via or url


@dataclass(frozen=True)
class Reply:
    """What came back; `body` is empty for a stream, which is closed after its headers.

    A header that came twice has both values, with a comma; `cookies` are the Set-Cookie headers one by one.
    """

    status: int
    headers: Mapping[str, str]
    body: str = field(repr=False)
    cookies: tuple[str, ...] = field(default=(), repr=False)

    def header(self, name: str) -> str:
        """The value of a header, by its lower-case name, "" where there is none."""
        return self.headers.get(name, "")

    @property
    def stream(self) -> bool:
        """Whether it is a stream of events."""
        return self.header("content-type").startswith("text/event-stream")


class FetchError(Exception):
    """There was no answer; `part` is where the way ended, the text says how, without anything that was sent.

    `held` is a stream whose answer does not come in time, though it is a stream that was asked for.
    """

    def __init__(self, part: Part, text: str) -> None:
        super().__init__(text)
        self.part = part

    def of_a_stream(self) -> "FetchError":
        """The same, where it was a stream that was asked for."""
        return FetchError("held", str(self)) if self.part == "answer" and str(self) == LATE else self


def fetch(  # noqa: PLR0913 - what is sent, and how
    method: str,
    url: str,
    token: str | None,
    way: Way,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    most: int = _LONGEST,
) -> Reply:
    """Send one request, with a bearer token if there is one; of the answer at most so many bytes are read.

    FetchError when nothing answers in time.
    """

    def exchange() -> Reply:
        with opened(method, url, token, way, form=form, headers=headers) as answer:
            cookies = tuple(answer.headers.get_list("set-cookie"))
            reply = Reply(answer.status_code, dict(answer.headers), "", cookies)
            return reply if reply.stream else replace(reply, body=_body(answer, most))

    return within(way.seconds, exchange)


def within(seconds: float, function: Callable[[], _T]) -> _T:
    """What `function` gives, or raises. FetchError when it has not ended by then: it is left to end by itself."""
    given: list[_T] = []
    raised: list[Exception] = []

    def run() -> None:
        try:
            given.append(function())
        except Exception as error:  # noqa: BLE001 - raised again below
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if given:
        return given[0]
    raise FetchError("answer", LATE)


@contextmanager
def opened(  # noqa: PLR0913 - as above
    method: str,
    url: str,
    token: str | None,
    way: Way,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[httpx.Response]:
    """The answer, its body still to be read. FetchError for whatever goes wrong, inside of the block too."""
    public = httpx.URL(url)
    via = way.via
    target = public.copy_with(scheme=via.scheme, host=via.host, port=via.port) if via else public
    sent = {"Host": public.netloc.decode(), "Accept-Encoding": "identity", "User-Agent": "mercure-deploy"}
    sent |= {"Authorization": f"Bearer {token}"} if token else {}
    named = {"sni_hostname": public.host}
    proxy = proxy_of(Origin(target.scheme, target.host, target.port))
    verified = context(way.authority, os.environ.get("SSL_CERT_FILE"))
    client = {"verify": verified, "timeout": way.seconds, "trust_env": False, "proxy": proxy}
    told = {**sent, **(headers or {})}
    request = {"method": method, "url": target, "headers": told, "data": form, "extensions": named}
    try:
        with ExitStack() as kept:
            yield _answer(kept, client, request, http2=way.http2)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise by_proxy(failure(error), proxy) from None
    except (OSError, ValueError, RuntimeError):
        # whatever a strange peer provokes below the library
        raise FetchError("answer", "the answer cannot be read") from None


def _answer(kept: ExitStack, client: dict[str, Any], request: dict[str, Any], *, http2: bool) -> httpx.Response:
    """The answer, until `kept` ends; asked again over HTTP/2 where nothing else is spoken."""
    try:
        asking = kept.enter_context(httpx.Client(**client, http1=not http2, http2=http2))
        return kept.enter_context(asking.stream(**request))
    except httpx.ConnectError as error:
        if http2 or "no application protocol" not in str(failure(error)):
            raise
    return _answer(kept, client, request, http2=True)


def proxied(origin: Origin) -> bool:
    """Whether a proxy of the environment is asked; it has no way to this machine's own addresses."""
    return bool(_proxy(origin))


def proxy_of(origin: Origin) -> str | None:
    """The proxy of the environment that is asked, as a URL. FetchError for one that cannot be: socks, or no URL."""
    said = _proxy(origin)
    if not said:
        return None
    try:
        url = httpx.URL(said if "://" in said else f"http://{said}")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if not _HOST.fullmatch(url.host):
        raise FetchError("connect", "the proxy that the environment names is no URL of one")
    if url.scheme not in {"http", "https"}:
        raise FetchError("connect", f"the proxy that the environment names, {_named(url)}, is not an http one")
    return str(url)


def by_proxy(error: FetchError, proxy: str | None) -> FetchError:
    """The same, where it was a proxy that was asked: its host and port are told, and no password."""
    if proxy is None or error.part not in {"connect", "resolve"}:
        return error
    return FetchError(error.part, f"{error}, asking the proxy {_named(httpx.URL(proxy))} of the environment")


def _proxy(origin: Origin) -> str:
    if origin.is_local:
        return ""
    found = urllib.request.getproxies()
    said = found.get(origin.scheme) or found.get("all") or ""
    return "" if said and urllib.request.proxy_bypass(origin.host) else said


def _named(url: httpx.URL) -> str:
    return f"{url.scheme}://{printable(url.host, 100)}" + (f":{url.port}" if url.port else "")


@cache
def context(authority: Path | None, _system: str | None) -> ssl.SSLContext:
    """Mozilla's authorities (or SSL_CERT_FILE), the system's, and one's own. FetchError when that cannot be read."""
    try:
        made = httpx.create_ssl_context()
        made.load_default_certs()
        # as browsers do
        made.hostname_checks_common_name = False
        if authority:
            made.load_verify_locations(cafile=str(authority))
    except OSError as error:
        raise FetchError("tls", f"the certificate authority cannot be read: {error.strerror or 'not PEM'}") from None
    return made


def _body(answer: httpx.Response, most: int) -> str:
    text = b""
    for piece in answer.iter_raw(_LONGEST):
        text += piece
        if len(text) >= most:
            break
    return text[:most].decode(errors="replace")


def failure(error: Exception) -> FetchError:
    """Why the library got no answer."""
    causes: list[BaseException] = [error]
    while (following := causes[-1].__cause__ or causes[-1].__context__) is not None and len(causes) < 8:
        causes.append(following)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchError("tls", cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return FetchError("tls", (cause.reason or "handshake failed").replace("_", " ").lower())
    if isinstance(error, httpx.TimeoutException):
        return FetchError("connect" if isinstance(error, httpx.ConnectTimeout) else "answer", LATE)
    if isinstance(error, httpx.ConnectError):
        return _unreached(causes)
    if isinstance(error, httpx.ProxyError):
        return FetchError("connect", "it was refused")
    strange = isinstance(error, httpx.RemoteProtocolError) and "illegal" in str(error).lower()
    return FetchError("answer", "what answers there is not HTTP" if strange else "the connection was cut")


def _unreached(causes: list[BaseException]) -> FetchError:
    import socket  # noqa: PLC0415 - for the name of one error

    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return FetchError("resolve", "the name does not resolve")
    system = next((cause for cause in causes if isinstance(cause, OSError) and cause.strerror), None)
    return FetchError("connect", str(system.strerror).lower() if system else "no connection")
