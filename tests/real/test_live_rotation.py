"""A whole rotation on the real hub, under load: no answer of 401, no update lost, no stream cut."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import programs
import pytest
from cases import APPS, HUBS, rendered
from conftest import Run
from test_proof import Time, deployment
from traffic import load

from mercure_deploy.errors import Trouble
from mercure_deploy.facts.origins import Origin
from mercure_deploy.hub.fetch import Way
from mercure_deploy.hub.proof import prove

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "compose")]

VIA = ["--via", "http://127.0.0.1"]
PUBLISHES = 5000


def test_a_name_that_does_not_resolve():
    # here no name server can be reached: the question leaves no trace anywhere
    programs.need_isolation()
    time = Time()
    with pytest.raises(Trouble, match="cannot resolve") as caught:
        prove(deployment(), Way(Origin("http", "hub.invalid")), time.clock())
    assert caught.value.code == 2
    assert time.slept == 0


def deploy_by_reload(folder: Path, hub: programs.Hub) -> None:
    """What the environment's README says for compose."""
    for name in ("jwks.json", "Caddyfile"):
        Path(f"/etc/mercure/{name}").write_bytes((folder / "hub" / name).read_bytes())
    hub.reload()


@pytest.mark.proves("A rotation under load refuses no token, loses no update and cuts no stream")
def test_on_compose_a_rotation_under_load_refuses_no_token_and_cuts_no_stream(tmp_path: Path, run: Run):
    environment = {
        "platform": "compose",
        "hub": {"url": "https://hub.example.com", "tls": "proxy", "port": 8080},
        "apps": APPS["one"],
        "keys": {"token_lifetime": "1m"},
    }
    spec = {"version": 1, "environments": {"production": environment}}
    programs.spec_text(spec, tmp_path / "mercure.yaml")
    assert run("render").code == 0
    folder = tmp_path / "deploy/production"
    old = programs.signing(folder / "app.env", folder / "manifest.json")
    with programs.hub(folder, tmp_path) as hub, load(old) as traffic:
        traffic.until(PUBLISHES // 5)
        assert run("rotate-keys", "production").code == 0
        # nothing is deployed yet, and the tool knows
        said = run("rotate-keys", "production", *VIA)
        assert said.code == 1
        assert "does not accept the key" in said.err
        assert said.out == ""
        deploy_by_reload(folder, hub)
        traffic.until(2 * PUBLISHES // 5)
        before = {path: path.read_bytes() for path in (folder / "hub").iterdir()}
        assert run("rotate-keys", "production", *VIA).code == 0
        assert {path: path.read_bytes() for path in (folder / "hub").iterdir()} == before
        new = programs.signing(folder / "app.env", folder / "manifest.json")
        traffic.key = new  # the app is deployed
        assert run("rotate-keys", "production", "--deployed").code == 1
        out = datetime.now(UTC)
        traffic.until(3 * PUBLISHES // 5)
        programs.wait(lambda: (datetime.now(UTC) - out).total_seconds() > 60, "the last old token has expired", 90)
        assert run("rotate-keys", "production", "--deployed-at", out.isoformat()).code == 0
        deploy_by_reload(folder, hub)
        traffic.until(max(PUBLISHES, traffic.answers.total() + PUBLISHES // 5))
        traffic.ended()
        assert traffic.answers.total() >= PUBLISHES
        # two publishers and two reloads
        assert len(traffic.cut) <= 4
        assert hub.publish(programs.token(old, publish=["*"]), programs.topic()).status == 401
        assert hub.publish(programs.token(new, publish=["*"]), programs.topic()).status == 200


@pytest.mark.proves("Between *stage* and *retire* the hub accepts both keys and no third")
@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "RS256", "ES256"])
@pytest.mark.parametrize("delivery", ["caddyfile", "environment"])
def test_on_coolify_the_hub_accepts_both_keys_between_stage_and_retire(
    tmp_path: Path, run: Run, delivery: str, algorithm: str
):
    if delivery == "environment" and algorithm in {"RS256", "ES256"}:
        # there are no such files; a change of the algorithm takes this place
        delivery, algorithm = "caddyfile", "HS384"
    folder = rendered(tmp_path, HUBS[delivery], APPS["one"], algorithm)
    old = programs.signing(folder / "app.env", folder / "manifest.json")
    assert run("rotate-keys", "production").code == 0
    with programs.hub(folder, tmp_path):
        assert run("rotate-keys", "production", *VIA).code == 0
        new = programs.signing(folder / "app.env", folder / "manifest.json")
        assert new[0] != old[0]
        accepts(old, new)
    # every hub file is still the same, so the app alone is deployed; later the hub forgets the old key
    ring = folder / "keys.json"
    text = ring.read_text()
    ring.write_text(text.replace(promoted_at(text), "2026-01-01T00:00:00Z"))
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(promoted_at(text), "2026-01-01T00:00:00Z"))
    assert run("rotate-keys", "production", "--deployed").code == 0
    with programs.hub(folder, tmp_path) as hub:
        assert hub.publish(programs.token(old, publish=["*"]), programs.topic()).status == 401
        assert hub.publish(programs.token(new, publish=["*"]), programs.topic()).status == 200


def promoted_at(ring: str) -> str:
    return str(next(key["since"] for key in json.loads(ring)["keys"] if key["state"] == "retiring"))


def accepts(*pairs: tuple[str, str]) -> None:
    """Both keys publish and subscribe, across each other; a third one does not."""
    for key in pairs:
        for other in pairs:
            topic = programs.topic()
            stream = programs.Stream(topic, programs.token(other, subscribe=[topic]))
            assert stream.status == 200
            assert programs.publish(programs.token(key, publish=["*"]), topic, "x") == 200
            programs.wait(lambda: stream.events == ["x"], "the update arrives")  # noqa: B023
    assert programs.publish(programs.token(("z" * 64, "HS256"), publish=["*"]), programs.topic(), "x") == 401


def test_a_change_of_the_algorithm_is_a_rotation_too(tmp_path: Path, run: Run):
    for number, algorithm in enumerate(["ES256", "RS256", "HS384"]):
        here = tmp_path / str(number)
        here.mkdir()
        folder = rendered(here, HUBS["caddyfile"], APPS["one"], "HS256")
        old = programs.signing(folder / "app.env", folder / "manifest.json")
        spec = here / "mercure.yaml"
        spec.write_text(spec.read_text().replace("HS256", algorithm))
        assert run("rotate-keys", "production", "-f", str(spec)).code == 0
        with programs.hub(folder, here):
            assert run("rotate-keys", "production", *VIA, "-f", str(spec)).code == 0
            new = programs.signing(folder / "app.env", folder / "manifest.json")
            assert new[1] == algorithm
            accepts(old, new)


def test_two_rotations_at_once(tmp_path: Path, run: Run):
    rendered(tmp_path, HUBS["caddyfile"], APPS["one"], "HS256")
    command = [sys.executable, "-m", "mercure_deploy", "rotate-keys", "production", "--via", "http://hub.invalid"]
    running = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)
    ]
    # the one stages, the other waits and then goes on with the open rotation: it asks the hub, and nobody answers
    assert sorted(process.wait(60) for process in running) == [0, 2]
    assert '"staged"' in (tmp_path / "deploy/production/keys.json").read_text()
    assert run("check").code == 0
