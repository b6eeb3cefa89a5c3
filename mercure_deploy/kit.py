"""`kit`: files of a Symfony project that become its owner's, and are brought up to date as long as nobody touched them.

.mercure-kit.json: {"version": 1, "made_by": "0.1.0", "files": {"assets/mercure_stream.js": "<sha256>", ...}}
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mercure_deploy import __version__, disk
from mercure_deploy.disk import Ours
from mercure_deploy.errors import Trouble
from mercure_deploy.file import File
from mercure_deploy.targets.kit import CONFIGURATION

MANIFEST = ".mercure-kit.json"
_LARGEST = 1024 * 1024


@dataclass
class Plan:
    """What is to be written: `files`, and what stays.

    `kept` are paths that their owner has changed, `behind` those of them that this version would write otherwise than
    the one that made them. `merge` is a configuration that belongs into theirs; `ours` may be overwritten, and `made`
    is what the manifest will say.
    """

    files: list[File] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    merge: str | None = None
    ours: set[str] = field(default_factory=set)
    made: dict[str, str] = field(default_factory=dict)


def plan(project: Path, files: Sequence[File], *, replace: bool = False) -> Plan:
    """What becomes of these files in a project. Trouble when it is none, or its manifest cannot be read.

    A file that its owner has changed stays, unless `replace` is said; the bundle's configuration always stays.
    """
    if not (project / "composer.json").is_file():
        raise Trouble(f"{project} is no Symfony project: there is no composer.json", hint="name its folder")
    known, found = _known(project), Plan()
    for file in files:
        there, before = disk.read(project / file.path, limit=_LARGEST), known.get(file.path)
        new, same = _sum(file.content), there is not None and _sum(there) == before
        if there is not None and there != file.content and not same and file.path == CONFIGURATION:
            found.merge = file.content.decode()
        elif there is not None and before and not same and there != file.content and not replace:
            found.kept.append(file.path)
            found.behind += [file.path] if before != new else []
            found.made[file.path] = before
        else:
            found.files.append(file)
            found.made[file.path] = new
            # a file that somebody changed gives way to --replace alone, and is kept beside
            found.ours |= {file.path} if same or there == file.content else set()
    return found


def write(project: Path, found: Plan, *, replace: bool = False) -> list[tuple[str, str]]:
    """Write them: [(path, "created" | "updated" | "unchanged")]. Trouble, and nothing changed, when one is not ours."""
    manifest = File(MANIFEST, _dumps(found.made))
    ours = Ours(paths=frozenset(found.ours | {MANIFEST}), replace=replace)
    return disk.commit(project, [*found.files, manifest], ours=ours)


def changes(project: Path, found: Plan, *, replace: bool = False) -> list[tuple[str, str]]:
    """What `write` would say. Trouble when it would be one."""
    if not replace:
        ours = Ours(paths=frozenset(found.ours))
        disk.refuse(project, disk.foreign(project, found.files, ours))
    words = {"missing": "created", "changed": "updated", "same": "unchanged"}
    compared = disk.compare(project, found.files)
    return [(file.path, words[compared[file.path]]) for file in found.files]


def _known(project: Path) -> dict[str, str]:
    """What the manifest says of each file: the sum of what was written."""
    data = disk.read(project / MANIFEST, limit=_LARGEST)
    if data is None:
        return {}
    try:
        said = json.loads(data)
        files = said["files"] if said["version"] == 1 else None
    except (ValueError, RecursionError, KeyError, TypeError):
        files = None
    if not isinstance(files, dict) or not all(isinstance(each, str) for each in files.values()):
        hint = "restore it from git; or delete it, and say --replace: what is there is kept beside"
        raise Trouble(f"{project / MANIFEST} is damaged, or of a newer version", hint=hint)
    return files


def _dumps(made: Mapping[str, str]) -> bytes:
    said = {"version": 1, "made_by": __version__, "files": dict(sorted(made.items()))}
    return (json.dumps(said, indent=2) + "\n").encode()


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
