"""One client for the API: what is asked again, what is not, and what an answer means (measured on 4.3.11).

No redirect is followed with the token; the token stands in one header and nowhere else.
"""

import json
import re
import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from mercure_deploy.errors import Trouble, printable, typed
from mercure_deploy.facts.origins import Origin
from mercure_deploy.hub.fetch import FetchError, Way, by_proxy, context, failure, proxy_of, within
from mercure_deploy.keys import KNOWN

# one exchange; Coolify parses a compose file in some seconds
_SECONDS = 30.0
# all waiting for one request together: the limit is 200 a minute
_PATIENCE = 150.0
# a port that nobody listens at
_CLOSED = 30.0
_AGAIN = frozenset((429, 502, 503, 504))
_LARGEST = 32 * 1024 * 1024
_PLAIN = {"Accept-Encoding": "identity", "User-Agent": "mercure-deploy"}
ABILITIES = ("read", "read:sensitive", "write", "deploy")


@dataclass(frozen=True)
class Clock:
    """Time, as an argument; `waiting` is told what is waited for, and for how many seconds."""

    now: Callable[[], float]
    sleep: Callable[[float], None]
    waiting: Callable[[str, float], None] = lambda _what, _left: None


class NotDoneError(Exception):
    """What was asked for is not known to be done. `put_back`: whether all that was written before is as it was.

    None where nothing was to be put back.
    """

    put_back: bool | None = None


class ApiError(NotDoneError):
    """The API refused: `status`, and what it said, without anything that was sent."""

    def __init__(self, status: int, message: str, owner: str | None = None) -> None:
        super().__init__(f"{message} ({status})")
        self.status, self.message, self.owner = status, message, owner

    @property
    def of_a_member(self) -> bool:
        """Whether the user of the token may not do that in the team, whatever the token may do."""
        return self.status == 403 and "required team role" in self.message

    @property
    def lacking(self) -> str | None:
        """The ability that the token has not, None when that is not the reason."""
        start = "Missing required permissions: "
        return self.message.removeprefix(start) if self.status == 403 and self.message.startswith(start) else None


class LostError(NotDoneError):
    """No answer: what was asked for may have happened, or not. `part` is where the way ended, None in the middle."""

    def __init__(self, message: str, part: str | None = None) -> None:
        super().__init__(message)
        self.part = part


class _Answer(NamedTuple):
    """What came: `after` is for how many seconds it wants to be left alone, as it says it."""

    status: int
    after: str
    content: bytes


