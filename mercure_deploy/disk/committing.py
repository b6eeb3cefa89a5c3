"""A commit of files that is all or nothing, and leaves no secret behind when it is killed.

Every changed file is staged beside its target (0600 from birth, final mode, fsync); then each is renamed in plan
order, while a hard link holds the old file; on an error the links go back. A kill between two renames leaves a prefix
of the plan new and temporary files that the next commit sweeps.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mercure_deploy.disk.reading import TEMPORARY, compare, loose, reason
from mercure_deploy.errors import Trouble
from mercure_deploy.targets.output import SECRET, File

# few enough for the 256 open files that macOS allows
_BATCH = 200
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}
_FOLDER, _PRIVATE_FOLDER = 0o755, 0o700


def _link(path: str, other: str) -> None:
    # a link to a symbolic link, not to what that leads to: it is the link that may have to come back
    os.link(path, other, follow_symlinks=False)


@dataclass(frozen=True)
class Calls:
    """The calls that change the world, so that a test can make any of them fail."""

    open: Callable[[str, int, int], int] = os.open
    write: Callable[[int, bytes], int] = os.write
    fchmod: Callable[[int, int], None] = os.fchmod
    fsync: Callable[[int], None] = os.fsync
    close: Callable[[int], None] = os.close
    link: Callable[[str, str], None] = _link
    rename: Callable[[str, str], None] = os.rename
    unlink: Callable[[str], None] = os.unlink
    mkdir: Callable[[str, int], None] = os.mkdir
    rmdir: Callable[[str], None] = os.rmdir
    chmod: Callable[[str, int], None] = os.chmod


CALLS = Calls()


@dataclass
class _Undo:
    """What has been done so far, to be taken back in reverse order."""

    temporary: set[str] = field(default_factory=set)
    steps: list[Callable[[], None]] = field(default_factory=list)
    folders: list[Callable[[], None]] = field(default_factory=list)


def commit(
    root: Path, files: Sequence[File], *, private: Collection[str] = (), calls: Calls = CALLS
) -> list[tuple[str, str]]:
    """Bring `files` to disk: [(path, "created" | "updated" | "unchanged")] in plan order.

    `private` are folders, relative to the root, that get mode 0700. The caller holds the lock. Trouble when anything
    fails: then nothing has changed.
    """
    base, undo = str(root), _Undo()
    compared = compare(root, files)
    changed = [file for file in files if compared[file.path] != "same" or _too_open(base, file)]
    try:
        _sweep(base, calls, depth=2)
        _folders(base, [file.path for file in changed], private, calls, undo)
        staged = _stage(base, changed, calls, undo)
        for file in changed:
            path, new = f"{base}/{file.path}", compared[file.path] == "missing"
            _replace(path, staged[file.path], calls, undo, new=new)
        _sync_folders({os.path.dirname(path) for path in staged.values()}, calls)  # noqa: PTH120 - plain strings
    except BaseException as error:
        _take_back(undo, calls)
        if isinstance(error, OSError):
            name = os.path.basename(error.filename2 or error.filename or "")  # noqa: PTH119 - plain strings
            where = next((f.path for f in changed if name and f.path.endswith(name)), base)
            raise Trouble(f"{where} cannot be written: {reason(error)}; nothing was changed") from None
        raise
    _forget(undo.temporary, calls)
    words = {"missing": "created", "changed": "updated", "same": "unchanged"}
    tightened = {file.path for file in changed if compared[file.path] == "same"}
    return [(f.path, "updated" if f.path in tightened else words[compared[f.path]]) for f in files]


def _too_open(base: str, file: File) -> bool:
    return file.secret and loose(f"{base}/{file.path}")


def _temporary(path: str) -> str:
    return f"{os.path.dirname(path)}/{TEMPORARY}{secrets.token_hex(8)}"  # noqa: PTH120


def _sweep(folder: str, calls: Calls, *, depth: int) -> None:
    """Remove what killed runs left: files with secrets under a name that nobody else uses."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY):
                calls.unlink(entry.path)
            elif depth and entry.is_dir(follow_symlinks=False):
                _sweep(entry.path, calls, depth=depth - 1)


