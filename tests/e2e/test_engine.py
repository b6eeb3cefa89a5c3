"""The rendered compose files on a real docker engine: what has to recreate a container does so, and only that."""

import http.client
from collections.abc import Iterator
from pathlib import Path

import engine
import programs
import pytest
from cases import APPS, rendered
from conftest import Run

pytestmark = [pytest.mark.e2e, pytest.mark.against("hub", "engine", "compose")]

# what Coolify's proxy is to its Service: a way in; nothing else is added to the rendered file
WAY_IN = "services: {mercure: {ports: ['127.0.0.1:80:80']}}\n"
COMPOSE = ("compose", {"tls": "proxy", "port": 80})
VIA = ["--via", "http://127.0.0.1"]


class Project(engine.Project):
    """A project that is reached at port 80 of this machine."""

    def __init__(self, docker: engine.Docker, folder: Path) -> None:
        # a platform's proxy is not what these tests are about
        (folder.parent / "way-in.yaml").write_text(WAY_IN)
        super().__init__(docker, folder, *([] if (folder / "hub").exists() else ["-f", "../way-in.yaml"]))

    def up(self, *arguments: str) -> str:
        """Deploy; the id of the container, once the hub answers."""
        container = super().up(*arguments)
        programs.wait(answers, "the hub answers")
        return container


def answers() -> bool:
    try:
        return programs.request("GET", f"{programs.HUB_PATH}?topic=x").status == 401
    except (OSError, http.client.HTTPException):
        return False


@pytest.fixture
def deployed() -> Iterator[list[Project]]:
    """Projects that are taken down again, with their volumes."""
    projects: list[Project] = []
    yield projects
    for project in projects:
        while programs.Stream.opened:
            programs.Stream.opened.pop().close()
        project.down()


def publish(key: tuple[str, str]) -> int:
    return programs.publish(programs.token(key, publish=["*"]), programs.topic(), "x")


@pytest.mark.proves(
    "New keys and a changed Caddyfile recreate the container, nothing else does; it turns healthy, others reach it"
)
@pytest.mark.parametrize("words", [{}, {"delivery": "environment"}], ids=["caddyfile", "environment"])
def test_on_coolify(docker: engine.Docker, deployed: list[Project], tmp_path: Path, run: Run, words: dict[str, object]):
    project = Project(docker, rendered(tmp_path, ("coolify", words), APPS["one"]))
    deployed.append(project)
    first, old = project.up("--wait", "--wait-timeout", "60"), project.key()
    assert docker("inspect", "-f", "{{.State.Health.Status}}", first).strip() == "healthy"
    assert publish(old) == 200
    assert publish(("z" * 64, "HS256")) == 401
    # by its name, from another container of the network, as the app may call it
    there = ["run", "--rm", "--network", "hub_default", engine.IMAGE]
    assert "401" in docker(*there, "wget", "-qO-", f"http://mercure{programs.HUB_PATH}?topic=x", check=False)
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
    return (
        programs.request("OPTIONS", programs.HUB_PATH, headers=headers).headers.get("access-control-allow-origin")
        == name
    )


@pytest.mark.proves("A staged rotation on Coolify: the hub accepts both keys before the apps change over")
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


@pytest.mark.proves("A staged rotation on compose: one container, no stream is cut")
def test_a_staged_rotation_on_compose_cuts_no_stream(
    docker: engine.Docker, deployed: list[Project], tmp_path: Path, run: Run
):
    project = Project(docker, rendered(tmp_path, COMPOSE, APPS["one"]))
    deployed.append(project)
    first, old = project.up("--wait", "--wait-timeout", "60"), project.key()
    topic = programs.topic()
    stream = programs.Stream(topic, programs.token(old, subscribe=[topic]))
    said = run("rotate-keys", "production").out
    assert run("rotate-keys", "production", *VIA).code == 1
    # the command that the tool prints
    reload = said.partition("docker compose ")[2].partition(" (")[0].split()
    project.compose(*reload)
    assert run("rotate-keys", "production", *VIA).code == 0
    assert project.up() == first
    for key in (old, project.key()):
        assert programs.publish(programs.token(key, publish=["*"]), topic, key[0][:8]) == 200
    programs.wait(lambda: stream.events == [old[0][:8], project.key()[0][:8]], "both updates arrive on the old stream")


@pytest.mark.proves("A stop with an open stream ends within the grace period")
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
    assert programs.Stream(programs.topic(), programs.token(project.key(), subscribe=["*"])).status == 200
    project.compose("stop")
    # a kill would come after the stop_grace_period, and show as 137
    assert docker("inspect", "-f", "{{.State.ExitCode}}", container).strip() == "0"


@pytest.mark.proves("The history survives a restart")
def test_history_survives_a_restart(docker: engine.Docker, deployed: list[Project], tmp_path: Path):
    project = Project(docker, rendered(tmp_path, ("coolify", {}), APPS["one"]))
    deployed.append(project)
    project.up()
    key, topic = project.key(), programs.topic()
    assert programs.publish(programs.token(key, publish=["*"]), topic, "before") == 200
    project.compose("restart")
    project.up()
    # until something is published the hub does not find what it has kept (measured): a warm-up on any topic
    assert publish(key) == 200
    stream = programs.Stream(topic, programs.token(key, subscribe=[topic]), last="earliest")
    programs.wait(lambda: stream.events == ["before"], "the update from before the restart")


