"""Bytes below the output root: read, lock, compare, a commit that is all or nothing, and who else could see them.

The names are handed out when somebody asks for one: a render with nothing to do reads, and imports nothing that writes.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mercure_deploy.disk.calls import CALLS, Calls
    from mercure_deploy.disk.committing import commit
    from mercure_deploy.disk.locking import lock
    from mercure_deploy.disk.ownership import KEPT, Ours, foreign, links, refuse, refuse_folders
    from mercure_deploy.disk.reading import (
        compare,
        create,
        exists,
        files,
        folders,
        loose,
        modes_stick,
        read,
        rewrite,
    )

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
    "links",
    "lock",
    "loose",
    "modes_stick",
    "read",
    "refuse",
    "refuse_folders",
    "rewrite",
]

_HOMES = {
    "calls": {"CALLS", "Calls"},
    "committing": {"commit"},
    "locking": {"lock"},
    "ownership": {"KEPT", "Ours", "foreign", "links", "refuse", "refuse_folders"},
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(name)
    home = next((module for module, names in _HOMES.items() if name in names), "reading")
    found = getattr(import_module(f"{__name__}.{home}"), name)
    # from now on it is found at once
    globals()[name] = found
    return found
