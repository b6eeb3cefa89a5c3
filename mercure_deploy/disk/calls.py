"""The calls of the system that change the world, as a value, so that a test can make any of them fail."""

import os
from collections.abc import Callable
from dataclasses import dataclass


def _link(path: str, other: str) -> None:
    os.link(path, other, follow_symlinks=False)


@dataclass(frozen=True)
class Calls:
    """The calls that change the world, so that a test can make any of them fail."""

    open: Callable[[str, int, int], int] = os.open
    write: Callable[[int, bytes], int] = os.write
    fchmod: Callable[[int, int], None] = os.fchmod
    fsync: Callable[[int], None] = os.fsync
    close: Callable[[int], None] = os.close
    link: Callable[[str, str], None] = _link
    rename: Callable[[str, str], None] = os.rename
    unlink: Callable[[str], None] = os.unlink
    mkdir: Callable[[str, int], None] = os.mkdir
    rmdir: Callable[[str], None] = os.rmdir
    chmod: Callable[[str, int], None] = os.chmod


CALLS = Calls()
