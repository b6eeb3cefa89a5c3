"""`push` against the Coolify of the tests: what is written, what is left alone, and what a fault leaves behind."""

import copy
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import conftest
import coolify
import logs
import pytest
from answering import answering
from conftest import Run, Said
from coolify import Asked, Coolify
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mercure_deploy.cli import push as pushing
from mercure_deploy.cli import rotate_keys
from mercure_deploy.coolify import client, deploying
from mercure_deploy.findings import Finding
from mercure_deploy.hub import proof, rendered
from mercure_deploy.probes.engine import Seen
from mercure_deploy.push import steps

INSIDE = "      internal_url: http://hub-shop\n"
Snapshot = dict[str, Any]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for is not waited for."""
    monkeypatch.setattr(pushing.time, "sleep", lambda _seconds: None)


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the live hub does not show; there is none here: that it is asked is a matter of the real ones."""
    missing: list[Any] = []
    monkeypatch.setattr(steps.probes, "run", lambda _target: list(missing))
    monkeypatch.setattr(proof, "prove", lambda *_: None)
    return missing


@contextmanager
def instance(run: Run, monkeypatch: pytest.MonkeyPatch, **others: str) -> Iterator[Coolify]:
    """A Coolify with an Application that has variables of its own, and the files for it."""
    fake = Coolify()
    fake.add("shop", APP_SECRET="of-the-app", DATABASE_URL="mysql://user:pass@db/shop", **others)
    fake.add("somebody else's", compose="services: {x: {image: y}}\n", MERCURE_PUBLISHER_JWT_KEY="not-ours")
    # the hub that the instance runs; that a real one answers so is a matter of tests/real
    monkeypatch.setattr(rendered, "running", lambda _url, _way: fake.mark())
    with coolify.serving(fake) as url:
        monkeypatch.setenv("COOLIFY_TOKEN", fake.token)
        assert run("render", spec=coolify.specification(url, INSIDE)).code == 0
        yield fake


def push(run: Run, *arguments: str) -> Said:
    return run("push", "production", "--yes", "--no-deploy", *arguments)


def state(fake: Coolify) -> Snapshot:
    """All that is stored."""
    return {
        each.name: {
            "compose": each.compose,
            "fqdn": each.fqdn,
            "gzip": each.gzip,
            "strip": each.strip,
            "variables": sorted((v.key, v.value, sorted(v.flags.items())) for v in each.variables),
        }
        for each in fake.resources
    }


def values(fake: Coolify, name: str) -> dict[str, str | None]:
    [resource] = [each for each in fake.resources if each.name == name]
    return {v.key: v.value for v in resource.variables if not v.flags["is_preview"]}


def key() -> str:
    return str(json.loads(Path("deploy/production/keys.json").read_text())["keys"][-1]["secret"])


def nothing_leaked(fake: Coolify, *said: Said) -> None:
    """No secret but in the body of a write of variables, no token but in its header, neither in what was printed."""
    secrets = [row["secret"] for row in json.loads(Path("deploy/production/keys.json").read_text())["keys"]]
    for asked in fake.asked:
        head = asked.path + json.dumps(
            {name: value for name, value in asked.headers.items() if name != "authorization"}
        )
        assert fake.token not in head + asked.body
        assert not [each for each in secrets if each in head]
        if not asked.path.endswith("/envs/bulk"):
            assert not [each for each in secrets if each in asked.body]
    for each in said:
        printed = each.out + each.err
        assert not [secret for secret in (*secrets, fake.token, "of-the-app", "not-ours") if secret in printed]