class Client:
    """The API of an instance."""

    def __init__(self, url: Origin, token: str, way: Way, clock: Clock) -> None:
        KNOWN.add(token, "of-coolify")
        self.url, self.requests = url, 0
        self.clock = clock
        try:
            proxy, trusted = proxy_of(url), context(way.authority, None)
        except FetchError as error:
            raise Trouble(
                f"{url} cannot be asked: {error}", hint="NO_PROXY names hosts that are asked directly"
            ) from None
        self._proxy = proxy
        self._client = httpx.Client(
            base_url=f"{url}/api/v1/",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json", **_PLAIN},
            timeout=_SECONDS,
            verify=trusted,
            trust_env=False,
            proxy=proxy,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def record(self, path: str) -> dict[str, Any]:
        """What stands there. ApiError when it is refused or is no record, LostError when nothing answers in the end."""
        said = self._asked("GET", path, None, again=True)
        if not isinstance(said, dict):
            raise strange()
        return said

    def rows(self, path: str) -> list[dict[str, Any]]:
        """The records that are listed there. As `record`."""
        return rows_of(self._asked("GET", path, None, again=True))

    def send(self, method: str, path: str, body: Mapping[str, object] | None = None, *, again: bool = True) -> Any:  # noqa: ANN401
        """Change something; `again` is whether asking twice does the same as asking once. As `record`."""
        return self._asked(method, path, body, again=again)

    def _asked(self, method: str, path: str, body: Mapping[str, object] | None, *, again: bool) -> Any:  # noqa: ANN401
        end = self.clock.now() + _PATIENCE
        pause = 1.0
        while True:
            try:
                answer = self._once(method, path, body)
            except httpx.HTTPError as error:
                lost = self._lost(error)
                # a name and a certificate do not get better by waiting, and a port that is closed seldom
                late = self.clock.now() >= (end if lost.part != "connect" else end - _PATIENCE + _CLOSED)
                if not again or lost.part in {"resolve", "tls"} or late:
                    raise lost from None
                self._wait(f"{self.url} does not answer: {lost}", pause)
            else:
                # what is refused for being too much has not happened, whatever it was
                tried = answer.status == 429 or (again and answer.status in _AGAIN)
                if not tried or self.clock.now() >= end:
                    return _read(answer)
                pause = min(float(answer.after), 60.0) if answer.after.isdecimal() else pause
                self._wait(f"{self.url} answers {answer.status}", pause)
            pause = min(2 * pause, 15.0)

    def _once(self, method: str, path: str, body: Mapping[str, object] | None) -> _Answer:
        self.requests += 1
        # a time-out of the library is one of each piece: headers that drip would never end
        try:
            return within(_PATIENCE, lambda: self._exchange(method, path, body))
        except FetchError:
            raise _EndlessError("it has no end") from None

    def _exchange(self, method: str, path: str, body: Mapping[str, object] | None) -> _Answer:
        with self._client.stream(method, path, json=body) as answer:
            read, end = bytearray(), self.clock.now() + _PATIENCE
            # as it came: what is packed twice is a gigabyte before anybody has counted it
            for piece in answer.iter_raw():
                read += piece
                if len(read) > _LARGEST or self.clock.now() > end:
                    raise _EndlessError("it has no end")
            packed = answer.headers.get("content-encoding", "identity")
            content = bytes(read) if packed == "identity" else _unpacked(bytes(read), packed)
            return _Answer(answer.status_code, answer.headers.get("retry-after", ""), content)

    def _lost(self, error: httpx.HTTPError) -> LostError:
        """Why there is no answer, as far as that can be told."""
        if isinstance(error, _EndlessError):
            return LostError(str(error))
        found = by_proxy(failure(error), self._proxy)
        untrusted = found.part == "tls" and self._proxy is None and _issuer(self.url)
        return LostError(f"{found}{f', its issuer is {untrusted}' if untrusted else ''}", found.part)

    def _wait(self, what: str, seconds: float) -> None:
        self.clock.waiting(what, seconds)
        self.clock.sleep(seconds)


class _EndlessError(httpx.ReadError):
    """An answer that is larger, or lasts longer, than any of Coolify."""


def _unpacked(data: bytes, how: str) -> bytes:
    """What a proxy packed though it was not asked to. ApiError for what is packed otherwise, or is too large."""
    if how != "gzip":
        raise strange()
    unpacking = zlib.decompressobj(wbits=31)
    try:
        content = unpacking.decompress(data, _LARGEST + 1)
    except zlib.error:
        raise strange() from None
    if len(content) > _LARGEST:
        raise _EndlessError("it has no end")
    return content


def _read(answer: _Answer) -> Any:  # noqa: ANN401
    """Its JSON. ApiError for what is refused, and for a success in other words than JSON."""
    try:
        said = json.loads(answer.content) if answer.content else None
    except (ValueError, RecursionError):
        if answer.status < 300:
            raise strange() from None
        said = None
    if answer.status < 300:
        return said
    raise ApiError(answer.status, _message(said, answer.status), _owner(said))


def strange() -> ApiError:
    """A success that is not in the words of Coolify: something else stands at that URL."""
    return ApiError(200, "it does not answer as Coolify does: is that the URL of the instance itself?")


def rows_of(said: object) -> list[dict[str, Any]]:
    """A list of records. ApiError for anything else."""
    if not isinstance(said, list) or not all(isinstance(row, dict) for row in said):
        raise strange()
    return said


def uuid_of(row: object) -> str:
    """Its uuid. ApiError when it has none."""
    uuid = row.get("uuid") if isinstance(row, dict) else None
    if not isinstance(uuid, str) or not re.fullmatch("[A-Za-z0-9_-]{1,64}", uuid):
        raise strange()
    return uuid


def _issuer(url: Origin) -> str | None:
    """Who signed the certificate there, None where that cannot be seen."""
    from mercure_deploy.keys.asymmetric import certificate_facts  # noqa: PLC0415 - of one that is not trusted alone

    try:
        pem = ssl.get_server_certificate((url.host, url.number), timeout=10)
        return typed(certificate_facts(ssl.PEM_cert_to_DER_cert(pem)).issuer)
    except (OSError, ValueError):
        return None


def _owner(said: object) -> str | None:
    """What has the domain that was asked for, as its name and uuid."""
    conflicts = said.get("conflicts") if isinstance(said, dict) else None
    first = conflicts[0] if isinstance(conflicts, list) and conflicts else None
    if not isinstance(first, dict) or not isinstance(first.get("resource_uuid"), str):
        return None
    return printable(f"{first.get('resource_name')} ({first['resource_uuid']})", 120)


def _message(said: object, status: int) -> str:
    """What the API says, harmless for a terminal; an answer to invalid words may quote them, so only names go on."""
    if 300 <= status < 400:
        return "it redirects: is that the URL of the instance itself?"
    message = said.get("message") if isinstance(said, dict) else None
    errors = said.get("errors") if isinstance(said, dict) else None
    if isinstance(errors, dict) and isinstance(errors.get("urls"), list):
        # of a domain, which is no secret
        errors = errors["urls"]
    shown = list(errors)[:5] if isinstance(errors, dict | list) else []
    names = ", ".join(printable(str(each), 100 if isinstance(errors, list) else 40) for each in shown)
    text = message if isinstance(message, str) else "no word about it"
    return printable(f"{text}: {names}" if names else text, 200)
