"""Files under the output root: read, lock, compare, and a commit that is all or nothing."""

from mercure_deploy.disk.committing import CALLS, Calls, commit
from mercure_deploy.disk.locking import lock
from mercure_deploy.disk.reading import compare, create, exists, folders, loose, modes_stick, read

__all__ = ["CALLS", "Calls", "commit", "compare", "create", "exists", "folders", "lock", "loose", "modes_stick", "read"]
