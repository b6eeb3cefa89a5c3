"""Compose behind a real Traefik on a real engine: two projects, one external network, and the labels as rendered."""

import http.client
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import engine
import programs
import pytest
from cases import rendered
from engine import Project

pytestmark = [pytest.mark.e2e, pytest.mark.against("hub", "engine", "compose", "traefik")]

HOST = "app.example.com"
# an app of another project, which has its host at the same Traefik and the hub in its network
APP = """\
services:
  app:
    image: {image}
    command: caddy respond --listen :80 "the app's own page"
    healthcheck: {{disable: true}}
    networks: [traefik, shop-net]
    labels:
      traefik.enable: "true"
      traefik.docker.network: traefik
      traefik.http.routers.shop.rule: Host(`{host}`)
      traefik.http.routers.shop.entrypoints: websecure
      traefik.http.routers.shop.tls: "true"
      traefik.http.services.shop.loadbalancer.server.port: "80"
networks:
  traefik: {{external: true}}
  shop-net: {{external: true}}
"""
# what nobody could ask for its certificate here is Traefik's own
NETWORKS = ("traefik", "shop-net")


@contextmanager
def traefik(docker: engine.Docker, scratch: Path) -> Iterator[None]:
    """Traefik with its provider for docker, as its documentation has it; it listens on 443 of this machine."""
    argv = [
        programs.tools("traefik")["traefik"],
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        f"--providers.docker.endpoint={docker.environment['DOCKER_HOST']}",
        "--providers.docker.exposedbydefault=false",
        "--entrypoints.websecure.address=127.0.0.1:443",
        "--log.level=INFO",
    ]
    log = scratch / "traefik.log"
    with programs.process(argv, {"PATH": "/usr/bin:/bin", "HOME": str(scratch)}, log) as process:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return programs.listens(443)

        programs.wait(ready, "Traefik listens")
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f"{error}\n{log.read_text()}") from error


def connection() -> http.client.HTTPSConnection:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", 443, timeout=60, context=context)


def ask(method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
    with closing(connection()) as asked:
        sent = {"Host": HOST, **({"Content-Type": "application/x-www-form-urlencoded"} if body else {}), **headers}
        asked.request(method, path, body, sent)
        with closing(asked.getresponse()) as answer:
            return answer.status, answer.read().decode()


def stream(token: str, topic: str) -> programs.Stream:
    asked = connection()
    headers = {"Host": HOST, "Cookie": f"mercureAuthorization={token}", "Accept-Encoding": "gzip, br"}
    asked.request("GET", f"{programs.HUB_PATH}?{urlencode({'topic': topic})}", headers=headers)
    return programs.Stream.opened_by(asked)


@pytest.fixture
def networks(docker: engine.Docker) -> Iterator[None]:
    """The networks that are there before: Traefik's, and that of the apps."""
    for name in NETWORKS:
        docker("network", "create", name)
    try:
        yield
    finally:
        for name in NETWORKS:
            docker("network", "rm", name)


@pytest.mark.proves("Compose behind Traefik: one origin, an app of another project, a restart of the hub is a pause")
@pytest.mark.usefixtures("networks")
def test_one_origin_and_an_app_of_another_project(docker: engine.Docker, tmp_path: Path):
    said = {"url": f"https://{HOST}", "proxy": "traefik", "traefik": {"certresolver": None}}
    said |= {"network": "shop-net", "internal_url": "http://shop-hub"}
    folder = rendered(tmp_path, ("compose", said), {"app": {"url": f"https://{HOST}"}})
    project, app = Project(docker, folder), tmp_path / "app"
    app.mkdir()
    (app / "compose.yaml").write_text(APP.format(image=engine.IMAGE, host=HOST))
    try:
        with traefik(docker, tmp_path):
            project.up("--wait", "--wait-timeout", "60")
            docker("compose", "up", "-d", cwd=app)
            programs.wait(lambda: ask("GET", "/") == (200, "the app's own page"), "the app answers at its host")
            programs.wait(lambda: ask("GET", f"{programs.HUB_PATH}?topic=x")[0] == 401, "the hub answers at its path")
            assert ask("GET", "/.well-known/mercury") == (200, "the app's own page")
            key, topic = project.key(), programs.topic()
            page = stream(programs.token(key, subscribe=[topic]), topic)
            assert page.status == 200
            bearer = f"Bearer {programs.token(key, publish=['*'])}"
            published = ask("POST", programs.HUB_PATH, urlencode({"topic": topic, "data": "1"}), Authorization=bearer)
            assert published[0] == 200
            form = urlencode({"topic": topic, "data": "2", "private": "on"})
            inside = ["wget", "-qO-", "--header", f"Authorization: {bearer}", "--post-data", form]
            url = f"http://shop-hub{programs.HUB_PATH}"
            assert docker("compose", "exec", "-T", "app", *inside, url, cwd=app).startswith("urn:uuid:")
            programs.wait(lambda: page.events == ["1", "2"], "both updates arrive")
            assert "->" not in docker("ps", "--format", "{{.Ports}}")
            page.close()
            a_restart_is_a_pause(project, bearer)
    finally:
        docker("compose", "down", "-t", "0", cwd=app)
        project.down()


def a_restart_is_a_pause(project: Project, bearer: str) -> None:
    """Who publishes while the hub restarts waits; what was on its way to it as it ended is answered 502, once."""
    answers, stop = Counter[int](), threading.Event()

    def publish() -> None:
        while not stop.is_set():
            answers[ask("POST", programs.HUB_PATH, "topic=x&data=y", Authorization=bearer)[0]] += 1

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        programs.wait(lambda: answers.total() >= 20, "publishes before")
        project.compose("restart", "mercure")
        after = answers.total() + 20
        programs.wait(lambda: answers.total() >= after, "publishes after")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert answers[502] <= len(threads)
    assert set(answers) <= {200, 502}
