"""Files of others below some folders: found by name, read once, within bounds; nothing is followed out of a folder."""

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mercure_deploy.disk import git
from mercure_deploy.disk.reading import beginning, reason
from mercure_deploy.errors import Problem, Trouble

DEEPEST, MOST, LARGEST = 6, 2000, 1024 * 1024
_SKIPPED = frozenset(".git vendor node_modules var cache dist .venv __pycache__".split())
# what is looked at in one folder before it is left alone
_ENTRIES = 20_000


@dataclass
class Searched:
    """(path as it was given or below it, text) of each file, and what was left out, with the reason.

    `rendered` are the folders that a render of ours wrote, whose files were left out.
    """

    files: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    rendered: list[str] = field(default_factory=list)


def search(paths: Sequence[str], wanted: Callable[[str], bool]) -> Searched:
    """The named files, and those below the named folders whose path is `wanted`, each once.

    Trouble, with all of them, where a named one is not there or no file.
    """
    found = Searched()
    problems = [problem for path in paths for problem in _named(path, found, wanted)]
    if problems:
        raise Trouble(*problems)
    folders: dict[str, str] = {}
    found.files = list({_real(path, folders): (path, text) for path, text in reversed(found.files)}.values())[::-1]
    return found


def _real(path: str, folders: dict[str, str]) -> str:
    """Where a file really lies; `folders` remembers where its folder does."""
    folder, name = os.path.split(path)
    if os.path.islink(path):  # noqa: PTH114 - as above
        return os.path.realpath(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder or ".")
    return f"{folders[folder]}/{name}"


def tracked(paths: Iterable[str]) -> frozenset[str]:
    """Those of the files that git tracks; none where it cannot be asked."""
    folders: dict[str, str] = {}
    real = {path: _real(path, folders) for path in paths}
    top = os.path.commonpath(folders.values()) if folders else "."
    known = git.tracked(Path(top)) or set()
    return frozenset(path for path, place in real.items() if place.removeprefix(f"{top.rstrip('/')}/") in known)


def _named(path: str, found: Searched, wanted: Callable[[str], bool]) -> Iterator[Problem]:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - plain strings, as they are shown
    except OSError as error:
        yield Problem(f"{path} cannot be read: {reason(error)}")
        return
    if stat.S_ISDIR(mode):
        for each in filter(wanted, _below("" if path == "." else path.rstrip("/"), path, 0, found)):
            if len(found.files) >= MOST:
                found.left_out.append(f"{each} and what follows: more than {MOST} files")
                break
            _read(each, found)
    elif stat.S_ISREG(mode):
        before = len(found.left_out)
        _read(path, found)
        yield from map(Problem, found.left_out[before:])
    else:
        yield Problem(f"{path} is no file")


def _below(shown: str, folder: str, depth: int, found: Searched) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            listed = [entry for _, entry in zip(range(_ENTRIES + 1), entries, strict=False)]
    except OSError as error:
        found.left_out.append(f"{folder}: {reason(error)}")
        return
    if len(listed) > _ENTRIES:
        found.left_out.append(f"{folder}: more than {_ENTRIES} entries")
        return
    ours = _rendered(folder, {entry.name for entry in listed})
    found.rendered += [folder] if ours else []
    for entry in sorted(listed, key=lambda each: each.name):
        path = f"{shown}/{entry.name}" if shown else entry.name
        if entry.is_dir(follow_symlinks=False):
            if depth < DEEPEST and entry.name not in _SKIPPED and f"{entry.name}/" not in ours:
                yield from _below(path, entry.path, depth + 1, found)
        elif entry.name not in ours and (entry.is_file(follow_symlinks=False) or _leads_inside(entry, folder)):
            yield path


def _leads_inside(entry: "os.DirEntry[str]", folder: str) -> bool:
    """Whether it is a link to a file below its folder; one that leads to itself is none."""
    inside = os.path.realpath(entry.path).startswith(os.path.realpath(folder) + os.sep)
    return inside and os.path.isfile(entry.path)  # noqa: PTH113 - a loop is no error there


def _rendered(folder: str, names: set[str]) -> set[str]:
    """What a manifest of ours names in that folder, folders with a slash."""
    if "manifest.json" not in names:
        return set()
    try:
        said = json.loads(beginning(f"{folder}/manifest.json", LARGEST) or b"")
        if said["version"] != 1 or not isinstance(said["keys"], list):
            return set()
        return {"manifest.json", *(path.partition("/")[0] + ("/" if "/" in path else "") for path in said["files"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()


def _read(path: str, found: Searched) -> None:
    """Take the file in, or say why not; what is no regular file is nobody's business."""
    try:
        data = beginning(path, LARGEST + 1)
    except OSError as error:
        found.left_out.append(f"{path} cannot be read: {reason(error)}")
        return
    if data is None:
        return
    if len(data) > LARGEST:
        found.left_out.append(f"{path} is larger than {LARGEST // 1024} KiB")
        return
    found.files.append((path, data.decode("utf-8", errors="replace")))
