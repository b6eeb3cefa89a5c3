"""Lines of a log in blocks, in bounded memory: from files, pipes, gzip, and a file that grows and is rotated."""

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from mercure_deploy.errors import Trouble, typed

# bytes that are read at once: what fits into the nearest cache is decoded a fifth faster than a megabyte (measured)
SIZE = 1 << 17
# the longest line that may be one of a hub; what is longer is passed over and counts as one line
LONGEST = 1 << 18
_END = ord("\n")
_GZIP = b"\x1f\x8b"
# what is packed otherwise, by its first bytes
_OTHERS = {b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "unzip"}
Read = Callable[[memoryview], int | None]


class Block(NamedTuple):
    """Some whole lines of a log, between `start` and `end` of the buffer until the next block is asked for.

    `passed` are lines before them that were too long; `begins` is whether this is the beginning of the log.
    """

    source: str
    buffer: bytearray
    start: int
    end: int
    passed: int = 0
    begins: bool = False

    @property
    def number(self) -> int:
        """How many lines there are. To go from one end to the next is four times as fast as bytes.count (3.11)."""
        find, end, found, at = self.buffer.find, self.end, 0, self.start
        while at := find(b"\n", at, end) + 1:
            found += 1
        return found + (self.start < end and self.buffer[end - 1] != _END)

    @property
    def lines(self) -> list[bytes]:
        """The lines, without their ends."""
        lines = bytes(self.buffer[self.start : self.end]).split(b"\n")
        return lines if lines[-1] else lines[:-1]


class _Lines:
    """One buffer for all of a log: bytes as they come, whole lines as they go."""

    def __init__(self, source: str) -> None:
        self.source, self.begins = source, True
        self.buffer = bytearray(SIZE + LONGEST)
        self.view = memoryview(self.buffer)
        # how much of a line is there; whether it is the end of one that is too long, and how many of these there were
        self.rest, self.passing, self.passed = 0, False, 0

    def blocks(self, read: Read) -> Iterator[Block]:
        """The lines that `read` puts into the buffer, until it has nothing more for now."""
        while count := read(self.view[self.rest : self.rest + SIZE]):
            start, end = 0, self.rest + count
            if self.passing:
                start = self.buffer.find(b"\n", 0, end) + 1
                self.passing = not start
                self.passed += bool(start)
                start = start or end
            whole = self.buffer.rfind(b"\n", start, end) + 1
            if whole:
                yield self._block(start, whole)
            self._keep(max(start, whole), end)

    def _keep(self, start: int, end: int) -> None:
        """What is between is the beginning of a line."""
        self.rest = end - start
        self.view[: self.rest] = self.view[start:end]
        if self.rest > LONGEST:
            self.rest, self.passing = 0, True

    def _block(self, start: int, end: int) -> Block:
        block = Block(self.source, self.buffer, start, end, self.passed, self.begins)
        self.passed, self.begins = 0, False
        return block

    def last(self) -> Iterator[Block]:
        """What there is after the last end of a line."""
        self.passed += self.passing
        if self.rest or self.passed:
            yield self._block(0, self.rest)
        self.rest, self.passing = 0, False


def blocks(source: str, stream: io.RawIOBase | io.BufferedIOBase, cut: Callable[[str], None]) -> Iterator[Block]:
    """The lines of a stream, plain or gzip. `cut` is told why the rest of it cannot be read.

    Trouble for what is packed otherwise, and what cannot be read at all.
    """
    lines = _Lines(source)
    try:
        yield from lines.blocks(_plain(source, stream))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        cut(f"{typed(source)}: the rest cannot be read: {str(error).lower() or 'it is cut'}")
    except OSError as error:
        raise unread(source, error) from None
    yield from lines.last()


def unread(source: str, error: OSError) -> Trouble:
    """Why a log cannot be read."""
    return Trouble(f"{typed(source)} cannot be read: {(error.strerror or str(error)).lower()}")


def _plain(source: str, stream: io.RawIOBase | io.BufferedIOBase) -> Read:
    """What reads a stream as its bytes come, unpacked."""
    read: Read = getattr(stream, "readinto1", stream.readinto)
    begin = bytearray(6)
    count, more = 0, 1
    while count < len(begin) and more:
        more = read(memoryview(begin)[count:]) or 0
        count += more
    known = bytes(begin[:count])
    other = next((name for sign, name in _OTHERS.items() if known.startswith(sign)), None)
    if other:
        raise Trouble(
            f"{typed(source)} is packed", hint=f"unpack it into a pipe: {other} -dc FILE | mercure-deploy audit -"
        )
    again = _Again(known, read)
    if known.startswith(_GZIP):
        return gzip.GzipFile(fileobj=io.BufferedReader(again, SIZE)).readinto1
    return again.readinto


class _Again(io.RawIOBase):
    """A stream whose beginning has been read already."""

    def __init__(self, begin: bytes, read: Read) -> None:
        self.begin, self.read_more = begin, read

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        """What was read, then what comes."""
        if not self.begin:
            return self.read_more(buffer)
        taken, self.begin = self.begin[: len(buffer)], self.begin[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def following(path: str, wait: Callable[[], None], note: Callable[[str], None]) -> Iterator[Block]:
    """The lines of a file that is being written, for ever; `wait` is called whenever there is nothing new.

    A file that was rotated is read to its end, then the new one from its beginning; one that became shorter was
    emptied, and is read again. Trouble when there is no such file to begin with.
    """
    lines, file = _Lines(path), opened(path)
    try:
        while True:
            yield from lines.blocks(file.readinto)
            wait()
            newer = _newer(path, file)
            if newer is not None:
                # what was written between the last look and the rotation
                yield from lines.blocks(file.readinto)
                yield from lines.last()
                file.close()
                lines, file = _Lines(path), newer
            elif os.fstat(file.fileno()).st_size < file.tell():
                note(f"{typed(path)} became shorter, and is read from its beginning")
                lines = _Lines(path)
                file.seek(0)
    finally:
        file.close()


def opened(path: str) -> io.FileIO:
    """The file, or the pipe. Trouble when there is none or it cannot be read."""
    try:
        return open(path, "rb", buffering=0)  # noqa: PTH123 - as a log is named; the caller closes it
    except FileNotFoundError:
        raise Trouble(f"{typed(path)} does not exist") from None
    except OSError as error:
        raise unread(path, error) from None


def _newer(path: str, file: io.FileIO) -> io.FileIO | None:
    """The file that has this name now, where it is another one; None too while there is none, in mid-rotation."""
    with suppress(OSError):
        there, here = os.stat(path), os.fstat(file.fileno())  # noqa: PTH116
        if (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev):
            return open(path, "rb", buffering=0)  # noqa: PTH123
    return None
