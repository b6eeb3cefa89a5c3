"""One lock for the whole root: two rotations at once is the race that hurts."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mercure_deploy.disk.reading import reason
from mercure_deploy.errors import Trouble
from mercure_deploy.file import SECRET

try:
    import fcntl
except ImportError:  # pragma: no cover - not POSIX: every command that gets here has refused already
    fcntl = None  # type: ignore[assignment]


def _silent() -> None:
    return


@contextmanager
def lock(root: Path, *, shared: bool = False, waiting: Callable[[], None] = _silent) -> Iterator[None]:
    """Hold `<root>/.lock`; `waiting` is called once when somebody else holds it.

    Shared, for readers, it creates nothing and goes on without where there is no lock or it cannot be opened.
    Trouble when the root cannot be made or the file system has no locks.
    """
    handle = _open_shared(root) if shared else _open(root)
    if handle is None:
        yield
        return
    try:
        _flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, root, waiting)
        yield
    finally:
        os.close(handle)


def _open_shared(root: Path) -> int | None:
    try:
        return os.open(root / ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _open(root: Path) -> int:
    try:
        root.mkdir(parents=True, exist_ok=True)
        return os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, SECRET)
    except OSError as error:
        raise Trouble(f"{root} cannot be written: {reason(error)}", hint="choose another root with -o") from None


def _flock(handle: int, kind: int, root: Path, waiting: Callable[[], None]) -> None:
    try:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, kind)
    except OSError as error:
        hint = "put the output root on a local file system, see -o"
        raise Trouble(f"{root} cannot be locked: {reason(error)}", hint=hint) from None
