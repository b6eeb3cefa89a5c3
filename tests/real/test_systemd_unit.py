"""A hub under a real systemd, installed as the README of its environment says."""

import http.client
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import machine
import programs
import pytest
from conftest import Run
from traffic import load

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "systemd")]

VIA = ["--via", "http://127.0.0.1"]
# of systemd-analyze: 10 is a unit without any hardening
EXPOSED = 2.0


def spec(**hub: object) -> dict[str, Any]:
    said = {"url": "https://hub.example.com", "port": 80, "bind": "127.0.0.1", **hub}
    environment = {"platform": "systemd", "hub": said, "apps": {"app": {"url": "https://app.example.com"}}}
    environment |= {"keys": {"token_lifetime": "1m"}}
    return {"version": 1, "environments": {"production": environment}}


@pytest.fixture
def folder(tmp_path: Path, run: Run) -> Path:
    programs.spec_text(spec(), tmp_path / "mercure.yaml")
    assert run("render").code == 0
    return tmp_path / "deploy/production"


@pytest.fixture
def booted(tmp_path: Path) -> Iterator[machine.Machine]:
    with machine.machine(tmp_path, programs.tools("hub")["hub"]) as running:
        yield running
    while programs.Stream.opened:
        programs.Stream.opened.pop().close()


def install(booted: machine.Machine, folder: Path, there: Path) -> None:
    """What the README says for each change."""
    for path in there.iterdir() if there.exists() else ():
        path.unlink()
    if there.exists():
        there.rmdir()
    machine.copied(folder, there)
    assert booted.run("sh", "install.sh", cwd=there).stdout == ""


def answers(status: int = 401) -> bool:
    try:
        return programs.request("GET", f"{programs.HUB_PATH}?topic=x").status == status
    except (OSError, http.client.HTTPException):
        return False


def started(booted: machine.Machine, folder: Path, there: Path) -> tuple[str, str]:
    """The hub, installed and enabled; the key of the app."""
    install(booted, folder, there)
    booted.run("systemctl", "daemon-reload")
    booted.run("systemctl", "enable", "--now", "mercure")
    programs.wait(answers, "the hub answers")
    return programs.signing(folder / "app.env", folder / "manifest.json")


@pytest.mark.proves("Under systemd: `install.sh`, twice; a unit that verifies and is hardened; keys for the hub alone")
def test_it_is_installed(folder: Path, tmp_path: Path, booted: machine.Machine):
    there = tmp_path / "copied"
    key = started(booted, folder, there)
    install(booted, folder, there)
    said = booted.run("systemd-analyze", "verify", "/etc/systemd/system/mercure.service")
    assert (said.stdout, said.stderr) == ("", "")
    security = booted.run("systemd-analyze", "--no-pager", "security", "mercure.service", check=False).stdout
    [exposure] = re.findall(r"Overall exposure level for mercure.service: ([\d.]+)", security)
    assert float(exposure) <= EXPOSED
    modes = booted.run("stat", "-c", "%a %U:%G", "/etc/mercure", "/etc/mercure/jwks.json", "/etc/mercure/Caddyfile")
    assert modes.stdout.split("\n")[:3] == ["750 root:mercure", "640 root:mercure", "640 root:mercure"]
    user = booted.run("ps", "-o", "user=", "-C", "mercure").stdout.split()
    assert user == ["mercure"]
    # an admin API that only the hub's user and root reach
    assert not programs.listens(2019)
    topic = programs.topic()
    page = programs.Stream(topic, programs.token(key, subscribe=[topic]))
    assert programs.publish(programs.token(key, publish=["*"]), topic, "under systemd") == 200
    programs.wait(lambda: page.events == ["under systemd"], "the update arrives")


@pytest.mark.proves("Under systemd: `install.sh` says what it needs, and does nothing by halves")
def test_what_install_needs(folder: Path, tmp_path: Path):
    with machine.machine(tmp_path, None) as booted:
        there = machine.copied(folder, tmp_path / "copied")
        said = booted.run("sh", "install.sh", cwd=there, check=False)
        assert said.returncode == 1
        assert "there is no program /usr/local/bin/mercure" in said.stderr
        hub = shutil.copy(programs.tools("hub")["hub"], tmp_path / "the-hub")
        booted.run("install", "-m", "0755", str(hub), "/usr/local/bin/mercure")
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for path in (tmp_path, there, *tmp_path.parents):
            path.chmod(0o755)
        said = booted.run(*nobody, "sh", "install.sh", cwd=there, check=False)
        assert (said.returncode, "root is needed" in said.stderr) == (1, True), said.stderr
        (there / "jwks.json").unlink()
        said = booted.run("sh", "install.sh", cwd=there, check=False)
        assert (said.returncode, "jwks.json is missing" in said.stderr) == (1, True)
        assert booted.run("ls", "/etc/systemd/system").stdout == ""


