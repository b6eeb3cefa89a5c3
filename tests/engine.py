"""A real docker engine in a network of its own, with an image of the real hub under the name of the official one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import real

IMAGE = "dunglas/mercure:v0.24.2"
HEALTH = "CMD wget -q --spider http://127.0.0.1:2019/mercure/health/ready"


class Docker:
    """`docker` and `docker compose` against that engine."""

    def __init__(self, folder: Path, tools: dict[str, str]) -> None:
        path = f"{tools['engine']}:/usr/sbin:/usr/bin:/sbin:/bin"
        self.environment = {
            "PATH": path,
            "HOME": str(folder),
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "DOCKER_CONFIG": str(folder / "config"),
        }

    def __call__(self, *arguments: str, cwd: Path | None = None, check: bool = True) -> str:
        said = subprocess.run(
            ["docker", *arguments],
            cwd=cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert not check or said.returncode == 0, said.stderr
        return said.stdout + ("" if check else said.stderr)


@contextmanager
def engine() -> Iterator[Docker]:
    """The engine, with the image; it ends with everything that runs in it."""
    real.need_isolation()
    tools = real.tools("engine", "compose", "hub", "image_caddyfile")
    # the path of a socket may have some hundred characters at most: a short folder
    folder = Path(tempfile.mkdtemp(prefix="e-"))
    docker = Docker(folder, tools)
    plugins = folder / "config/cli-plugins"
    plugins.mkdir(parents=True)
    shutil.copy(tools["compose"], plugins / "docker-compose")
    flags = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false"]
    places = [
        f"--{name}={folder}/{path}" for name, path in (("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid"))
    ]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", "--host", docker.environment["DOCKER_HOST"], *places, *flags],
            env=docker.environment,
            executable=f"{tools['engine']}/dockerd",
            stdout=log,
            stderr=log,
        )
    try:
        real.wait(lambda: started(daemon, docker, folder / "log"), "the engine answers", 60)
        image(docker, tools, folder)
        yield docker
    finally:
        for container in docker("ps", "-aq", check=False).split():
            docker("rm", "-f", container, check=False)
        daemon.terminate()
        daemon.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def started(daemon: "subprocess.Popen[bytes]", docker: Docker, log: Path) -> bool:
    assert daemon.poll() is None, log.read_text()
    return "Server Version" in docker("info", check=False)


def image(docker: Docker, tools: dict[str, str], folder: Path) -> None:
    """The hub, its Caddyfile and a shell, in the places and with the settings of the official image."""
    root = folder / "image"
    for name in ("bin", "usr/bin", "etc/caddy", "tmp", "srv", "config/caddy", "data/caddy", "root"):
        (root / name).mkdir(parents=True)
    shutil.copy(f"{tools['engine']}/busybox", root / "bin/busybox")
    for name in ("sh", "wget", "cat", "ls", "id"):
        (root / "bin" / name).symlink_to("busybox")
    shutil.copy(tools["hub"], root / "usr/bin/caddy")
    shutil.copy(tools["image_caddyfile"], root / "etc/caddy/Caddyfile")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    archive = folder / "image.tar"
    subprocess.run(
        ["tar", "-C", str(root), "--owner=0", "--group=0", "--numeric-owner", "-cf", str(archive), "."], check=True
    )
    changes = [
        'CMD ["caddy","run","--config","/etc/caddy/Caddyfile","--adapter","caddyfile"]',
        "ENV PATH=/usr/bin:/bin XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data",
        "WORKDIR /srv",
        "EXPOSE 80 443 443/udp 2019",
        f"HEALTHCHECK --interval=30s --start-period=60s {HEALTH}",
    ]
    docker("import", *(word for change in changes for word in ("-c", change)), str(archive), IMAGE)
    shutil.rmtree(root)
    archive.unlink()
    os.sync()
