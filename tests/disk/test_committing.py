"""A commit is all or nothing: an error at every operation, a kill at every operation, umasks, eight processes."""

import errno
import itertools
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mercure_deploy import disk
from mercure_deploy.disk import CALLS, Calls, Ours
from mercure_deploy.errors import Trouble
from mercure_deploy.file import PUBLIC, SECRET, File

HERE = Path(__file__).parent
OLD = [
    File("p/keys.json", b"old key\n", SECRET),
    File("p/hub/jwks.json", b"old set\n", SECRET),
    File("p/Caddyfile", b"old caddyfile\n", PUBLIC),
    File("p/same.env", b"stays\n", SECRET),
]
NEW = [
    File("p/keys.json", b"new key\n", SECRET),
    File("p/hub/jwks.json", b"new set\n", SECRET),
    File("p/Caddyfile", b"new caddyfile\n", PUBLIC),
    File("p/same.env", b"stays\n", SECRET),
    File("p/symfony/app.mercure.yaml", b"a new folder\n", PUBLIC),
    File("q/app.env", b"a new environment\n", SECRET),
]
PRIVATE = {"p/hub"}
OURS = Ours([file.path for file in NEW])


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of everything below."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        found[path.relative_to(root).as_posix()] = (mode, b"" if path.is_dir() else path.read_bytes())
    return found


def stopping(at: int, stop: Callable[[], None]) -> Calls:
    """The calls of the system; before that with number `at` something happens."""
    counter = itertools.count()

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            if next(counter) == at:
                stop()
            return call(*arguments)

        return wrapped

    return Calls(**{each.name: wrap(getattr(CALLS, each.name)) for each in fields(Calls)})


def failing(at: int, error: BaseException) -> Calls:
    """The calls of the system, of which the one with that number fails."""

    def stop() -> None:
        raise error

    return stopping(at, stop)


def prepared(root: Path) -> Path:
    root.mkdir()
    disk.commit(root, OLD, private=PRIVATE, ours=OURS)
    (root / "p/same.env").chmod(0o640)
    return root


def renewed(root: Path, calls: Calls = CALLS) -> list[tuple[str, str]]:
    return disk.commit(root, NEW, private=PRIVATE, ours=OURS, calls=calls)


def test_a_commit_writes_what_it_says(tmp_path: Path):
    root = prepared(tmp_path / "deploy")
    said = renewed(root)
    assert [change for _, change in said] == ["updated", "updated", "updated", "updated", "created", "created"]
    found = tree(root)
    assert {path: (mode, data) for path, (mode, data) in found.items() if data} == {
        file.path: (file.mode, file.content) for file in NEW
    }
    assert found["p/hub"][0] == 0o700


