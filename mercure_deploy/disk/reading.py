"""What is on disk: bytes, modes, folders; and the two writes that need no undoing: a new file, a probe."""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from mercure_deploy.errors import Trouble
from mercure_deploy.file import SECRET, File

TEMPORARY = ".mercure-deploy-"
Compared = Literal["missing", "changed", "same"]


def read(path: Path | str, *, limit: int | None = None, pipe: bool = False) -> bytes | None:
    """The bytes of a file, None when there is none. Trouble when it cannot be read or is larger than `limit` bytes.

    With `pipe` it may be one, as a user may name one; nobody writes into one that lies in the place of a file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if pipe else _opened(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {reason(error)}") from None
    try:
        size = os.fstat(handle).st_size
        data = _content(handle, size if limit is None else min(size, limit))
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {reason(error)}") from None
    finally:
        os.close(handle)
    if limit is not None and len(data) > limit:
        raise Trouble(f"{path} is larger than {limit // 1024} KiB", hint="that is no file of mercure-deploy")
    return data


def _opened(path: Path | str) -> int:
    """A descriptor for reading, without waiting. OSError for a pipe, or when it cannot be opened."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISFIFO(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is a pipe, not a file")
    return handle


def beginning(path: str, most: int) -> bytes | None:
    """The first bytes of a regular file, without waiting; None for anything else. OSError when it cannot be read."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        return file.read(most) if stat.S_ISREG(os.fstat(handle).st_mode) else None


def _content(handle: int, size: int) -> bytes:
    """The bytes of a file of `size`, one more when it has more; a pipe says 0 and is read in pieces."""
    data = os.read(handle, size + 1)
    while len(data) <= size or not size:
        piece = os.read(handle, max(size + 1 - len(data), 65536))
        if not piece:
            break
        data += piece
    return data


def reason(error: OSError) -> str:
    """What the system says of an error, in our style."""
    text = error.strerror or type(error).__name__
    return text[:1].lower() + text[1:]


def exists(path: Path | str) -> bool:
    """Whether there is anything at that path, be it a dangling link."""
    return os.path.lexists(path)


def create(path: Path, content: bytes) -> None:
    """A new file that everybody may read. Trouble when there is one already or it cannot be written."""
    try:
        with open(path, "xb") as file:  # noqa: PTH123
            file.write(content)
    except OSError as error:
        raise Trouble(f"{path} cannot be written: {reason(error)}") from None


def rewrite(path: Path, content: bytes) -> None:
    """Other bytes for a file that is there, in one step; its mode stays, and so does a link to it.

    Trouble when it cannot be written.
    """
    target = Path(os.path.realpath(path))
    new = target.with_name(f"{TEMPORARY}{os.urandom(8).hex()}")
    try:
        with open(new, "xb") as file:  # noqa: PTH123
            os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            file.write(content)
        new.replace(target)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise Trouble(f"{path} cannot be written: {reason(error)}") from None


def folders(root: Path) -> list[str]:
    """The names of the folders directly below `root`, sorted; none when there is no root."""
    return _names(root, os.path.isdir)


def files(root: Path) -> list[str]:
    """The names of the files directly below `root`, sorted; none when there is no root."""
    return _names(root, os.path.isfile)


def _names(root: Path, wanted: Callable[[str], bool]) -> list[str]:
    # those of os.path answer False for a link that leads to itself, those of DirEntry raise
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if wanted(entry.path))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Trouble(f"{root} cannot be read: {reason(error)}") from None


def compare(root: Path, files: Iterable[File]) -> dict[str, Compared]:
    """How each file differs from what is on disk, by path; modes do not count."""
    base = str(root)
    return {file.path: _compared(f"{base}/{file.path}", file.content) for file in files}


def _compared(path: str, content: bytes) -> Compared:
    try:
        handle = _opened(path)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {reason(error)}") from None
    try:
        # one byte more than it should have: a file of any size is no more than different
        return "same" if os.read(handle, len(content) + 1) == content else "changed"
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {reason(error)}") from None
    finally:
        os.close(handle)


def loose(path: Path | str) -> bool:
    """Whether the mode of a file gives any right to group or others; False when there is none."""
    try:
        return bool(stat.S_IMODE(os.stat(path).st_mode) & 0o077)  # noqa: PTH116 - called for every secret file
    except OSError:
        return False


def modes_stick(folder: Path) -> bool:
    """Whether a new file with mode 0600 keeps it there; some mounts give every file to everybody."""
    probe = folder / f"{TEMPORARY}{os.urandom(8).hex()}"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET))
    except OSError:
        return True
    try:
        return not loose(probe)
    finally:
        probe.unlink(missing_ok=True)
