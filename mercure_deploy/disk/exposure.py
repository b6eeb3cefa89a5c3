"""Who else could get at the secret files: git, an image's build context; asks git, reads two files, changes none."""

import subprocess
from collections.abc import Collection
from pathlib import Path

from mercure_deploy.findings import Finding

_SECONDS = 30


def tracked(root: Path, secret: Collection[str]) -> list[str]:
    """Those of the `secret` paths, relative to `root`, that git tracks; none where there is no git or no checkout."""
    if not root.is_dir():
        return []
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--", "."]
    try:
        said = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return []
    names = said.stdout.decode(errors="surrogateescape").split("\0") if said.returncode == 0 else []
    return sorted(set(names) & set(secret))


def tracked_finding(path: str) -> Finding:
    """The finding about one of them."""
    message = f"git tracks {path}, everybody who can read the repository has its keys"
    hint = f"git rm --cached {path}, then rotate-keys --now: it stays in the history"
    return Finding("secret-exposure", "error", message, hint, file=path)


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
    return Finding("secret-exposure", "warning", message, f"add the line {line} to .dockerignore", file=".dockerignore")


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
