"""A block of lines as entries: all at once where Caddy wrote each, one by one where they may be anything."""

from operator import attrgetter

from mercure_deploy.audit.entries import BEGIN, REFUSED, Entry, careful, decode, decode_lines
from mercure_deploy.audit.reading import Block

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
        self._kept: list[int] | None = None
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
            if block.buffer.startswith(BEGIN, block.start, block.end):
                found: list[Entry] = decode_lines(memoryview(block.buffer)[block.start : block.end])
                # empty lines, which it passes over, have a number all the same; to look for them takes a seventh of all
                whole = self._first > _OPENED or len(found) == block.number
                return found if whole and not _is_older(found) else []
            return [decode(line[max(line.find(BEGIN), 0) :]) for line in block.lines]
        except REFUSED:
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


def _is_older(found: list[Entry]) -> bool:
    """Whether these are lines of a Caddy before 2.7, which has the address under another name."""
    first = next((each for each in found if each.status), None)
    return first is not None and not first.request.client_ip
