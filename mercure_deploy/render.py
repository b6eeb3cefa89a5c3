"""`render`: bring the files in line with the spec, delete what is no longer rendered only when told to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mercure_deploy import disk
from mercure_deploy.root import View, look, to_preview, to_write
from mercure_deploy.spec import Spec
from mercure_deploy.targets import manifest

Change = tuple[str, str]


@dataclass(frozen=True)
class Wish:
    """What is asked for: the environments `names`.

    `prune` is whether their orphans go, with `others` those of environments that the spec no longer has too; `replace`
    whether files that are not ours give way.
    """

    names: tuple[str, ...]
    prune: bool = False
    replace: bool = False
    others: bool = False


def render(spec: Spec, wish: Wish, root: Path, now: datetime) -> tuple[View, Sequence[Change]]:
    """Commit the files: what was planned, and (path, "created" | "updated" | "unchanged" | "orphan" | "deleted").

    The caller holds the lock. Trouble, and nothing changed, when a ring is missing or a file is not ours.
    """
    view = look(spec, wish.names, root, to_write(now), forget=wish.prune)
    gone = _pruned(view, wish, root)
    ours = disk.Ours(view.ours, wish.replace)
    changes = disk.commit(root, view.files, ours=ours, private=view.private, remove=gone)
    return view, [*changes, *view.strays(gone)]


def preview(spec: Spec, wish: Wish, root: Path, now: datetime) -> tuple[View, Sequence[Change]]:
    """The same without writing anything."""
    view = look(spec, wish.names, root, to_preview(now), forget=wish.prune)
    if not wish.replace:
        disk.refuse(root, disk.foreign(root, view.files, disk.Ours(view.ours)))
    gone = _pruned(view, wish, root)
    words = {"missing": "created", "changed": "updated", "same": "unchanged"}
    tighten = {file.path for file in view.files if file.secret and disk.loose(root / file.path)}
    compared = disk.compare(root, view.files)
    changes = [(p, "updated" if c == "same" and p in tighten else words[c]) for p, c in compared.items()]
    return view, [*changes, *((path, "deleted") for path in gone), *view.strays(gone)]


def _pruned(view: View, wish: Wish, root: Path) -> list[str]:
    if not wish.prune:
        return []
    gone: list[str] = []
    for name, paths in view.orphans.items():
        if name in wish.names:
            gone += paths
        elif wish.others:
            # the manifest of an environment that the spec no longer has names nothing any more
            gone += [path for path in (*paths, f"{name}/{manifest.NAME}") if disk.exists(root / path)]
    return gone
