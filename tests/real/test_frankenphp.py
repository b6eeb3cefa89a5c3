"""A hub inside the server of an app: the real FrankenPHP, with what compose makes of the template's files and ours."""

import http.client
import json
import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import franken
import httpx
import jwt
import programs
import pytest
from conftest import Run
from dotenv import dotenv_values

pytestmark = [pytest.mark.real, pytest.mark.against("frankenphp", "compose", "symfony")]

HOST = "shop.example.com"
URL = f"https://{HOST}"
VIA = ["--via", "http://127.0.0.1"]
BOOK = "https://example.com/books/1"


def spec(**hub: object) -> dict[str, Any]:
    """One shop in whose server the hub is, and a front-end that subscribes from elsewhere."""
    apps = {"shop": {"url": URL}, "front": {"url": f"https://www.{HOST}"}}
    said = {"app": "shop", "image": "dunglas/frankenphp:1.12.7-php8.4", **hub}
    environment = {"platform": "frankenphp", "hub": said, "apps": apps, "keys": {"token_lifetime": "1m"}}
    return {"version": 1, "environments": {"production": environment}}


@pytest.fixture
def folder(tmp_path: Path, run: Run) -> Path:
    """The project of a template with the files of an environment beside it."""
    franken.project(tmp_path)
    programs.spec_text(spec(), tmp_path / "mercure.yaml")
    assert run("render").code == 0
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost php {HOST}\n")
    return tmp_path / "deploy/production"


def composed(folder: Path) -> dict[str, str]:
    """The environment of the container of a compose project, whose files are there now."""
    root = folder.parents[1]
    return franken.deployed(franken.config(root, [".env", folder / "shop.env"], folder / "compose.mercure.yaml"))


def key_of(folder: Path) -> tuple[str, str]:
    return programs.signing(folder / "shop.env", folder / "manifest.json")


def ask(path: str = "", **form: str) -> httpx.Response:
    """The shop's page, or what it says when it is told to publish; over http from its proxy."""
    headers = {"Host": HOST, "X-Forwarded-Proto": "https"}
    with httpx.Client(trust_env=False, timeout=30, base_url="http://127.0.0.1", headers=headers) as client:
        return client.post("/", data=form) if form else client.get(f"/{path}")


def stream(token: str | None, topic: str = BOOK) -> programs.Stream:
    return programs.Stream(topic, token, origin=URL)


def cookie() -> str:
    """The token that the shop's page gives to who may read the book; it is for the shop's host alone."""
    said = ask().headers["set-cookie"]
    assert "domain=" not in said.lower()
    assert "path=/.well-known/mercure" in said
    return said.partition("=")[2].partition(";")[0]


@pytest.mark.proves("A hub inside FrankenPHP: publish inside, host-only cookie, private update, and no strangers")
def test_in_a_compose_project(folder: Path, tmp_path: Path):
    environment = composed(folder)
    with franken.container(environment, tmp_path) as hub:
        for host in ("php", HOST):
            assert hub.request("GET", f"{programs.HUB_PATH}?topic=x", headers={"Host": host}).status == 401
        assert hub.publish(None, BOOK).status == 401
        page = stream(cookie())
        assert page.status == 200
        published = ask(text="of the shop")
        assert (published.status_code, published.text[:9]) == (200, "urn:uuid:"), published.text
        programs.wait(lambda: page.events == ["of the shop"], "the private update arrives")
        # what the app signs is taken under the public name too, as by a worker elsewhere
        token = programs.token(key_of(folder), publish=["*"])
        assert programs.publish(token, BOOK, "of a worker", name=HOST) == 200
        programs.wait(lambda: page.events == ["of the shop", "of a worker"], "that of the worker arrives")
        api = {"Authorization": f"Bearer {programs.token(key_of(folder), subscribe=['*'])}"}
        assert hub.request("GET", f"{programs.HUB_PATH}/subscriptions", headers=api).status == 404
        for method in ("PUT", "DELETE", "HEAD"):
            assert hub.request(method, f"{programs.HUB_PATH}?topic=x").status == 405


def preflight(hub: programs.Hub, origin: str) -> str | None:
    headers = {"Host": HOST, "Origin": origin, "Access-Control-Request-Method": "GET"}
    answer = hub.request("OPTIONS", programs.HUB_PATH, headers=headers)
    return answer.headers.get("access-control-allow-origin")


