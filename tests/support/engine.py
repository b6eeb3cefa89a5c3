"""A real docker engine in a network of its own, with an image of the real hub under the name of the official one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import programs

IMAGE = "dunglas/mercure:v0.24.2"
# an address of documentation (RFC 5737), in the network of the tests' own
SERVER = "192.0.2.1"
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


class Project:
    """One deployed environment: its rendered compose file, and nothing else but what the platform adds."""

    def __init__(self, docker: Docker, folder: Path, *extra: str) -> None:
        self.docker, self.folder = docker, folder
        self.files = ["-f", "docker-compose.yaml", *extra]
        # Coolify names the project itself; on compose the file has a name
        if "\nname:" not in (folder / "docker-compose.yaml").read_text():
            self.files = ["-p", "hub", *self.files]
        if (folder / "hub.env").exists():
            self.files += ["--env-file", "hub.env"]

    def compose(self, *arguments: str, check: bool = True) -> str:
        return self.docker("compose", *self.files, *arguments, cwd=self.folder, check=check)

    def up(self, *arguments: str) -> str:
        """Deploy; the id of the container."""
        self.compose("up", "-d", *arguments)
        return self.compose("ps", "-q", "mercure").strip()

    def address(self) -> str:
        """Where the container is reached by a proxy in its network, as Coolify's is; empty while it does not run."""
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        found = self.docker("inspect", "-f", template, self.compose("ps", "-aq", "mercure").strip()).split()
        return found[0] if found else ""

    def down(self) -> None:
        self.compose("down", "-v", "-t", "15")

    def key(self) -> tuple[str, str]:
        """The key with which the app `app` signs, and its algorithm."""
        return programs.signing(self.folder / "app.env", self.folder / "manifest.json")


@contextmanager
def engine() -> Iterator[Docker]:
    """The engine, with the image; it ends with everything that runs in it."""
    programs.need_isolation()
    tools = programs.tools("engine", "compose", "hub", "image_caddyfile")
    # the path of a socket may have some hundred characters at most: a short folder
    folder = Path(tempfile.mkdtemp(prefix="e-"))
    docker = Docker(folder, tools)
    plugins = folder / "config/cli-plugins"
    plugins.mkdir(parents=True)
    shutil.copy(tools["compose"], plugins / "docker-compose")
    flags = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false"]
    flags.append(f"--cgroup-parent=/{os.environ['MERCURE_DEPLOY_ISOLATED']}")
    # where a compose file names no address to publish on: that of this machine, not all there are
    flags.append(f"--default-network-opt=bridge=com.docker.network.bridge.host_binding_ipv4={SERVER}")
    places = [
        f"--{name}={folder}/{path}" for name, path in (("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid"))
    ]
    argv = [f"{tools['engine']}/dockerd", "--host", docker.environment["DOCKER_HOST"], *places, *flags]
    try:
        with programs.process(argv, docker.environment, folder / "log") as daemon:
            programs.wait(lambda: started(daemon, docker, folder / "log"), "the engine answers", 60)
            image(docker, tools, folder)
            # that of Coolify's default destination
            docker("network", "create", "coolify")
            try:
                yield docker
            finally:
                for container in docker("ps", "-aq", check=False).split():
                    docker("rm", "-f", container, check=False)
    finally:
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
    for name in ("sh", "wget", "cat", "ls", "id", "sleep"):
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
