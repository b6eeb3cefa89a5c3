"""Bytes below the output root: read, lock, compare, a commit that is all or nothing, and who else could see them."""

from mercure_deploy.disk.calls import CALLS, Calls
from mercure_deploy.disk.committing import commit
from mercure_deploy.disk.locking import lock
from mercure_deploy.disk.ownership import KEPT, Ours, foreign, refuse
from mercure_deploy.disk.reading import compare, create, exists, files, folders, loose, modes_stick, read, rewrite

__all__ = [
    "CALLS",
    "KEPT",
    "Calls",
    "Ours",
    "commit",
    "compare",
    "create",
    "exists",
    "files",
    "folders",
    "foreign",
    "lock",
    "loose",
    "modes_stick",
    "read",
    "refuse",
    "rewrite",
]
