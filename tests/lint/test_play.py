"""The play of a set-up: each step works, fails by one finding, or is unknown for want of something that is named."""

import json
from pathlib import Path

import pytest
from conftest import Run
from test_small import read

KEY = "5d7f936f" * 8
HUB, PAGE = "https://hub.example.com", "https://app.example.com"
SPEC = f"""version: 1
environments:
  production:
    platform: compose
    hub: {{url: {HUB}, tls: proxy, port: 8080}}
    apps: {{app: {{url: {PAGE}}}}}
"""
COMPOSE = f"""services:
  mercure:
    image: dunglas/mercure:v0.24.2
    ports: ["127.0.0.1:8080:80"]
    environment:
      SERVER_NAME: ":80"
      MERCURE_PUBLISHER_JWT_KEY: {KEY}
      MERCURE_SUBSCRIBER_JWT_KEY: {KEY}
      MERCURE_EXTRA_DIRECTIVES: cors_origins {PAGE}
    volumes: ["data:/data"]
volumes: {{data: {{}}}}
"""
APP = f"""MERCURE_URL=http://mercure/.well-known/mercure
MERCURE_PUBLIC_URL={HUB}/.well-known/mercure
MERCURE_JWT_SECRET={KEY}
"""
NGINX = """server {
    listen 443 ssl;
    server_name hub.example.com;
    location / {
        proxy_pass http://127.0.0.1:8080;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_read_timeout 1h;
    }
}
"""
FILES = {"compose.yaml": COMPOSE, "app.env": APP, "hub.conf": NGINX}
STEPS = """start sign publish-arrive publish-accept page subscribe-arrive subscribe-accept cors stream private
strangers""".split()
# one value changed, the step that fails, and what the finding is
BROKEN = [
    ("compose.yaml", f"MERCURE_SUBSCRIBER_JWT_KEY: {KEY}", "OTHER: x", "start", "key-missing"),
    ("compose.yaml", f"cors_origins {PAGE}", f"cors_origins {PAGE}/", "start", "directive-syntax"),
    ("compose.yaml", f"cors_origins {PAGE}", f"cors_origins {PAGE}/shop", "start", "directive-syntax"),
    ("compose.yaml", f"cors_origins {PAGE}", "cors_origins https://www.example.com", "cors", "cors-origin-mismatch"),
    ("compose.yaml", f"cors_origins {PAGE}", "subscriptions", "cors", "cors-origin-missing"),
    ("compose.yaml", f"cors_origins {PAGE}", "'cors_origins *'", "cors", "cors-wildcard-credentials"),
    ("compose.yaml", "127.0.0.1:8080:80", "127.0.0.1:8080:3000", "publish-arrive", "proxy-not-routing"),
    (
        "compose.yaml",
        'SERVER_NAME: ":80"',
        'SERVER_NAME: ":80"\n      MERCURE_PUBLISHER_JWT_ALG: PS256',
        "start",
        "alg-mismatch",
    ),
    ("compose.yaml", 'SERVER_NAME: ":80"', "SERVER_NAME: mercure:80", "subscribe-arrive", "server-name-mismatch"),
    ("app.env", KEY, "short", "sign", "key-too-short"),
    ("app.env", KEY, "0badc0de" * 8, "publish-accept", "key-mismatch"),
    ("app.env", "http://mercure/", "https://mercure/", "publish-arrive", "internal-url-wrong"),
    ("app.env", "http://mercure/", "http://mercure:8080/", "publish-arrive", "internal-url-wrong"),
    ("app.env", f"{HUB}/", "http://hub.example.com/", "subscribe-arrive", "public-url-wrong"),
    ("app.env", f"{HUB}/", "https://old.example.com/", "subscribe-arrive", "public-url-wrong"),
    ("app.env", f"{HUB}/.well-known/mercure", HUB, "subscribe-arrive", "public-url-wrong"),
    ("hub.conf", "proxy_read_timeout 1h", "proxy_read_timeout 20s", "stream", "proxy-timeout-buffering"),
    ("hub.conf", "127.0.0.1:8080;", "127.0.0.1:8080/;", None, None),
    ("hub.conf", "127.0.0.1:8080;", "127.0.0.1:8080/hub;", "publish-arrive", "proxy-not-routing"),
]


def played(run: Run, files: dict[str, str]) -> dict[str, tuple[str, str | None]]:
    for path, text in files.items():
        Path(path).write_text(text)
    said = run("lint", "--app-url", PAGE, "--hub-url", HUB, "--format", "json")
    return {step["step"]: (step["outcome"], step["id"]) for step in json.loads(said.out)["play"]}


def test_a_set_up_that_works_plays_through(run: Run, project: Path):
    assert project.exists()
    found = played(run, FILES)
    assert list(found) == STEPS
    assert {name: outcome for name, (outcome, _) in found.items() if outcome != "works"} == {"private": "unknown"}


@pytest.mark.parametrize(("path", "right", "wrong", "step", "finding"), BROKEN)
def test_one_value_broken_fails_one_step(  # noqa: PLR0917 - the columns of the table
    run: Run, project: Path, path: str, right: str, wrong: str, step: str | None, finding: str | None
):
    assert project.exists()
    assert right in FILES[path]
    found = played(run, {**FILES, path: FILES[path].replace(right, wrong)})
    failing = {name: each for name, (outcome, each) in found.items() if outcome == "fails"}
    assert failing == ({step: finding} if step else {})


def test_an_app_that_does_not_start_signs_nothing(run: Run, project: Path):
    (project / "config/packages").mkdir(parents=True)
    words = "mercure:\n  hubs:\n    default:\n      url: '%env(MERCURE_URL)%'\n      jwt: {key: abc}\n"
    found = played(run, {**FILES, "config/packages/mercure.yaml": words})
    assert {name: each for name, (outcome, each) in found.items() if outcome == "fails"} == {"sign": "directive-syntax"}


def test_directives_on_one_line_are_several(run: Run, project: Path):
    assert project.exists()
    files = {**FILES, "compose.yaml": COMPOSE.replace("cors_origins ", "subscriptions cors_origins ")}
    assert [name for name, (outcome, _) in played(run, files).items() if outcome != "works"] == ["private"]


def test_what_is_shown_of_it(run: Run, project: Path):
    for path, text in read("key-cut-at-a-comment")[1]:
        (project / path).write_text(text)
    lines = run("lint", "--explain-run").lines
    assert lines[0] == "start             works  the hub starts with these settings"
    assert lines[1].startswith("sign              fails  MERCURE_JWT_SECRET: a blank and # end")
    assert lines[3] == "publish-accept    ?      not judged, as sign fails"
    assert "not told: the origins of the pages (--app-url)" in lines[4]


def test_two_addresses_alone_are_judged(run: Run, project: Path):
    assert project.exists()
    said = run("lint", "--app-url", "https://app.example.com", "--hub-url", "https://hub.example.net")
    assert (said.code, "[cross-site-domain]" in said.out) == (1, True)
    assert run("lint", "--app-url", "https://app.example.com").code == 2
