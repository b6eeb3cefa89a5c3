"""What a person is told to do is tried: each hint, each command, and nothing that leads in a circle."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import MINIMAL, Run

from mercure_deploy import keys, rotation
from mercure_deploy.findings import IDS
from mercure_deploy.spec import load

PACKAGE = Path(__file__).parent.parent.parent / "mercure_deploy"
TWO = """\
version: 1
environments:
  production:
    hub: {url: https://hub.example.com}
    apps:
      shop: {url: https://shop.example.com}
      admin: {url: https://admin.example.com, hub_url: https://hub.admin.example.com}
"""
BELOW = """\
version: 1
environments:
  production:
    hub: {url: https://hub.acme.dev}
    apps: {shop: {url: https://shop.acme.dev}}
  staging:
    hub: {url: https://hub.staging.acme.dev}
    apps: {shop: {url: https://staging.shop.acme.dev, hub_url: https://hub.staging.shop.acme.dev}}
"""


def cookies(spec: str) -> list[str]:
    """The hints about cookies that get in each other's way."""
    return [found.hint for _, found in load(spec.encode(), "x").findings if found.id == "cookie-scope"]


def test_a_hint_names_the_app_that_needs_it_and_cures():
    [hint] = cookies(TWO)
    assert hint.endswith("hub_url: https://hub.shop.example.com for app shop")
    cured = TWO.replace("https://shop.example.com}", "https://shop.example.com, hub_url: https://hub.shop.example.com}")
    assert cookies(cured) == []


def test_two_apps_that_both_need_it_are_both_named():
    [hint] = cookies(TWO.replace(", hub_url: https://hub.admin.example.com", ""))
    assert re.findall(r"hub_url: (\S+) for app (\w+)", hint) == [
        ("https://hub.admin.example.com", "admin"),
        ("https://hub.shop.example.com", "shop"),
    ]


def test_where_no_hub_url_helps_that_is_said():
    [hint] = cookies(BELOW)
    assert hint.startswith("no hub_url keeps them apart: a domain that is not below the other's, or another cookie")
    elsewhere = BELOW.replace("staging.shop.acme.dev", "shop.acme.example").replace("staging.acme.dev", "acme.example")
    assert cookies(elsewhere) == []
    named = BELOW.replace("staging.acme.dev}", "staging.acme.dev, cookie_name: stage}")
    assert (
        cookies(named.replace("hub_url: https://hub.staging.shop", 'bundle: "0.5", hub_url: https://hub.stage')) == []
    )


@pytest.mark.parametrize("number", range(12))
def test_every_hub_url_that_is_proposed_cures(number: int):
    hosts = ["shop.acme.dev", "admin.acme.dev", "acme.dev", "staging.shop.acme.dev"]
    first, second = [(a, b) for a in hosts for b in hosts if a != b][number]
    spec = (
        "version: 1\nenvironments:\n  production:\n    hub: {url: https://mercure.acme.dev}\n    apps:\n"
        f"      one: {{url: https://{first}}}\n      two: {{url: https://{second}}}\n"
    )
    for _ in range(3):
        hints = cookies(spec)
        proposed = [found for hint in hints for found in re.findall(r"hub_url: (\S+) for app (\w+)", hint)]
        if not proposed:
            break
        for url, app in proposed:
            spec = re.sub(rf"({app}: {{url: [^,}}]+)", rf"\1, hub_url: {url}", spec)
    assert not proposed
    assert all("no hub_url keeps them apart" in hint for hint in hints)


def test_who_has_only_an_old_ring_gets_out_by_what_is_said(run: Run, project: Path):
    run("render", spec=MINIMAL)
    ring = project / "deploy/production/keys.json"
    old = ring.read_bytes()
    run("rotate-keys", "production", "--now", "--yes")
    ring.write_bytes(old)
    said = run("rotate-keys", "production", "--now", "--yes")
    assert said.code == 2
    moved = re.search(r"it is lost: mv (\S+) (\S+), and run this again", said.err)
    assert moved
    Path(moved[1]).rename(moved[2])
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    assert run("check").code == 0


def test_status_names_what_cures_and_what_was_not_compared(run: Run, project: Path):
    run("render", spec=MINIMAL)
    said = run("status", spec=MINIMAL.replace("      app:", "      web:"))
    assert said.lines[0] == "production: not in line, run render"
    run("render")
    assert run("status").lines[0].endswith("run render --prune")
    run("render", "--prune")
    assert run("status").lines[0] == "production: in line"
    (project / "deploy/production/keys.json").unlink()
    for path in (project / "deploy/production").glob("*.env"):
        path.unlink()
    said = run("status")
    assert said.lines[0] == "production: public files in line; secrets were not compared, no key ring here"
    assert json.loads(run("status", "--format", "json").out)["environments"]["production"]["secrets_checked"] is False


def test_status_warns_of_an_old_key(run: Run, project: Path):
    run("render", spec=MINIMAL)
    old = keys.stamp(datetime.now(UTC) - timedelta(days=100))
    for name in ("keys.json", "manifest.json"):
        path = project / "deploy/production" / name
        path.write_text(re.sub(r'"(created|since)": "[^"]*"', rf'"\1": "{old}"', path.read_text()))
    said = run("status", "-q")
    assert "  warning: the key is older than max_age: mercure-deploy rotate-keys production [key-age]" in said.lines


def test_who_comes_back_too_early_gets_the_whole_command(run: Run):
    run("render", spec=MINIMAL)
    run("rotate-keys", "production")
    assert run("rotate-keys", "production", "--deployed").code == 0
    said = run("rotate-keys", "production", "--deployed-at", "now")
    assert said.code == 1
    again = re.search(r"come back at (\S+): mercure-deploy (rotate-keys production --deployed-at (\S+))", said.err)
    assert again
    assert rotation.said_moment(again[3], datetime.now(UTC)) < rotation.said_moment(again[1], datetime.now(UTC))
    # the command itself is understood, and is told the same time
    assert f"come back at {again[1]}" in run(*again[2].split()).err
    said = run("rotate-keys", "production", "--abort")
    assert re.search(r"not before \S+Z: mercure-deploy rotate-keys production --deployed-at TIME", said.out)


def test_a_time_without_seconds_means_its_minute(run: Run):
    run("render", spec=MINIMAL)
    run("rotate-keys", "production")
    run("rotate-keys", "production", "--deployed")
    minute = datetime.now().astimezone().strftime("%H:%M")
    said = run("rotate-keys", "production", "--deployed-at", minute)
    assert "the promotion was later" not in said.err
    assert said.code == 1


def test_our_own_files_are_for_check_and_compose_is_not_for_push(run: Run):
    run("render", spec=MINIMAL.replace("  production:", "  production:\n    platform: compose"))
    said = run("lint", "deploy/production")
    assert said.code == 2
    assert "is what render wrote" in said.err
    assert "hint: mercure-deploy check says" in said.err
    said = run("push", "production")
    assert said.code == 2
    assert "production is deployed on compose, and push is for Coolify\n  hint: deploy/production/README.md" in said.err


def test_every_name_of_the_hub_is_in_the_readme_of_compose(run: Run, project: Path):
    spec = TWO.replace("    hub: {url", "    platform: compose\n    hub: {tls: proxy, port: 8080, url")
    run("render", spec=spec)
    text = (project / "deploy/production/README.md").read_text()
    for name in ("hub.example.com", "hub.admin.example.com"):
        assert f"curl -sS -o /dev/null -w '%{{http_code}}\\n' 'https://{name}/.well-known/mercure?topic=ping'" in text
    assert "server_name hub.example.com hub.admin.example.com;" in text
    assert "hub.example.com, hub.admin.example.com {" in text
    assert "Host(`hub.example.com`) || Host(`hub.admin.example.com`)" in text
    assert "DNS" in text


@pytest.mark.slow
@pytest.mark.parametrize("id_", sorted(IDS))
def test_every_id_has_a_source(id_: str):
    sources = [path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "findings.py"]
    raised = re.compile(rf'"{id_}"|^@rule\ndef {id_.replace("-", "_")}\(', re.MULTILINE)
    assert any(raised.search(text) for text in sources)