@pytest.mark.proves("A hub inside FrankenPHP answers the further front-ends of the spec, and no other origin")
def test_a_further_front_end(folder: Path, tmp_path: Path):
    with franken.container(composed(folder), tmp_path) as hub:
        assert preflight(hub, f"https://www.{HOST}") == f"https://www.{HOST}"
        assert preflight(hub, "https://stranger.example.com") is None


@pytest.mark.proves("A container of one's own, without a compose file: the variables alone, and our block in the image")
def test_in_a_container_of_its_own(folder: Path, tmp_path: Path):
    # what the Dockerfile copies; Coolify hands over each line of the env file
    Path("/etc/mercure/mercure.caddy").write_bytes((folder / "mercure.caddy").read_bytes())
    with franken.container(variables(folder / "shop.env"), tmp_path) as hub:
        assert hub.request("GET", f"{programs.HUB_PATH}?topic=x", headers={"Host": HOST}).status == 401
        page = stream(cookie())
        assert ask(text="alone").status_code == 200
        programs.wait(lambda: page.events == ["alone"], "the private update arrives")


def variables(path: Path) -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(path).items()}


@pytest.mark.proves("`delivery: environment` inside FrankenPHP: one line for CORS, and strangers as accepted")
def test_with_variables_alone(tmp_path: Path, run: Run):
    said = spec(delivery="environment")
    said["environments"]["production"]["accept"] = ["anonymous"]
    programs.spec_text(said, tmp_path / "mercure.yaml")
    assert run("render").code == 0
    folder = tmp_path / "deploy/production"
    for place in Path("/etc/mercure").iterdir():
        place.unlink()
    with franken.container(variables(folder / "shop.env"), tmp_path) as hub:
        assert preflight(hub, f"https://www.{HOST}") == f"https://www.{HOST}"
        assert stream(None).status == 200
        page = stream(cookie())
        assert ask(text="private").status_code == 200
        programs.wait(lambda: page.events == ["private"], "the private update arrives")
    refused = run("rotate-keys", "production")
    assert refused.code == 2
    assert "takes one key" in refused.err


@pytest.mark.proves("FrankenPHP without a key: compose refuses it, `check` and `doctor` name it, where it starts")
def test_a_blank_key(folder: Path, tmp_path: Path, run: Run):
    blank = tmp_path / "blank.env"
    text = (folder / "shop.env").read_text()
    secret = key_of(folder)[0]
    blank.write_text(text.replace(secret, ""))
    with pytest.raises(AssertionError, match="CADDY_MERCURE_JWT_SECRET"):
        franken.config(tmp_path, [".env", blank], folder / "compose.mercure.yaml")
    kept = (folder / "shop.env").read_bytes()
    (folder / "shop.env").write_bytes(blank.read_bytes())
    said = run("check")
    assert said.code == 1
    assert "changed production/shop.env" in said.out
    (folder / "shop.env").write_bytes(kept)
    # the template alone starts
    environment = franken.deployed(franken.config(tmp_path, [".env", blank]))
    with franken.container({**environment, "SERVER_NAME": ":80"}, tmp_path) as hub:
        assert hub.publish(programs.token((secret, "HS256"), publish=["*"]), BOOK).status == 405
        said = run("doctor", "production", *VIA)
    assert said.code == 1
    assert "no key for publishers, and answers every update with 405 [key-missing]" in said.out


class Publisher:
    """Publishes to a container that is replaced at times: away is no answer, 401 is one."""

    def __init__(self, key: tuple[str, str]) -> None:
        self.key, self.answers, self.away = key, Counter[int](), 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.publish)

    def publish(self) -> None:
        while not self.stop.is_set():
            token = programs.token(self.key, publish=["*"])
            try:
                self.answers[programs.publish(token, BOOK, "x", name=HOST)] += 1
            except (OSError, http.client.HTTPException):
                self.away += 1
                time.sleep(0.05)

    def until(self, more: int) -> None:
        goal = self.answers.total() + more
        programs.wait(lambda: self.answers.total() >= goal, f"{more} more publishes", 120)


@contextmanager
def publishing(key: tuple[str, str]) -> Iterator[Publisher]:
    running = Publisher(key)
    running.thread.start()
    try:
        yield running
    finally:
        running.stop.set()
        running.thread.join()


