"""The rendered compose files on a real docker engine: what has to recreate a container does so, and only that."""

import time
from collections.abc import Iterator
from pathlib import Path

import engine
import pytest
import real
from conftest import Run
from test_real_hub import APPS, rendered

pytestmark = pytest.mark.e2e

# what Coolify's proxy is to its Service: a way in; nothing else is added to the rendered file
WAY_IN = "services: {mercure: {ports: ['127.0.0.1:80:80']}}\n"
COMPOSE = ("compose", {"tls": "proxy", "port": 80})
VIA = ["--via", "http://127.0.0.1"]


@pytest.fixture(scope="module")
def docker() -> Iterator[engine.Docker]:
    with engine.engine() as running:
        yield running


class Project:
    """One deployed environment."""

    def __init__(self, docker: engine.Docker, folder: Path) -> None:
        self.docker, self.folder = docker, folder
        self.files = ["-f", "docker-compose.yaml"]
        if (folder / "hub.env").exists():
            (folder.parent / "way-in.yaml").write_text(WAY_IN)
            self.files += ["-f", "../way-in.yaml", "--env-file", "hub.env"]

    def compose(self, *arguments: str, check: bool = True) -> str:
        return self.docker("compose", "-p", "hub", *self.files, *arguments, cwd=self.folder, check=check)

    def up(self) -> str:
        """Deploy, wait until it is healthy; the id of the container."""
        self.compose("up", "-d", "--wait", "--wait-timeout", "60")
        return self.compose("ps", "-q", "mercure").strip()

    def key(self) -> tuple[str, str]:
        return real.signing(self.folder / "app.env", self.folder / "manifest.json")


@pytest.fixture
def deployed() -> Iterator[list[Project]]:
    """Projects that are taken down again, with their volumes."""
    projects: list[Project] = []
    yield projects
    for project in projects:
        while real.Stream.opened:
            real.Stream.opened.pop().close()
        project.compose("down", "-v", "-t", "15")


def publish(key: tuple[str, str]) -> int:
    return real.publish(real.token(key, publish=["*"]), real.topic(), "x")


@pytest.mark.parametrize("words", [{}, {"delivery": "environment"}], ids=["caddyfile", "environment"])
def test_on_coolify(docker: engine.Docker, deployed: list[Project], tmp_path: Path, run: Run, words: dict[str, object]):
    project = Project(docker, rendered(tmp_path, ("coolify", words), APPS["one"]))
    deployed.append(project)
    first, old = project.up(), project.key()
    assert publish(old) == 200
    assert publish(("z" * 64, "HS256")) == 401
    # by its name, from another container of the network, as the app may call it
    there = ["run", "--rm", "--network", "hub_default", engine.IMAGE]
    assert "401" in docker(*there, "wget", "-qO-", f"http://mercure{real.HUB_PATH}?topic=x", check=False)
    assert project.up() == first
    # other origins: another Caddyfile or other directives
    spec = tmp_path / "mercure.yaml"
    spec.write_text(spec.read_text().replace("url: https://app.example.com", "url: https://www.example.com"))
    assert run("render").code == 0
    second = project.up()
    assert second != first
    assert origin("https://www.example.com")
    assert not origin("https://app.example.com")
    # other keys
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    assert project.up() != second
    assert (publish(project.key()), publish(old)) == (200, 401)


def origin(name: str) -> bool:
    headers = {"Origin": name, "Access-Control-Request-Method": "GET"}
    return real.request("OPTIONS", real.HUB_PATH, headers=headers).headers.get("access-control-allow-origin") == name


@pytest.mark.parametrize("words", [{}, {"delivery": "environment"}], ids=["caddyfile", "environment"])
def test_a_staged_rotation_on_coolify(
    docker: engine.Docker, deployed: list[Project], tmp_path: Path, run: Run, words: dict[str, object]
):
    project = Project(docker, rendered(tmp_path, ("coolify", words), APPS["one"]))
    deployed.append(project)
    first, old = project.up(), project.key()
    assert run("rotate-keys", "production").code == 0
    assert run("rotate-keys", "production", *VIA).code == 1
    second = project.up()
    assert second != first
    assert run("rotate-keys", "production", *VIA).code == 0
    assert project.up() == second
    assert (publish(project.key()), publish(old)) == (200, 200)


def test_a_staged_rotation_on_compose_cuts_no_stream(
    docker: engine.Docker, deployed: list[Project], tmp_path: Path, run: Run
):
    project = Project(docker, rendered(tmp_path, COMPOSE, APPS["one"]))
    deployed.append(project)
    first, old = project.up(), project.key()
    topic = real.topic()
    stream = real.Stream(topic, real.token(old, subscribe=[topic]))
    said = run("rotate-keys", "production").out
    assert run("rotate-keys", "production", *VIA).code == 1
    # the command that the tool prints
    reload = said.partition("docker compose ")[2].partition(" (")[0].split()
    project.compose(*reload)
    assert run("rotate-keys", "production", *VIA).code == 0
    assert project.up() == first
    for key in (old, project.key()):
        assert real.publish(real.token(key, publish=["*"]), topic, key[0][:8]) == 200
    real.wait(lambda: stream.events == [old[0][:8], project.key()[0][:8]], "both updates arrive on the old stream")


@pytest.mark.parametrize(
    "hub",
    [("coolify", {}), ("coolify", {"delivery": "environment"}), COMPOSE],
    ids=["caddyfile", "environment", "compose"],
)
def test_a_stop_with_an_open_stream_is_short_and_clean(
    docker: engine.Docker, deployed: list[Project], tmp_path: Path, hub: tuple[str, dict[str, object]]
):
    project = Project(docker, rendered(tmp_path, hub, APPS["one"]))
    deployed.append(project)
    container = project.up()
    assert real.Stream(real.topic(), real.token(project.key(), subscribe=["*"])).status == 200
    begin = time.monotonic()
    project.compose("stop")
    # a kill would come after the stop_grace_period, and show as 137
    assert docker("inspect", "-f", "{{.State.ExitCode}}", container).strip() == "0"
    assert time.monotonic() > begin


def test_history_survives_a_restart(docker: engine.Docker, deployed: list[Project], tmp_path: Path):
    project = Project(docker, rendered(tmp_path, ("coolify", {}), APPS["one"]))
    deployed.append(project)
    project.up()
    key, topic = project.key(), real.topic()
    assert real.publish(real.token(key, publish=["*"]), topic, "before") == 200
    project.compose("restart")
    project.up()
    # until something is published the hub does not find what it has kept (measured): a warm-up on any topic
    assert publish(key) == 200
    stream = real.Stream(topic, real.token(key, subscribe=[topic]), last="earliest")
    real.wait(lambda: stream.events == ["before"], "the update from before the restart")
