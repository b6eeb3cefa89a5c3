"""The real hub, started from rendered files as they are: it accepts what the app signs and refuses everything else."""

import itertools
import subprocess
import time
from pathlib import Path

import jwt
import programs
import pytest
from cases import ALGORITHMS, APPS, HUBS, rendered
from conftest import Run

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "compose")]

CASES = [
    pytest.param(delivery, algorithm, apps, id=f"{delivery}-{algorithm}-{apps}")
    for delivery, algorithm, apps in itertools.product(HUBS, ALGORITHMS, APPS)
    if not (delivery == "environment" and algorithm in {"RS256", "ES256"})
]


@pytest.mark.proves(
    "Valid, formatted Caddyfiles; the hub accepts what the apps sign and nothing else, and answers origins of the spec"
)
@pytest.mark.parametrize(("delivery", "algorithm", "apps"), CASES)
def test_the_hub_accepts_what_the_app_signs_and_nothing_else(tmp_path: Path, delivery: str, algorithm: str, apps: str):
    folder = rendered(tmp_path, HUBS[delivery], APPS[apps], algorithm)
    other = rendered(tmp_path_for(tmp_path, "other"), HUBS[delivery], APPS[apps], algorithm)
    keys = {name: programs.signing(folder / f"{name}.env", folder / "manifest.json") for name in APPS[apps]}
    foreign = programs.signing(other / "app.env", other / "manifest.json")
    with programs.hub(folder, tmp_path) as hub:
        for key in keys.values():
            published = hub.publish(programs.token(key, publish=["*"]), programs.topic())
            assert (published.status, published.text[:9]) == (200, "urn:uuid:")
        assert hub.publish(programs.token(foreign, publish=["*"]), programs.topic()).status == 401
        assert hub.publish(None, programs.topic()).status == 401
        private_updates_reach_only_who_may_see_them(hub, keys["app"], foreign)
        only_origins_of_the_spec_get_cors_headers(hub, apps)


