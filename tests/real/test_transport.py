"""How the files reach a server: the lines of the README of an environment, with a real sshd and a real rsync."""

import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import programs
import pytest
from cases import APPS, rendered

pytestmark = [pytest.mark.real, pytest.mark.against("rsync")]

SSHD = """\
ListenAddress 127.0.0.1
HostKey {place}/host
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
AuthorizedKeysFile {place}/key.pub
SetEnv PATH={place}/bin:/usr/bin:/bin LD_LIBRARY_PATH={place}/lib
"""
SSH = """\
Host *
    IdentityFile {place}/key
    UserKnownHostsFile {place}/known
    StrictHostKeyChecking yes
    BatchMode yes
"""


@contextmanager
def server(place: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A server with a user `deploy`: its home, and the environment in which the README's lines are run."""
    programs.need_isolation()
    found = Path(programs.tools("proxies")["proxies"])
    home = place / "home"
    for name in ("home", "bin", "lib"):
        (place / name).mkdir(parents=True)
    shutil.copy(found / "usr/bin/rsync", place / "bin")
    [libraries] = found.glob("usr/lib/*-linux-gnu")
    for library in libraries.glob("lib*.so*"):
        shutil.copy(library, place / "lib")
    for name in ("host", "key"):
        keygen = [f"{found}/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / name)]
        subprocess.run(keygen, check=True)
    (place / "known").write_text(f"hub.example.com {(place / 'host.pub').read_text()}")
    (place / "sshd.conf").write_text(SSHD.format(place=place))
    (place / "ssh.conf").write_text(SSH.format(place=place))
    # of the isolated run, not of the machine
    Path("/etc/hosts").write_text("127.0.0.1 localhost hub.example.com\n")
    with Path("/etc/passwd").open("a") as file:
        file.write(f"deploy:*:0:0::{home}:/bin/sh\nsshd:*:65533:65534::/run/sshd:/usr/sbin/nologin\n")
    script = 'mount -t tmpfs tmpfs /run; mkdir /run/sshd; exec "$@"'
    daemon = [f"{found}/usr/sbin/sshd", "-D", "-e", "-f", str(place / "sshd.conf")]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": str(place / "lib")}
    with programs.process(["unshare", "-m", "sh", "-c", script, "sh", *daemon], environment, place / "log"):
        programs.wait(lambda: programs.listens(22), "sshd listens")
        rsh = shlex.join([f"{found}/usr/bin/ssh", "-F", str(place / "ssh.conf")])
        yield home, {**environment, "PATH": f"{place}/bin:{environment['PATH']}", "RSYNC_RSH": rsh}


def line(readme: Path, word: str) -> str:
    [found] = [each for each in readme.read_text().splitlines() if each.startswith(f"{word} ")]
    return found


def tree(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in sorted(folder.rglob("*"))
    }


@pytest.mark.proves("The files reach a server by the line of the README: what the hub needs, and no key of an app")
def test_the_folder_reaches_the_server_without_what_must_not(tmp_path: Path):
    folder = rendered(tmp_path, ("compose", {}), APPS["one"])
    copy = line(folder / "README.md", "rsync")
    with server(tmp_path / "server") as (home, environment):
        there = home / "mercure-production"

        def run(command: str, where: Path = folder) -> None:
            said = subprocess.run(
                ["bash", "-euc", command], cwd=where, env=environment, capture_output=True, text=True, check=False
            )
            assert (said.returncode, said.stderr) == (0, ""), (tmp_path / "server/log").read_text()

        run(copy)
        expected = {"docker-compose.yaml": 0o644, "hub": 0o700, "hub/Caddyfile": 0o644, "hub/jwks.json": 0o600}
        assert tree(there) == expected
        key = (there / "hub/jwks.json").read_bytes()
        # what is somebody's own there stays
        (there / "docker-compose.override.yaml").write_text("services: {}\n")
        # a clone in CI: public files alone
        clone = tmp_path / "clone"
        shutil.copytree(folder, clone, ignore=shutil.ignore_patterns("keys.json", "jwks.json", "*.env"))
        (clone / "hub/Caddyfile").write_text("changed\n")
        os.chmod(clone / "hub", 0o700)  # noqa: PTH101
        assert "--exclude jwks.json" in (folder / "README.md").read_text()
        run(copy.replace("rsync ", "rsync --exclude jwks.json "), clone)
        assert (there / "hub/jwks.json").read_bytes() == key
        assert (there / "hub/Caddyfile").read_text() == "changed\n"
        assert tree(there) == {**expected, "docker-compose.override.yaml": 0o644}
