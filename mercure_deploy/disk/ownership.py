"""Which files below the root are ours: those that a manifest names, and what a killed commit was about to create."""

import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mercure_deploy.disk.reading import TEMPORARY, compare, read
from mercure_deploy.errors import Problem, Trouble
from mercure_deploy.file import SECRET, File

# a list of paths, there only while a commit runs, or after it was killed
CLAIM = f"{TEMPORARY}claim"
KEPT = ".before-mercure-deploy"
_LARGEST_CLAIM = 8 * 1024 * 1024


@dataclass(frozen=True)
class Ours:
    """Which files on disk may be overwritten: `paths`, relative to the root, those that a manifest names.

    `replace` is whether every other may be as well, after it was kept beside as <name>.before-mercure-deploy; `keep`
    are files that are kept so in any case. `follow` are the links that lead to a file of ours, see `links`: any other
    one is not ours.
    """

    paths: Collection[str] = ()
    replace: bool = False
    keep: Collection[str] = ()
    follow: Collection[str] = ()


def foreign(root: Path, files: Iterable[File], ours: Ours) -> list[str]:
    """The planned paths where something lies that is not ours and would be overwritten, in plan order."""
    known = set(ours.paths) | claimed(str(root))
    there = [
        file
        for file in files
        if os.path.lexists(f"{root}/{file.path}")
        and (file.path not in known or (file.path not in ours.follow and os.path.islink(f"{root}/{file.path}")))  # noqa: PTH114
    ]
    compared = compare(root, there)
    return [file.path for file in there if compared[file.path] != "same"]


def refuse(root: Path, paths: Sequence[str]) -> None:
    """Trouble that names all of these paths, if there are any."""
    if paths:
        hint = "move it away, or say --replace: then it is kept beside ours, as <name>.before-mercure-deploy"
        raise Trouble(*(Problem(_strange(f"{root}/{path}"), hint if path == paths[-1] else None) for path in paths))


def _strange(path: str) -> str:
    if os.path.islink(path):  # noqa: PTH114 - plain strings
        return f"{path} is a link to {os.path.realpath(path)}, which is not ours; nothing was changed"
    return f"{path} is not ours, no manifest names it; nothing was changed"


def links(root: Path, files: Sequence[File]) -> dict[str, str]:
    """Where those of the planned secret files that are links lead to, by path; none that lead to one file twice.

    Neither does any that leads to another planned file.
    """
    paths = [file.path for file in files if file.secret and os.path.islink(f"{root}/{file.path}")]  # noqa: PTH114
    found = {path: os.path.realpath(f"{root}/{path}") for path in paths}
    planned = [os.path.realpath(f"{root}/{file.path}") for file in files] if found else []
    return {path: target for path, target in found.items() if planned.count(target) == 1}


def refuse_folders(root: Path, paths: Iterable[str]) -> None:
    """Trouble that names every folder above these paths, below the root, that is a link."""
    split = [path.split("/") for path in paths]
    folders = {"/".join(parts[:depth]) for parts in split for depth in range(1, len(parts))}
    linked = sorted(f"{root}/{folder}" for folder in folders if os.path.islink(f"{root}/{folder}"))  # noqa: PTH114
    if linked:
        hint = "put a folder in its place: keys would end up elsewhere, and what is there would be closed to others"
        raise Trouble(*(Problem(f"{folder} is a link to {os.path.realpath(folder)}", hint) for folder in linked))


def kept(base: str, path: str) -> File:
    """What lies at `path`, as a new file beside it that only its owner may read."""
    number, name = 1, f"{path}{KEPT}"
    while os.path.lexists(f"{base}/{name}"):
        number += 1
        name = f"{path}{KEPT}-{number}"
    return File(name, read(f"{base}/{path}") or b"", SECRET)


def claimed(base: str) -> set[str]:
    """What a commit that was killed was about to create."""
    try:
        paths = json.loads(read(f"{base}/{CLAIM}", limit=_LARGEST_CLAIM) or b"[]")
    except (ValueError, RecursionError, Trouble):
        return set()
    return {path for path in paths if isinstance(path, str)} if isinstance(paths, list) else set()