@pytest.mark.proves("A rotation of a hub inside FrankenPHP, three deploys under load: no token is refused")
def test_a_rotation_in_three_deploys(folder: Path, tmp_path: Path, run: Run):
    old = key_of(folder)
    with publishing(old) as load:
        with franken.container(composed(folder), tmp_path):
            load.until(200)
            page = cookie()
            assert run("rotate-keys", "production").code == 0
            said = run("rotate-keys", "production", *VIA)
            assert (said.code, "does not accept the key" in said.err) == (1, True)
        with franken.container(composed(folder), tmp_path, fresh=False):
            load.until(200)
            assert stream(page).status == 200
            assert run("rotate-keys", "production", *VIA).code == 0
            out = datetime.now(UTC)
            new = key_of(folder)
            assert new != old
        with franken.container(composed(folder), tmp_path, fresh=False):
            # a worker elsewhere still signs with the old key, and cookies of before are good
            load.until(200)
            assert stream(page).status == 200
            fresh = cookie()
            assert jwt.decode(fresh, new[0], algorithms=["HS256"])
            assert stream(fresh).status == 200
            load.key = new
            load.until(200)
            programs.wait(lambda: (datetime.now(UTC) - out).total_seconds() > 61, "old tokens have expired", 90)
            assert run("rotate-keys", "production", "--deployed-at", out.isoformat()).code == 0
        with franken.container(composed(folder), tmp_path, fresh=False) as hub:
            load.until(200)
            assert stream(fresh).status == 200
            assert hub.publish(programs.token(old, publish=["*"]), BOOK).status == 401
    assert set(load.answers) == {200}
    assert load.answers.total() >= 1000


@pytest.mark.proves("A stop of FrankenPHP with an open stream ends within the grace period")
def test_a_stop_with_an_open_stream(folder: Path, tmp_path: Path):
    with franken.container(composed(folder), tmp_path) as hub:
        page = stream(cookie())
        assert page.status == 200
        hub.process.terminate()
        # below what docker waits for, 10 s; without the option it was there after 14 s
        hub.process.wait(9)


@pytest.mark.proves(
    "A hub inside FrankenPHP with a certificate of its own: https outside, plain http for the app inside"
)
def test_with_its_own_certificate(tmp_path: Path, run: Run):
    franken.project(tmp_path)
    environment = {"platform": "frankenphp", "mode": "development", "hub": {"tls": "hub"}}
    environment |= {"apps": {"shop": {"url": "https://shop.localhost"}}}
    programs.spec_text({"version": 1, "environments": {"production": environment}}, tmp_path / "mercure.yaml")
    assert run("render").code == 0
    Path("/etc/hosts").write_text("127.0.0.1 localhost php shop.localhost\n")
    folder = tmp_path / "deploy/production"
    root = Path("/data/caddy/pki/authorities/local/root.crt")
    with franken.container(composed(folder), tmp_path) as hub:
        programs.wait(root.exists, "the server has its authority")
        token = programs.token(key_of(folder), publish=["*"])
        assert hub.request("POST", programs.HUB_PATH, headers={"Host": "shop.localhost"}).status == 308
        assert programs.publish(token, BOOK, "inside", name="php") == 200
        curl = ["curl", "-sS", "--cacert", str(root), "-H", f"Authorization: Bearer {token}", "-d", f"topic={BOOK}"]
        line = [*curl, f"https://shop.localhost{programs.HUB_PATH}"]

        def published() -> bool:
            said = subprocess.run(line, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
            return said.stdout.startswith("urn:uuid:")

        programs.wait(published, "it has its certificate, and takes what the app signs")


@pytest.mark.proves("`import` of a project of the template: the app's image is never the hub's, and its key stays")
def test_a_project_is_imported(tmp_path: Path, run: Run):
    franken.project(tmp_path)
    secret = "c2VjcmV0LW9mLWEtcHJvamVjdC10aGF0LXJ1bnM0NTY3ODkw"
    recipe = franken.RECIPE + f"SERVER_NAME={HOST}\nCADDY_MERCURE_JWT_SECRET={secret}\n"
    (tmp_path / ".env").write_text(recipe)
    said = run("import", "--yes", "-f", "mercure.yaml")
    assert said.code == 0, said.err
    assert "platform: frankenphp, as the hub runs in the server of the app" in said.err
    assert "the tag 1-php8.5 moves" in said.err
    folder = tmp_path / "deploy/production"
    assert json.loads((folder / "keys.json").read_text())["keys"][0]["secret"] == secret
    assert "frankenphp" not in (tmp_path / "mercure.yaml").read_text().replace("platform: frankenphp", "").replace(
        "# image: dunglas/frankenphp", ""
    )
    assert f"url: {URL}" in (tmp_path / "mercure.yaml").read_text()
    found = franken.config(tmp_path, [".env", folder / "app.env"], folder / "compose.mercure.yaml")
    assert found["services"]["php"]["environment"]["SERVER_NAME"] == f"{HOST}, php:80"
