"""The output root: which rings, manifests and files are there, and what ought to be; reads, and writes nothing."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from mercure_deploy import disk, keys
from mercure_deploy.errors import Trouble
from mercure_deploy.file import File
from mercure_deploy.keys import KeyRing
from mercure_deploy.output import rings, variables
from mercure_deploy.output.rings import Known
from mercure_deploy.spec import Environment, Spec
from mercure_deploy.targets import Deployment, foreign, manifest, private_directories
from mercure_deploy.targets.plan import GITIGNORE, plan

# the largest file of ours is far below; a larger one is not read into memory
_LIMIT = 8 * 1024 * 1024
_IGNORED = (".env", ".secret.yaml", "jwks.json", "keys.json")


@dataclass(frozen=True)
class View:
    """What ought to be: `files` in commit order. `orphans` by environment, those the spec no longer has included.

    `partial` are the environments whose ring is known from the manifest only: their secret files are not to be used.
    `unborn` are those that have neither ring nor manifest. `ours` are the paths that may be overwritten, `follow` those
    of them that are links to a ring or env file of ours.
    """

    deployments: tuple[Deployment, ...]
    files: tuple[File, ...]
    private: frozenset[str]
    orphans: Mapping[str, tuple[str, ...]]
    partial: frozenset[str]
    unborn: frozenset[str]
    ours: frozenset[str]
    follow: frozenset[str] = frozenset()

    def strays(self, gone: Container[str] = ()) -> list[tuple[str, str]]:
        """The orphans but for those that are gone, as a commit would say them: (path, "orphan")."""
        return [(path, "orphan") for paths in self.orphans.values() for path in paths if path not in gone]

    @property
    def comparable(self) -> list[File]:
        """The files that can be compared: without the secret ones where the ring is not here."""
        return [file for file in self.files if not (file.secret and file.path.partition("/")[0] in self.partial)]

    @cached_property
    def by_environment(self) -> dict[str, list[File]]:
        """The files of each environment that can be compared; those of the root itself under ""."""
        found: dict[str, list[File]] = {"": [], **{d.name: [] for d in self.deployments}}
        for file in self.comparable:
            folder, slash, _ = file.path.partition("/")
            found[folder if slash else ""].append(file)
        return found


Choose = Callable[[Known, Environment], KeyRing]
Know = Callable[[Path, str], Known]


def to_write(now: datetime, ring: KeyRing | None = None) -> Choose:
    """For render: the ring that is there; `ring`, or a new one, for a new environment. Trouble when it is missing."""
    return lambda known, env: known.secret() or ring or _first(known.name, env, now)


def _first(name: str, env: Environment, now: datetime) -> KeyRing:
    """The ring of a new environment. Trouble where its key is not ours to make."""
    whose = foreign(env)
    if whose:
        hint = f"mercure-deploy import FILE --env {name}, or init --key-from FILE: with what was handed out"
        raise Trouble(f"{name} has no key yet, and it is that of {whose}", hint=hint)
    return keys.first(env.keys.algorithm, now)


def to_compare(now: datetime) -> Choose:
    """For check, diff and --dry-run: the best that is there, else a stand-in for the ring that a render would make."""
    return lambda known, env: known.any() or keys.unborn(env.keys.algorithm, now)


def to_preview(now: datetime) -> Choose:
    """For --dry-run: the ring that a render would use, a stand-in where it would make one."""
    return lambda known, env: known.secret() or keys.unborn(env.keys.algorithm, now)


def known(root: Path, name: str) -> Known:
    """Ring and manifest of an environment. Trouble when others can read the ring."""
    ring = f"{root}/{name}/keys.json"
    if disk.loose(ring) and disk.modes_stick(Path(ring).resolve().parent):
        hint = f"chmod 600 {ring}; if others use this machine: rotate-keys {name} --now"
        raise Trouble(f"{name}/keys.json can be read by others", hint=hint)
    return lenient(root, name)


def lenient(root: Path, name: str) -> Known:
    """The same for `check`, which reports a ring that others can read as drift."""
    found = rings.known(name, _reader(root), f"{root}/{name}")
    if found.ring or found.public:
        return found
    paths = [f"{root}/{name}/{path}" for path in disk.files(root / name) if path.endswith((".env", ".secret.yaml"))]
    return replace(found, held=rings.held(disk.read(path, limit=_LIMIT) or b"" for path in paths))


def lost(root: Path, name: str) -> Known:
    """The same for a ring that is to be replaced: one that is damaged counts as absent."""
    return rings.known(name, _reader(root), f"{root}/{name}", damaged_is_absent=True)


def _reader(root: Path) -> rings.Read:
    return lambda path: disk.read(f"{root}/{path}", limit=_LIMIT)


def look(  # noqa: PLR0913 - what is asked about, and how it is known
    spec: Spec, names: Sequence[str], root: Path, choose: Choose, know: Know = known, *, forget: bool = False
) -> View:
    """What ought to be under `root` for the environments `names`; `forget` is whether the manifests drop orphans."""
    deployments, partial, unborn, ours, founds = [], set(), set(), set[str](), {}
    orphans: dict[str, tuple[str, ...]] = {}
    for name in names:
        env = spec.environments[name]
        found = founds[name] = know(root, name)
        ring = choose(found, env)
        if not ring.complete:
            partial.add(name)
        if found.ring is None and found.public is None:
            unborn.add(name)
        before = _before(root, found, complete=ring.complete)
        deployments.append(Deployment(name, env, ring, () if forget else before))
        orphans[name] = before
        files_before = found.manifest.files if found.manifest else ()
        ours |= {f"{name}/{path}" for path in (*files_before, "keys.json", manifest.NAME)}
    files = [_ignoring(root, file, ours) if file.path == GITIGNORE else file for file in plan(deployments)]
    planned = {file.path for file in files}
    orphans |= _removed(root, spec)
    orphans = {name: _orphans(root, name, before, planned) for name, before in orphans.items()}
    return View(
        tuple(deployments),
        tuple(files),
        private_directories(deployments),
        {name: paths for name, paths in orphans.items() if paths},
        frozenset(partial),
        frozenset(unborn),
        frozenset(ours),
        frozenset(_followed(root, files, founds)),
    )


def _followed(root: Path, files: Sequence[File], founds: Mapping[str, Known]) -> Iterator[str]:
    """The links to secret files that may be followed: the ring that was read, or a file with a key of it."""
    for path, target in disk.links(root, files).items():
        found = founds[path.partition("/")[0]]
        if path.endswith("/keys.json"):
            if found.ring:
                yield path
            continue
        marks = {key.fingerprint for ring in (found.ring, found.public) if ring for key in ring.keys}
        held = variables.keys_in(disk.read(target, limit=_LIMIT) or b"")
        if any(keys.fingerprint(text) in marks for text in held):
            yield path


def _ignoring(root: Path, file: File, ours: set[str]) -> File:
    """The .gitignore: where there is one it only has to contain our lines. Ours is the one that begins as ours does."""
    there = disk.read(root / file.path, limit=_LIMIT)
    if there is None:
        return file
    head, *lines = file.content.decode().splitlines()
    known = there.decode(errors="replace").splitlines()
    lacking = [line for line in lines if line not in known]
    if known[:1] == [head] or not lacking:
        ours.add(file.path)
    end = b"" if there.endswith(b"\n") or not there else b"\n"
    return File(file.path, there + (end + "".join(f"{line}\n" for line in lacking).encode() if lacking else b""))


def _before(root: Path, found: Known, *, complete: bool) -> tuple[str, ...]:
    """The files of the last manifest that still lie on disk; of those that git does not keep, CI cannot know."""
    files = found.manifest.files if found.manifest else ()
    folder = f"{root}/{found.name}/"
    return tuple(path for path in files if disk.exists(folder + path) or (not complete and path.endswith(_IGNORED)))


def _orphans(root: Path, name: str, before: Sequence[str], planned: set[str]) -> tuple[str, ...]:
    paths = (f"{name}/{path}" for path in before)
    return tuple(path for path in paths if path not in planned and disk.exists(f"{root}/{path}"))


def _removed(root: Path, spec: Spec) -> dict[str, tuple[str, ...]]:
    """The manifests' files of environments that the spec no longer has."""
    gone = {}
    for folder in disk.folders(root):
        data = None if folder in spec.environments else disk.read(root / folder / manifest.NAME, limit=_LIMIT)
        if data is not None:
            found = manifest.loads(data, f"{folder}/{manifest.NAME}")
            if found.ring["keys"]:
                # its keys are known by their fingerprints from now on: they may still be in use
                keys.loads_public(found.ring, f"{folder}/{manifest.NAME}")
            gone[folder] = found.files
    return gone
