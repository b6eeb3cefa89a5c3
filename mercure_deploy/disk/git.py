"""What git tracks, asked of git itself; whoever owns the checkout, nothing that it configures is run."""

import os
import subprocess
from pathlib import Path

_SECONDS = 30
# git must run nothing that the configuration of a checkout names: it may be another owner's
_GIT = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]


def tracked(root: Path) -> set[str] | None:
    """The paths below `root`, relative to it, that git tracks; None where a checkout cannot be asked."""
    if not root.is_dir():
        return set()
    if not any((folder / ".git").exists() for folder in (root.absolute(), *root.absolute().parents)):
        return set()
    # a hook runs with variables that speak of its own repository
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = [*_GIT, "-C", str(root), "ls-files", "-z", "--cached", "--", "."]
    try:
        said = subprocess.run(
            command, capture_output=True, check=False, timeout=_SECONDS, stdin=subprocess.DEVNULL, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    names = said.stdout.decode(errors="surrogateescape").split("\0") if said.returncode == 0 else None
    return None if names is None else set(filter(None, names))
