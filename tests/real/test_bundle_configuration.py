"""The bundle's configuration in generated shapes: what Symfony's kernel and the real bundles make of it, and `lint`."""

import json
import os
import random
from typing import Any

import pytest
from test_readers import symfony as run_php

from mercure_deploy.readers import symfony, yamlfile

pytestmark = [pytest.mark.real, pytest.mark.against("php", "symfony", "symfony_newer", "symfony_newest")]

SEED, NUMBER = int(os.environ.get("SEED", "1")), int(os.environ.get("N", "300"))
SUITES = ["symfony", "symfony_newer", "symfony_newest"]
OLD = {
    "url": ["http://hub/x", "'%env(MERCURE_URL)%'", "~", "[a]"],
    "public_url": ["https://hub.example.com/x", "'%env(default::MERCURE_PUBLIC_URL)%'", "null"],
    "public-url": ["https://dash.example.com/x"],
    "jwt_provider": ["App\\Provider"],
    "bus": ["messenger.bus"],
    "publicUrl": ["x"],
}
INNER = {
    "secret": ["'%env(MERCURE_JWT_SECRET)%'", "abc", "~", "{a: b}"],
    "algorithm": ["hmac.sha512", "rsa.sha256", "HS256"],
    "publish": ["'*'", "['*']", "[a, b]"],
    "subscribe": ["'*'", "[]"],
    "value": ["'%env(MERCURE_JWT)%'", "a.b.c"],
    "provider": ["App\\Jwt"],
    "factory": ["App\\Factory"],
    "passphrase": ["''", "abc"],
    "expire": ["5"],
}
NEW = {"protocol_version": ["'1.0'", "'0.x'"], "cookie_name": ["mine", "~"], "http_client": ["slow.client"]}
WORDS = ["url", "public_url", "cookie_name", "jwt.secret", "jwt.algorithm", "jwt.value", "jwt.provider", "jwt.factory"]


def node(rng: random.Random, words: dict[str, list[str]], indent: str, rare: set[str]) -> list[str]:
    lines = []
    for word, values in words.items():
        if rng.random() < (0.04 if word in rare else 0.4):
            lines.append(f"{indent}{word}: {rng.choice(values)}")
    return lines


def hub(rng: random.Random, name: str, indent: str, *, new: bool, whole: bool) -> list[str]:
    rare = {"jwt_provider", "bus", "publicUrl", "public-url", "value", "provider", "factory", "expire", "http_client"}
    lines = [f"{indent}{name}:"]
    own = node(rng, {**OLD, **(NEW if new else {})}, f"{indent}  ", rare)
    inner = node(rng, INNER, f"{indent}    ", rare)
    if whole and rng.random() < 0.8:
        own = [line for line in own if " url:" not in line] + [f"{indent}  url: http://whole/x"]
        inner = [line for line in inner if " secret:" not in line] + [f"{indent}    secret: whole"]
    shape = rng.random()
    if shape < 0.08:
        own.append(f"{indent}  jwt: a.token.itself")
    elif shape < 0.13 and new:
        own += [f"{indent}  publisher:", f"{indent}    secret: publishing", f"{indent}    topics: ['*']"]
    elif inner and shape < 0.95:
        own += [f"{indent}  jwt:", *inner]
    return [*lines, *own] if own else [f"{indent}{name}: {{}}"]


def file(rng: random.Random, *, new: bool, whole: bool) -> str:
    lines: list[str] = []
    parts = ["mercure:"] if whole or rng.random() < 0.7 else []
    parts += [rng.choice(["when@prod:", "when@dev:"])] if not parts or rng.random() < 0.4 else []
    for part in parts:
        indent = "" if part == "mercure:" else "    "
        lines += [part] if part == "mercure:" else [part, "    mercure:"]
        lines += [f"{indent}    default_hub: {rng.choice(['default', 'second'])}"] if rng.random() < 0.15 else []
        lines += [f"{indent}    default_cookie_lifetime: 60"] if rng.random() < 0.1 else []
        lines.append(f"{indent}    hubs:")
        for name in ["default", *(["second"] if rng.random() < 0.25 else [])]:
            lines += hub(rng, name, f"{indent}        ", new=new, whole=whole and part == "mercure:")
    return "\n".join([*lines, ""])


def project(rng: random.Random, *, new: bool) -> dict[str, str]:
    files = {"mercure.yaml": file(rng, new=new, whole=True)}
    for folder, chance in (("prod", 0.25), ("dev", 0.2)):
        if rng.random() < chance:
            files[f"{folder}/mercure.yaml"] = file(rng, new=new, whole=False)
    return files


def compiled(suite: str, projects: list[dict[str, str]]) -> list[dict[str, Any]]:
    said = run_php(suite, script="configuration", text=json.dumps(projects))
    rows: list[dict[str, Any]] = json.loads(said.stdout)
    return rows


def flat(words: dict[str, Any]) -> dict[str, str]:
    """What the bundle has of a hub, by the names of the reader; the publisher's key is the app's."""
    jwt = words.get("publisher") or words.get("jwt") or {}
    both = {**words, **{f"jwt.{word}": value for word, value in jwt.items()}}
    return {word: str(both[word]) for word in WORDS if both.get(word) is not None}


@pytest.mark.proves("`lint` reads a bundle's configuration as Symfony compiles it, generated ones")
@pytest.mark.parametrize("suite", SUITES)
def test_what_is_read_is_what_is_compiled(suite: str):
    rng = random.Random(f"{SEED} {suite}")
    projects = [project(rng, new=suite == "symfony_newest") for _ in range(NUMBER)]
    wrong, taken = [], 0
    for files, real in zip(projects, compiled(suite, projects), strict=True):
        nodes = [yamlfile.read(f"config/packages/{path}", text) for path, text in files.items()]
        bundle = symfony.read([each for each in nodes if isinstance(each, yamlfile.Node)])
        read = {word: value.text for word, value in bundle.words.items() if word in WORDS}
        refused = "refused" in real
        if suite == "symfony" and 'at least one of "jwt", and' in real.get("refused", ""):
            # of a hub without a URL; newer ones do without
            continue
        taken += not refused
        if refused != bool(bundle.findings) or (not refused and differing(read, real["words"])):
            wrong.append((files, real, read, [each.what for each in bundle.findings]))
    assert taken > NUMBER / 3
    assert wrong == [], f"{len(wrong)} of {len(projects)}: {sorted(wrong, key=lambda row: len(str(row[0])))[:2]}"


def differing(read: dict[str, str], words: dict[str, Any] | None) -> bool:
    real = flat(words or {})
    # what the bundle has of its own where nothing is said
    own = {"jwt.algorithm": "hmac.sha256", "protocol_version": "1.0"}
    return any(read.get(word) != real.get(word) and real.get(word) != own.get(word) for word in WORDS)
