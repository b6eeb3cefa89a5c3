"""The real hub, started from rendered files as they are: it accepts what the app signs and refuses everything else."""

import itertools
import subprocess
from pathlib import Path

import pytest
import real

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "compose")]

ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "ES256"]
APPS = {
    "one": {"app": {"url": "https://app.example.com"}},
    "three": {
        "app": {"url": "https://app.example.com", "origins": ["https://*.wild.example.com"]},
        "admin": {"url": "https://admin.example.com"},
        "worker": {"url": "https://worker.example.net", "subscribe": False},
    },
}
HUBS: dict[str, tuple[str, dict[str, object]]] = {
    "caddyfile": ("coolify", {}),
    "environment": ("coolify", {"delivery": "environment", "subscriptions": True, "directives": ["heartbeat 15s"]}),
    "compose": ("compose", {"tls": "proxy", "port": 8080, "history": 0}),
}
CASES = [
    pytest.param(delivery, algorithm, apps, id=f"{delivery}-{algorithm}-{apps}")
    for delivery, algorithm, apps in itertools.product(HUBS, ALGORITHMS, APPS)
    if not (delivery == "environment" and algorithm in {"RS256", "ES256"})
]


def rendered(
    folder: Path, hub: tuple[str, dict[str, object]], apps: dict[str, object], algorithm: str = "HS256"
) -> Path:
    platform, words = hub
    environment = {
        "platform": platform,
        "hub": {"url": "https://hub.example.com", **words},
        "apps": apps,
        "keys": {"algorithm": algorithm},
    }
    spec = real.spec_text({"version": 1, "environments": {"production": environment}}, folder / "mercure.yaml")
    real.run("render", "-f", str(spec))
    return folder / "deploy/production"


@pytest.mark.proves(
    "Valid, formatted Caddyfiles; the hub accepts what the apps sign and nothing else, and answers origins of the spec"
)
@pytest.mark.parametrize(("delivery", "algorithm", "apps"), CASES)
def test_the_hub_accepts_what_the_app_signs_and_nothing_else(tmp_path: Path, delivery: str, algorithm: str, apps: str):
    folder = rendered(tmp_path, HUBS[delivery], APPS[apps], algorithm)
    other = rendered(tmp_path_for(tmp_path, "other"), HUBS[delivery], APPS[apps], algorithm)
    keys = {name: real.signing(folder / f"{name}.env", folder / "manifest.json") for name in APPS[apps]}
    foreign = real.signing(other / "app.env", other / "manifest.json")
    with real.hub(folder, tmp_path) as hub:
        for key in keys.values():
            published = hub.publish(real.token(key, publish=["*"]), real.topic())
            assert (published.status, published.text[:9]) == (200, "urn:uuid:")
        assert hub.publish(real.token(foreign, publish=["*"]), real.topic()).status == 401
        assert hub.publish(None, real.topic()).status == 401
        private_updates_reach_only_who_may_see_them(hub, keys["app"], foreign)
        only_origins_of_the_spec_get_cors_headers(hub, apps)


