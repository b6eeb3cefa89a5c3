"""A push that ends on a real docker engine: Coolify's *start* is `docker compose up -d` of what was written there."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import coolify
import engine
import programs
import pytest
from conftest import Run
from coolify import Coolify, Resource

from mercure_deploy.cli import rotate_keys

pytestmark = [pytest.mark.e2e, pytest.mark.against("hub", "engine", "compose")]

INSIDE, LIFETIME = "      internal_url: http://hub-shop\n", "    keys:\n      token_lifetime: 1m\n"
# what Coolify's proxy is to its Service: a way in
WAY_IN = "services: {mercure: {ports: ['127.0.0.1:80:80']}}\n"
WAY = ["--via", "http://127.0.0.1", "--yes"]


@dataclass
class Server:
    """The engine behind the instance; `containers` are those that ran, in order."""

    docker: engine.Docker
    folder: Path
    containers: list[str] = field(default_factory=list)

    def start(self, service: Resource) -> None:
        self.folder.mkdir(exist_ok=True)
        coolify.put(service, self.folder)
        (self.folder / "way-in.yaml").write_text(WAY_IN)
        self.containers.append(self.project().up())

    def project(self) -> engine.Project:
        return engine.Project(self.docker, self.folder, "-f", "way-in.yaml")

    def away(self) -> None:
        if self.containers:
            self.project().down()


@contextmanager
def server(
    run: Run, docker: engine.Docker, place: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Coolify, Server]]:
    fake, machine = Coolify(), Server(docker, place / "server")
    fake.on_start = machine.start
    fake.add("shop", APP_SECRET="of-the-app")
    monkeypatch.setenv("COOLIFY_TOKEN", fake.token)
    with coolify.serving(fake) as url, coolify.ticking(fake):
        assert run("render", spec=coolify.specification(url, INSIDE, LIFETIME)).code == 0
        try:
            yield fake, machine
        finally:
            machine.away()


def publishes(fake: Coolify) -> int:
    """What the hub answers to the app that runs."""
    [shop] = [each for each in fake.resources if each.name == "shop"]
    key = (shop.started["MERCURE_JWT_SECRET"], "HS256")
    try:
        return programs.publish(programs.token(key, publish=["*"]), programs.topic(), "x")
    except (OSError, http.client.HTTPException):
        return 0


@pytest.mark.proves(
    "`push` and `rotate-keys --push` on a docker engine: a container is replaced where something is new"
)
def test_from_the_first_push_to_a_new_key(
    docker: engine.Docker, project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
):
    with server(run, docker, project, monkeypatch) as (fake, machine):
        said = run("push", "production", *WAY)
        assert said.code == 0, said.err
        assert publishes(fake) == 200
        assert run("push", "production", *WAY).lines == ["production: Coolify has what the files say"]
        assert len(machine.containers) == 1
        # started again with nothing new, it is the same container
        machine.start(fake.services()[0])
        assert len(set(machine.containers)) == 1
        later = [timedelta(0)]
        for module in (rotate_keys,):
            monkeypatch.setattr(module, "now", lambda: datetime.now(UTC) + later[0])
        line = ["rotate-keys", "production", "--push", *WAY]
        for step in ("stage", "promote", "retire"):
            later[0] = timedelta(seconds=75) if step == "retire" else timedelta(0)
            taken = run(*line)
            assert taken.code == 0, (step, taken.err)
            assert publishes(fake) == 200, step
        # the promotion is a matter of the app alone
        assert len(set(machine.containers)) == 3
        ring = json.loads(Path("deploy/production/keys.json").read_text())["keys"]
        assert [key["state"] for key in ring] == ["current"]
        assert run("check", "--remote").code == 0
