"""One line of a log as a value: the access lines of Caddy, what the hub says of a token, and what others put before.

msgspec decodes the few fields that are needed and passes over the rest without making objects of them: a third of the
time that orjson, the next fastest of the well-kept ones, takes for the whole line (`make bench`).
"""

import re
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

from mercure_deploy.audit.reading import Block

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING = msgspec.Raw(b"")
# the years of a log of a hub; what is outside is no time
_SINCE, _UNTIL = 946_684_800.0, 4_102_444_800.0


class Headers(msgspec.Struct, frozen=True, gc=False):
    """What a request brought with it; `cookie` is NOTHING where it had none: Caddy hides what is in it."""

    cookie: msgspec.Raw = msgspec.field(name="Cookie", default=NOTHING)
    origin: tuple[str, ...] = msgspec.field(name="Origin", default=())


_NO_HEADERS = Headers()


class Request(msgspec.Struct, frozen=True, gc=False):
    """What was asked, and by whom."""

    client_ip: Annotated[str, msgspec.Meta(max_length=64)] = ""
    method: Annotated[str, msgspec.Meta(max_length=64)] = ""
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


class _Loose(msgspec.Struct, frozen=True, gc=False):
    """The same where somebody set a format of time or length."""

    ts: float | str = 0.0
    msg: str = ""
    status: int = 0
    duration: float | str = 0.0
    request: Request = _NOBODY


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
    """Whether a request brought a token in a header or a cookie, and what the hub said of it."""

    credentials: bool
    challenge: str
    allowed: bool


class _Wrapper(msgspec.Struct, frozen=True, gc=False):
    """A line in a line: docker's files have it in `log`, the journal's export in MESSAGE."""

    log: str | None = None
    message: str | None = msgspec.field(name="MESSAGE", default=None)


_entries = msgspec.json.Decoder(Entry)
_decode, _decode_lines = _entries.decode, _entries.decode_lines
_loose = msgspec.json.Decoder(_Loose).decode
_words = msgspec.json.Decoder(Words).decode
_details = msgspec.json.Decoder(_Details).decode
_wrapper = msgspec.json.Decoder(_Wrapper).decode
_BEGIN, _WRAPPED = b'{"', (b'{"log":', b'{"MESSAGE"')
# what stands before the JSON where a log is meant for people: 2026/11/28 11:08:03.357, or the time that docker adds
_MOMENT = re.compile(rb"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:?\d\d)?")
_LENGTHS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LENGTH = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ns|us|\u00b5s|ms|s|m|h)")
# so many lines of a log are those that somebody opens in an editor: beyond, the numbers of lines do not count empty
# ones, and lines are taken to be in the order of their times, as a hub writes them (within 128 KB of them)
_OPENED = 50_000
_TS = attrgetter("ts")


class Readable:
    """What can be read of a block of lines: entries, and for those that ask their line and its number."""

    def __init__(self, block: Block, first: int) -> None:
        """`first` is the number of the first line, from 1."""
        self.source, self._block, self._first = block.source, block, first
        # of all lines, where they had to be looked at one by one; and the places in them of the entries
        self._lines: list[bytes] | None = None
        self._kept: Sequence[int] | None = None
        # where the last line that was asked for is: its place among the lines, and in the data
        self._at, self._start = 0, block.start
        # how many lines cannot be read
        self.skipped = 0
        self.entries = self._fast()
        self.count = len(self.entries)
        if not self.entries:
            self._carefully()
        # the first and the last moment
        ends = self.entries[:: max(1, len(self.entries) - 1)] if first > _OPENED else self.entries
        times = list(map(_TS, ends))
        self.least, self.most = min(times, default=0.0), max(times, default=0.0)

    def times(self) -> list[float]:
        """When each entry was written, in seconds since 1970."""
        return list(map(_TS, self.entries))

    def _fast(self) -> list[Entry]:
        """All lines at once, where each is as Caddy wrote it, whatever stands before; else nothing."""
        block = self._block
        try:
            if block.buffer.startswith(_BEGIN, block.start, block.end):
                found: list[Entry] = _decode_lines(memoryview(block.buffer)[block.start : block.end])
                # empty lines, which it passes over, have a number all the same; to look for them takes a seventh of all
                return found if self._first > _OPENED or len(found) == block.number else []
            return [_decode(line[max(line.find(_BEGIN), 0) :]) for line in block.lines]
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return []

    def _carefully(self) -> None:
        """Line by line, where they may be anything."""
        self._lines = self._block.lines
        found = [careful(line) for line in self._lines]
        self._kept = [at for at, entry in enumerate(found) if entry]
        self.entries = [entry for entry in found if entry]
        self.count, self.skipped = len(found), len(found) - len(self.entries)

    def within(self, since: float, until: float) -> None:
        """Leave out what is not of that time."""
        kept = [at for at, time in enumerate(self.times()) if since <= time < until]
        self.entries = [self.entries[at] for at in kept]
        times = self.times()
        self.least, self.most = min(times, default=0.0), max(times, default=0.0)
        self._kept = [self._kept[at] for at in kept] if self._kept is not None else kept

    def number(self, at: int) -> int:
        """The number of the line of an entry, from 1."""
        return self._first + (self._kept[at] if self._kept is not None else at)

    def line(self, at: int) -> bytes:
        """The line of an entry."""
        if self._kept is not None:
            at = self._kept[at]
        if self._lines is not None:
            return self._lines[at]
        if at < self._at:
            self._at, self._start = 0, self._block.start
        find, end = self._block.buffer.find, self._block.end
        for _ in range(at - self._at):
            self._start = find(b"\n", self._start, end) + 1
        self._at = at
        stop = find(b"\n", self._start, end)
        return bytes(self._block.buffer[self._start : stop if stop >= 0 else end])


def careful(line: bytes) -> Entry | None:
    """One line that may be anything, as an access line; None where it is none."""
    text = unwrapped(line)
    try:
        found = _loose(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    moment = found.ts if isinstance(found.ts, float) else _moment(found.ts.encode())
    moment = moment or _moment(line)
    return (
        Entry(moment, found.msg, found.status, _seconds(found.duration), found.request) if is_moment(moment) else None
    )


def is_moment(seconds: float) -> bool:
    """Whether it may be the time of a line, in seconds since 1970."""
    return _SINCE < seconds < _UNTIL


def unwrapped(line: bytes) -> bytes:
    """The JSON in a line, without what docker, Coolify or the journal put before or around it."""
    text = line[max(line.find(_BEGIN), 0) :]
    if text.startswith(_WRAPPED) or b'"MESSAGE"' in text[:4096]:
        try:
            found = _wrapper(text)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return text
        inner = (found.log or found.message or "").encode(errors="replace")
        return inner[max(inner.find(_BEGIN), 0) :] or text
    return text


def details(line: bytes) -> Details:
    """What the headers in an access line say; where they cannot be read they say nothing."""
    try:
        found = _details(unwrapped(line))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Details(credentials=False, challenge="", allowed=True)
    sent, answer = found.request.headers, found.resp_headers
    credentials = sent.authorization is not NOTHING or sent.cookie is not NOTHING
    return Details(credentials, " ".join(answer.challenge), bool(answer.allowed))


def words(line: bytes) -> Words | None:
    """What a line of the hub says, None for what is no such line."""
    try:
        found = _words(unwrapped(line))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return found if found.msg else None


def _moment(text: bytes) -> float:
    """The first moment in a text, in seconds since 1970, UTC unless it says otherwise; 0 where there is none."""
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
