"""The stamp: what the last render found in line, as digests, so that one with nothing to do answers at once.

It holds the digest of the spec and of the tool itself, and of every file that was planned. Where all of them are the
same, and nothing lies about that a render would deal with, the answer is that of the last one; anything else, the
slightest doubt included, is answered the full way. A digest of a file with a key is one of 381 random bits; the stamp
is private all the same.
"""

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mercure_deploy import __version__
from mercure_deploy.disk.reading import TEMPORARY, beginning
from mercure_deploy.file import SECRET, File

NAME = ".stamp"
_LOCK = ".lock"
_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True)
class Found:
    """What was planned, in plan order, all of it unchanged; and the warnings of the spec, as they were printed.

    `secret` are those with a key. `silent` is until when (Unix time) `check` has nothing to say of spec and keys, 0
    where it has.
    """

    paths: Sequence[str]
    warnings: Sequence[str]
    secret: frozenset[str]
    environments: Sequence[str]
    silent: float


def key(spec: str, data: bytes, names: Sequence[str]) -> str:
    """What an answer depends on besides the files: the tool, the spec as it is called, its bytes, the environments."""
    parts = [*_tool(), spec, hashlib.sha256(data).hexdigest(), *names]
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


def _tool() -> Iterator[str]:
    """Version and files of this tool, and when something was last installed beside it."""
    yield __version__
    package = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - plain strings are the fast ones
    for place in (package, f"{os.path.dirname(package)}/templates"):  # noqa: PTH120
        yield from _tree(place)
    # an upgrade of any dependency changes the folder of all of them
    yield from (f"{place}:{os.stat(place).st_mtime_ns}" for place in sys.path if place.endswith("-packages"))  # noqa: PTH116


def _tree(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.is_dir() and entry.name != "__pycache__":
                    yield from _tree(entry.path)
                elif entry.name.endswith((".py", ".j2")):
                    seen = entry.stat()
                    yield f"{entry.path}:{seen.st_size}:{seen.st_mtime_ns}"
    except FileNotFoundError:
        return


def find(root: Path, wanted: str) -> Found | None:
    """The answer of the last render when it still holds, else None. The caller holds the lock, shared."""
    base = str(root)
    try:
        said = json.loads(beginning(f"{base}/{NAME}", _LARGEST) or b"")
        if said["key"] != wanted or not _quiet(base, set(said["environments"])):
            return None
        if any(_loose(f"{base}/{path}") for path in said["private"]):
            return None
        if not all(_same(f"{base}/{path}", digest, secret=secret) for path, digest, secret in said["files"]):
            return None
        secret = frozenset(path for path, _, secret in said["files"] if secret)
        paths = [path for path, *_ in said["files"]]
        return Found(paths, said["warnings"], secret, said["environments"], float(said["silent"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def alone(root: Path, paths: Iterable[str]) -> bool:
    """Whether no other files than these, and those of this tool's own, are below the root; links are not followed."""
    return _alone(str(root), "", {*paths, NAME, _LOCK})


def _alone(base: str, folder: str, known: set[str]) -> bool:
    with os.scandir(f"{base}/{folder}") as entries:
        for entry in entries:
            path = f"{folder}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if not _alone(base, f"{path}/", known):
                    return False
            elif path not in known or (path == _LOCK and entry.stat().st_size):
                return False
    return True


def _quiet(base: str, environments: set[str]) -> bool:
    """Whether nothing lies about: of a killed run, or of environments that the spec no longer has."""
    with os.scandir(base) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY):
                return False
            if entry.is_dir() and (
                entry.is_symlink() or not _quiet_folder(entry.path, known=entry.name in environments)
            ):
                return False
    return True


def _quiet_folder(folder: str, *, known: bool, depth: int = 1) -> bool:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY) or (entry.name == "manifest.json" and not known):
                return False
            inner = depth and entry.is_dir(follow_symlinks=False)
            if inner and not _quiet_folder(entry.path, known=True, depth=depth - 1):
                return False
    return True


def _same(path: str, digest: str, *, secret: bool) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode) or (secret and stat.S_IMODE(seen.st_mode) & 0o077):
            return False
        return hashlib.sha256(os.read(handle, seen.st_size + 1)).hexdigest() == digest
    finally:
        os.close(handle)


def _loose(path: str) -> bool:
    return bool(stat.S_IMODE(os.stat(path).st_mode) & 0o077)  # noqa: PTH116


def write(  # noqa: PLR0913, PLR0917 - what is remembered
    root: Path, wanted: str, files: Sequence[File], private: Iterable[str], warnings: Sequence[str], silent: float
) -> None:
    """Remember that these files are in line. The caller holds the lock; where it cannot be written there is none."""
    rows = [(file.path, hashlib.sha256(file.content).hexdigest(), file.secret) for file in files]
    environments = list(dict.fromkeys(path.partition("/")[0] for path, *_ in rows if "/" in path))
    there = [path for path in private if os.path.isdir(root / path)]  # noqa: PTH112
    said: dict[str, object] = {"key": wanted, "environments": environments, "private": there, "files": rows}
    said |= {"warnings": list(warnings), "silent": silent}
    new = f"{root}/{TEMPORARY}stamp"
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, SECRET)
        with os.fdopen(handle, "w") as file:
            json.dump(said, file)
        os.rename(new, f"{root}/{NAME}")  # noqa: PTH104
    except OSError:
        return
