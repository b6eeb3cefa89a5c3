"""A commit of files that is all or nothing, and leaves no secret behind when it is killed.

Every changed file is staged beside its target (0600 from birth, final mode, fsync); then each is renamed in plan
order, while a hard link holds the old file; on an error the links go back. A kill between two renames leaves a prefix
of the plan new, temporary files that the next commit sweeps, and the claim: the names of what it was about to create,
so that the next commit knows them as its own.
"""

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mercure_deploy.disk import ownership
from mercure_deploy.disk.calls import CALLS, Calls
from mercure_deploy.disk.ownership import Ours
from mercure_deploy.disk.reading import TEMPORARY, compare, loose, reason
from mercure_deploy.errors import Trouble
from mercure_deploy.file import SECRET, File

# few enough for the 256 open files that macOS allows
_BATCH = 200
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.ENOSYS}
_FOLDER, _PRIVATE_FOLDER = 0o755, 0o700
_NOTHING = Ours()


@dataclass
class _Undo:
    """What has been done so far, to be taken back in reverse order."""

    temporary: set[str] = field(default_factory=set)
    steps: list[Callable[[], None]] = field(default_factory=list)
    folders: list[Callable[[], None]] = field(default_factory=list)


@dataclass(frozen=True)
class _Change:
    """One file to be written: `target` is where it ends up, behind a link when its path is one of ours."""

    file: File
    target: str
    new: bool


def commit(  # noqa: PLR0913 - what is written, what is removed, and on what terms
    root: Path,
    files: Sequence[File],
    *,
    ours: Ours = _NOTHING,
    private: Collection[str] = (),
    remove: Sequence[str] = (),
    calls: Calls = CALLS,
) -> list[tuple[str, str]]:
    """Bring `files` to disk: [(path, "created" | "updated" | "unchanged" | "deleted")], in plan order.

    `private` are folders, relative to the root, that get mode 0700; `remove` are files of ours that go, and the
    folders that are empty without them. The caller holds the lock. Trouble when something else lies where a file
    belongs, or when anything fails: then nothing has changed.
    """
    base, undo = str(root), _Undo()
    ownership.refuse_folders(root, [*(file.path for file in files), *remove])
    others = ownership.foreign(root, files, ours)
    if not ours.replace:
        ownership.refuse(root, others)
    compared = compare(root, files)
    changed = _changes(base, files, ours.follow, compared)
    kept = [ownership.kept(base, path) for path in (*others, *ours.keep)]
    try:
        claimed = ownership.claimed(base) | {change.file.path for change in changed if change.new} | set(others)
        _sweep(base, [change.target for change in changed], calls)
        _folders(base, [change.file.path for change in changed], private, calls, undo)
        if claimed:
            _claim(base, claimed, calls, undo)
        _write_all(base, [*(_Change(file, f"{base}/{file.path}", new=True) for file in kept), *changed], calls, undo)
        for path in remove:
            _remove(f"{base}/{path}", calls, undo)
    except BaseException as error:
        _take_back(undo, calls)
        if isinstance(error, OSError):
            raise _failed(error, changed, base) from None
        raise
    _forget(undo.temporary, calls)
    _empty_folders(base, remove, calls)
    return _said(files, compared, {change.file.path for change in changed}) + [(path, "deleted") for path in remove]


def _failed(error: OSError, changed: Iterable[_Change], base: str) -> Trouble:
    name = os.path.basename(error.filename2 or error.filename or "")  # noqa: PTH119 - plain strings
    where = next((change.file.path for change in changed if name and change.target.endswith(name)), base)
    return Trouble(f"{where} cannot be written: {reason(error)}; nothing was changed")


def _said(files: Iterable[File], compared: Mapping[str, str], changed: Collection[str]) -> list[tuple[str, str]]:
    words = {"missing": "created", "changed": "updated", "same": "unchanged"}
    # the content of a file that only its mode changes is the same
    tightened = {path for path in changed if compared[path] == "same"}
    return [(f.path, "updated" if f.path in tightened else words[compared[f.path]]) for f in files]


