"""What is counted: by hour, by client, by origin; every table has an end, whatever the log is."""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mercure_deploy.audit.clients import Clients, Seen
from mercure_deploy.facts.hubs import HUB_PATH

# the largest tables: more than a year of hours, clients of a large site, names that strangers can make up
HOURS, CLIENTS, NAMES = 10_000, 50_000, 2_000
_LONGEST = 200
# lengths of streams: in steps of 0.5 s up to 150 s, where proxies cut, and from there in steps of 8 % up to a month
STEP, FINE = 0.5, 300
_GROWTH, _SIZES = 12.5, FINE + 125
# behind them: streams without a length. A Caddy that passes requests on writes 0 where the client has left (measured)
UNMEASURED = _SIZES
FINE_END = FINE * STEP


@dataclass(frozen=True)
class Known:
    """What a spec says of the hub.

    `origins` tells whether pages of an origin may subscribe, None where no spec is there; `anonymous` whether the spec
    wants visitors without a token; `lifetime` is that of a cookie's token in seconds, `paths` where the hub answers.
    """

    origins: Callable[[str], bool] | None = None
    anonymous: bool = False
    lifetime: float | None = None
    paths: tuple[str, ...] = (HUB_PATH,)


@dataclass(frozen=True)
class Window:
    """The time that is looked at, in seconds since 1970."""

    since: float = 0.0
    until: float = math.inf


class Hour:
    """What there was in one hour: (method, status) of what was asked of the hub, and its streams by their lengths."""

    __slots__ = ("asked", "lengths")

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, int]] = Counter()
        self.lengths = array("L", bytes(8 * (_SIZES + 1)))


def size(seconds: float) -> int:
    """Where in `Hour.lengths` a stream of that length is counted."""
    if 0.0 < seconds < FINE_END:
        return int(seconds / STEP)
    if not seconds:
        return UNMEASURED
    # what is no length counts as the longest
    return (
        _SIZES - 1 if not 0.0 <= seconds < 1e8 else min(_SIZES - 1, FINE + int(math.log(seconds / FINE_END) * _GROWTH))
    )


# the same for lengths below SIZES_END, by their half seconds
SIZES_END = 1024.0
SIZES = [size(step * STEP + STEP / 2) for step in range(int(SIZES_END / STEP))]


def lengths_of(hours: Iterable[Hour]) -> Sequence[int]:
    """The streams of these hours, by their lengths; nothing where there is no hour."""
    return list(map(sum, zip(*(each.lengths for each in hours), strict=True)))


def share(lengths: Sequence[int], part: float) -> float | None:
    """The length in seconds that this part of the streams does not exceed, within 4 %; None where there is none."""
    left = part * sum(lengths[:UNMEASURED])
    for at, number in enumerate(lengths[:UNMEASURED]):
        left -= number
        if number and left <= 0:
            return (at + 0.5) * STEP if at < FINE else FINE_END * math.exp((at - FINE + 0.5) / _GROWTH)
    return None


@dataclass
class Tally:
    """Everything that is counted. `counting.count` adds a block of lines."""

    known: Known = field(default_factory=Known)
    window: Window = field(default_factory=Window)
    lines: int = 0
    # the number of the next line of each log
    numbers: dict[str, int] = field(default_factory=dict)
    # what cannot be read; lines of the hub that are none of access
    skipped: int = 0
    words: int = 0
    first: float = math.inf
    last: float = 0.0
    hours: dict[int, Hour] = field(default_factory=dict)
    # streams of each length: the first, as (when, log, line), and when the last ended
    begins: dict[int, tuple[float, str, int]] = field(default_factory=dict)
    ends: list[float] = field(default_factory=lambda: [0.0] * (_SIZES + 1))
    clients: set[str] = field(default_factory=set)
    uris: dict[str, int] = field(default_factory=dict)
    origins: dict[str, int] = field(default_factory=dict)
    # origins whose pages the hub refused last
    refused: set[str] = field(default_factory=set)
    # what is out of the ordinary: what it is, and of whom
    odd: dict[str, dict[str, Seen]] = field(default_factory=dict)
    # what hub 1.0 says of tokens that it refuses, in WWW-Authenticate
    challenges: Counter[str] = field(default_factory=Counter)
    publishers: Clients = field(default_factory=Clients)
    subscribers: Clients = field(default_factory=Clients)
    # the longest silences: (seconds, when it began, source, line)
    gaps: list[tuple[float, float, str, int]] = field(default_factory=list)

    def hour(self, number: int) -> Hour:
        """That hour since 1970; beyond so many hours all are one."""
        found = self.hours.get(number)
        if found is None:
            number = number if len(self.hours) < HOURS else max(self.hours)
            found = self.hours.setdefault(number, Hour())
        return found

    def note(self, what: str, whose: str, moment: float, source: str, line: int) -> None:
        """Something out of the ordinary, once more."""
        table, whose = self.odd.setdefault(what, {}), whose[:_LONGEST]
        if whose not in table and len(table) >= NAMES:
            whose = ""
        table.setdefault(whose, Seen()).add(moment, source, line)

    def lengths(self) -> Sequence[int]:
        """The streams of all hours."""
        return lengths_of(self.hours.values())

    def of(self, what: str) -> dict[str, Seen]:
        """All that was noted as this, by whose it is."""
        return self.odd.get(what, {})

    def together(self, what: str) -> Seen:
        """All that was noted as this, as one."""
        found = Seen()
        for seen in sorted(self.of(what).values(), key=lambda each: each.first):
            found.add(seen.first, seen.source, seen.line, seen.count)
            found.last = max(found.last, seen.last)
        return found

    @property
    def addresses(self) -> set[str]:
        """Who asked anything of the hub, as far as the tables go."""
        return self.clients | self.publishers.seen | self.subscribers.seen
