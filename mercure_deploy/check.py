"""`check`: are the files in line with the spec, and is anything about them doubtful."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from mercure_deploy import disk, keys
from mercure_deploy.disk import git
from mercure_deploy.findings import Checked, Drift, Finding, Place
from mercure_deploy.output import View, exposure
from mercure_deploy.spec import duration_text
from mercure_deploy.targets import Deployment
from mercure_deploy.targets.plan import GITIGNORE


def check(view: View, root: Path, spec: Path, said: Sequence[tuple[str, Finding]], now: datetime) -> dict[str, Checked]:
    """What there is to say, by environment; `said` are the findings of the spec itself.

    What concerns no single environment (`.gitignore`, the build context) is said with the first one.
    """
    checked: dict[str, Checked] = {}
    own: dict[str, list[Finding]] = {d.name: [] for d in view.deployments}
    first = next(iter(own))
    for name, finding in said:
        own.get(name, []).append(finding)
    differences = {d.name: drift(view, d.name, root) for d in view.deployments}
    differences[first][:0] = _common(view, root)
    differing = {each.path for rows in differences.values() for each in rows}
    for finding in _exposed(view, root, differing):
        name = (finding.file or "").partition("/")[0]
        own[name if name in own else first].append(finding)
    for number, d in enumerate(view.deployments):
        findings = [*own[d.name], *_keys(d, now), *_modes(view, d.name, root)]
        if d.name in view.partial:
            hint = "run check where the ring is to compare the secret files too"
            findings.append(Finding("key-missing", "note", "secrets not checked: no key ring here", hint))
        if number == 0:
            findings += [found for found in [exposure.unignored(spec, root)] if found]
        accepted = tuple(_accept(finding, d) for finding in findings)
        checked[d.name] = Checked(d.name not in view.partial, tuple(differences[d.name]), accepted)
    for name in view.orphans.keys() - checked.keys():
        orphans = tuple(Drift(path, "orphan") for path in view.orphans[name])
        checked[name] = Checked(secrets_checked=True, drift=orphans, findings=())
    return checked


def _exposed(view: View, root: Path, differing: Collection[str]) -> Iterator[Finding]:
    """Secret files in git, and keys where none belongs; `differing` are files that are not as they were planned."""
    secret = {file.path for file in view.files if file.secret}
    tracked = git.tracked(root)
    if tracked is None:
        yield exposure.untold()
    in_git = tracked or set()
    for path in sorted(secret & in_git):
        yield exposure.tracked_finding(path, root)
    # what is as it was planned holds no key, but for the one that may hold lines of others; an orphan is said as one
    same = {file.path for file in view.files if file.path not in differing} - {GITIGNORE}
    orphans = {path for paths in view.orphans.values() for path in paths}
    apart = same | secret | orphans
    known = keys.findable(d.ring for d in view.deployments)
    for path, mark in exposure.holding(root, (p for p in exposure.below(root) if p not in apart), known):
        yield exposure.held_finding(path, mark, in_git=path in in_git)


def _common(view: View, root: Path) -> Iterator[Drift]:
    files = view.by_environment[""]
    for path, change in disk.compare(root, files).items():
        if change != "same":
            yield Drift(path, change)


def drift(view: View, name: str, root: Path) -> list[Drift]:
    """How the files of one environment differ from what render would write."""
    files = view.by_environment[name]
    changes = disk.compare(root, files)
    differences = []
    for file in files:
        change = changes[file.path]
        if change != "same":
            differences.append(Drift(file.path, change))
        elif file.secret and disk.loose(f"{root}/{file.path}") and disk.modes_stick((root / file.path).parent):
            differences.append(Drift(file.path, "mode"))
    return differences + [Drift(path, "orphan") for path in view.orphans.get(name, ())]


def _modes(view: View, name: str, root: Path) -> Iterator[Finding]:
    files = view.by_environment[name]
    loose = [root / file.path for file in files if file.secret and disk.loose(f"{root}/{file.path}")]
    for path in loose[:1]:
        if not disk.modes_stick(path.parent):
            message = "file modes do not stick here: others may read the keys"
            hint = "put the output root on a file system with permissions, see -o"
            yield Finding("secret-exposure", "warning", message, hint, Place.of_file(path.relative_to(root).as_posix()))


def _keys(d: Deployment, now: datetime) -> Iterator[Finding]:
    wanted, current = d.env.keys.algorithm, d.ring.current
    path = f"{d.name}/keys.json"
    if wanted not in {key.algorithm for key in d.ring.keys}:
        message = f"the key is {current.algorithm}, the spec says {wanted}"
        hint = f"rotate-keys {d.name} makes a key of the new algorithm"
        yield Finding("alg-mismatch", "warning", message, hint, Place.of_file(path))
    age = now - current.created
    if age > d.env.keys.max_age:
        message = f"the key is {age.days} days old, the spec allows {duration_text(d.env.keys.max_age)}"
        yield Finding("key-age", "warning", message, f"rotate-keys {d.name}", Place.of_file(path))
    open_since = max((key.since for key in d.ring.keys if key.state != "current"), default=now)
    if now - open_since > d.env.keys.max_age:
        message = f"the rotation has been open for {(now - open_since).days} days"
        yield Finding(
            "token-lifecycle", "warning", message, f"finish it with rotate-keys {d.name}", Place.of_file(path)
        )


def good(checked: Mapping[str, Checked], *, strict: bool) -> bool:
    """Whether there is neither drift nor an error; nor a warning when `strict`."""
    bad = {"error", "warning"} if strict else {"error"}
    return not any(each.drift or any(found.level in bad for found in each.findings) for each in checked.values())


def _accept(finding: Finding, d: Deployment) -> Finding:
    if finding.id not in d.env.accept or finding.level == "note":
        return finding
    message = f"accepted: {finding.what}"
    return replace(finding, level="note", what=message)
