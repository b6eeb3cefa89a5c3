"""`import` of a hub that runs in the server of an app: words of the spec, and what ours take over."""

import json
from pathlib import Path

import franken
import pytest
from conftest import Run
from ruamel.yaml import YAML

KEY = "c2VjcmV0LW9mLWEtcHJvamVjdC10aGF0LXJ1bnM0NTY3ODkw"
HOST = "shop.example.com"
NAMED = f"SERVER_NAME={HOST}\n"


def laid_out(
    folder: Path, *, env: str = NAMED, caddyfile: str = franken.CADDYFILE, dockerfile: str | None = None
) -> None:
    """A project of the template, with these lines in its .env."""
    franken.project(folder)
    (folder / ".env").write_text(f"{franken.RECIPE}CADDY_MERCURE_JWT_SECRET={KEY}\n{env}")
    (folder / "frankenphp/Caddyfile").write_text(caddyfile)
    if dockerfile is not None:
        (folder / "Dockerfile").write_text(dockerfile)


def environment(folder: Path) -> dict[str, object]:
    found = YAML(typ="safe").load((folder / "mercure.yaml").read_text())["environments"]["production"]
    assert isinstance(found, dict)
    return found


def test_a_project_as_it_is_made(run: Run, project_folder: Path):
    said = run("import", "--yes")
    assert said.code == 0, said.err
    found = environment(project_folder)
    assert found["platform"] == "frankenphp"
    assert found["hub"] == {"app": "app", "tls": "hub"}
    assert found["apps"] == {"app": {"url": f"https://{HOST}"}}
    assert json.loads((project_folder / "deploy/production/keys.json").read_text())["keys"][0]["secret"] == KEY
    for word in ("the tag 1-php8.5 moves", "anonymous: our block is asked before", "subscriptions: off in our block"):
        assert word in said.err


@pytest.fixture
def project_folder(project: Path) -> Path:
    laid_out(project)
    return project


def test_a_pinned_base_image_is_taken_and_a_proxy_is_seen(run: Run, project: Path):
    pinned = "FROM docker.io/dunglas/frankenphp:1.12.7-php8.4 AS upstream\n"
    public = f"CADDY_MERCURE_PUBLIC_URL=https://{HOST}/.well-known/mercure\n"
    laid_out(project, env=f"SERVER_NAME=:80\n{public}", dockerfile=pinned)
    said = run("import", "--yes")
    assert said.code == 0, said.err
    hub = environment(project)["hub"]
    assert hub == {"app": "app", "image": "docker.io/dunglas/frankenphp:1.12.7-php8.4", "tls": "proxy"}


def test_the_transport_of_the_template_is_said_alike(run: Run, project: Path):
    own = "\t\ttransport bolt {\n\t\t\tpath /data/own.db\n\t\t\tsize 500\n\t\t}\n\t\theartbeat 20s\n\t\tanonymous\n"
    laid_out(project, caddyfile=franken.CADDYFILE.replace("\t\tanonymous\n", own))
    assert run("import", "--yes").code == 0
    hub = environment(project)["hub"]
    assert isinstance(hub, dict)
    assert hub["transport"] == {"name": "bolt", "options": {"path": "/data/own.db", "size": "500"}}
    assert hub["directives"] == ["heartbeat 20s"]
    block = (project / "deploy/production/mercure.caddy").read_text()
    assert "transport bolt {\n\t\tpath /data/own.db\n\t\tsize 500\n\t}" in block


def test_a_transport_by_its_url_is_told(run: Run, project: Path):
    url = "\t\ttransport_url bolt:///data/mercure.db\n\t\tanonymous\n"
    laid_out(project, caddyfile=franken.CADDYFILE.replace("\t\tanonymous\n", url))
    said = run("import", "--yes")
    assert said.code == 0
    assert "transport_url bolt:///data/mercure.db: make it `transport bolt`" in said.err


@pytest.mark.parametrize("platform", ["compose", "coolify"])
def test_its_image_is_never_the_hubs(run: Run, project_folder: Path, platform: str):
    said = run("import", "--yes", "--platform", platform)
    assert said.code == 2
    assert "an app's own image" in said.err
    assert "--platform frankenphp" in said.err
    assert not (project_folder / "mercure.yaml").exists()


def test_a_hub_elsewhere_is_at_odds_with_one_inside(run: Run, project_folder: Path):
    said = run("import", "--yes", "--app", f"https://{HOST}", "--hub", "https://hub.example.org")
    assert said.code == 2
    assert "leave --hub out" in said.err
    assert not (project_folder / "mercure.yaml").exists()


def test_a_platform_that_was_said(run: Run, project: Path):
    (project / "app.env").write_text(f"MERCURE_JWT_SECRET={KEY}\n")
    said = run("import", "--yes", "--platform", "frankenphp", "--app", f"https://{HOST}")
    assert said.code == 0, said.err
    assert environment(project)["hub"] == {"app": "app", "tls": "proxy"}


def test_nothing_that_tells_the_url(run: Run, project: Path):
    (project / "app.env").write_text(f"MERCURE_JWT_SECRET={KEY}\n")
    said = run("import", "--yes", "--platform", "frankenphp")
    assert said.code == 2
    assert "no file says --app" in said.err
