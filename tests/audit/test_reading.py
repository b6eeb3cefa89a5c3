"""Lines of a log as they come: cut, packed, too long, from a file that grows, is rotated and is emptied."""

import gzip
import io
import os
import random
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from logs import Log
from test_counting import tallied

from mercure_deploy.audit import Tally, blocks, following
from mercure_deploy.audit.counting import count
from mercure_deploy.audit.reading import LONGEST, Block
from mercure_deploy.errors import Trouble


def lines_of(found: Iterator[Block]) -> list[bytes]:
    """All lines, those that were passed over as empty ones."""
    lines: list[bytes] = []
    for block in found:
        lines += [b""] * block.passed + block.lines
    return lines


def read(text: bytes) -> tuple[list[bytes], list[str]]:
    """The lines, and what was said of what cannot be read."""
    said: list[str] = []
    return lines_of(blocks("log", io.BytesIO(text), said.append)), said


def test_lines_come_whole_however_they_are_cut():
    for seed in range(300):
        chance = random.Random(seed)
        lines = [bytes([97 + number % 26]) * chance.choice([0, 1, 5, 1000, 70_000]) for number in range(20)]
        text = b"\n".join(lines) + (b"\n" if chance.random() < 0.5 and lines[-1] else b"")
        assert read(text) == (lines if lines[-1] else lines[:-1], []), seed


def test_a_line_without_end_takes_no_memory():
    class Endless(io.RawIOBase):
        left = 100 * 1024 * 1024

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            taken = min(len(buffer), self.left)
            self.left -= taken
            buffer[:taken] = b"x" * taken
            return taken

    tracemalloc.start()
    found = lines_of(blocks("log", Endless(), pytest.fail))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [b""]
    assert most < 4 * 1024 * 1024
    text = b"before\n" + b"y" * (3 * LONGEST) + b"\nafter\n"
    assert read(text) == ([b"before", b"", b"after"], [])
    assert read(b"y" * (3 * LONGEST)) == ([b""], [])


def test_gzip_is_unpacked_also_several_in_one_and_one_that_is_cut():
    log = Log().usual(1).text
    whole = read(log)[0]
    assert read(gzip.compress(log)) == (whole, [])
    assert read(gzip.compress(log[:1000]) + gzip.compress(log[1000:])) == (whole, [])
    packed = gzip.compress(log)
    lines, said = read(packed[: len(packed) // 2])
    assert 10 < len(lines) < len(whole)
    assert lines[:-1] == whole[: len(lines) - 1]
    assert len(said) == 1
    assert said[0].startswith("log: the rest cannot be read: ")
    for number in range(200):
        broken = bytearray(packed)
        broken[random.Random(number).randrange(20, len(packed))] ^= 0x55
        read(bytes(broken))


@pytest.mark.parametrize(("begin", "name"), [(b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh9", "bzip2"), (b"\xfd7zXZ\0", "xz")])
def test_what_is_packed_otherwise_is_said(begin: bytes, name: str):
    with pytest.raises(Trouble, match="log is packed") as raised:
        read(begin + b"\0" * 100)
    assert f"{name} -dc" in str(raised.value)


def test_nothing_is_no_line():
    assert read(b"") == ([], [])
    assert read(b"\n\n") == ([b"", b""], [])


class Following:
    """A log that is followed; `steps` are what happens to it, one each time that there is nothing new."""

    def __init__(self, path: Path, *steps: Callable[[], object]) -> None:
        self.path, self.steps, self.said = path, list(steps), list[str]()
        self.tally = Tally()

    def wait(self) -> None:
        if not self.steps:
            raise KeyboardInterrupt
        self.steps.pop(0)()

    def run(self) -> Tally:
        blocks = following(str(self.path), self.wait, self.said.append)
        with suppress(KeyboardInterrupt):
            for block in blocks:
                count(self.tally, block)
        return self.tally


def rotated(path: Path, lines: list[bytes], way: str) -> Following:
    """What happens to a log of these lines: it grows, is rotated that way in the middle of a line, and grows again."""
    half = len(lines) // 2
    head, tail = lines[half][:40], lines[half][40:]
    old, rest = path.with_suffix(".1"), b"".join(lines[half + 1 :])

    def append(to: Path, text: bytes) -> Callable[[], object]:
        def step() -> None:
            with to.open("ab") as file:
                file.write(text)

        return step

    path.write_bytes(b"".join(lines[:10]))
    grow = [append(path, b"".join(lines[10:half])), append(path, head)]
    turn = {
        # who writes has the old file open, and ends its line there
        "renamed": [lambda: path.rename(old), append(old, tail), path.touch, append(path, rest)],
        "renamed at once": [lambda: (path.rename(old), append(old, tail)(), path.write_bytes(rest))],
        "copied and emptied": [append(path, tail), lambda: os.truncate(path, 0), lambda: None, append(path, rest)],
    }
    return Following(path, *grow, *turn[way], lambda: None)


@pytest.mark.parametrize("way", ["renamed", "renamed at once", "copied and emptied"])
def test_a_log_that_is_rotated_while_it_is_followed_is_counted_once(tmp_path: Path, way: str):
    text = Log().usual(4).text
    lines, whole = text.splitlines(keepends=True), tallied(text)
    followed = rotated(tmp_path / "access.log", lines, way)
    tally = followed.run()
    assert (tally.lines, tally.skipped) == (len(lines), 0)
    assert tally.publishers.accepted == whole.publishers.accepted
    assert tally.subscribers.accepted == whole.subscribers.accepted
    assert len(followed.said) == (way == "copied and emptied")


def test_a_file_that_is_not_there_or_cannot_be_read_is_said(tmp_path: Path):
    with pytest.raises(Trouble, match="does not exist"):
        Following(tmp_path / "none").run()
    with pytest.raises(Trouble, match="is a directory"):
        Following(tmp_path).run()
