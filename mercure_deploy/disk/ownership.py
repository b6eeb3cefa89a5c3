"""Which files below the root are ours: those that a manifest names, and what a killed commit was about to create."""

import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mercure_deploy.disk.reading import TEMPORARY, compare, read
from mercure_deploy.errors import Problem, Trouble
from mercure_deploy.targets.output import SECRET, File

# a list of paths, there only while a commit runs, or after it was killed
CLAIM = f"{TEMPORARY}claim"
KEPT = ".before-mercure-deploy"
_LARGEST_CLAIM = 8 * 1024 * 1024


@dataclass(frozen=True)
class Ours:
    """Which files on disk may be overwritten: `paths`, relative to the root, those that a manifest names.

    `replace` is whether every other may be as well, after it was kept beside as <name>.before-mercure-deploy; `keep`
    are files that are kept so in any case.
    """

    paths: Collection[str] = ()
    replace: bool = False
    keep: Collection[str] = ()


def foreign(root: Path, files: Iterable[File], ours: Ours) -> list[str]:
    """The planned paths where something lies that is not ours and would be overwritten, in plan order."""
    known = set(ours.paths) | claimed(str(root))
    there = [file for file in files if file.path not in known and os.path.lexists(f"{root}/{file.path}")]
    compared = compare(root, there)
    return [file.path for file in there if compared[file.path] != "same"]


def refuse(root: Path, paths: Sequence[str]) -> None:
    """Trouble that names all of these paths, if there are any."""
    if paths:
        what = "is not ours, no manifest names it; nothing was changed"
        hint = "move it away, or say --replace: then it is kept beside ours, as <name>.before-mercure-deploy"
        raise Trouble(*(Problem(f"{root}/{path} {what}", hint if path == paths[-1] else None) for path in paths))


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
