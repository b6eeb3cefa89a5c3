"""A push that ends in a real hub: Coolify's *start* starts it from what was written, as Coolify would."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import coolify
import jwt
import programs
import pytest
from conftest import Run
from coolify import Coolify, Resource
from edges import HUB, Authority, Edge, started

from mercure_deploy.cli import rotate_keys

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "compose")]

LIFETIME = "    keys:\n      token_lifetime: 1m\n"


@dataclass
class Server:
    """What Coolify starts: the real hub, from the compose file and the variables as Coolify writes them."""

    scratch: Path
    running: ExitStack = field(default_factory=ExitStack)
    starts: int = 0
    broken: bool = False
    failing: bool = False

    def start(self, service: Resource) -> None:
        self.running.close()
        self.starts += 1
        if self.broken:
            return
        folder = self.scratch / f"server-{self.starts}"
        folder.mkdir()
        coolify.put(service, folder)
        self.running.enter_context(programs.hub(folder, folder))

    def deploy(self, _application: Resource) -> bool:
        return not self.failing


@contextmanager
def server(run: Run, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Coolify, Server, list[str]]]:
    """A Coolify with an Application, a TLS proxy before the hub, and the way there."""
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.0.1 {HUB} app.example.com\n")
    authority = Authority(scratch / "authority")
    fake, machine = Coolify(), Server(scratch)
    fake.on_start, fake.on_deploy = machine.start, machine.deploy
    fake.add("shop", APP_SECRET="of-the-app")
    with ExitStack() as stack:
        stack.callback(machine.running.close)
        stack.enter_context(coolify.ticking(fake))
        url = stack.enter_context(coolify.serving(fake))
        stack.enter_context(started(Edge(), scratch, authority))
        monkeypatch.setenv("COOLIFY_TOKEN", fake.token)
        assert run("render", spec=coolify.specification(url, more=LIFETIME)).code == 0
        yield fake, machine, ["--cacert", str(authority.root), "--yes"]


def of_app(fake: Coolify) -> str:
    """The key that the running app signs with."""
    [shop] = [each for each in fake.resources if each.name == "shop"]
    return shop.started.get("MERCURE_JWT_SECRET", "")


def publishes(fake: Coolify) -> int:
    claims = {"mercure": {"publish": ["*"]}, "exp": int(time.time()) + 30}
    return programs.publish(jwt.encode(claims, of_app(fake)), programs.topic(), "x")


@pytest.mark.proves("`push` to a Coolify that is held against recordings of a real one ends in a hub that takes tokens")
def test_the_first_push_a_change_and_a_new_key(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    with server(run, project, monkeypatch) as (fake, machine, way):
        said = run("push", "production", *way)
        assert said.code == 0, said.err
        assert said.lines[-1] == "production: deployed: hub, app"
        assert "proved on the live hub" in said.err
        assert (publishes(fake), machine.starts) == (200, 1)
        count = len(fake.asked)
        again = run("push", "production", *way)
        assert (again.code, again.lines) == (0, ["production: Coolify has what the files say"])
        assert len(fake.asked) - count <= 8 + 2
        assert {asked.method for asked in fake.asked[count:]} == {"GET"}
        assert machine.starts == 1
        # another origin: the hub alone
        text = Path("mercure.yaml").read_text()
        Path("mercure.yaml").write_text(
            text.replace("app.example.com\n", "app.example.com\n        origins: [https://www.example.com]\n")
        )
        assert run("render").code == 0
        changed = run("push", "production", *way)
        assert changed.lines[-1] == "production: deployed: hub", changed.err
        # a new key at once: both, and none waits for the other
        assert run("rotate-keys", "production", "--now", "--push", *way).code == 0
        assert publishes(fake) == 200
        key = json.loads(Path("deploy/production/keys.json").read_text())["keys"][0]["secret"]
        assert of_app(fake) == key


def test_what_was_written_and_not_started_is_started_by_the_next_push(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
):
    with server(run, project, monkeypatch) as (fake, machine, way):
        assert run("push", "production", *way, "--no-deploy").code == 0
        assert machine.starts == 0
        assert run("push", "production", *way).lines[-1] == "production: deployed: hub, app"
        Path("mercure.yaml").write_text(
            Path("mercure.yaml").read_text().replace("    hub:\n", "    hub:\n      history: 50\n")
        )
        assert run("render").code == 0
        # killed between the write and the start
        fake.fault = lambda asked, _number: "500" if asked.path.endswith("/start") else None
        assert run("push", "production", *way).code == 2
        fake.fault = lambda _asked, _number: None
        assert machine.starts == 1
        assert run("push", "production", *way).lines[-1] == "production: deployed: hub"
        assert machine.starts == 2


def test_a_hub_that_does_not_start_and_an_app_that_fails(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    with server(run, project, monkeypatch) as (fake, machine, way):
        monkeypatch.setattr("mercure_deploy.push.steps._PATIENCE", 3.0)
        machine.broken = True
        said = run("push", "production", *way)
        assert said.code == 1
        assert said.lines[-1] == "production: written and started, not proved: hub"
        assert "[proxy-not-routing]" in said.err
        machine.broken, machine.failing = False, True
        fake.services()[0].status = "exited"
        failed = run("push", "production", *way)
        assert failed.code == 1, failed.err
        assert "the deployment of shop failed\n  the end of its log" in failed.err
        assert "a-secret" not in failed.err
        machine.failing = False
        assert run("push", "production", *way).lines[-1] == "production: deployed: app"
        assert run("push", "production", *way).code == 0


@dataclass
class Load:
    """Publishers that sign with what the running app has, all the while."""

    fake: Coolify
    done: threading.Event = field(default_factory=threading.Event)
    answers: dict[int, int] = field(default_factory=dict)
    away: int = 0

    def run(self) -> None:
        while not self.done.is_set():
            try:
                status = publishes(self.fake)
            except OSError:
                # the container is being replaced
                self.away += 1
                time.sleep(0.01)
                continue
            self.answers[status] = self.answers.get(status, 0) + 1


@pytest.mark.proves("A rotation by `rotate-keys --push` alone, under load: no token is refused")
def test_a_rotation_by_itself_under_load(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    with server(run, project, monkeypatch) as (fake, machine, way):
        assert run("push", "production", *way).code == 0
        line = ["rotate-keys", "production", "--push", "--if-older", *way]
        young = run(*line)
        assert (young.code, young.lines) == (0, ["production: nothing to do, the key is 0 days old"])
        first = of_app(fake)
        later = [timedelta(0)]
        for module in (rotate_keys,):
            monkeypatch.setattr(module, "now", lambda: datetime.now(UTC) + later[0])
        load = Load(fake)
        threads = [threading.Thread(target=load.run) for _ in range(2)]
        for thread in threads:
            thread.start()
        line[line.index("--if-older")] = "--yes"
        try:
            steps = [run(*line) for _ in range(2)]
            early = run(*line)
            later[0] = timedelta(seconds=75)
            steps += [run(*line)]
            programs.wait(lambda: sum(load.answers.values()) > 3000, "enough was published", 60)
        finally:
            load.done.set()
            for thread in threads:
                thread.join()
        assert [each.code for each in steps] == [0, 0, 0], [each.err for each in steps]
        assert early.code == 1
        assert "come back at" in early.err
        assert set(load.answers) == {200}, load.answers
        ring = json.loads(Path("deploy/production/keys.json").read_text())
        assert [key["state"] for key in ring["keys"]] == ["current"]
        assert of_app(fake) == ring["keys"][0]["secret"] != first
        assert machine.starts == 3
        assert run("push", "production", "--dry-run", *way).code == 0


def test_a_step_whose_push_failed_is_gone_on_with(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    with server(run, project, monkeypatch) as (fake, machine, way):
        assert run("push", "production", *way).code == 0
        line = ["rotate-keys", "production", "--push", *way]
        fake.fault = lambda asked, _number: "422" if asked.method == "PATCH" else None
        assert run(*line).code == 2
        # the ring says where it stands, and Coolify has what it had
        fake.fault = lambda _asked, _number: None
        states = [key["state"] for key in json.loads(Path("deploy/production/keys.json").read_text())["keys"]]
        assert states == ["current", "staged"]
        assert machine.starts == 1
        assert run(*line).code == 0
        assert machine.starts == 2
        # the apps fail, and are deployed by the next call
        machine.failing = True
        assert run(*line).code == 1
        assert "apps_deployed" not in Path("deploy/production/keys.json").read_text()
        machine.failing = False
        assert run(*line).code == 0
        assert "apps_deployed" in Path("deploy/production/keys.json").read_text()
        # taken back, with a push of its own
        assert run(*line, "--abort").code == 0
        assert publishes(fake) == 200
