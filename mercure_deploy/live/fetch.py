"""One HTTP exchange with a hub: what it answered, or which part of the way failed; no retries, no opinion."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import httpx

from mercure_deploy.facts.origins import Origin

_SECONDS = 10.0
# the longest body that is of interest is the id of an update
_LONGEST = 4096

Part = Literal["resolve", "connect", "tls", "answer"]


@dataclass(frozen=True)
class Way:
    """How to get to the hub: `via` is another address of it, `authority` a file with one's own certificate authority.

    Host and the name in the certificate stay those of the public URL.
    """

    via: Origin | None = None
    authority: Path | None = None


@dataclass(frozen=True)
class Reply:
    """What came back; `body` is empty for a stream, which is closed after its headers."""

    status: int
    headers: Mapping[str, str]
    body: str = field(repr=False)


class FetchError(Exception):
    """There was no answer; `part` is where the way ended, the text says how, without anything that was sent."""

    def __init__(self, part: Part, text: str) -> None:
        super().__init__(text)
        self.part = part


def fetch(method: str, url: str, token: str, way: Way, form: Mapping[str, str] | None = None) -> Reply:
    """Send one request with a bearer token. FetchError when nothing answers."""
    public = httpx.URL(url)
    target = public.copy_with(**_address(way.via)) if way.via else public
    headers = {"Authorization": f"Bearer {token}", "Host": public.netloc.decode()}
    try:
        # a proxy of the environment has no way to this machine's own addresses
        trust = not Origin(target.scheme, target.host, target.port).is_local
        with (
            httpx.Client(
                verify=_context(way.authority, os.environ.get("SSL_CERT_FILE")), timeout=_SECONDS, trust_env=trust
            ) as client,
            client.stream(
                method, target, headers=headers, data=form, extensions={"sni_hostname": public.host}
            ) as answer,
        ):
            stream = answer.headers.get("content-type", "").startswith("text/event-stream")
            body = "" if stream else _body(answer)
            return Reply(answer.status_code, dict(answer.headers), body)
    except httpx.HTTPError as error:
        raise _failure(error) from None


def _address(via: Origin) -> dict[str, str | int | None]:
    return {"scheme": via.scheme, "host": via.host, "port": via.port}


@cache
def _context(authority: Path | None, _system: str | None) -> ssl.SSLContext:
    """Mozilla's authorities (or SSL_CERT_FILE), the system's, and one's own. FetchError when that cannot be read."""
    try:
        context = httpx.create_ssl_context()
        context.load_default_certs()
        if authority:
            context.load_verify_locations(cafile=str(authority))
    except OSError as error:
        raise FetchError("tls", f"the certificate authority cannot be read: {error.strerror or 'not PEM'}") from None
    return context


def _body(answer: httpx.Response) -> str:
    text = b""
    for piece in answer.iter_bytes(_LONGEST):
        text += piece
        if len(text) >= _LONGEST:
            break
    return text[:_LONGEST].decode(errors="replace")


def _failure(error: httpx.HTTPError) -> FetchError:
    causes: list[BaseException] = [error]
    while (following := causes[-1].__cause__ or causes[-1].__context__) is not None and len(causes) < 8:
        causes.append(following)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchError("tls", cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return FetchError("tls", (cause.reason or "handshake failed").replace("_", " ").lower())
    if isinstance(error, httpx.TimeoutException):
        return FetchError("connect" if isinstance(error, httpx.ConnectTimeout) else "answer", "timed out")
    if isinstance(error, httpx.ConnectError):
        return _unreached(causes)
    return FetchError("answer", "the connection was cut")


def _unreached(causes: list[BaseException]) -> FetchError:
    import socket  # noqa: PLC0415 - for the name of one error

    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return FetchError("resolve", "the name does not resolve")
    system = next((cause for cause in causes if isinstance(cause, OSError) and cause.strerror), None)
    return FetchError("connect", str(system.strerror).lower() if system else "no connection")
