"""`import` tells where a hub runs by its files, and carries over what that platform's spec says of it."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from ruamel.yaml import YAML

KEY = "k7Qz" * 12
URL, APP = "https://hub.example.com", "https://app.example.com"
VARIABLES = (
    f"MERCURE_JWT_SECRET={KEY}\nMERCURE_URL={URL}/.well-known/mercure\nMERCURE_PUBLIC_URL={URL}/.well-known/mercure\n"
)
UNIT = """\
[Unit]
Description=Mercure
[Service]
Environment=MERCURE_PUBLISHER_JWT_KEY={key}
Environment=MERCURE_SUBSCRIBER_JWT_KEY={key}
Environment=SERVER_NAME=:3456
ExecStart={program} run --config /etc/mercure/Caddyfile
"""
LABELLED = """\
services:
  mercure:
    image: dunglas/mercure:v0.24.2
    environment:
      SERVER_NAME: ':80'
      MERCURE_PUBLISHER_JWT_KEY: {key}
      MERCURE_SUBSCRIBER_JWT_KEY: {key}
    networks: [web]
    labels:
      traefik.enable: "true"
      traefik.docker.network: web
      traefik.http.routers.hub.rule: Host(`hub.example.com`)
      traefik.http.routers.hub.entrypoints: https
      traefik.http.routers.hub.tls.certresolver: le
networks:
  web: {{external: true}}
"""
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: mercure}}
spec:
  strategy: {{type: Recreate}}
  template:
    metadata: {{labels: {{app: mercure}}}}
    spec:
      containers:
        - name: mercure
          image: dunglas/mercure:v0.24.2
          env:
            - {{name: SERVER_NAME, value: ":80"}}
            - {{name: MERCURE_PUBLISHER_JWT_KEY, value: {key}}}
            - {{name: MERCURE_SUBSCRIBER_JWT_KEY, value: {key}}}
"""


def imported(run: Run, folder: Path, name: str, text: str) -> dict[str, Any]:
    (folder / name).write_text(text)
    (folder / "app.env").write_text(VARIABLES)
    said = run("import", "--yes", "--app", APP)
    assert said.code == 0, said.err
    found = YAML(typ="safe").load((folder / "mercure.yaml").read_text())["environments"]["production"]
    assert run("check").code == 0
    return {"platform": found["platform"], **found["hub"]}


@pytest.mark.parametrize("program", ["/usr/local/bin/mercure", "/opt/mercure/mercure"])
def test_a_unit_of_systemd(run: Run, project: Path, program: str):
    found = imported(run, project, "mercure.service", UNIT.format(key=KEY, program=program))
    assert (found["platform"], found["tls"]) == ("systemd", "proxy")
    assert found.get("binary") == (None if program == "/usr/local/bin/mercure" else program)
    assert "image" not in found


def test_labels_for_a_traefik(run: Run, project: Path):
    found = imported(run, project, "compose.yaml", LABELLED.format(key=KEY))
    assert (found["platform"], found["proxy"]) == ("compose", "traefik")
    assert found["traefik"] == {"network": "web", "entrypoint": "https", "certresolver": "le"}
    assert "port" not in found


def test_a_manifest(run: Run, project: Path):
    found = imported(run, project, "hub.yaml", MANIFEST.format(key=KEY))
    assert found["platform"] == "kubernetes"
    assert (project / "deploy/production/hub.secret.yaml").exists()
