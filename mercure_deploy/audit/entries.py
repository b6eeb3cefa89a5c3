"""One line of a log as a value: the access lines of Caddy, what the hub says of a token, and what others put before.

msgspec decodes the few fields that are needed and passes over the rest without making objects of them: a third of the
time that orjson, the next fastest of the well-kept ones, takes for the whole line (`make bench`).
"""

import re
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

NOTHING = msgspec.Raw(b"")
# the years of a log of a hub; what is outside is no time
_SINCE, _UNTIL = 946_684_800.0, 4_102_444_800.0
# the longest address, and the longest method
_ADDRESS = 64


class Headers(msgspec.Struct, frozen=True, gc=False):
    """What a request brought with it; `cookie` is NOTHING where it had none: Caddy hides what is in it."""

    cookie: msgspec.Raw = msgspec.field(name="Cookie", default=NOTHING)
    origin: tuple[str, ...] = msgspec.field(name="Origin", default=())


_NO_HEADERS = Headers()


class Request(msgspec.Struct, frozen=True, gc=False):
    """What was asked, and by whom."""

    client_ip: Annotated[str, msgspec.Meta(max_length=_ADDRESS)] = ""
    method: Annotated[str, msgspec.Meta(max_length=_ADDRESS)] = ""
    uri: str = ""
    headers: Headers = _NO_HEADERS


