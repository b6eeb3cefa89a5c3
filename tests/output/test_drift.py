"""Diffs in which no secret shows, whatever a file holds by now."""

import base64
import json

import pytest

from mercure_deploy import keys
from mercure_deploy.output.drift import diff

SECRET = "aVeryLongSecretOfSomebody0123456789abcdefghij"
MARK = f"<key {keys.fingerprint(SECRET)}>"


def shown(path: str, old: str | None, new: str, *, secret: bool = True) -> str:
    return "\n".join(diff(path, None if old is None else old.encode(), new.encode(), secret=secret))


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"MERCURE_JWT_SECRET={SECRET}", f"MERCURE_JWT_SECRET={MARK}"),
        (f"MERCURE_JWT_SECRET='{SECRET}'", f"MERCURE_JWT_SECRET={MARK}"),
        (f"MERCURE_JWK_1={encoded(SECRET)}", f"MERCURE_JWK_1={MARK}"),
        (f"MERCURE_JWT_KEY_B64={base64.b64encode(SECRET.encode()).decode()}", f"MERCURE_JWT_KEY_B64={MARK}"),
        ("MERCURE_JWK_1=%%%", f"MERCURE_JWK_1=<key {keys.fingerprint('%%%')}>"),
        (f"export X={SECRET}", "<hidden>"),
        (f"{SECRET}", "<hidden>"),
        (f"# was {SECRET}", "# <hidden>"),
        ("MERCURE_URL=https://hub.example.com", "MERCURE_URL=https://hub.example.com"),
        ("SERVER_NAME=:80", "SERVER_NAME=:80"),
    ],
)
def test_lines_of_env_files(line: str, said: str):
    text = shown("p/app.env", f"{line}\n", "A=\n")
    assert f"-{said}" in text.split("\n")
    assert SECRET not in text


def test_json_files():
    ring = {"version": 1, "keys": [{"id": "a", "algorithm": "HS256", "secret": SECRET, "note": SECRET}]}
    text = shown("p/keys.json", json.dumps(ring), "{}")
    assert f'"secret": "{MARK}"' in text
    assert '"algorithm": "HS256"' in text
    jwks = {"keys": [{"kty": "oct", "k": encoded(SECRET)}, {"kty": "oct", "k": "\ud800"}]}
    assert f'"k": "{MARK}"' in shown("p/hub/jwks.json", json.dumps(jwks), "{}")
    assert "-<not JSON>" in shown("p/keys.json", SECRET, "{}")
    for old in (json.dumps(ring), json.dumps(jwks), SECRET):
        assert SECRET not in shown("p/keys.json", old, "{}")


def test_a_public_file_shows_as_it_is_and_does_not_steer_the_terminal():
    text = shown("p/Caddyfile", "a\x1b[2Jb\tc", "a\n", secret=False)
    assert "-a\ufffd[2Jb\tc  (no line end)" in text
    assert shown("p/Caddyfile", "a\n", "a\n", secret=False) == ""
    assert shown("p/Caddyfile", None, "a\n", secret=False).startswith("--- /dev/null\n+++ b/p/Caddyfile")


def test_secrets_of_kubernetes():
    jwks = json.dumps({"keys": [{"kty": "oct", "k": encoded(SECRET)}]}).replace('"', '\\"')
    head = (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: mercure-app\n  namespace: live\ntype: Opaque\nstringData:\n"
    )
    values = [
        f'  MERCURE_JWT_SECRET: "{SECRET}"',
        f'  jwks.json: "{jwks}"',
        f'  publisher-jwt-key: "{SECRET}"',
        '  MERCURE_URL: "http://mercure"',
        '  fingerprints: "0a1b2c3d"',
        f'  own: "{SECRET}"',
        f"# {SECRET}",
    ]
    text = shown("p/app.secret.yaml", head + "\n".join(values) + "\n", "")
    assert SECRET not in text
    assert encoded(SECRET) not in text
    for line in (
        "-kind: Secret",
        "-  name: mercure-app",
        f"-  MERCURE_JWT_SECRET: {MARK}",
        f"-  jwks.json: {MARK}",
        f"-  publisher-jwt-key: {MARK}",
        '-  MERCURE_URL: "http://mercure"',
        '-  fingerprints: "0a1b2c3d"',
        "-  own: <hidden>",
        "-<hidden>",
    ):
        assert line in text.split("\n")