def _folders(base: str, paths: Iterable[str], private: Collection[str], calls: Calls, undo: _Undo) -> None:
    # a folder with keys in it is closed again even when nothing in it changes
    seen = set()
    for name in sorted(private):
        if os.path.isdir(f"{base}/{name}"):  # noqa: PTH112
            seen.add(name)
            _folder(f"{base}/{name}", _PRIVATE_FOLDER, calls, undo)
    for path in paths:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            name = "/".join(parts[:depth])
            if name not in seen:
                seen.add(name)
                _folder(f"{base}/{name}", _PRIVATE_FOLDER if name in private else _FOLDER, calls, undo)


def _folder(path: str, mode: int, calls: Calls, undo: _Undo) -> None:
    try:
        calls.mkdir(path, mode)
    except FileExistsError:
        # the folder of a mount with keys in it is closed again; others are the user's business
        before = stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116
        if mode == _PRIVATE_FOLDER and before & 0o077:
            undo.folders.append(lambda: calls.chmod(path, before))
            calls.chmod(path, mode)
    else:
        undo.folders.append(lambda: calls.rmdir(path))
        if mode == _PRIVATE_FOLDER:
            calls.chmod(path, mode)


def _stage(base: str, files: Sequence[File], calls: Calls, undo: _Undo) -> dict[str, str]:
    """Write every file beside its target; synced in batches, as a disk is faster with many files to write at once."""
    staged = {}
    for first in range(0, len(files), _BATCH):
        handles = []
        try:
            for file in files[first : first + _BATCH]:
                path = _temporary(f"{base}/{file.path}")
                undo.temporary.add(path)
                handles.append(_write(path, file, calls))
                staged[file.path] = path
            for handle in handles:
                calls.fsync(handle)
        finally:
            for handle in handles:
                os.close(handle)
    return staged


def _write(path: str, file: File, calls: Calls) -> int:
    handle = calls.open(path, _NEW, SECRET)
    try:
        rest = memoryview(file.content)
        while rest:
            rest = rest[calls.write(handle, rest) :]  # type: ignore[arg-type] # any buffer will do
        if file.mode != SECRET:
            calls.fchmod(handle, file.mode)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _replace(path: str, staged: str, calls: Calls, undo: _Undo, *, new: bool) -> None:
    """Rename `staged` to `path`, so that it can be taken back."""
    if new and not os.path.islink(path):  # noqa: PTH114
        undo.steps.append(lambda: _gone(path, calls))
    else:
        kept = _temporary(path)
        undo.temporary.add(kept)
        _keep(path, kept, calls)
        undo.steps.append(lambda: calls.rename(kept, path))
    calls.rename(staged, path)
    undo.temporary.discard(staged)


def _keep(path: str, kept: str, calls: Calls) -> None:
    """Hold the old file under another name."""
    try:
        calls.link(path, kept)
    except OSError as error:
        if error.errno not in _NO_LINKS or os.path.isdir(path):  # noqa: PTH112
            raise
        _copy(path, kept, calls)


def _copy(path: str, kept: str, calls: Calls) -> None:
    with open(path, "rb") as file:  # noqa: PTH123
        content, mode = file.read(), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    os.close(_write(kept, File(path, content, mode), calls))


def _gone(path: str, calls: Calls) -> None:
    with contextlib.suppress(FileNotFoundError):
        calls.unlink(path)


def _sync_folders(folders: Collection[str], calls: Calls) -> None:
    for folder in sorted(folders):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            calls.fsync(handle)
        finally:
            os.close(handle)


def _take_back(undo: _Undo, calls: Calls) -> None:
    _run(undo.steps)
    _forget(undo.temporary, calls)
    # a new folder is empty only now
    _run(undo.folders)


def _run(steps: list[Callable[[], None]]) -> None:
    for step in reversed(steps):
        # what cannot be taken back must not keep the rest from it
        with contextlib.suppress(OSError):
            step()


def _forget(paths: Iterable[str], calls: Calls) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            calls.unlink(path)
