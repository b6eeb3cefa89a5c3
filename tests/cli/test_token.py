"""`token mint`: the token alone on stdout, with the grants that were asked for and no other."""

import base64
import hmac
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from conftest import MINIMAL, Run

V1 = MINIMAL.replace("hub:\n", 'hub:\n      version: "1.0"\n')


def key_of(project: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((project / "deploy/production/keys.json").read_text())["keys"][-1]
    return found


def test_a_token_is_signed_by_the_current_key(run: Run, project: Path):
    run("render", spec=MINIMAL)
    said = run("token", "mint", "production", "--publish", "a", "--publish", "b", "--subscribe", "*", "--ttl", "5m")
    assert said.code == 0
    claims = jwt.decode(said.out.strip(), key_of(project)["secret"], algorithms=["HS256"])
    assert claims["mercure"] == {"publish": ["a", "b"], "subscribe": ["*"]}
    assert jwt.get_unverified_header(said.out.strip()) == {"alg": "HS256", "typ": "JWT"}
    assert "signed with the key " in said.err
    assert '"publish": ["a", "b"]' in said.err
    assert key_of(project)["secret"] not in said.err
    assert run("token", "mint", "production", "--publish", "a", "-q").err == ""


def test_a_token_of_hub_1_0_names_issuer_audience_and_app(run: Run, project: Path):
    run("render", spec=V1)
    said = run("token", "mint", "production", "--subscribe", "https://example.com/1", "--app", "app")
    audience = "https://hub.example.com/.well-known/mercure"
    secret = key_of(project)["secret"]
    claims = jwt.decode(
        said.out.strip(), secret, algorithms=["HS256"], audience=audience, issuer="https://hub.example.com"
    )
    assert (claims["sub"], claims["client_id"]) == ("https://app.example.com", "https://app.example.com")
    (detail,) = claims["authorization_details"]
    assert (detail["actions"], detail["topics"]) == (["subscribe"], [{"match": "https://example.com/1"}])
    assert jwt.get_unverified_header(said.out.strip())["typ"] == "at+jwt"


def test_another_key_of_the_ring_can_sign(run: Run, project: Path):
    run("render", spec=MINIMAL)
    run("rotate-keys", "production")
    marks = {
        row["fingerprint"] for row in json.loads((project / "deploy/production/manifest.json").read_text())["keys"]
    }
    signed = {
        run("token", "mint", "production", "--publish", "a", "--key", mark).err.split("key ")[1][:8] for mark in marks
    }
    assert signed == marks


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["production"], "a token without a grant is of no use"),
        (["production", "--publish", "a", "--app", "ap"], "there is no such app\n  hint: did you mean app?"),
        (["production", "--publish", "a", "--key", "00000000"], "there is no such key\n  hint: known are: "),
        (["production", "--publish", "a", "--ttl", "soon"], "--ttl must be a number and one of s, m, h, d"),
        (["staging", "--publish", "a"], "there is no environment staging"),
    ],
)
def test_what_cannot_be_minted_is_said(run: Run, arguments: list[str], said: str):
    run("render", spec=MINIMAL)
    answer = run("token", "mint", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_without_a_ring_there_is_no_token(run: Run):
    assert "has no key yet" in run("token", "mint", "production", "--publish", "a", spec=MINIMAL).err


def test_a_token_is_explained(run: Run, project: Path):
    run("render", spec=MINIMAL)
    minted = run("token", "mint", "production", "--publish", "a", "--subscribe", "b", "--ttl", "2h").out
    (project / "token").write_text(minted)
    said = run("token", "inspect", "token")
    assert said.code == 0
    assert said.lines[0] == 'header {"alg": "HS256", "typ": "JWT"}'
    assert said.lines[1].startswith('claims {"mercure": {"publish": ["a"], "subscribe": ["b"]}, "exp": ')
    assert re.fullmatch(r"expires \S+Z, in 1 hour", said.lines[2])
    assert said.lines[3:5] == ["may publish: a", "may subscribe: b"]
    assert re.fullmatch(r"production: signed with the key [0-9a-f]{8}; its hub takes it", said.lines[5])
    assert minted.strip() not in said.out
    assert run("token", "inspect", stdin=minted).out == said.out


@pytest.mark.parametrize(
    ("key", "claims", "why"),
    [
        (None, {"exp": 10}, "it has expired"),
        (None, {"nbf": 4102444800}, "it is not valid yet"),
        (None, {"mercure": None}, "it has no claim mercure, and may publish nothing"),
        ("z" * 64, {}, "no key of its ring signed it"),
    ],
)
def test_what_a_hub_refuses_is_said(run: Run, project: Path, key: str | None, claims: dict[str, object], why: str):
    run("render", spec=MINIMAL)
    text = jwt.encode({"mercure": {"publish": ["*"]}, **claims}, key or key_of(project)["secret"], algorithm="HS256")
    (project / "token").write_text(text)
    said = run("token", "inspect", "token")
    assert said.code == 1
    assert said.lines[-1].endswith(f"its hub answers 401: {why}")


def test_a_token_that_everybody_can_make(run: Run, project: Path):
    # jwt.io's and the recipe's keys are too short for PyJWT
    head, body = (base64.urlsafe_b64encode(text).rstrip(b"=") for text in (b'{"alg":"HS256"}', b'{"iat":1e999}'))
    made = hmac.new(b"!ChangeThisMercureHubJWTSecretKey!", head + b"." + body, "sha256").digest()
    (project / "token").write_bytes(head + b"." + body + b"." + base64.urlsafe_b64encode(made).rstrip(b"="))
    said = run("token", "inspect", "token")
    assert (said.code, said.lines[-1]) == (1, "signed with a key that everybody knows")


def test_where_the_ring_is_not_nobody_knows_who_signed(run: Run, project: Path):
    run("render", spec=MINIMAL)
    minted = run("token", "mint", "production", "--publish", "a").out
    (project / "deploy/production/keys.json").unlink()
    assert run("token", "inspect", stdin=minted).lines[-1].endswith("its keys are not on this machine, so nobody knows")


def test_an_asymmetric_token_is_known_by_the_public_key_alone(run: Run, project: Path):
    run("render", spec=MINIMAL.replace("    hub:\n", "    keys: {algorithm: ES256}\n    hub:\n"))
    minted = run("token", "mint", "production", "--publish", "a").out
    (project / "deploy/production/keys.json").unlink()
    assert run("token", "inspect", stdin=minted).lines[-1].endswith("its hub takes it")
    foreign = minted.strip()[:-8] + "AAAAAAAA"
    assert run("token", "inspect", stdin=foreign).code == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["none"], "", "none does not exist"),
        ([], "no token\n", "that is no token"),
        (["eyJhbGciOiJIUzI1NiJ9.e30.AA"], "", "a token is a secret"),
    ],
)
def test_what_cannot_be_inspected_is_said(run: Run, arguments: list[str], stdin: str, said: str):
    answer = run("token", "inspect", *arguments, stdin=stdin)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_times_and_grants_of_hub_1_0(run: Run):
    run("render", spec=V1)
    minted = run("token", "mint", "production", "--publish", "a", "--subscribe", "b", "--ttl", "1d").out
    said = run("token", "inspect", stdin=minted)
    assert said.code == 0
    assert "may publish: a\nmay subscribe: b\n" in said.out


