"""`render`: bring the files in line with the spec, delete what is no longer rendered only when told to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mercure_deploy import disk
from mercure_deploy.disk import stamp
from mercure_deploy.keys import KeyRing
from mercure_deploy.output import View, look, to_preview, to_write
from mercure_deploy.spec import Spec
from mercure_deploy.targets import Deployment, app_path, manifest, platform
from mercure_deploy.targets.plan import GITIGNORE, gitignore

Change = tuple[str, str]


@dataclass(frozen=True)
class Wish:
    """What is asked for: the environments `names`.

    `prune` is whether their orphans go, with `others` those of environments that the spec no longer has too, all but
    their key rings: those go for the environments `prune_keys`. `replace` is whether files that are not ours give way.
    With a `key` the answer is remembered under it, and the `warnings` of the spec, as they were printed. `ring` is that
    of a new environment which has a key already, `silent` whether the spec has no findings at all.
    """

    names: tuple[str, ...]
    prune: bool = False
    replace: bool = False
    others: bool = False
    key: str | None = None
    warnings: tuple[str, ...] = ()
    ring: KeyRing | None = None
    prune_keys: tuple[str, ...] = ()
    silent: bool = False


@dataclass(frozen=True)
class Rendered:
    """What was done: (path, "created" | "updated" | "unchanged" | "orphan" | "deleted"), and what is next to do.

    `secret` are the paths that only their owner may read.
    """

    changes: Sequence[Change]
    following: Sequence[str]
    secret: Sequence[str]


def render(spec: Spec, wish: Wish, root: Path, now: datetime) -> Rendered:
    """Commit the files.

    The caller holds the lock. Trouble, and nothing changed, when a ring is missing or a file is not ours.
    """
    view = look(spec, wish.names, root, to_write(now, wish.ring), forget=wish.prune)
    of_hubs = {f"{d.name}/{name}" for d in view.deployments for name in platform(d).names}
    hub = disk.compare(root, [file for file in view.files if file.path in of_hubs])
    old = {path: disk.read(root / path) for path, change in hub.items() if change == "changed"}
    gone = _pruned(view, wish, root)
    ours = disk.Ours(view.ours, wish.replace, follow=view.follow)
    changes = disk.commit(root, view.files, ours=ours, private=view.private, remove=gone)
    secret = [file.path for file in view.files if file.secret]
    strays = view.strays(gone)
    if wish.key and not strays and not any(disk.loose(root / path) for path in secret):
        stamp.write(root, wish.key, view.files, view.private, wish.warnings, _silent(view) if wish.silent else 0)
    following = [*_renamed(spec, view, root), *_following(view, changes, old)]
    return Rendered([*changes, *strays], following, secret)


def _silent(view: View) -> float:
    """Until when (Unix time) `check` has nothing to say of these keys; 0 where others write into our .gitignore."""
    ignored = next(file.content for file in view.files if file.path == GITIGNORE)
    mixed = any(d.env.keys.algorithm not in {key.algorithm for key in d.ring.keys} for d in view.deployments)
    if mixed or view.partial or ignored != gitignore().content:
        return 0
    return min(
        (key.created if key.state == "current" else key.since).timestamp() + d.env.keys.max_age.total_seconds()
        for d in view.deployments
        for key in d.ring.keys
    )


def _renamed(spec: Spec, view: View, root: Path) -> Iterator[str]:
    """How an environment that was renamed keeps its key: a new one has been made for its new name."""
    for name in left_behind(spec, root) if view.unborn else ():
        for born in sorted(view.unborn):
            yield (
                f"{born} is new and got a key of its own; if it is {name} under another name, it can keep that key:"
                f" rm -r {root / born} && mv {root / name} {root / born}, then render"
            )


def _following(view: View, changes: Iterable[Change], old: Mapping[str, bytes | None]) -> Iterator[str]:
    """What is to be done with files that were changed; those of a new environment are the business of its README."""
    updated = {path for path, change in changes if change == "updated"}
    new = {file.path: file.content for file in view.files}
    for d in view.deployments:
        changed = {path: (old[path] or b"", new[path]) for path in updated if path in old and _of(path, d)}
        hub = platform(d).applied({path.partition("/")[2]: pair for path, pair in changed.items()})
        if hub:
            yield f"{d.name}: next: {hub}"
        apps = [app for app in sorted(d.env.apps) if updated & _files_of(app, d)]
        if apps:
            yield f"{d.name}: next: {platform(d).deploy_apps(d, apps)}"


def _of(path: str, d: Deployment) -> bool:
    return path.startswith(f"{d.name}/")


def _files_of(app: str, d: Deployment) -> set[str]:
    return {f"{d.name}/{app_path(d, app)}", f"{d.name}/symfony/{app}.mercure.yaml"}


def preview(spec: Spec, wish: Wish, root: Path, now: datetime) -> Sequence[Change]:
    """The same without writing anything."""
    view = look(spec, wish.names, root, to_preview(now), forget=wish.prune)
    gone = _pruned(view, wish, root)
    disk.refuse_folders(root, [*(file.path for file in view.files), *gone])
    if not wish.replace:
        disk.refuse(root, disk.foreign(root, view.files, disk.Ours(view.ours, follow=view.follow)))
    words = {"missing": "created", "changed": "updated", "same": "unchanged"}
    tighten = {file.path for file in view.files if file.secret and disk.loose(root / file.path)}
    compared = disk.compare(root, view.files)
    changes = [(p, "updated" if c == "same" and p in tighten else words[c]) for p, c in compared.items()]
    return [*changes, *((path, "deleted") for path in gone), *view.strays(gone)]


def _pruned(view: View, wish: Wish, root: Path) -> list[str]:
    gone: list[str] = []
    for name, paths in view.orphans.items():
        if name in wish.names:
            gone += paths if wish.prune else ()
        elif name in wish.prune_keys or (wish.prune and wish.others):
            rings = [path for path in paths if path == ring_of(name)]
            kept = rings if name not in wish.prune_keys else []
            # the manifest of an environment that the spec no longer has names nothing any more, but for its ring
            everything = [*paths, *([] if kept else [f"{name}/{manifest.NAME}"])]
            gone += [path for path in everything if path not in kept and disk.exists(root / path)]
    return gone


def ring_of(name: str) -> str:
    """The path of the key ring of an environment, relative to the root."""
    return f"{name}/keys.json"


def left_behind(spec: Spec, root: Path) -> list[str]:
    """The environments that the spec no longer has, and whose key ring is still there, sorted."""
    names = [name for name in disk.folders(root) if name not in spec.environments]
    return [name for name in names if disk.exists(root / name / manifest.NAME) and disk.exists(root / ring_of(name))]
