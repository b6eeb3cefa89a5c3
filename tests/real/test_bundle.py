"""The newest MercureBundle, configured by the rendered files, with a hub 0.24 and with the core of hub 1.0."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import programs
import pytest
import stack
from cases import ALGORITHMS, rendered
from modern import core
from ruamel.yaml import YAML

pytestmark = [pytest.mark.real]

TOPIC = "https://example.com/books/1"
APP = "https://app.example.com"
BEHIND_A_PROXY = {"Host": "app.example.com", "X-Forwarded-Proto": "https"}


def deployed(folder: Path, *, bundle: str | None = "0.6", algorithm: str = "HS256", **hub: object) -> Path:
    app = {"url": APP, **({"bundle": bundle} if bundle else {})}
    words = {"internal_url": "http://hub-shop", **hub}
    return rendered(folder, ("coolify", words), {"app": app}, algorithm)


@contextmanager
def symfony(folder: Path, scratch: Path, suite: str = "symfony_newest", **words: Any) -> Iterator[stack.App]:
    # the network of the test is its own
    Path("/etc/hosts").write_text("127.0.0.1 localhost hub-shop\n")
    with stack.app("app", folder, scratch / "app", roots=[], suite=suite, **words) as app:
        yield app


def cookie_of(app: stack.App) -> tuple[str, str]:
    """Name and value of the cookie that a page of the app sets."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        answer = client.get(f"http://127.0.0.1:{app.port}/", headers=BEHIND_A_PROXY)
    assert answer.status_code == 200, answer.text
    [cookie] = answer.headers.get_list("set-cookie")
    found = re.match(r"([^=]+)=([^;]+);.*secure; httponly; samesite=strict", cookie, re.IGNORECASE)
    assert found, cookie
    return found[1], found[2]


@pytest.mark.against("hub", "compose", "php", "symfony_newest")
@pytest.mark.proves("MercureBundle 0.6 with a hub 0.24: it publishes, and its cookie opens the stream")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_bundle_with_a_hub_0_24(tmp_path: Path, algorithm: str):
    folder = deployed(tmp_path, algorithm=algorithm)
    with programs.hub(folder, tmp_path), symfony(folder, tmp_path) as app:
        name, token = cookie_of(app)
        assert name == "mercureAuthorization"
        stream = programs.Stream(TOPIC, token)
        assert stream.status == 200
        assert app.publish("private")[1].startswith("urn:uuid:")
        programs.wait(lambda: stream.events == ["private"], "the private update arrives")


@pytest.mark.against("hub", "compose", "php", "symfony_newest")
def test_a_cookie_of_another_name_on_both_sides(tmp_path: Path):
    folder = deployed(tmp_path, cookie_name="shopAuthorization")
    with programs.hub(folder, tmp_path) as hub, symfony(folder, tmp_path, debug=True) as app:
        name, token = cookie_of(app)
        assert name == "shopAuthorization"
        headers = {"Cookie": f"{name}={token}", "Origin": APP}
        assert hub.request("GET", f"{programs.HUB_PATH}?topic={TOPIC}", headers=headers).status == 200


@pytest.mark.against("php", "symfony_newest")
def test_what_a_new_bundle_makes_of_the_recipe_of_an_old_one(tmp_path: Path):
    """Why the spec has a word for it: without the protocol its container does not compile."""
    folder = deployed(tmp_path, bundle=None)
    assert not (folder / "symfony").exists()
    with symfony(folder, tmp_path) as app, httpx.Client(trust_env=False, timeout=30) as client:
        assert client.get(f"http://127.0.0.1:{app.port}/", headers=BEHIND_A_PROXY).status_code == 500
        assert 'must define the "iss", "sub", "client_id" claim(s)' in (tmp_path / "app/php.log").read_text()


@pytest.mark.against("core", "php", "symfony_newest")
@pytest.mark.proves("MercureBundle 0.6 with the core of hub 1.0: it publishes, and its cookie opens the stream")
@pytest.mark.parametrize("debug", [False, True], ids=["production", "kernel.debug"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_bundle_with_hub_1_0(tmp_path: Path, algorithm: str, debug: bool):
    folder = deployed(tmp_path, version="1.0", algorithm=algorithm)
    assert "cookie_name __Secure-mercure_access_token\n" in (folder / "Caddyfile").read_text()
    with core(folder, tmp_path, port=80), symfony(folder, tmp_path, debug=debug) as app:
        name, token = cookie_of(app)
        # under kernel.debug the bundle's own name is another one, which the hub would not look at
        assert name == "__Secure-mercure_access_token"
        answer = programs.request("GET", f"{programs.HUB_PATH}?match={TOPIC}", headers=by_cookie(name, token))
        assert answer.status == 200
        assert app.publish("private")[1].startswith("urn:uuid:")
        # and it is the key that decides
        other = deployed(fresh(tmp_path), version="1.0", algorithm=algorithm)
        app.deploy(other)
        status, causes = app.publish("private")
        assert (status, "HTTP/1.1 401" in causes) == (502, True)


def by_cookie(name: str, token: str) -> dict[str, str]:
    return {"Cookie": f"{name}={token}", "Origin": APP}


def fresh(folder: Path) -> Path:
    (folder / "other").mkdir()
    return folder / "other"


@pytest.mark.against("core", "php", "symfony", "symfony_newer", "symfony_newest")
@pytest.mark.proves("`legacy_clients`: apps with old and with new bundles publish to one hub 1.0")
@pytest.mark.parametrize(
    ("suite", "bundle"),
    [("symfony", "0.3"), ("symfony_newer", "0.4"), ("symfony_newest", "0.6"), ("symfony_newest", None)],
)
def test_old_and_new_apps_on_one_hub_1_0(tmp_path: Path, suite: str, bundle: str | None):
    folder = deployed(tmp_path, bundle=bundle, version="1.0", legacy_clients=True)
    with core(folder, tmp_path, "core_compatible", port=80), symfony(folder, tmp_path, suite) as app:
        name, token = cookie_of(app)
        old = bundle in {"0.3", "0.4"}
        word = "topic" if old else "match"
        assert (
            programs.request("GET", f"{programs.HUB_PATH}?{word}={TOPIC}", headers=by_cookie(name, token)).status == 200
        )
        assert app.publish("private")[1].startswith("urn:uuid:")


def test_the_configuration_names_no_environment_of_its_own(tmp_path: Path):
    folder = deployed(tmp_path, version="1.0")
    config = YAML(typ="safe", pure=True).load((folder / "symfony/app.mercure.yaml").read_text())
    assert set(config["mercure"]["hubs"]["default"]) == {"url", "public_url", "protocol_version", "cookie_name", "jwt"}
    assert "MERCURE_URL" not in os.environ
