"""A machine whose first process is a real systemd, with /etc/systemd, /run and /var/lib of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import programs

# what the machine's own would be changed by, or has of its own; /etc itself is a copy already, see scripts/isolated
_OWN = "/run /tmp /var/lib /var/log /etc/systemd /etc/sysusers.d /etc/tmpfiles.d /usr/local/bin"
_BOOT = """
set -eu
mount -t proc proc /proc
mount -t tmpfs tmpfs /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for own in $0; do mkdir -p "$own"; mount -t tmpfs tmpfs "$own"; done
mkdir -p /etc/systemd/system /run/lock
[ -z "$1" ] || install -m 0755 "$1" /usr/local/bin/mercure
exec env -i container=other PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    "$2" --system --unit=basic.target --show-status=no --log-target=null
"""


class Machine:
    """What is run on it is run as root, beside its systemd."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    @property
    def first(self) -> int:
        """The id of its first process, as seen from here."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def run(self, *argv: str, check: bool = True, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a program there; a check that fails shows what it said."""
        enter = ["nsenter", f"--target={self.first}", "--mount", "--pid", "--ipc", "--uts", "--cgroup"]
        where = [f"--wdns={cwd}"] if cwd else []
        environment = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        said = subprocess.run(
            [*enter, *where, *argv], env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert not check or said.returncode == 0, said.stdout + said.stderr + self.journal()
        return said

    def journal(self) -> str:
        """What the hub said."""
        enter = ["nsenter", f"--target={self.first}", "--mount", "--pid"]
        read = ["journalctl", "--no-pager", "-u", "mercure", "-n", "40"]
        return subprocess.run([*enter, *read], capture_output=True, text=True, check=False).stdout


@contextmanager
def machine(scratch: Path, binary: str | None) -> Iterator[Machine]:
    """A machine that has booted; with the hub's program at /usr/local/bin/mercure where one is given."""
    programs.need_isolation()
    # the cache may lie below a folder of which that machine has its own
    there = shutil.copy(binary, scratch / "the-hub") if binary else ""
    systemd = programs.tools("systemd")["systemd"]
    group = _group()
    group.mkdir()
    unshare = "unshare --mount --pid --ipc --uts --cgroup --fork --kill-child --propagation private".split()
    join = f'echo $$ > "{group}/cgroup.procs"; exec "$@"'
    argv = ["bash", "-c", join, "join", *unshare, "bash", "-c", _BOOT, _OWN, str(there), systemd]
    log = scratch / "machine.log"
    try:
        with programs.process(argv, {"PATH": os.environ["PATH"]}, log) as process:
            booted = Machine(process)

            def running() -> bool:
                assert process.poll() is None, log.read_text()
                with suppress(OSError, IndexError):
                    said = booted.run("systemctl", "is-system-running", check=False).stdout.strip()
                    return said in {"running", "degraded"}
                return False

            programs.wait(running, "systemd has booted")
            yield booted
            process.kill()
    finally:
        _gone(group)


def _group() -> Path:
    """A control group of its own, below the hierarchy that systemd wants; its name is known to scripts/isolated."""
    unified = Path("/sys/fs/cgroup/unified")
    base = unified if (unified / "cgroup.procs").exists() else Path("/sys/fs/cgroup")
    return base / f"{os.environ['MERCURE_DEPLOY_ISOLATED']}-systemd"


def _gone(group: Path) -> None:
    """Without its processes a control group can be removed, from its leaves on."""

    def removed() -> bool:
        for each in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):
                each.rmdir()
        with suppress(OSError):
            group.rmdir()
        return not group.exists()

    programs.wait(removed, "the control group is gone")


def copied(folder: Path, to: Path) -> Path:
    """What the README takes to the hub's machine, and no more."""
    to.mkdir()
    for name in ("Caddyfile", "install.sh", "jwks.json"):
        shutil.copy(folder / name, to / name)
    for path in folder.glob("mercure.*"):
        shutil.copy(path, to / path.name)
    return to
