"""`token mint`: the token alone on stdout, with the grants that were asked for and no other."""

import json
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