def test_a_second_commit_writes_nothing(tmp_path: Path):
    root = prepared(tmp_path / "deploy")
    renewed(root)
    before = {path: path.stat() for path in root.rglob("*")}
    assert {change for _, change in renewed(root)} == {"unchanged"}
    after = {path: path.stat() for path in root.rglob("*")}
    assert {(p, s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for p, s in before.items()} == {
        (p, s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for p, s in after.items()
    }


def operations(tmp_path: Path) -> int:
    """How many calls a commit makes."""
    for number in itertools.count():
        try:
            renewed(prepared(tmp_path / f"counted-{number}"), failing(number, Stopped()))
        except Stopped:
            continue
        return number
    raise AssertionError


class Stopped(BaseException):
    """Nothing of ours catches it."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=["full", "interrupt"]
)
def test_an_error_at_any_operation_changes_nothing(tmp_path: Path, error: BaseException):
    total = operations(tmp_path)
    assert total > 30
    undone = 0
    for number in range(total):
        root = prepared(tmp_path / f"{number}")
        before = tree(root)
        try:
            renewed(root, failing(number, error))
        except Trouble as trouble:
            assert "nothing was changed" in str(trouble)
            assert "no space left on device" in str(trouble)
            undone += 1
        except KeyboardInterrupt:
            undone += tree(root) == before
        if tree(root) != before:
            # only what comes after the last rename: the removal of links to old files, and of the claim
            assert number >= total - len(OLD) - 1
            assert all((root / file.path).read_bytes() == file.content for file in NEW)
            renewed(root)
            assert not [path for path in tree(root) if ".mercure-deploy-" in path]
    assert undone >= total - len(OLD) - 1


@pytest.mark.slow
def test_a_kill_at_any_operation_leaves_old_or_new_and_no_secret_for_others(tmp_path: Path):
    total = operations(tmp_path)
    program = str(HERE / "killed.py")
    # several runs in one process tree: starting Python costs more than the commit
    said = subprocess.run(
        [sys.executable, program, str(tmp_path), str(total)], check=True, capture_output=True, text=True
    )
    assert said.stdout.split() == [str(-signal.SIGKILL)] * total
    for number in range(total):
        root = tmp_path / f"killed-{number}"
        new_so_far = []
        for file in NEW:
            path = root / file.path
            data = path.read_bytes() if path.exists() else None
            old = next((each.content for each in OLD if each.path == file.path), None)
            assert data in {old, file.content}
            if old != file.content:
                new_so_far.append(data == file.content)
        # the ring is the first that is new, the rest follows in order
        assert new_so_far == sorted(new_so_far, reverse=True)
        for path, (mode, data) in tree(root).items():
            # stays: was loose before, and is held by a link for a moment
            if any(data == file.content for file in OLD + NEW if file.secret) and data != b"stays\n":
                assert mode == SECRET, path
        renewed(root)
        assert {path for path, (_, data) in tree(root).items() if data} == {file.path for file in NEW}


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, mask: int):
    with umask(mask):
        root = tmp_path / "deploy"
        with disk.lock(root):
            renewed(root)
    found = tree(root)
    assert {path: mode for path, (mode, data) in found.items() if data} == {file.path: file.mode for file in NEW}
    assert found[".lock"][0] == SECRET
    assert found["p/hub"][0] == 0o700
    assert not found["p"][0] & 0o022


def test_a_private_folder_is_closed_again(tmp_path: Path):
    root = prepared(tmp_path / "deploy")
    (root / "p/hub").chmod(0o755)
    disk.commit(root, OLD, private=PRIVATE, ours=OURS)
    assert stat.S_IMODE((root / "p/hub").stat().st_mode) == 0o700


def test_eight_processes_at_once_end_with_the_files_of_one(tmp_path: Path):
    root = tmp_path / "deploy"
    program = str(HERE / "competing.py")
    running = [subprocess.Popen([sys.executable, program, str(root), str(n)]) for n in range(8)]
    assert [process.wait(60) for process in running] == [0] * 8
    contents = {data.removeprefix(b"public ") for path, (_, data) in tree(root).items() if path[:2] == "p/" and data}
    assert len(contents) == 1
    assert not [path for path in tree(root) if ".mercure-deploy-" in path]


def test_a_lock_waits_and_says_so(tmp_path: Path):
    root = tmp_path / "deploy"
    with disk.lock(root):
        program = [sys.executable, str(HERE / "competing.py"), str(root), "1"]
        process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        assert process.poll() is None
        assert not (root / "p").exists()
    assert process.wait(30) == 0
    process.stdout.close()
    assert (root / "p").exists()


def test_a_shared_lock_creates_nothing(tmp_path: Path):
    with disk.lock(tmp_path / "deploy", shared=True):
        assert not (tmp_path / "deploy").exists()
    with disk.lock(tmp_path / "deploy"), disk.lock(tmp_path / "other", shared=True):
        pass
    with disk.lock(tmp_path / "deploy", shared=True), disk.lock(tmp_path / "deploy", shared=True):
        pass


def test_a_root_that_cannot_be_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(Trouble, match=r"file.* cannot be written: (not a directory|file exists)"),
        disk.lock(tmp_path / "file"),
    ):
        pass


def test_a_target_that_is_a_folder_is_said_and_nothing_changes(tmp_path: Path):
    root = prepared(tmp_path / "deploy")
    (root / "q/app.env").mkdir(parents=True)
    before = tree(root)
    with pytest.raises(Trouble, match="cannot be read: is a directory"):
        renewed(root)
    assert tree(root) == before


def test_a_target_that_is_a_link_is_refused_and_gives_way_only_when_it_is_told_to(tmp_path: Path):
    root = prepared(tmp_path / "deploy")
    (tmp_path / "elsewhere").write_bytes(b"somebody's")
    (root / "p/Caddyfile").unlink()
    (root / "p/Caddyfile").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Trouble, match=r"p/Caddyfile is a link to .*/elsewhere, which is not ours; nothing was changed"):
        renewed(root)
    disk.commit(root, NEW, ours=Ours(OURS.paths, replace=True))
    assert (tmp_path / "elsewhere").read_bytes() == b"somebody's"
    assert not (root / "p/Caddyfile").is_symlink()


@pytest.mark.slow
def test_without_hard_links_a_copy_does(tmp_path: Path):
    def no_links(_path: str, _other: str) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    without = {"link": no_links}
    root = prepared(tmp_path / "deploy")
    before = tree(root)
    total = operations(tmp_path)
    for number in range(total // 2, total - len(OLD) - 1):
        calls = failing(number, KeyboardInterrupt())
        mixed = Calls(**{each.name: without.get(each.name, getattr(calls, each.name)) for each in fields(Calls)})
        with pytest.raises(KeyboardInterrupt):
            renewed(root, mixed)
        assert tree(root) == before
    new = Calls(**{each.name: without.get(each.name, getattr(CALLS, each.name)) for each in fields(Calls)})
    renewed(root, new)
    assert {path for path, (_, data) in tree(root).items() if data} == {file.path for file in NEW}


def test_reading(tmp_path: Path):
    assert disk.read(tmp_path / "none") is None
    (tmp_path / "a").write_bytes(b"x" * 100)
    assert disk.read(tmp_path / "a", limit=100) == b"x" * 100
    with pytest.raises(Trouble, match="larger than"):
        disk.read(tmp_path / "a", limit=99)
    with pytest.raises(Trouble, match="is a directory"):
        disk.read(tmp_path)
    assert disk.read("/proc/self/status")
    (tmp_path / "large").write_bytes(b"y" * 300_000)
    assert disk.read(tmp_path / "large") == b"y" * 300_000
    assert disk.modes_stick(tmp_path)
    assert disk.modes_stick(tmp_path / "none")
    assert disk.folders(tmp_path / "none") == []
    with pytest.raises(Trouble, match="not a directory"):
        disk.folders(tmp_path / "a")
    disk.create(tmp_path / "new", b"1")
    with pytest.raises(Trouble, match="file exists"):
        disk.create(tmp_path / "new", b"2")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_somebody_without_rights_gets_a_message(tmp_path: Path):
    root = prepared(tmp_path / "deploy")
    for folder in (root, root / "p", root / "p/hub"):
        folder.chmod(0o755)
    for path in itertools.takewhile(lambda path: path != Path("/"), root.parents):
        path.chmod(path.stat().st_mode | 0o055)
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setuid(65534)
            renewed(root)
        except Trouble as trouble:
            code = 0 if "permission denied" in str(trouble) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
def test_random_kills(tmp_path: Path):
    root = tmp_path / "deploy"
    program = [sys.executable, str(HERE / "competing.py"), str(root), "1000"]
    for number in range(4):
        process = subprocess.Popen(program, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.005 * number)
        process.kill()
        process.wait()
        process.stdout.close()
        files = [path for path in root.rglob("*") if path.is_file()]
        secret = [path for path in files if not path.read_bytes().startswith(b"public")]
        assert all(stat.S_IMODE(path.stat().st_mode) == SECRET for path in secret)
    with disk.lock(root):
        renewed(root)
    assert not list(root.rglob(".mercure-deploy-*"))