def tmp_path_for(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def private_updates_reach_only_who_may_see_them(
    hub: programs.Hub, key: tuple[str, str], foreign: tuple[str, str]
) -> None:
    topic = programs.topic()
    granted = programs.Stream(topic, programs.token(key, subscribe=[topic]))
    stranger = programs.Stream(topic, programs.token(key, subscribe=[programs.topic()]))
    assert (granted.status, stranger.status) == (200, 200)
    assert programs.Stream(topic, None).status == 401
    assert programs.Stream(topic, programs.token(foreign, subscribe=[topic])).status == 401
    assert hub.publish(programs.token(key, publish=["*"]), topic, "private").status == 200
    assert hub.publish(programs.token(key, publish=["*"]), topic, "public", private=False).status == 200
    # the public update comes after the private one: whoever has it would have had the other before
    programs.wait(lambda: "public" in stranger.events and "public" in granted.events, "the public update arrives")
    assert (granted.events, stranger.events) == (["private", "public"], ["public"])


def only_origins_of_the_spec_get_cors_headers(hub: programs.Hub, apps: str) -> None:
    allowed = ["https://app.example.com"]
    refused = ["https://evil.example.org", "http://app.example.com", "https://hub.example.com.evil.org"]
    if apps == "three":
        allowed += ["https://admin.example.com", "https://any.wild.example.com"]
        refused += ["https://worker.example.net"]
    for origin, expected in [(each, each) for each in allowed] + [(each, None) for each in refused]:
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        answer = hub.request("OPTIONS", programs.HUB_PATH, headers=headers)
        assert answer.headers.get("access-control-allow-origin") == expected
        assert answer.headers.get("access-control-allow-credentials") == ("true" if expected else None)


@pytest.mark.proves("After `rotate-keys --now` only the new key is accepted")
def test_after_rotate_keys_now_only_the_new_key_is_accepted(tmp_path: Path):
    for number, hub_words in enumerate(HUBS.values()):
        here = tmp_path_for(tmp_path, str(number))
        folder = rendered(here, hub_words, APPS["one"])
        old = programs.signing(folder / "app.env", folder / "manifest.json")
        programs.run("rotate-keys", "production", "--now", "--yes", "-f", str(here / "mercure.yaml"))
        new = programs.signing(folder / "app.env", folder / "manifest.json")
        assert new != old
        with programs.hub(folder, here) as hub:
            assert hub.publish(programs.token(new, publish=["*"]), programs.topic()).status == 200
            assert hub.publish(programs.token(old, publish=["*"]), programs.topic()).status == 401
            assert programs.Stream(programs.topic(), programs.token(old, subscribe=["*"])).status == 401


def test_on_compose_a_forced_reload_brings_the_new_key_and_cuts_no_stream(tmp_path: Path):
    folder = rendered(tmp_path, HUBS["compose"], APPS["one"])
    old = programs.signing(folder / "app.env", folder / "manifest.json")
    with programs.hub(folder, tmp_path) as hub:
        topic = programs.topic()
        stream = programs.Stream(topic, programs.token(old, subscribe=[topic]))
        programs.run("rotate-keys", "production", "--now", "--yes", "-f", str(tmp_path / "mercure.yaml"))
        new = programs.signing(folder / "app.env", folder / "manifest.json")
        assert hub.publish(programs.token(new, publish=["*"]), topic).status == 401
        Path("/etc/mercure/jwks.json").write_bytes((folder / "hub/jwks.json").read_bytes())
        hub.reload()
        assert hub.publish(programs.token(new, publish=["*"]), topic, "after").status == 200
        assert hub.publish(programs.token(old, publish=["*"]), topic).status == 401
        programs.wait(lambda: stream.events == ["after"], "the update arrives on the stream from before")


@pytest.mark.proves("The access log is JSON and holds no token")
def test_the_log_is_json_and_holds_no_token(tmp_path: Path):
    folder = rendered(tmp_path, HUBS["caddyfile"], APPS["one"])
    key = programs.signing(folder / "app.env", folder / "manifest.json")
    token = programs.token(key, subscribe=["*"])
    with programs.hub(folder, tmp_path) as hub:
        assert hub.publish(token, programs.topic()).status == 401
        hub.request("GET", f"{programs.HUB_PATH}?authorization={token}")
        programs.wait(lambda: hub.log.read_text().count("handled request") >= 1, "the access log")
    text = hub.log.read_text()
    assert "handled request" in text
    assert '"request"' in text
    assert token.rpartition(".")[2] not in text
    assert key[0] not in text


def test_a_stop_with_an_open_stream_ends_within_the_grace_period(tmp_path: Path):
    for number, hub_words in enumerate(HUBS.values()):
        here = tmp_path_for(tmp_path, str(number))
        folder = rendered(here, hub_words, APPS["one"])
        key = programs.signing(folder / "app.env", folder / "manifest.json")
        with programs.hub(folder, here) as hub:
            stream = programs.Stream(programs.topic(), programs.token(key, subscribe=["*"]))
            assert stream.status == 200
            hub.process.terminate()
            assert hub.process.wait(10) == 0


def test_without_subscribing_apps_and_with_anonymous_subscribers(tmp_path: Path):
    words: dict[str, object] = {"anonymous": True}
    environment = {"mode": "development", "platform": "coolify", "hub": {"url": "https://hub.example.com", **words}}
    apps = {"app": {"url": "https://app.example.com", "subscribe": False}}
    spec = {"version": 1, "environments": {"dev": {**environment, "apps": apps}}}
    programs.run("render", "-f", str(programs.spec_text(spec, tmp_path / "mercure.yaml")))
    with programs.hub(tmp_path / "deploy/dev", tmp_path) as hub:
        assert programs.Stream(programs.topic(), None).status == 200
        assert hub.publish(None, programs.topic()).status == 401


def test_the_hub_terminates_tls_itself_in_development(tmp_path: Path):
    environment = {
        "mode": "development",
        "platform": "compose",
        "hub": {"url": "https://hub.example.com", "internal_url": "http://hub-shop", "network": "shop-net"},
        "apps": APPS["one"],
    }
    spec = {"version": 1, "environments": {"dev": environment}}
    programs.run("render", "-f", str(programs.spec_text(spec, tmp_path / "mercure.yaml")))
    folder = tmp_path / "deploy/dev"
    Path("/etc/hosts").write_text("127.0.0.1 localhost hub.example.com hub-shop mercure\n")
    key = programs.signing(folder / "app.env", folder / "manifest.json")
    with programs.hub(folder, tmp_path) as hub:
        root = Path("/data/caddy/pki/authorities/local/root.crt")
        programs.wait(root.exists, "the certificate of the hub's own authority")
        url = f"https://hub.example.com{programs.HUB_PATH}"
        curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*", "--cacert", str(root)]

        def status(*arguments: str) -> str:
            return subprocess.run([*curl, *arguments], capture_output=True, check=False).stdout.decode()

        programs.wait(lambda: status(f"{url}?topic=x") == "401", "https answers")
        assert status(f"http://hub.example.com{programs.HUB_PATH}?topic=x") == "308"
        bearer = f"Authorization: Bearer {programs.token(key, publish=['*'])}"
        assert status("-H", bearer, "-d", "topic=x", f"http://hub-shop{programs.HUB_PATH}") == "200"
        # the site without TLS is there for that name alone: port 80 is open to everybody
        assert status("-H", bearer, "-d", "topic=x", f"http://mercure{programs.HUB_PATH}") == "308"
        assert status("-H", bearer, "-d", "topic=x", url) == "200"
        assert hub.process.poll() is None


def test_the_hub_loads_the_production_file_in_which_it_terminates_tls(tmp_path: Path):
    words: dict[str, object] = {
        "internal_url": "http://hub-shop",
        "network": "shop-net",
        "email": "ops@example.com",
    }
    folder = rendered(tmp_path, ("compose", words), APPS["one"])
    programs.need_isolation()
    for file in (folder / "hub").iterdir():
        (Path("/etc/mercure") / file.name).write_bytes(file.read_bytes())
    argv = [programs.tools("hub")["hub"], "run", "--config", "/etc/mercure/Caddyfile", "--adapter", "caddyfile"]
    programs.checked_caddyfile(argv, {"PATH": "/usr/bin:/bin", "HOME": "/config", "XDG_DATA_HOME": "/data"})


def test_a_hub_under_another_path(tmp_path: Path):
    """The hub's own path belongs to the app: browsers know it as /hub, the apps inside by its own."""
    for delivery in ({}, {"delivery": "environment"}):
        here = tmp_path_for(tmp_path, str(len(delivery)))
        words = {**delivery, "path": "/hub", "internal_url": "http://hub-shop"}
        folder = rendered(here, ("coolify", words), APPS["one"])
        assert "MERCURE_PUBLIC_URL=https://hub.example.com/hub\n" in (folder / "app.env").read_text()
        assert f"MERCURE_URL=http://hub-shop{programs.HUB_PATH}\n" in (folder / "app.env").read_text()
        key = programs.signing(folder / "app.env", folder / "manifest.json")
        bearer = {"Authorization": f"Bearer {programs.token(key, publish=['*'])}"}
        with programs.hub(folder, here) as hub:
            for path in ("/hub", programs.HUB_PATH):
                assert hub.request("GET", f"{path}?topic=x").status == 401
                answer = hub.request("POST", path, headers=bearer, form={"topic": "x", "data": "y"})
                assert (answer.status, answer.text[:9]) == (200, "urn:uuid:")
            assert hub.request("GET", "/hubble?topic=x").status == 404


def test_a_cookie_of_another_name(tmp_path: Path):
    apps = {"app": {"url": "https://app.example.com", "bundle": "0.6"}}
    folder = rendered(tmp_path, ("coolify", {"cookie_name": "shopAuthorization"}), apps)
    key = programs.signing(folder / "app.env", folder / "manifest.json")
    token = programs.token(key, subscribe=["*"])
    with programs.hub(folder, tmp_path) as hub:
        for name, status in (("shopAuthorization", 200), ("mercureAuthorization", 401)):
            headers = {"Cookie": f"{name}={token}", "Origin": "https://app.example.com"}
            assert hub.request("GET", f"{programs.HUB_PATH}?topic=x", headers=headers).status == status


@pytest.mark.proves("Methods that are not the protocol's are answered with 405 before the hub")
@pytest.mark.parametrize("words", [{}, {"path": "/hub"}], ids=["its own path", "another path"])
def test_other_methods_are_answered_before_the_hub(tmp_path: Path, words: dict[str, object]):
    folder = rendered(tmp_path, ("coolify", words), APPS["one"])
    with programs.hub(folder, tmp_path) as hub:
        for path in {
            programs.HUB_PATH,
            f"{programs.HUB_PATH}/subscriptions",
            str(words.get("path", programs.HUB_PATH)),
        }:
            # a method that nobody has: the hub would say something of its own
            for method in ("HEAD", "PUT", "MKCOL"):
                answer = hub.request(method, f"{path}?topic=x")
                assert answer.status == 405
                assert method == "HEAD" or answer.text == "Method Not Allowed"
            assert hub.request("GET", f"{path}?topic=x").status in {401, 404}
        assert hub.request("PUT", "/elsewhere").status == 404


SAID: dict[str, dict[str, object]] = {
    "right": {},
    "expired": {"exp": 10},
    "not valid yet": {"nbf": int(time.time()) + 3600},
    "without the claim": {"mercure": None},
    "for ever": {"exp": None},
}


@pytest.mark.proves("`token inspect` says of a token what the hub answers to it")
def test_token_inspect_says_what_the_hub_answers(tmp_path: Path, run: Run):
    folder = rendered(tmp_path, HUBS["caddyfile"], APPS["one"])
    secret, algorithm = programs.signing(folder / "app.env", folder / "manifest.json")
    with programs.hub(folder, tmp_path) as hub:
        for name, change in SAID.items():
            claims = {"mercure": {"publish": ["*"]}, "exp": int(time.time()) + 60, **change}
            kept = {word: value for word, value in claims.items() if value is not None}
            for key in (secret, "z" * 64):
                text = jwt.encode(kept, key, algorithm=algorithm)
                status = hub.publish(text, programs.topic()).status
                said = run("token", "inspect", stdin=text)
                assert (status, said.code) in {(200, 0), (401, 1)}, (name, said.out)
                assert ("its hub answers 401" in said.out) == (status == 401)