@pytest.mark.proves(
    "A rotation under systemd, by reload under load: no token is refused, no update lost, no stream cut"
)
def test_a_rotation_under_load(folder: Path, tmp_path: Path, run: Run, booted: machine.Machine):
    there = tmp_path / "copied"
    old = started(booted, folder, there)
    first = booted.run("systemctl", "show", "-P", "MainPID", "mercure").stdout

    def deploy() -> None:
        install(booted, folder, there)
        booted.run("systemctl", "reload", "mercure")

    with load(old) as traffic:
        traffic.until(500)
        assert run("rotate-keys", "production").code == 0
        said = run("rotate-keys", "production", *VIA)
        assert (said.code, "does not accept the key" in said.err) == (1, True)
        deploy()
        traffic.until(1000)
        assert run("rotate-keys", "production", *VIA).code == 0
        traffic.key = new = programs.signing(folder / "app.env", folder / "manifest.json")
        out = datetime.now(UTC)
        traffic.until(1500)
        programs.wait(lambda: (datetime.now(UTC) - out).total_seconds() > 61, "old tokens have expired", 90)
        assert run("rotate-keys", "production", "--deployed-at", out.isoformat()).code == 0
        deploy()
        traffic.until(traffic.answers.total() + 500)
        traffic.ended()
    assert programs.publish(programs.token(old, publish=["*"]), programs.topic(), "x") == 401
    assert programs.publish(programs.token(new, publish=["*"]), programs.topic(), "x") == 200
    assert booted.run("systemctl", "show", "-P", "MainPID", "mercure").stdout == first


@pytest.mark.proves("Under systemd: a broken file is refused by the reload with the old hub serving; killed it is back")
def test_what_goes_wrong(folder: Path, tmp_path: Path, booted: machine.Machine):
    there = tmp_path / "copied"
    key = started(booted, folder, there)
    topic = programs.topic()
    page = programs.Stream(topic, programs.token(key, subscribe=[topic]))
    token = programs.token(key, publish=["*"])
    for name, broken in (("Caddyfile", "{\n"), ("jwks.json", '{"keys": [')):
        place = Path("/etc/mercure") / name
        good = booted.run("cat", str(place)).stdout
        booted.run("sh", "-c", 'printf %s "$1" > "$0"', str(place), broken)
        assert booted.run("systemctl", "reload", "mercure", check=False).returncode == 1
        assert programs.publish(token, topic, name) == 200
        # a start says so too, and does not exit 0 for a hub that dies
        check = ["/usr/local/bin/mercure", "validate", "--config", "/etc/mercure/Caddyfile", "--adapter", "caddyfile"]
        assert booted.run(*check, check=False).returncode != 0
        booted.run("sh", "-c", 'printf %s "$1" > "$0"', str(place), good)
    booted.run("systemctl", "reload", "mercure")
    programs.wait(lambda: page.events == ["Caddyfile", "jwks.json"], "the stream is open still")
    booted.run("systemctl", "kill", "--signal=KILL", "mercure")
    programs.wait(answers, "the hub is back")
    # until something is published the hub does not find what it has kept (measured)
    assert programs.publish(token, programs.topic(), "after") == 200
    # what was published before is there: its history lies where it may write
    late = programs.Stream(topic, programs.token(key, subscribe=[topic]), last="earliest")
    programs.wait(lambda: late.events == ["Caddyfile", "jwks.json"], "the history has survived")
    # below TimeoutStopSec: a stop waits for streams for the grace period alone
    booted.run("systemctl", "stop", "mercure")
    assert booted.run("systemctl", "show", "-P", "Result", "mercure").stdout.strip() == "success"


@pytest.mark.proves("Under systemd with a certificate of its own: https outside, and http is redirected")
def test_with_its_own_certificate(tmp_path: Path, run: Run, booted: machine.Machine):
    said = spec()
    said["environments"]["production"] |= {
        "mode": "development",
        "hub": {"url": "https://hub.app.localhost", "tls": "hub"},
        "apps": {"app": {"url": "https://app.localhost"}},
    }
    programs.spec_text(said, tmp_path / "mercure.yaml")
    assert run("render").code == 0
    folder = tmp_path / "deploy/production"
    install(booted, folder, tmp_path / "copied")
    booted.run("systemctl", "daemon-reload")
    booted.run("systemctl", "start", "mercure")
    root = "/var/lib/mercure/caddy/pki/authorities/local/root.crt"
    Path("/etc/hosts").write_text("127.0.0.1 localhost hub.app.localhost\n")
    key = programs.signing(folder / "app.env", folder / "manifest.json")
    bearer = f"Authorization: Bearer {programs.token(key, publish=['*'])}"
    line = ["curl", "-sS", "--cacert", root, "-H", bearer, "-d", "topic=x"]
    url = f"https://hub.app.localhost{programs.HUB_PATH}"
    programs.wait(lambda: booted.run(*line, url, check=False).stdout.startswith("urn:uuid:"), "it takes an update")
    assert programs.request("GET", programs.HUB_PATH, headers={"Host": "hub.app.localhost"}).status == 308


def test_the_rings_keys_are_those_of_the_set(folder: Path):
    ring = json.loads((folder / "keys.json").read_text())["keys"]
    assert len(json.loads((folder / "jwks.json").read_text())["keys"]) == len(ring)
    assert subprocess.run(["sh", "-n", str(folder / "install.sh")], check=False).returncode == 0