@pytest.mark.proves("Two environments of one name on one machine are two projects, each with its keys and its history")
def test_two_projects_on_one_machine(docker: engine.Docker, deployed: list[Project], tmp_path: Path):
    projects = []
    for number, port in enumerate((80, 8081)):
        place = tmp_path / str(number)
        place.mkdir()
        words = {"url": f"https://hub.{number}.example", "tls": "proxy", "port": port}
        folder = rendered(place, ("compose", words), {"app": {"url": f"https://app.{number}.example"}})
        assert folder.name == "production"
        # as its README says, with nothing that tells it from the other
        projects.append(engine.Project(docker, folder))
    deployed += projects  # type: ignore[arg-type] # both go down alike
    first, second = (project.up("--wait", "--wait-timeout", "60") for project in projects)
    assert first != second
    assert [project.up() for project in projects] == [first, second]
    keys = [project.key() for project in projects]
    for port, own, other in ((80, *keys), (8081, *reversed(keys))):
        for key, status in ((own, 200), (other, 401)):
            said = programs.publish(programs.token(key, publish=["*"]), programs.topic(), "x", port=port)
            assert said == status
    volumes = docker("volume", "ls", "-q").split()
    assert {f"mercure-hub-{number}-example_mercure_data" for number in range(2)} <= set(volumes)
    projects[1].down()
    assert publish(keys[0]) == 200


APP_OF_ANOTHER_PROJECT = """\
services:
  app:
    image: {image}
    command: sleep 600
    networks: [{network}]
networks: {{{network}: {{external: true}}}}
"""


@pytest.mark.proves("`internal_url`: an app of another compose project, or of Coolify's network, publishes through it")
@pytest.mark.parametrize("platform", ["coolify", "compose"])
def test_an_app_of_another_project_publishes_by_the_private_name(
    docker: engine.Docker, deployed: list[Project], tmp_path: Path, platform: str
):
    network = "coolify" if platform == "coolify" else "shop-net"
    words = {"internal_url": "http://hub-shop"}
    if platform == "compose":
        docker("network", "create", network)
        words |= {"network": network, "tls": "proxy", "port": 80}  # type: ignore[dict-item]
    folder = rendered(tmp_path, (platform, dict(words)), APPS["one"])
    project = Project(docker, folder)
    deployed.append(project)
    project.up("--wait", "--wait-timeout", "60")
    app = tmp_path / "app"
    app.mkdir()
    (app / "compose.yaml").write_text(APP_OF_ANOTHER_PROJECT.format(image=engine.IMAGE, network=network))
    try:
        docker("compose", "up", "-d", cwd=app)
        url = dict(line.split("=", 1) for line in (folder / "app.env").read_text().splitlines()[1:])["MERCURE_URL"]
        assert url == f"http://hub-shop{programs.HUB_PATH}"

        def post(to: str) -> str:
            bearer = f"Authorization: Bearer {programs.token(project.key(), publish=['*'])}"
            wget = ["wget", "-qO-", "--header", bearer, "--post-data", "topic=x&data=y", to]
            return docker("compose", "exec", "-T", "app", *wget, cwd=app, check=False)

        assert post(url).startswith("urn:uuid:")
        # what people write instead
        assert "bad address" in post(url.replace("hub-shop", "hub-nobody"))
    finally:
        docker("compose", "down", "-t", "0", cwd=app)
        if platform == "compose":
            project.down()
            docker("network", "rm", network)


@pytest.mark.proves("A changed size of the history needs a restart, as the README of the environment says")
def test_a_changed_history_is_a_restart(docker: engine.Docker, deployed: list[Project], tmp_path: Path, run: Run):
    project = Project(docker, rendered(tmp_path, COMPOSE, APPS["one"]))
    deployed.append(project)
    first, key = project.up("--wait", "--wait-timeout", "60"), project.key()
    spec = tmp_path / "mercure.yaml"
    spec.write_text(spec.read_text().replace("port: 80\n", "port: 80\n      history: 500\n"))
    said = run("render")
    assert "next: docker compose restart mercure" in said.err
    reload, restart = commands(project.folder / "README.md", "caddy reload", "compose restart")
    assert "invalid transport: timeout" in project.compose(*reload, check=False)
    # the old one serves on
    assert publish(key) == 200
    project.compose(*restart)
    programs.wait(answers, "the hub answers")
    assert project.up() == first
    assert publish(key) == 200
    assert "size 500" in project.compose("exec", "-T", "mercure", "cat", "/etc/mercure/Caddyfile")
    # another origin is a reload
    spec.write_text(spec.read_text().replace("https://app.example.com", "https://www.example.com"))
    said = run("render")
    assert "next: docker compose exec -T mercure caddy reload" in said.err
    project.compose(*reload)
    assert origin("https://www.example.com")


def commands(readme: Path, *parts: str) -> list[list[str]]:
    """The arguments of `docker compose` in the lines of a README that hold these words."""
    lines = readme.read_text().splitlines()
    found = [next(line for line in lines if part in line and line.startswith("docker compose")) for part in parts]
    return [line.removeprefix("docker compose ").split() for line in found]