def test_the_first_push_makes_the_service_and_the_second_has_nothing_to_do(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        strangers = values(fake, "somebody else's"), values(fake, "shop")
        dry = run("push", "production", "--dry-run")
        assert dry.code == 1
        assert {asked.method for asked in fake.asked} == {"GET"}
        first = push(run)
        assert first.code == 0, first.err
        [hub] = [each for each in fake.services() if each.name == "mercure-production"]
        assert hub.compose == Path("deploy/production/docker-compose.yaml").read_text()
        assert (hub.fqdn, hub.gzip) == ("https://hub.example.com:80", False)
        assert hub.value("MERCURE_PUBLISHER_JWT_KEY") == hub.value("MERCURE_SUBSCRIBER_JWT_KEY") == key()
        assert values(fake, "shop") == {
            **strangers[1],
            "MERCURE_URL": "http://hub-shop/.well-known/mercure",
            "MERCURE_PUBLIC_URL": "https://hub.example.com/.well-known/mercure",
            "MERCURE_JWT_SECRET": key(),
        }
        assert values(fake, "somebody else's") == strangers[0]
        [shop] = [each for each in fake.resources if each.name == "shop"]
        for variable in shop.variables:
            if variable.key == "MERCURE_JWT_SECRET":
                assert not variable.flags["is_preview"], "a copy of the secret for previews is left"
                assert variable.flags["is_literal"]
                assert not variable.flags["is_buildtime"]
        count = len(fake.asked)
        # never started so far, so that is what is left
        left = run("push", "production", "--dry-run")
        assert left.lines == ["to deploy: hub, app"]
        assert len(fake.asked) - count <= 8 + 2
        assert {asked.method for asked in fake.asked[count:]} == {"GET"}
        nothing_leaked(fake, dry, first, left)


def test_what_is_different_is_shown_without_a_secret(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        assert push(run).code == 0
        [hub] = [each for each in fake.services() if each.name == "mercure-production"]
        [shop] = [each for each in fake.resources if each.name == "shop"]
        hub.compose = str(hub.compose).replace("unless-stopped", "always")
        hub.variable("MERCURE_PUBLISHER_JWT_KEY").value = "by-hand-" * 8  # type: ignore[union-attr]
        shop.variable("MERCURE_PUBLIC_URL").flags["is_literal"] = False  # type: ignore[union-attr]
        shop.variables.append(coolify.Variable("MERCURE_JWT_KEY_B64", "b2xk", coolify.flags()))
        hub.gzip = True
        said = run("push", "production", "--dry-run")
        assert said.code == 1
        assert "hub: - services.mercure.restart: always" in said.lines
        assert "hub: + services.mercure.restart: unless-stopped" in said.lines
        assert re.search(r"^hub: - MERCURE_PUBLISHER_JWT_KEY=<key [0-9a-f]{8}>$", said.out, re.MULTILINE)
        assert "hub: - gzip on" in said.lines
        assert "app: - MERCURE_JWT_KEY_B64=<key" in said.out
        assert "MERCURE_PUBLIC_URL=https://hub.example.com/.well-known/mercure (not literal)" in said.out
        assert "by-hand" not in said.out
        row = json.loads(run("push", "production", "--dry-run", "--format", "json").out)
        assert {each["kind"] for each in row["changes"]} == {"compose", "gzip", "set", "delete"}
        done = push(run)
        assert done.code == 0, done.err
        assert "MERCURE_JWT_KEY_B64" not in values(fake, "shop")
        assert run("push", "production", "--dry-run").lines == ["to deploy: hub, app"]
        nothing_leaked(fake, said, done)


@pytest.mark.parametrize("side", ["--hub", "--apps"])
def test_one_side_alone(run: Run, monkeypatch: pytest.MonkeyPatch, side: str):
    with instance(run, monkeypatch) as fake:
        assert push(run, side).code == 0
        written = {asked.path.split("/")[3] for asked in fake.asked if asked.method in {"POST", "PATCH"}}
        made = [asked for asked in fake.asked if asked.path.endswith("/envs/bulk")]
        assert {asked.path.split("/")[3] for asked in made} == {"services" if side == "--hub" else "applications"}
        assert written


FAULTS = ["before", "lost", "422", "429", "500", "half"]
# what stands at that URL is no Coolify, for once
STRANGE = ["<html>a page</html>", "[]", "{}", "null", '[{"uuid": "../x", "key": "y"}]', '"' + "x" * 100_000 + '"']
# what was done since the last push
SINCE: dict[str, tuple[str, ...]] = {
    "first": (),
    "now": ("rotate-keys", "production", "--now", "--yes"),
    "staged": ("rotate-keys", "production"),
}


@pytest.mark.real
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("after", SINCE)
def test_a_fault_at_every_request_leaves_the_old_state_or_the_new_one(
    run: Run, monkeypatch: pytest.MonkeyPatch, after: str, fault: str
):
    every_request(run, monkeypatch, after, fault, 1)


@pytest.mark.real
@pytest.mark.parametrize("said", STRANGE, ids=range(len(STRANGE)))
@pytest.mark.parametrize("after", ["first", "now"])
def test_an_answer_that_is_none_of_coolify_does_no_harm(
    run: Run, monkeypatch: pytest.MonkeyPatch, after: str, said: str
):
    every_request(run, monkeypatch, after, f"says {said}", 1)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["lost", "500", "says <html>"])
def test_a_fault_at_some_requests(run: Run, monkeypatch: pytest.MonkeyPatch, fault: str):
    every_request(run, monkeypatch, "now", fault, 4)


def every_request(run: Run, monkeypatch: pytest.MonkeyPatch, after: str, fault: str, step: int) -> None:
    with instance(run, monkeypatch) as fake:
        if SINCE[after]:
            assert push(run).code == 0
            assert run(*SINCE[after]).code == 0
        before, old, strangers = copy.deepcopy(fake.resources), state(fake), values(fake, "somebody else's")
        count = len(fake.asked)
        assert push(run).code == 0
        number = len(fake.asked) - count
        assert number > 8
        for at in range(1, number + 1, step):
            fake.resources = copy.deepcopy(before)
            first = len(fake.asked) + at

            def once(asked: Asked, now: int, at: int = first) -> str | None:
                bulk = asked.path.endswith("/envs/bulk")
                return fault if now == at and (fault != "half" or bulk) else None

            fake.fault = once
            said = push(run)
            fake.fault = lambda _asked, _number: None
            assert said.code in {0, 2}, said.err
            assert "Traceback" not in said.err
            if said.code == 2:
                left = state(fake)
                # one that was made by a request whose answer nobody understood is found the next time
                asked = fake.asked[first - 1]
                if asked.method == "POST" and asked.path.endswith("/services"):
                    left.pop("mercure-production", None)
                assert stripped(left) == stripped(old), (at, fault, said.err)
            again = push(run)
            assert again.code == 0, (at, fault, again.err)
            [hub] = [each for each in fake.services() if each.name == "mercure-production"]
            assert hub.compose == Path("deploy/production/docker-compose.yaml").read_text()
            assert values(fake, "shop")["MERCURE_JWT_SECRET"] == signing()
            assert values(fake, "somebody else's") == strangers
            assert values(fake, "shop")["APP_SECRET"] == "of-the-app"
            nothing_leaked(fake, said, again)
            fake.asked = fake.asked[:0]


def test_a_service_of_somebody_with_a_container_of_another_name_is_taken_over(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    with instance(run, monkeypatch) as fake:
        old = "services:\n  hub:\n    image: dunglas/mercure:v0.16\n    environment: [A=b]\n"
        hub = fake.add("mercure-production", compose=old, OTHER="of-others")
        hub.container_name, hub.fqdn, hub.gzip = "hub", "https://hub.example.com:80", False
        before = state(fake)
        fake.fault = lambda asked, _number: "500" if asked.path.endswith("/envs/bulk") else None
        said = push(run)
        assert (said.code, "is there again" in said.err) == (2, True), said.err
        assert stripped(state(fake)) == stripped(before)
        fake.fault = lambda _asked, _number: None
        done = push(run)
        assert done.code == 0, done.err
        assert (hub.container_name, hub.fqdn, hub.gzip) == ("mercure", "https://hub.example.com:80", False)
        assert [row["fqdn"] for row in hub.left] == [None]
        assert hub.value("OTHER") == "of-others"
        assert run("push", "production", "--dry-run").lines == ["to deploy: hub, app"]


def test_a_service_that_is_taken_back_is_gone_before_the_next_push(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        fake.lag = 3
        fake.fault = lambda asked, _number: "500" if asked.path.endswith("/envs/bulk") else None
        said = push(run)
        assert (said.code, "is there again" in said.err) == (2, True), said.err
        assert [each.name for each in fake.services()] == ["somebody else's"]
        # one that never goes is said to be there
        fake.lag = 1000
        said = push(run)
        assert (said.code, "not all of what was there" in said.err) == (2, True), said.err


def test_an_endless_answer_ends(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "_LARGEST", 1000)
    with instance(run, monkeypatch) as fake:
        fake.fault = lambda _asked, _number: 'says "' + "x" * 100_000 + '"'
        monkeypatch.setattr(client, "_PATIENCE", 0.2)
        said = push(run)
        assert (said.code, "it has no end" in said.err) == (2, True), said.err


def test_what_was_written_stays_when_it_cannot_be_started(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        fake.fault = lambda asked, _number: "500" if asked.path.endswith("/start") and asked.method == "POST" else None
        # the token is asked at a uuid that is none
        real = fake.fault
        fake.fault = lambda asked, number: None if "/none/" in asked.path else real(asked, number)
        said = run("push", "production", "--yes")
        assert (said.code, "what is written stays; run push once more" in said.err) == (2, True), said.err
        fake.fault = lambda _asked, _number: None
        assert run("push", "production", "--dry-run").lines == ["to deploy: hub, app"]


def signing() -> str:
    text = Path("deploy/production/app.env").read_text()
    return re.findall("MERCURE_JWT_SECRET=(.*)", text)[0]


def stripped(said: Snapshot) -> Snapshot:
    """Without what is of no account: variables without a value, and copies for previews of what is no secret."""
    found = {}
    for name, each in said.items():
        kept = [(key, value) for key, value, flags in each["variables"] if value and not dict(flags)["is_preview"]]
        found[name] = {**each, "variables": kept}
    return found


LACKING: dict[str, tuple[frozenset[str], str]] = {
    "read": (coolify.ALL - {"read"}, "read, read:sensitive"),
    "read:sensitive": (coolify.ALL - {"read:sensitive"}, "read:sensitive"),
    "write": (coolify.ALL - {"write"}, "write"),
    "deploy": (coolify.ALL - {"deploy"}, "deploy"),
    "all but read": (frozenset({"read"}), "read:sensitive, write, deploy"),
    "write alone": (frozenset({"write"}), "read, read:sensitive, deploy"),
    "all": (frozenset({"none"}), "read, read:sensitive, write, deploy"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LACKING)
def test_a_token_that_may_not_do_all_is_told_so_before_anything_is_written(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
):
    abilities, words = LACKING[name]
    with instance(run, monkeypatch) as fake:
        before = state(fake)
        fake.tokens[fake.token] = abilities
        said = push(run)
        assert said.code == 2
        assert f"may not do all that push needs: {words}\n" in said.err
        assert "/security/api-tokens" in said.err
        assert state(fake) == before


def test_a_newer_coolify_without_that_field_is_pushed_to(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        servers = fake.servers

        def without(*asked: Any) -> Any:
            status, [row] = servers(*asked)
            row["settings"].pop("sentinel_token", None)
            return status, [row]

        monkeypatch.setattr(fake, "servers", without)
        assert push(run).code == 0
        fake.tokens[fake.token] = coolify.ALL - {"read:sensitive"}
        assert "push needs: read:sensitive" in push(run).err
        # nothing is there that could be hidden, so that the field tells
        fake.resources = []
        fake.add("shop")
        assert "push needs: read:sensitive" in push(run).err


def test_what_is_not_there_or_there_twice_is_named(run: Run, monkeypatch: pytest.MonkeyPatch):
    def refused(words: str, **changed: Any) -> None:
        with instance(run, monkeypatch) as fake:
            before = None
            for name, value in changed.items():
                if callable(value):
                    value(fake)
                else:
                    setattr(fake, name, value)
            before = state(fake)
            said = push(run)
            assert (said.code, words in said.err) == (2, True), said.err
            assert state(fake) == before

    refused("there is no project shop\n  hint: there are: other", project_name="other")
    refused("has no environment production", environment_name="live")
    refused("there are 2 of the name shop: Applications", add=lambda fake: fake.add("shop"))
    refused("there is no Application shop for the app app", add=lambda fake: fake.resources.pop(0))
    twice = "services: {mercure: {image: x}}\n"
    refused(
        "there are 2 of the name mercure-production",
        add=lambda fake: [fake.add("mercure-production", compose=twice) for _ in range(2)],
    )
    refused("docker compose 2.20.0 of localhost knows no configs", compose_version="2.20.0")
    refused("the API is switched off", enabled=False)
    refused("does not know that token", tokens={"another": coolify.ALL})


def test_files_that_are_not_in_line_are_not_pushed(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        with Path("deploy/production/app.env").open("a") as file:
            file.write("X=y\n")
        said = push(run)
        assert said.code == 2
        assert "not in line with the spec: changed production/app.env" in said.err
        assert fake.asked == []
        assert run("render").code == 0
        monkeypatch.delenv("COOLIFY_TOKEN")
        assert "there is no API token" in push(run).err
        Path("token").write_text(f"{fake.token}\n")
        assert push(run, "--token-file", "token").code == 0
        assert run("push", "production", "--token-file", "none", "--yes").code == 2


def test_without_a_terminal_nothing_is_written_unless_told(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        said = run("push", "production", "--no-deploy")
        assert said.code == 2
        assert "say --yes" in said.err
        assert not [asked for asked in fake.asked if asked.path.endswith("bulk") or asked.path.endswith("/services")]


def test_a_domain_that_is_taken_puts_everything_back(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        assert push(run).code == 0
        [hub] = [each for each in fake.services() if each.name == "mercure-production"]
        hub.compose, hub.fqdn = str(hub.compose).replace("unless-stopped", "always"), "https://other.example.com:80"
        before = state(fake)
        fake.add("taken", compose="services: {}\n").fqdn = "https://hub.example.com:80"
        said = push(run)
        assert said.code == 2
        [taken] = [each for each in fake.resources if each.name == "taken"]
        assert f"the domain belongs to taken ({taken.uuid}) already" in said.err
        assert f"say service: {taken.uuid} in coolify of the spec" in said.err
        after = state(fake)
        after.pop("taken")
        assert after == before


@pytest.mark.slow
@pytest.mark.usefixtures("proved")
def test_check_and_status_say_what_coolify_has(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        row = json.loads(run("check", "--remote", "--format", "json").out)
        assert row["environments"]["production"]["remote"]["hub"] == "absent"
        assert row["environments"]["production"]["remote"]["apps"] == {"app": "different"}
        assert row["ok"] is False
        assert push(run).code == 0
        # stored, and not started
        said = run("check", "--remote")
        assert (said.code, said.lines[-1]) == (1, "production: in Coolify: hub pending, app pending")
        assert run("push", "production", "--yes").code == 0
        said = run("check", "--remote")
        assert (said.code, said.lines[-1]) == (0, "production: in Coolify: hub same, app same")
        [shop] = [each for each in fake.resources if each.name == "shop"]
        shop.variable("MERCURE_PUBLIC_URL").value = "https://else.example.com/"  # type: ignore[union-attr]
        drift = run("check", "--remote")
        assert drift.code == 1
        assert "  app: - MERCURE_PUBLIC_URL=https://else.example.com/" in drift.lines
        assert run("check").code == 0
        status = run("status", "--remote", "--format", "json")
        assert status.code == 0
        assert json.loads(status.out)["environments"]["production"]["remote"]["apps"] == {"app": "different"}
        assert {asked.method for asked in fake.asked[-5:]} == {"GET"}
        nothing_leaked(fake, said, drift, status)
        fake.enabled = False
        away = run("check", "--remote", "--format", "json")
        row = json.loads(away.out)
        assert (away.code, row["ok"]) == (2, False)
        assert row["environments"]["production"]["remote"] == {
            "hub": "unknown",
            "apps": {"app": "unknown"},
            "drift": [],
        }
        assert "the API is switched off" in away.err
        status = run("status", "--remote")
        assert (status.code, status.lines[-1]) == (0, "production: in Coolify: hub unknown, app unknown")
        assert "the API is switched off" in status.err
        monkeypatch.delenv("COOLIFY_TOKEN")
        assert run("status", "--remote").code == 2
    Path("mercure.yaml").write_text(re.sub("    coolify:.*", "", Path("mercure.yaml").read_text(), flags=re.DOTALL))
    assert "does not say where Coolify is" in run("status", "--remote").err
    assert "does not say where Coolify is" in push(run).err


def test_the_ring_keeps_when_the_apps_went_out(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch):
        assert run("rotate-keys", "production", "--if-older").code == 2
        assert run("rotate-keys", "production", "--push", "--deployed").code == 2
        assert run("rotate-keys", "production", "--push", "--if-older", "nonsense").code == 2
        said = run("rotate-keys", "production", "--push", "--yes")
        assert "the hub has no Service in Coolify yet" in said.err
        assert push(run).code == 0
        said = run("rotate-keys", "production", "--push")
        assert (said.code, "say --yes" in said.err) == (2, True)
    path = Path("deploy/production/keys.json")
    text = path.read_text()
    assert run("rotate-keys", "production").code == 0
    assert run("rotate-keys", "production", "--deployed").code == 0
    row = json.loads(path.read_text())
    path.write_text(json.dumps({**row, "apps_deployed": "2026-01-01T00:00:00Z"}))
    assert run("status").code == 0
    path.write_text(json.dumps({**row, "apps_deployed": "yesterday"}))
    assert "has a time that cannot be read" in run("status").err
    assert text


def test_an_instance_is_imported_with_the_key_that_it_has(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        assert push(run).code == 0
        [shop] = [each for each in fake.resources if each.name == "shop"]
        shop.fqdn = "https://app.example.com"
        before, old = state(fake), key()
        url = re.findall("url: (http://127.0.0.1:[0-9]+)", Path("mercure.yaml").read_text())[0]
        words = ["--from-coolify", url, "--project", "shop", "--application", "app=shop", "-f", "new.yaml", "-o", "new"]
        said = run("import", *words, "--yes")
        assert said.code == 0, said.err
        assert json.loads(Path("new/production/keys.json").read_text())["keys"][0]["secret"] == old
        assert "is kept (HS256)" in said.err
        # the same place, and nothing to do there
        assert "Coolify has what was written" in said.err
        again = run("push", "production", "--dry-run", "-f", "new.yaml", "-o", "new")
        assert again.lines == ["to deploy: hub, app"], again.out + again.err
        assert state(fake) == before
        assert {asked.method for asked in fake.asked if asked.path.startswith("/api/v1/none")} == set()
        nothing_leaked(fake, said)
        absent = run("import", *words[:4], "--service", "none", "-f", "x.yaml", "-o", "x")
        assert (absent.code, "there is no Service none" in absent.err) == (2, True)
        assert run("import", "--project", "shop").code == 2
        assert run("import", "app.env", *words[:2]).code == 2
        assert run("import", *words[:2]).code == 2
        assert run("import", "--from-coolify", "nonsense", "--project", "shop").code == 2


def test_an_import_tells_what_it_cannot_say_and_who_does_not_subscribe(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        fake.add("two")
        more = "      two: {url: https://two.example.com, subscribe: false}\n    coolify:"
        spec = Path("mercure.yaml").read_text().replace("    coolify:", more).replace("shop}", "shop, two: two}")
        assert run("render", spec=spec).code == 0
        assert push(run).code == 0
        for name, url in (("shop", "https://app.example.com"), ("two", "https://two.example.com")):
            [application] = [each for each in fake.resources if each.name == name]
            application.fqdn = url
            # both publish by the public name, and the hub has another in the network all the same
            application.variable("MERCURE_URL").value = "https://hub.example.com/.well-known/mercure"  # type: ignore[union-attr]
        url = re.findall("url: (http://127.0.0.1:[0-9]+)", spec)[0]
        words = ["--from-coolify", url, "--project", "shop", "--application", "app=shop", "--application", "two=two"]
        said = run("import", *words, "-f", "new.yaml", "-o", "new", "--yes")
        assert said.code == 0, said.err
        assert "Coolify has this otherwise, and the next push changes it" in said.err
        assert "  hub: - services.mercure.networks.coolify.aliases.0: hub-shop" in said.err
        assert re.search(r"two:\n.*\n.*\n.*\n        subscribe: false", Path("new.yaml").read_text())
        assert Path("new.yaml").read_text().count("subscribe: false") == 1


UNREACHED = {
    "nobody listens": ("http://127.0.0.1:{closed}", "connection refused"),
    "a certificate of nobody": ("https://localhost:{tls}", "its issuer is a test of nobody"),
}


@pytest.mark.parametrize("name", UNREACHED)
def test_what_cannot_change_is_told_at_once(run: Run, monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path):
    slept: list[float] = []
    monkeypatch.setattr(pushing.time, "sleep", slept.append)
    monkeypatch.setattr(client, "_CLOSED", 0.0)
    monkeypatch.setenv("COOLIFY_TOKEN", "1|token-of-all-abilities-0123456789")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    context = of_nobody(tmp_path)
    with answering(BaseHTTPRequestHandler, context) as tls:
        url, words = UNREACHED[name]
        assert run("render", spec=coolify.specification(url.format(closed=port, tls=tls))).code == 0
        for command in (["push", "production", "--yes"], ["check", "--remote"]):
            said = run(*command)
            assert (said.code, words in said.err) == (2, True), said.err
    assert slept == []


def of_nobody(folder: Path) -> ssl.SSLContext:
    """A server's certificate that no authority signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test of nobody")])
    moment = datetime.now(UTC)
    made = x509.CertificateBuilder(who, who, key.public_key(), 7, moment, moment + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "tls.pem").write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    return context


def rotate(run: Run, *arguments: str) -> Said:
    return run("rotate-keys", "production", "--push", "--yes", *arguments)


def ring() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("deploy/production/keys.json").read_text())
    return found


def states() -> list[str]:
    return [each["state"] for each in ring()["keys"]]


@pytest.mark.slow
@pytest.mark.usefixtures("proved")
def test_a_rotation_by_push_needs_nobody(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        assert run("push", "production", "--yes").code == 0
        count = len(fake.asked)
        assert run("push", "production", "--yes").lines == ["production: Coolify has what the files say"]
        assert len(fake.asked) - count <= 8 + 2
        young = rotate(run, "--if-older", "90d")
        assert (young.code, young.lines) == (0, ["production: nothing to do, the key is 0 days old"])
        [shop] = [each for each in fake.resources if each.name == "shop"]
        [hub] = [each for each in fake.services() if each.name == "mercure-production"]
        old = key()
        staged = rotate(run)
        assert (staged.code, states()) == (0, ["current", "staged"]), staged.err
        assert shop.started["MERCURE_JWT_SECRET"] == old
        assert "production: deployed: hub" in staged.lines
        active = rotate(run)
        assert (active.code, states()) == (0, ["retiring", "current"]), active.err
        assert shop.started["MERCURE_JWT_SECRET"] == key() != old
        assert "the old key may go at" in active.err
        early = rotate(run)
        assert (early.code, states()) == (1, ["retiring", "current"]), early.err
        # somebody lost when the apps went out: they are out, so from now on
        said = {name: value for name, value in ring().items() if name != "apps_deployed"}
        Path("deploy/production/keys.json").write_text(json.dumps(said))
        known = rotate(run)
        assert (known.code, "apps_deployed" in ring()) == (1, True), known.err
        later = datetime.now(UTC) + timedelta(days=2)
        monkeypatch.setattr(rotate_keys, "now", lambda: later)
        retired = rotate(run)
        assert (retired.code, states()) == (0, ["current"]), retired.err
        assert hub.started["MERCURE_PUBLISHER_JWT_KEY"] == key()
        assert old not in json.dumps(hub.started)
        nothing_leaked(fake, staged, active, early, retired)
        # taken back
        assert rotate(run).code == 0
        back = rotate(run, "--abort")
        assert (back.code, "production: deployed: hub" in back.lines) == (0, True), back.err


@pytest.mark.usefixtures("proved")
def test_a_step_whose_files_were_not_written_is_finished_first(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch):
        assert run("push", "production", "--yes").code == 0
        before = {path: path.read_bytes() for path in Path("deploy/production").iterdir() if path.is_file()}
        assert run("rotate-keys", "production").code == 0
        for path, data in before.items():
            if path.name != "keys.json":
                path.write_bytes(data)
        said = rotate(run)
        assert (said.code, states()) == (0, ["current", "staged"]), said.err
        assert run("check").code == 0


@pytest.mark.usefixtures("proved")
def test_apps_that_push_does_not_know_need_somebody_who_says_when(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        more = (
            Path("mercure.yaml")
            .read_text()
            .replace("    coolify:", "      two: {url: https://two.example.com}\n    coolify:")
        )
        assert run("render", spec=more).code == 0
        assert run("push", "production", "--yes").code == 0
        assert rotate(run).code == 0
        assert rotate(run).code == 0
        said = rotate(run)
        assert (said.code, "push does not deploy two" in said.err) == (2, True), said.err
        assert ring().get("apps_deployed") is None
        state = json.loads(run("status", "--remote", "--format", "json").out)["environments"]["production"]["remote"]
        assert state["apps"] == {"app": "same", "two": "unknown"}
        assert fake.deployments


@pytest.mark.slow
def test_what_the_hub_does_not_show_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, proved: list[Any]):
    monkeypatch.setattr(steps, "_PATIENCE", 0.05)
    hint = "deploy it"
    proved.append(Seen("key", "fail", "refused", None, (Finding("key-mismatch", "error", "refused", hint),)))
    with instance(run, monkeypatch) as fake:
        said = run("push", "production", "--yes")
        assert (said.code, "not proved: key: refused" in said.err) == (1, True), said.err
        assert fake.deployments == [], "the apps are deployed after the proof"
        as_json = run("push", "production", "--yes", "--format", "json")
        row = json.loads(as_json.out)
        assert (as_json.code, row["proved"], row["deployed"]) == (1, False, ["hub"])
        assert [each["id"] for each in row["findings"]] == ["key-mismatch"]
        proved.clear()
        assert run("push", "production", "--yes", "--format", "json").code == 0
        # app and hub get another key at once: neither waits for the other
        proved.append(Seen("key", "warn", "not yet", None))
        assert run("rotate-keys", "production", "--now", "--yes").code == 0
        now = run("push", "production", "--yes")
        assert (now.code, now.lines[-1]) == (1, "production: written and started, not proved: hub, app"), now.err


@pytest.mark.usefixtures("proved")
def test_a_deployment_that_fails_waits_or_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        fake.on_deploy = lambda _application: False
        failed = run("push", "production", "--yes")
        assert (failed.code, "  the end of its log" in failed.err) == (1, True), failed.err
        assert "a-secret" not in failed.err
        fake.on_deploy = lambda _application: True
        # one that somebody began before the variables were there
        [shop] = [each for each in fake.resources if each.name == "shop"]
        fake.deployments.append(coolify.Deployment(shop))
        waited = 0

        def wait(_seconds: float) -> None:
            nonlocal waited
            waited += 1
            fake.deployments[1].status = "finished"

        monkeypatch.setattr(pushing.time, "sleep", wait)
        assert run("push", "production", "--yes").code == 0
        assert (waited > 0, len(fake.deployments)) == (True, 3)
        shop.variable("MERCURE_JWT_SECRET").updated = "2999-01-01T00:00:00.000000Z"  # type: ignore[union-attr]
        gone = coolify.Deployment(shop)
        monkeypatch.setattr(coolify, "Deployment", lambda _application: gone)
        fake.fault = lambda asked, _number: "404" if asked.path.endswith(gone.uuid) else None
        absent = run("push", "production", "--yes")
        assert (absent.code, "has no such deployment" in absent.err) == (1, True), absent.err


@pytest.mark.usefixtures("proved")
def test_a_deployment_that_never_ends_is_given_up(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deploying, "_LONGEST", 0.0)
    with instance(run, monkeypatch):
        said = run("push", "production", "--yes")
        assert (said.code, "for an hour" in said.err) == (1, True), said.err


@pytest.mark.usefixtures("proved")
def test_a_status_that_lags_is_no_reason_to_start_again(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        # for up to a minute it says exited
        fake.late = 10_000
        assert run("push", "production", "--yes").code == 0
        assert fake.services()[1].status == "exited"
        starts = [asked for asked in fake.asked if asked.path.endswith("/start")]
        again = run("push", "production", "--yes")
        assert (again.code, again.lines) == (0, ["production: Coolify has what the files say"])
        assert [asked for asked in fake.asked if asked.path.endswith("/start")] == starts
        # a change is brought into the container that runs, whatever its status says
        assert (
            run("render", spec=Path("mercure.yaml").read_text().replace("hub:\n", "hub:\n      history: 5\n")).code == 0
        )
        said = run("push", "production", "--yes")
        assert (said.code, said.lines[-1]) == (0, "production: deployed: hub"), said.err


FAILING = {
    "a worker that stands still": {"worker": False},
    "an image that does not exist": {"failing_up": True},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize("since", ["retired", "now", "history"])
@pytest.mark.usefixtures("proved")
def test_what_the_old_container_answers_is_no_proof(run: Run, monkeypatch: pytest.MonkeyPatch, name: str, since: str):
    monkeypatch.setattr(steps, "_PATIENCE", 0.05)
    with instance(run, monkeypatch) as fake:
        assert run("push", "production", "--yes").code == 0
        [hub] = [each for each in fake.services() if each.name == "mercure-production"]
        if since == "retired":
            assert (rotate(run).code, rotate(run).code) == (0, 0)
            monkeypatch.setattr(rotate_keys, "now", lambda: datetime.now(UTC) + timedelta(days=2))
        elif since == "now":
            assert run("rotate-keys", "production", "--now", "--yes").code == 0
        else:
            spec = Path("mercure.yaml").read_text().replace("hub:\n", "hub:\n      history: 5\n")
            assert run("render", spec=spec).code == 0
        old = dict(hub.started)
        for word, value in FAILING[name].items():
            setattr(fake, word, value)
        said = rotate(run) if since == "retired" else run("push", "production", "--yes")
        assert said.code == 1, said.err
        assert said.lines[-1].startswith("production: written and started, not proved: hub")
        assert "does not answer as the container that was written: another one runs, or none" in said.err
        assert hub.started == old
        # it stays to be done, and everybody says so
        assert run("check", "--remote").code == 1
        assert "hub pending" in run("status", "--remote").out
        assert "to deploy: hub" in run("push", "production", "--dry-run").out
        fake.worker, fake.failing_up = True, False
        again = run("push", "production", "--yes")
        assert (again.code, "proved on the live hub: the new container" in again.err) == (0, True), again.err
        assert hub.started != old
        assert run("check", "--remote").code == 0


@pytest.mark.usefixtures("proved")
def test_a_deployment_of_a_preview_is_none_of_the_app(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        assert run("push", "production", "--yes").code == 0
        assert run("rotate-keys", "production", "--now", "--yes").code == 0
        assert push(run).code == 0
        [shop] = [each for each in fake.resources if each.name == "shop"]
        later = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        fake.deployments.append(coolify.Deployment(shop, "finished", created=later, preview=7))
        assert run("push", "production", "--dry-run").lines == ["to deploy: hub, app"]
        fake.deployments.append(coolify.Deployment(shop, "finished", created=later))
        assert run("push", "production", "--dry-run").lines == ["to deploy: hub"]


@pytest.mark.usefixtures("proved")
def test_a_deployment_that_began_in_the_second_of_the_write_counts_only_if_it_is_ours(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    with instance(run, monkeypatch) as fake:
        assert push(run).code == 0
        [shop] = [each for each in fake.resources if each.name == "shop"]
        second = max(each.updated for each in shop.variables)[:19] + ".000000Z"
        fake.deployments.append(coolify.Deployment(shop, "finished", created=second))
        assert "app" in run("push", "production", "--dry-run").lines[-1]
        assert run("push", "production", "--yes").code == 0
        fake.deployments[-1].created = second
        assert run("push", "production", "--dry-run").code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("proved")
def test_a_service_that_a_person_described_is_started_all_the_same(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        assert run("push", "production", "--yes").code == 0
        [hub] = [each for each in fake.services() if each.name == "mercure-production"]
        hub.description = "our hub, ask Ann"
        assert run("rotate-keys", "production", "--now", "--yes").code == 0
        assert push(run).code == 0
        assert run("push", "production", "--dry-run").lines == ["to deploy: hub, app"]
        assert run("push", "production", "--yes").code == 0
        assert hub.started["MERCURE_PUBLISHER_JWT_KEY"] == key()
        assert hub.description == "our hub, ask Ann"
        assert run("push", "production", "--yes").lines == ["production: Coolify has what the files say"]
        [kept] = [each for each in hub.variables if each.key == "MERCURE_DEPLOY_STATE"]
        assert re.fullmatch(r"hub:[0-9a-f]{12} app\.app:[a-z0-9]+\.[0-9a-f]{12}", str(kept.value))
        assert not kept.flags["is_runtime"]


@pytest.mark.usefixtures("proved")
def test_all_apps_are_deployed_at_once(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        fake.add("two")
        more = "      two: {url: https://two.example.com, hub_url: https://hub.two.example.com}\n    coolify:"
        spec = (
            Path("mercure.yaml")
            .read_text()
            .replace("    coolify:", more)
            .replace("{app: shop}", "{app: shop, two: two}")
        )
        assert run("render", spec=spec).code == 0
        order: list[str] = []
        fake.on_deploy = lambda application: bool(order.append(application.name)) or True
        said = run("push", "production", "--yes")
        assert (said.code, said.lines[-1]) == (0, "production: deployed: hub, app, two"), said.err
        starts = [
            number for number, asked in enumerate(fake.asked) if re.search(r"applications/[^/]+/start", asked.path)
        ]
        looks = [number for number, asked in enumerate(fake.asked) if re.search(r"/deployments/[a-z0-9]+$", asked.path)]
        assert len(starts) == 2
        assert max(starts) < min(looks)
        assert sorted(order) == ["shop", "two"]
        fake.on_deploy = lambda application: application.name != "shop"
        assert run("rotate-keys", "production", "--now", "--yes").code == 0
        failed = run("push", "production", "--yes")
        assert (failed.code, "the deployment of shop failed" in failed.err) == (1, True)
        assert "deployed: hub, two" in failed.lines[-1]
        fake.on_deploy = lambda _application: True
        assert run("push", "production", "--yes").lines[-1] == "production: deployed: app"


@pytest.mark.usefixtures("proved")
def test_a_changed_caddyfile_is_shown_line_by_line(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        assert run("push", "production", "--yes").code == 0
        text = Path("mercure.yaml").read_text()
        origins = "app.example.com\n        origins: [https://www.example.com]\n"
        assert run("render", spec=text.replace("app.example.com\n", origins)).code == 0
        said = run("push", "production", "--dry-run")
        path = "configs.caddyfile.content"
        assert f"hub: - {path}:         cors_origins https://app.example.com" in said.lines
        assert f"hub: + {path}:         cors_origins https://app.example.com https://www.example.com" in said.lines
        assert "\ufffd" not in said.out
        assert fake.resources


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1|abc\ndef", "has a line break in it"),
        ("\ufeff1|abc", "begins with a byte order mark"),
        ("1|abc def", "holds characters that no token has"),
    ],
)
def test_a_token_that_cannot_be_one_is_told_so(run: Run, monkeypatch: pytest.MonkeyPatch, text: str, why: str):
    with instance(run, monkeypatch) as fake:
        Path("token").write_text(text)
        said = run("push", "production", "--dry-run", "--token-file", "token")
        assert (said.code, f"the API token in token {why}" in said.err) == (2, True), said.err
        assert "abc" not in said.err
        assert fake.asked == []


@pytest.mark.usefixtures("proved")
def test_a_member_of_the_team_and_a_server_that_does_not_answer_are_told(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        fake.role = "member"
        said = run("push", "production", "--yes")
        assert (said.code, "a role of admin or owner in the team" in said.err) == (2, True), said.err
        fake.role, fake.functional = "owner", False
        said = run("push", "production", "--yes")
        assert (said.code, "the server does not answer to Coolify" in said.err) == (2, True), said.err
        fake.functional = True
        assert run("push", "production", "--yes").code == 0
        # the engine that is there, and what the spec could say of it
        assert "engine: 26 in hub of production" in run("push", "production", "--yes").err


@pytest.mark.usefixtures("proved")
def test_a_locked_variable_is_locked_and_domains_are_a_set(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        assert run("push", "production", "--yes").code == 0
        [hub] = [each for each in fake.services() if each.name == "mercure-production"]
        [shop] = [each for each in fake.resources if each.name == "shop"]
        shop.variable("MERCURE_JWT_SECRET").flags["is_shown_once"] = True  # type: ignore[union-attr]
        said = run("push", "production", "--dry-run")
        assert "app: - MERCURE_JWT_SECRET is locked, its value cannot be read" in said.lines
        assert run("push", "production", "--yes").code == 0
        two = (
            Path("mercure.yaml")
            .read_text()
            .replace(
                "        url: https://app.example.com\n",
                "        url: https://app.example.com\n        hub_url: https://hub.app.example.com\n",
            )
        )
        assert run("render", spec=two).code == 0
        assert run("push", "production", "--yes").code == 0
        hub.fqdn = ",".join(reversed(hub.fqdn.split(",")))
        assert "," in hub.fqdn
        assert run("push", "production", "--yes").lines == ["production: Coolify has what the files say"]


def test_what_does_not_arrive_as_it_was_sent_is_put_back(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        assert push(run).code == 0
        [hub] = [each for each in fake.services() if each.name == "mercure-production"]
        hub.compose, hub.gzip = str(hub.compose).replace("unless-stopped", "always"), True
        before = state(fake)
        assert run("rotate-keys", "production", "--now", "--yes").code == 0
        gone = [each for each in hub.variables if each.key == "MERCURE_PUBLISHER_JWT_KEY"]
        fake.fault = lambda asked, _number: "says []" if asked.path.endswith("/envs/bulk") else None
        said = push(run)
        assert (said.code, "what was written is not what is there" in said.err) == (2, True), said.err
        assert state(fake) == before
        assert gone


@pytest.mark.parametrize("form", ["text", "json"])
def test_on_a_terminal_it_asks(run: Run, monkeypatch: pytest.MonkeyPatch, form: str):
    asked: list[bool] = [True, False]
    with instance(run, monkeypatch) as fake:
        stdin = SimpleNamespace(isatty=lambda: True)
        monkeypatch.setattr(conftest, "io", SimpleNamespace(StringIO=lambda _text: stdin))
        monkeypatch.setattr(pushing.click, "confirm", lambda *_, **__: asked.pop())
        said = run("push", "production", "--no-deploy", "--format", form)
        assert (said.code, "nothing was written" in said.err) == (1, True), said.err
        assert "+ Service mercure-production" in (said.out if form == "text" else said.err)
        assert "mercure-production" not in {each.name for each in fake.services()}
        assert run("push", "production", "--no-deploy", "--format", form).code == 0


def test_a_key_that_coolify_cannot_carry_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        monkeypatch.setattr(steps, "uncarried", lambda _text: "holds a quote")
        said = push(run)
        assert (said.code, "holds a quote: Coolify does not hand that on [key-quoting]" in said.err) == (2, True)
        monkeypatch.undo()
        assert fake.asked == []


def test_without_its_keys_an_environment_is_not_pushed(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        Path("deploy/production/keys.json").unlink()
        said = push(run)
        assert (said.code, "its keys are not on this machine" in said.err) == (2, True), said.err
        assert fake.asked == []


PROGRAM = str(Path(sys.executable).parent / "mercure-deploy")


def begun(*arguments: str) -> "subprocess.Popen[str]":
    command = [PROGRAM, "push", "production", "--yes", "--no-deploy", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.real
@pytest.mark.parametrize("after", ["first", "now"])
def test_a_push_that_is_killed_is_gone_on_with(run: Run, monkeypatch: pytest.MonkeyPatch, after: str):
    with instance(run, monkeypatch) as fake:
        if SINCE[after]:
            assert push(run).code == 0
            assert run(*SINCE[after]).code == 0
        before, strangers = copy.deepcopy(fake.resources), values(fake, "somebody else's")
        fake.asked.clear()
        assert push(run).code == 0
        for at in range(1, len(fake.asked) + 1):
            fake.resources = copy.deepcopy(before)
            fake.asked.clear()
            started: list[subprocess.Popen[str]] = []

            def kill(
                _asked: Asked, number: int, at: int = at, own: "list[subprocess.Popen[str]]" = started
            ) -> str | None:
                if number == at:
                    own[0].kill()
                    return "lost"
                return None

            fake.fault = kill
            started.append(begun())
            _, said = started[0].communicate(timeout=60)
            assert started[0].returncode == -9, said
            fake.fault = lambda _asked, _number: None
            again = push(run)
            assert again.code == 0, (at, again.err)
            assert len([each for each in fake.services() if each.name == "mercure-production"]) == 1
            assert values(fake, "shop")["MERCURE_JWT_SECRET"] == signing()
            assert values(fake, "somebody else's") == strangers
            assert run("push", "production", "--dry-run").lines == ["to deploy: hub, app"]


@pytest.mark.real
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("after", ["first", "now"])
def test_a_push_that_is_told_to_end_takes_back_what_it_wrote(
    run: Run, monkeypatch: pytest.MonkeyPatch, after: str, name: str
):
    with instance(run, monkeypatch) as fake:
        if SINCE[after]:
            assert push(run).code == 0
            assert run(*SINCE[after]).code == 0
        before = state(fake)
        started: list[subprocess.Popen[str]] = []

        def end(asked: Asked, _number: int) -> str | None:
            # twice, as who is in a hurry does
            if asked.method == "PATCH" and "/applications/" in asked.path and asked.path.endswith("/bulk"):
                for _ in range(2):
                    started[0].send_signal(getattr(signal, name))
            return None

        fake.fault = end
        started.append(begun())
        _, said = started[0].communicate(timeout=60)
        assert (started[0].returncode, "is taken back" in said) == (130, True), said
        assert "Traceback" not in said
        assert stripped(state(fake)) == stripped(before)
        fake.fault = lambda _asked, _number: None
        assert push(run).code == 0


@pytest.mark.real
def test_of_two_pushes_at_once_one_waits(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        held, going = threading.Event(), threading.Event()

        def hold(asked: Asked, _number: int) -> str | None:
            if asked.method == "GET" and not held.is_set():
                held.set()
                going.wait(30)
            return None

        fake.lock = threading.RLock()
        fake.fault = hold
        first = begun()
        assert held.wait(30)
        second = begun()
        line = second.stderr.readline() if second.stderr else ""
        assert line == "mercure-deploy: waiting for another run to end\n"
        going.set()
        for each in (first, second):
            _, said = each.communicate(timeout=60)
            assert each.returncode == 0, said
        assert len([each for each in fake.services() if each.name == "mercure-production"]) == 1


def test_audit_reads_the_log_of_the_container_and_shows_no_token(run: Run, monkeypatch: pytest.MonkeyPatch):
    with instance(run, monkeypatch) as fake:
        asked = ["audit", "production", "--from-coolify"]
        before = run(*asked)
        assert before.code == 2
        assert "Coolify has no Service mercure-production\n  hint: mercure-deploy push production" in before.err
        assert push(run).code == 0
        stopped = run(*asked)
        assert (stopped.code, "the hub of production does not run" in stopped.err) == (2, True), stopped.err
        [hub] = [each for each in fake.services() if each.name == "mercure-production"]
        fake.start_service(["services", hub.uuid])
        for _ in range(5):
            fake.tick()
        text = logs.half_way().text.decode()
        hub.log = "".join(f"2026-11-18T10:00:00.123456789Z {line}\n" for line in text.splitlines())
        said = run(*asked)
        assert said.code == 1, said.err
        assert "every publish has been refused since 2026-11-18" in said.out
        assert f"{len(text.splitlines())} lines, 0 not readable" in said.out
        assert fake.token not in said.out + said.err
        assert run(*asked, "access.log").code == 2
