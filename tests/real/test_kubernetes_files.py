"""The files of platform kubernetes: strict schemas, kubectl, helm; and the real hub with what its pod would get."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cluster
import kubernetes_validate
import programs
import pytest
from cases import APPS, rendered
from conftest import Run
from traffic import load

pytestmark = [pytest.mark.real, pytest.mark.against("kubectl", "helm", "hub")]

GOLDEN = Path(__file__).parent.parent / "targets/golden"
CASES = sorted(GOLDEN.glob("kubernetes*"))
VIA = ["--via", "http://127.0.0.1"]
# the newest Kubernetes whose schemas the validator has with those of the cluster of CONTRIBUTING.md
VERSIONS = ("1.34", "1.37")


def manifests(folder: Path) -> list[dict[str, Any]]:
    texts = [path.read_text() for path in sorted(folder.glob("*.yaml")) if path.name not in APART]
    found = [each for text in texts for each in cluster.documents(text)]
    return found + (cluster.kustomized(folder) if (folder / "kustomization.yaml").exists() else [])


APART = {"kustomization.yaml", "values.yaml"}


@pytest.mark.proves("Every manifest passes the schemas of Kubernetes strictly, and kubectl puts them together")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(case: Path, version: str):
    found = manifests(case / "expected/production")
    assert found
    for each in found:
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("case", [case for case in CASES if "chart" not in case.name], ids=lambda case: case.name)
def test_the_pod_gets_its_caddyfile_and_its_keys(case: Path):
    folder = case / "expected/production"
    found = cluster.kustomized(folder)
    config = cluster.one(found, "ConfigMap")
    assert config["data"] == {"Caddyfile": (folder / "Caddyfile").read_text()}
    pod = cluster.one(found, "Deployment")["spec"]["template"]["spec"]
    # the name of the ConfigMap has a hash of what is in it: another Caddyfile is another pod
    assert config["metadata"]["name"].startswith("mercure-")
    assert json.dumps(pod).count(config["metadata"]["name"]) == 1
    assert all(each["metadata"]["namespace"] == config["metadata"]["namespace"] for each in found)
    secret = cluster.documents((folder / "hub.secret.yaml").read_text())[0]
    assert secret["metadata"]["namespace"] == config["metadata"]["namespace"]
    # no part of a volume by itself: it would never change
    assert "subPath" not in json.dumps(pod)


@pytest.mark.proves("What the Secrets of Kubernetes hold: app and hub agree, for each algorithm")
@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "RS256", "ES256"])
def test_the_hub_takes_what_the_app_signs(tmp_path: Path, algorithm: str):
    folder = rendered(tmp_path, ("kubernetes", {}), APPS["one"], algorithm)
    key = cluster.key_of(folder, tmp_path)
    with cluster.hub(folder, tmp_path) as hub:
        topic = programs.topic()
        page = programs.Stream(topic, programs.token(key, subscribe=[topic]))
        assert hub.publish(programs.token(key, publish=["*"]), topic, "in a pod").status == 200
        programs.wait(lambda: page.events == ["in a pod"], "the update arrives")
        assert hub.publish(None, topic).status == 401


@pytest.mark.proves(
    "A rotation by the reload of the README of Kubernetes, under load: no token is refused, no stream cut"
)
def test_a_rotation_by_the_reload(tmp_path: Path, run: Run):
    folder = rendered(tmp_path, ("kubernetes", {}), APPS["one"], keys={"token_lifetime": "1m"})
    old = cluster.key_of(folder, tmp_path)

    def deploy(hub: programs.Hub) -> None:
        before = Path("/etc/mercure/Caddyfile").read_bytes()
        cluster.mounted(folder)
        # no other pod: nothing but the Secret has changed
        assert Path("/etc/mercure/Caddyfile").read_bytes() == before
        [line] = [each for each in (folder / "README.md").read_text().splitlines() if "caddy reload" in each]
        [shown] = [each for each in (folder / "README.md").read_text().splitlines() if "until [" in each]
        marks = shown.split("= ")[1].split(" ]")[0]
        assert Path("/etc/mercure/fingerprints").read_text() == marks
        assert "--force" in line
        hub.reload()

    with cluster.hub(folder, tmp_path) as hub, load(old) as traffic:
        traffic.until(500)
        assert run("rotate-keys", "production").code == 0
        assert run("rotate-keys", "production", *VIA).code == 1
        deploy(hub)
        assert run("rotate-keys", "production", *VIA).code == 0
        out = datetime.now(UTC)
        traffic.key = cluster.key_of(folder, tmp_path)
        traffic.until(1000)
        programs.wait(lambda: (datetime.now(UTC) - out).total_seconds() > 61, "old tokens have expired", 90)
        assert run("rotate-keys", "production", "--deployed-at", out.isoformat()).code == 0
        deploy(hub)
        traffic.until(traffic.answers.total() + 500)
        traffic.ended()
        assert hub.publish(programs.token(old, publish=["*"]), programs.topic()).status == 401


def templated(folder: Path, scratch: Path) -> list[dict[str, Any]]:
    """What helm makes of the official chart and our values; the chart lies in the source of the hub's release."""
    found = programs.tools("helm", "chart")
    environment = {"PATH": os.environ["PATH"], "HOME": str(scratch)}
    run = [found["helm"], "template", "mercure", found["chart"], "-f", str(folder / "values.yaml")]
    said = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, ""), said.stderr
    # the pod of its own test is not ours
    made = [each for each in cluster.documents(said.stdout) if each["kind"] != "Pod"]
    for each in made:
        kubernetes_validate.validate(each, VERSIONS[-1], strict=True)
    return made