def _changes(base: str, files: Iterable[File], follow: Collection[str], compared: Mapping[str, str]) -> list[_Change]:
    changes = []
    for file in files:
        path = f"{base}/{file.path}"
        if compared[file.path] != "same" or (file.secret and loose(path)):
            # a link to our secrets stays one: what it points to is replaced, in its own folder
            target = os.path.realpath(path) if file.path in follow else path
            changes.append(_Change(file, target, not os.path.lexists(target)))
    return changes


def _claim(base: str, paths: Iterable[str], calls: Calls, undo: _Undo) -> None:
    path = f"{base}/{ownership.CLAIM}"
    undo.temporary.add(path)
    handle = _write(path, File(ownership.CLAIM, json.dumps(sorted(paths)).encode(), SECRET), calls)
    try:
        calls.fsync(handle)
    finally:
        os.close(handle)


def _write_all(base: str, changes: Sequence[_Change], calls: Calls, undo: _Undo) -> None:
    staged = _stage(changes, calls, undo)
    for change in changes:
        _replace(change.target, staged[change.target], calls, undo, new=change.new)
    _sync_folders({os.path.dirname(change.target) for change in changes} | {base}, calls)  # noqa: PTH120


def _temporary(path: str) -> str:
    return f"{os.path.dirname(path)}/{TEMPORARY}{os.urandom(8).hex()}"  # noqa: PTH120


def _sweep(base: str, targets: Iterable[str], calls: Calls) -> None:
    """Remove what killed runs left: files with secrets under a name that nobody else uses."""
    _sweep_folder(base, calls, depth=2)
    # a link may lead out of the root
    for folder in {os.path.dirname(target) for target in targets if not target.startswith(f"{base}/")}:  # noqa: PTH120
        if os.path.isdir(folder):  # noqa: PTH112
            _sweep_folder(folder, calls, depth=0)


def _sweep_folder(folder: str, calls: Calls, *, depth: int) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY):
                calls.unlink(entry.path)
            elif depth and entry.is_dir(follow_symlinks=False):
                _sweep_folder(entry.path, calls, depth=depth - 1)


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


def _stage(changes: Sequence[_Change], calls: Calls, undo: _Undo) -> dict[str, str]:
    """Write every file beside its target; synced in batches, as a disk is faster with many files to write at once."""
    staged = {}
    for first in range(0, len(changes), _BATCH):
        handles = []
        try:
            for change in changes[first : first + _BATCH]:
                path = _temporary(change.target)
                undo.temporary.add(path)
                handles.append(_write(path, change.file, calls))
                staged[change.target] = path
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
    if new:
        undo.steps.append(lambda: _gone(path, calls))
    else:
        _keep(path, calls, undo)
    calls.rename(staged, path)
    undo.temporary.discard(staged)


def _remove(path: str, calls: Calls, undo: _Undo) -> None:
    """Unlink `path`, so that it can be taken back."""
    _keep(path, calls, undo)
    calls.unlink(path)


def _keep(path: str, calls: Calls, undo: _Undo) -> None:
    """Hold the old file under another name, from which it comes back."""
    kept = _temporary(path)
    undo.temporary.add(kept)
    try:
        calls.link(path, kept)
    except OSError as error:
        if error.errno not in _NO_LINKS or os.path.isdir(path):  # noqa: PTH112
            raise
        _copy(path, kept, calls)
    undo.steps.append(lambda: calls.rename(kept, path))


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


def _empty_folders(base: str, removed: Iterable[str], calls: Calls) -> None:
    """Remove the folders that nothing is left in."""
    folders = {path.rpartition("/")[0] for path in removed}
    parents = {folder.rpartition("/")[0] for folder in folders}
    for folder in sorted((folders | parents) - {""}, key=len, reverse=True):
        with contextlib.suppress(OSError):
            calls.rmdir(f"{base}/{folder}")


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