def tmp_path_for(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def private_updates_reach_only_who_may_see_them(hub: real.Hub, key: tuple[str, str], foreign: tuple[str, str]) -> None:
    topic = real.topic()
    granted = real.Stream(topic, real.token(key, subscribe=[topic]))
    stranger = real.Stream(topic, real.token(key, subscribe=[real.topic()]))
    assert (granted.status, stranger.status) == (200, 200)
    assert real.Stream(topic, None).status == 401
    assert real.Stream(topic, real.token(foreign, subscribe=[topic])).status == 401
    assert hub.publish(real.token(key, publish=["*"]), topic, "private").status == 200
    assert hub.publish(real.token(key, publish=["*"]), topic, "public", private=False).status == 200
    # the public update comes after the private one: whoever has it would have had the other before
    real.wait(lambda: "public" in stranger.events and "public" in granted.events, "the public update arrives")
    assert (granted.events, stranger.events) == (["private", "public"], ["public"])


def only_origins_of_the_spec_get_cors_headers(hub: real.Hub, apps: str) -> None:
    allowed = ["https://app.example.com"]
    refused = ["https://evil.example.org", "http://app.example.com", "https://hub.example.com.evil.org"]
    if apps == "three":
        allowed += ["https://admin.example.com", "https://any.wild.example.com"]
        refused += ["https://worker.example.net"]
    for origin, expected in [(each, each) for each in allowed] + [(each, None) for each in refused]:
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        answer = hub.request("OPTIONS", real.HUB_PATH, headers=headers)
        assert answer.headers.get("access-control-allow-origin") == expected
        assert answer.headers.get("access-control-allow-credentials") == ("true" if expected else None)


@pytest.mark.proves("After `rotate-keys --now` only the new key is accepted")
def test_after_rotate_keys_now_only_the_new_key_is_accepted(tmp_path: Path):
    for number, hub_words in enumerate(HUBS.values()):
        here = tmp_path_for(tmp_path, str(number))
        folder = rendered(here, hub_words, APPS["one"])
        old = real.signing(folder / "app.env", folder / "manifest.json")
        real.run("rotate-keys", "production", "--now", "--yes", "-f", str(here / "mercure.yaml"))
        new = real.signing(folder / "app.env", folder / "manifest.json")
        assert new != old
        with real.hub(folder, here) as hub:
            assert hub.publish(real.token(new, publish=["*"]), real.topic()).status == 200
            assert hub.publish(real.token(old, publish=["*"]), real.topic()).status == 401
            assert real.Stream(real.topic(), real.token(old, subscribe=["*"])).status == 401


def test_on_compose_a_forced_reload_brings_the_new_key_and_cuts_no_stream(tmp_path: Path):
    folder = rendered(tmp_path, HUBS["compose"], APPS["one"])
    old = real.signing(folder / "app.env", folder / "manifest.json")
    with real.hub(folder, tmp_path) as hub:
        topic = real.topic()
        stream = real.Stream(topic, real.token(old, subscribe=[topic]))
        real.run("rotate-keys", "production", "--now", "--yes", "-f", str(tmp_path / "mercure.yaml"))
        new = real.signing(folder / "app.env", folder / "manifest.json")
        assert hub.publish(real.token(new, publish=["*"]), topic).status == 401
        Path("/etc/mercure/jwks.json").write_bytes((folder / "hub/jwks.json").read_bytes())
        hub.reload()
        assert hub.publish(real.token(new, publish=["*"]), topic, "after").status == 200
        assert hub.publish(real.token(old, publish=["*"]), topic).status == 401
        real.wait(lambda: stream.events == ["after"], "the update arrives on the stream from before")


@pytest.mark.proves("The access log is JSON and holds no token")
def test_the_log_is_json_and_holds_no_token(tmp_path: Path):
    folder = rendered(tmp_path, HUBS["caddyfile"], APPS["one"])
    key = real.signing(folder / "app.env", folder / "manifest.json")
    token = real.token(key, subscribe=["*"])
    with real.hub(folder, tmp_path) as hub:
        assert hub.publish(token, real.topic()).status == 401
        hub.request("GET", f"{real.HUB_PATH}?authorization={token}")
        real.wait(lambda: hub.log.read_text().count("handled request") >= 1, "the access log")
    text = hub.log.read_text()
    assert "handled request" in text
    assert '"request"' in text
    assert token.rpartition(".")[2] not in text
    assert key[0] not in text


def test_a_stop_with_an_open_stream_ends_within_the_grace_period(tmp_path: Path):
    for number, hub_words in enumerate(HUBS.values()):
        here = tmp_path_for(tmp_path, str(number))
        folder = rendered(here, hub_words, APPS["one"])
        key = real.signing(folder / "app.env", folder / "manifest.json")
        with real.hub(folder, here) as hub:
            stream = real.Stream(real.topic(), real.token(key, subscribe=["*"]))
            assert stream.status == 200
            hub.process.terminate()
            assert hub.process.wait(10) == 0


def test_without_subscribing_apps_and_with_anonymous_subscribers(tmp_path: Path):
    words: dict[str, object] = {"anonymous": True}
    environment = {"mode": "development", "platform": "coolify", "hub": {"url": "https://hub.example.com", **words}}
    apps = {"app": {"url": "https://app.example.com", "subscribe": False}}
    spec = {"version": 1, "environments": {"dev": {**environment, "apps": apps}}}
    real.run("render", "-f", str(real.spec_text(spec, tmp_path / "mercure.yaml")))
    with real.hub(tmp_path / "deploy/dev", tmp_path) as hub:
        assert real.Stream(real.topic(), None).status == 200
        assert hub.publish(None, real.topic()).status == 401


def test_the_hub_terminates_tls_itself_in_development(tmp_path: Path):
    environment = {
        "mode": "development",
        "platform": "compose",
        "hub": {"url": "https://hub.example.com", "internal_url": "http://mercure"},
        "apps": APPS["one"],
    }
    spec = {"version": 1, "environments": {"dev": environment}}
    real.run("render", "-f", str(real.spec_text(spec, tmp_path / "mercure.yaml")))
    folder = tmp_path / "deploy/dev"
    Path("/etc/hosts").write_text("127.0.0.1 localhost hub.example.com mercure\n")
    key = real.signing(folder / "app.env", folder / "manifest.json")
    with real.hub(folder, tmp_path) as hub:
        root = Path("/data/caddy/pki/authorities/local/root.crt")
        real.wait(root.exists, "the certificate of the hub's own authority")
        url = f"https://hub.example.com{real.HUB_PATH}"
        curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*", "--cacert", str(root)]

        def status(*arguments: str) -> str:
            return subprocess.run([*curl, *arguments], capture_output=True, check=False).stdout.decode()

        real.wait(lambda: status(f"{url}?topic=x") == "401", "https answers")
        assert status(f"http://hub.example.com{real.HUB_PATH}?topic=x") == "308"
        bearer = f"Authorization: Bearer {real.token(key, publish=['*'])}"
        assert status("-H", bearer, "-d", "topic=x", f"http://mercure{real.HUB_PATH}") == "200"
        assert status("-H", bearer, "-d", "topic=x", url) == "200"
        assert hub.process.poll() is None


def test_the_hub_loads_the_production_file_in_which_it_terminates_tls(tmp_path: Path):
    words: dict[str, object] = {"internal_url": "http://hub.internal", "email": "ops@example.com"}
    folder = rendered(tmp_path, ("compose", words), APPS["one"])
    real.need_isolation()
    for file in (folder / "hub").iterdir():
        (Path("/etc/mercure") / file.name).write_bytes(file.read_bytes())
    argv = [real.tools("hub")["hub"], "run", "--config", "/etc/mercure/Caddyfile", "--adapter", "caddyfile"]
    real.checked_caddyfile(argv, {"PATH": "/usr/bin:/bin", "HOME": "/config", "XDG_DATA_HOME": "/data"})
