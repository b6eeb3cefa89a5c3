"""Who else could get at the keys: copies of them, git, an image's build context; asks git, reads, changes nothing."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mercure_deploy.disk.reading import TEMPORARY, beginning
from mercure_deploy.disk.stamp import NAME as STAMP
from mercure_deploy.findings import Finding, Place
from mercure_deploy.keys import Known

# of digests alone
_OWN = {STAMP}
# a backup of anything that holds a key is far below
_LARGEST = 16 * 1024 * 1024


def holding(root: Path, paths: Iterable[str], known: Known) -> Iterator[tuple[str, str]]:
    """(path, fingerprint) of each of these files, relative to the root, in which a known key stands.

    Of a file beyond 16 MiB the beginning is searched.
    """
    for path in paths:
        found = next(known.find(_beginning(f"{root}/{path}")), None)
        if found:
            yield path, found[2]


def below(root: Path) -> Iterator[str]:
    """Every file below the root, relative to it; links are not followed."""
    yield from _files(str(root), "")


def _files(base: str, folder: str) -> Iterator[str]:
    try:
        with os.scandir(f"{base}/{folder}") as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        path = f"{folder}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _files(base, f"{path}/")
        elif entry.is_file(follow_symlinks=False) and path not in _OWN and not entry.name.startswith(TEMPORARY):
            yield path


def _beginning(path: str) -> str:
    try:
        # it may have become a pipe meanwhile
        data = beginning(path, _LARGEST)
    except OSError:
        return ""
    return (data or b"").decode("latin-1")


def tracked_finding(path: str, root: Path) -> Finding:
    """The finding about a secret file of ours that git tracks."""
    message = f"git tracks {path}, everybody who can read the repository has its keys"
    hint = f"git rm --cached {root}/{path}, then rotate-keys {path.partition('/')[0]} --now: it stays in the history"
    return Finding("secret-exposure", "error", message, hint, Place.of_file(path))


def untold() -> Finding:
    """The finding where nobody can say what git tracks."""
    hint = "run check where git can read this checkout"
    message = "whether git tracks a secret file was not checked: git cannot be asked"
    return Finding("secret-exposure", "note", message, hint)


def held_finding(path: str, mark: str, *, in_git: bool) -> Finding:
    """The finding about a file that holds a key and should not."""
    also = ", and git tracks it" if in_git else ""
    hint = "remove it, or take the key out of it; if others could read it: rotate-keys --now"
    return Finding("secret-exposure", "error", f"the key {mark} stands in it{also}", hint, Place.of_file(path))


def unignored(spec: Path, root: Path) -> Finding | None:
    """A Dockerfile beside the spec whose build context takes the root in; None when there is no such thing."""
    folder = spec.parent
    line = dockerignore_line(spec, root)
    if line is None:
        return None
    ignore = folder / ".dockerignore"
    lines = ignore.read_text(errors="replace").splitlines() if ignore.is_file() else []
    if any(_covers(each.strip(), line) for each in lines):
        return None
    message = f"{line}/ goes into the build context of the Dockerfile, and with it the keys"
    return Finding(
        "secret-exposure", "warning", message, f"add the line {line} to .dockerignore", Place.of_file(".dockerignore")
    )


def dockerignore_line(spec: Path, root: Path) -> str | None:
    """The line that keeps the root out of an image, None when no Dockerfile stands beside the spec."""
    folder = spec.parent.resolve()
    if not (folder / "Dockerfile").exists() or not root.resolve().is_relative_to(folder):
        return None
    return root.resolve().relative_to(folder).as_posix()


def _covers(pattern: str, path: str) -> bool:
    if pattern.startswith(("#", "!")):
        return False
    plain = pattern.removeprefix("/").removeprefix("./").removeprefix("**/").removesuffix("/**").removesuffix("/*")
    plain = plain.rstrip("/")
    return plain in {"*", "**"} or path == plain or path.startswith(f"{plain}/")