@pytest.mark.parametrize(
    ("spec", "publish", "subscribe", "code"),
    [
        (MINIMAL, 1000, 1000, 0),
        (MINIMAL, 1001, 1, 2),
        (MINIMAL, 1, 1001, 2),
        (V1, 50, 50, 0),
        (V1, 50, 51, 2),
        (V1, 101, 0, 2),
    ],
)
def test_more_topics_than_the_hub_takes_are_refused(run: Run, spec: str, publish: int, subscribe: int, code: int):
    run("render", spec=spec)
    topics = [word for n in range(publish) for word in ("--publish", f"t{n}")]
    said = run("token", "mint", "production", *topics, *(w for n in range(subscribe) for w in ("--subscribe", f"t{n}")))
    assert said.code == code
    assert bool(said.out) is (code == 0)
    assert code == 0 or re.search(r"a hub \S+ refuses a token with more than (100|1000) topics\n  hint: ", said.err)


@pytest.mark.parametrize("kind", ["compose", "systemd", "kubernetes", "coolify", "other"])
def test_a_key_that_a_header_names_is_looked_for_in_a_set_alone(run: Run, project: Path, kind: str):
    run("render", spec=MINIMAL.replace("  production:", f"  production:\n    platform: {kind}"))
    always = kind in {"compose", "systemd", "kubernetes"}
    secret = json.loads((project / "deploy/production/keys.json").read_text())["keys"][0]["secret"]
    claims = {"mercure": {"publish": ["*"]}, "exp": 4e9}
    text = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": "x"})
    said = run("token", "inspect", stdin=text)
    assert ("its header names a key, kid" in said.out) is always


def test_who_waits_for_a_token_on_a_terminal_says_so(project: Path):
    command = [str(Path(sys.executable).parent / "mercure-deploy"), "token", "inspect"]
    ours, theirs = pty.openpty()
    os.write(ours, b"no token\n\x04")
    said = subprocess.run(command, cwd=project, stdin=theirs, capture_output=True, text=True, check=False, timeout=30)
    assert said.returncode == 2
    assert said.stderr.startswith("mercure-deploy: paste the token, end with a new line and ^D\n")
    os.close(ours)
    os.close(theirs)