@pytest.mark.proves("Values for the official chart: helm takes them, and the Secret has every key that it asks for")
def test_values_for_the_chart(tmp_path: Path, run: Run):
    folder = rendered(tmp_path, ("kubernetes", {"delivery": "chart"}), APPS["one"])
    made = templated(folder, tmp_path)
    found, config = cluster.one(made, "Deployment"), cluster.one(made, "ConfigMap")["data"]
    # none of its own, with keys that every upgrade rolls anew
    assert not [each for each in made if each["kind"] == "Secret"]
    assert found["spec"]["strategy"] == {"type": "Recreate"}
    container = found["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "dunglas/mercure:v0.24.2"
    held = cluster.secret(folder / "hub.secret.yaml")
    asked = [row["valueFrom"]["secretKeyRef"] for row in container["env"] if "secretKeyRef" in row.get("valueFrom", {})]
    assert {row["name"] for row in asked} == {"mercure-hub"}
    # it hangs without one of them
    assert {row["key"] for row in asked} == set(held)
    # the image's own Caddyfile, with what the pod gets
    environment = {}
    for row in container["env"]:
        given = row.get("valueFrom", {})
        source, where = (held, "secretKeyRef") if "secretKeyRef" in given else (config, "configMapKeyRef")
        environment[row["name"]] = source[given[where]["key"]] if given else row["value"]
    assert environment["SERVER_NAME"] == ":8080"
    key = cluster.key_of(folder, tmp_path)
    Path("/etc/caddy/Caddyfile").write_bytes(Path(programs.tools("image_caddyfile")["image_caddyfile"]).read_bytes())
    argv = [programs.tools("hub")["hub"], "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
    machine = {"PATH": os.environ["PATH"], "HOME": "/config", "XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"}
    with programs.process(argv, {**machine, **environment}, tmp_path / "hub.log"):
        programs.wait(lambda: programs.listens(8080), "the hub listens")
        token = programs.token(key, publish=["*"])
        assert programs.publish(token, programs.topic(), "x", port=8080) == 200
        assert programs.publish("x", programs.topic(), "x", port=8080) == 401
    marked = found["spec"]["template"]["metadata"]["annotations"]
    refused = run("rotate-keys", "production")
    assert (refused.code, "no place for a second key" in refused.err) == (2, True)
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    after = cluster.one(templated(folder, tmp_path), "Deployment")
    assert after["spec"]["template"]["metadata"]["annotations"] != marked