_NOBODY = Request()


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An access line; `ts` is the end of the exchange in seconds since 1970, `duration` its length in seconds.

    A line of another kind has the status 0, and only `msg` tells what it is.
    """

    ts: Annotated[float, msgspec.Meta(ge=_SINCE, le=_UNTIL)]
    msg: str = ""
    status: int = 0
    duration: float = 0.0
    request: Request = _NOBODY


class _OlderRequest(msgspec.Struct, frozen=True, gc=False):
    """As Caddy wrote it before 2.7, with remote_ip alone, and before 2.5, with remote_addr: address and port."""

    client_ip: str = ""
    remote_ip: str = ""
    remote_addr: str = ""
    method: str = ""
    uri: str = ""
    headers: Headers = _NO_HEADERS

    def today(self) -> Request:
        """The same as it is written today."""
        address = self.client_ip or self.remote_ip or self.remote_addr.rpartition(":")[0].strip("[]")
        return Request(address[:_ADDRESS], self.method[:_ADDRESS], self.uri, self.headers)


class _Loose(msgspec.Struct, frozen=True, gc=False):
    """The same where somebody set a format of time or length, or the Caddy is an older one."""

    ts: float | str = 0.0
    msg: str = ""
    status: int = 0
    duration: float | str = 0.0
    request: _OlderRequest = _OlderRequest()


class Words(msgspec.Struct, frozen=True, gc=False):
    """What a line of the hub itself says."""

    logger: str = ""
    msg: str = ""
    error: str | None = None


class _Sent(msgspec.Struct, frozen=True, gc=False):
    authorization: msgspec.Raw = msgspec.field(name="Authorization", default=NOTHING)
    cookie: msgspec.Raw = msgspec.field(name="Cookie", default=NOTHING)


class _Asked(msgspec.Struct, frozen=True, gc=False):
    headers: _Sent = msgspec.field(default_factory=_Sent)


class _Answered(msgspec.Struct, frozen=True, gc=False):
    challenge: list[str] = msgspec.field(name="Www-Authenticate", default_factory=list)
    allowed: list[str] = msgspec.field(name="Access-Control-Allow-Origin", default_factory=list)


class _Details(msgspec.Struct, frozen=True, gc=False):
    request: _Asked = msgspec.field(default_factory=_Asked)
    resp_headers: _Answered = msgspec.field(default_factory=_Answered)


class Details(NamedTuple):
    """Whether a request brought a token in a header or a cookie, and what the hub said of it.

    `exposed` is whether the token stands in the line: with log_credentials, or of a Caddy before 2.5.
    """

    credentials: bool
    challenge: str
    allowed: bool
    exposed: bool = False


class _Wrapper(msgspec.Struct, frozen=True, gc=False):
    """A line in a line: docker's files have it in `log`, the journal's export in MESSAGE."""

    log: str | None = None
    message: str | None = msgspec.field(name="MESSAGE", default=None)


_entries = msgspec.json.Decoder(Entry)
decode, decode_lines = _entries.decode, _entries.decode_lines
# what these raise for what is no such line
REFUSED = (msgspec.MsgspecError, UnicodeDecodeError)
_loose = msgspec.json.Decoder(_Loose).decode
_words = msgspec.json.Decoder(Words).decode
_details = msgspec.json.Decoder(_Details).decode
_wrapper = msgspec.json.Decoder(_Wrapper).decode
# how the header of a JWT begins
_TOKEN = b"eyJ"
BEGIN, _WRAPPED = b'{"', (b'{"log":', b'{"MESSAGE"')
# what stands before the JSON where a log is meant for people: 2026/11/28 11:08:03.357, or the time that docker adds
_MOMENT = re.compile(rb"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:?\d\d)?")
# the same in seconds, as Caddy's console has it without a format of its own
_EPOCH = re.compile(rb"\s*([12]\.\d{5,20}e\+09|[12]\d{9}\.\d{1,9})\s")
_LENGTHS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LENGTH = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ns|us|\u00b5s|ms|s|m|h)")


def careful(line: bytes) -> Entry | None:
    """One line that may be anything, as an access line; None where it is none."""
    text = unwrapped(line)
    try:
        found = _loose(text)
    except REFUSED:
        return None
    moment = found.ts if isinstance(found.ts, float) else _moment(found.ts.encode())
    moment = moment or _moment(line)
    request = found.request
    if not is_moment(moment) or max(len(request.client_ip), len(request.remote_ip)) > _ADDRESS:
        return None
    return Entry(moment, found.msg, found.status, _seconds(found.duration), request.today())


def is_moment(seconds: float) -> bool:
    """Whether it may be the time of a line, in seconds since 1970."""
    return _SINCE < seconds < _UNTIL


def unwrapped(line: bytes) -> bytes:
    """The JSON in a line, without what docker, Coolify or the journal put before or around it."""
    text = line[max(line.find(BEGIN), 0) :]
    if text.startswith(_WRAPPED) or b'"MESSAGE"' in text[:4096]:
        try:
            found = _wrapper(text)
        except REFUSED:
            return text
        inner = (found.log or found.message or "").encode(errors="replace")
        return inner[max(inner.find(BEGIN), 0) :] or text
    return text


def details(line: bytes) -> Details:
    """What the headers in an access line say; where they cannot be read they say nothing."""
    try:
        found = _details(unwrapped(line))
    except REFUSED:
        return Details(credentials=False, challenge="", allowed=True)
    sent, answer = found.request.headers, found.resp_headers
    credentials = sent.authorization is not NOTHING or sent.cookie is not NOTHING
    exposed = any(_TOKEN in bytes(each) for each in (sent.authorization, sent.cookie))
    return Details(credentials, " ".join(answer.challenge), bool(answer.allowed), exposed)


def words(line: bytes) -> Words | None:
    """What a line of the hub says, None for what is no such line."""
    try:
        found = _words(unwrapped(line))
    except REFUSED:
        return None
    return found if found.msg else None


def _moment(text: bytes) -> float:
    """The first moment in a text, in seconds since 1970, UTC unless it says otherwise; 0 where there is none."""
    epoch = _EPOCH.match(text)
    if epoch:
        return float(epoch[1])
    found = _MOMENT.search(text[:200])
    if not found:
        return 0.0
    year, month, day, clock, part, zone = (each.decode() if each else "" for each in found.groups())
    try:
        return datetime.fromisoformat(f"{year}-{month}-{day}T{clock}{part}{zone or 'Z'}").timestamp()
    except ValueError:
        return 0.0


def _seconds(length: float | str) -> float:
    """A length of time in seconds, as a number or as Go writes it; -1 where it is neither."""
    if isinstance(length, float):
        return length
    found = _LENGTH.findall(length)
    return sum(float(number) * _LENGTHS[unit] for number, unit in found) if found else -1.0
