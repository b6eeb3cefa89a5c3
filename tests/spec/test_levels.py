"""Every level of the model, with all that can be wrong there: a located message, and the other mistakes as well."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mercure_deploy.errors import Trouble
from mercure_deploy.spec import load, schema_text
from mercure_deploy.spec.shapes import all_words

Path = tuple[str | int, ...]

EVERYTHING: dict[str, Any] = {
    "version": 1,
    "environments": {
        "production": {
            "mode": "production",
            "platform": "coolify",
            "hub": {
                "url": "https://mercure.example.com",
                "version": "0.24",
                "image": "dunglas/mercure:v0.24.2",
                "internal_url": "http://hub-shop",
                "network": "coolify",
                "path": "/hub",
                "cookie_name": "shopAuthorization",
                "tls": "proxy",
                "port": None,
                "bind": None,
                "email": None,
                "engine": 26,
                "delivery": "caddyfile",
                "anonymous": False,
                "subscriptions": True,
                "history": 10000,
                "directives": ["heartbeat 15s"],
                "issuer": None,
                "legacy_clients": False,
            },
            "apps": {
                "app": {
                    "url": "https://app.example.com",
                    "origins": ["https://www.example.com"],
                    "subscribe": True,
                    "hub_url": None,
                    "bundle": "0.5",
                }
            },
            "keys": {"algorithm": "HS256", "max_age": "90d", "token_lifetime": "1h"},
            "coolify": {
                "url": "https://coolify.example.com",
                "project": "Shop",
                "environment": "production",
                "server": "localhost",
                "service": "hub",
                "apps": {"app": "shop"},
            },
            "accept": ["key-age"],
        },
        "behind": {
            "platform": "compose",
            "hub": {
                "url": "https://mercure.example.net",
                "proxy": "traefik",
                "traefik": {
                    "network": "traefik",
                    "entrypoint": "websecure",
                    "certresolver": "letsencrypt",
                    "router": None,
                },
            },
            "apps": {"app": {"url": "https://app.example.net"}},
        },
        "cluster": {
            "platform": "kubernetes",
            "hub": {
                "url": "https://mercure.cluster.example",
                "image": "registry.example.com/mercure-redis:1.4.0",
                "namespace": "mercure",
                "ingress": {"class": "nginx", "issuer": "letsencrypt", "secret": None},
                "transport": {"name": "redis", "options": {"url": "{env.MERCURE_REDIS_URL}", "size": 100}},
                "replicas": 3,
            },
            "apps": {"app": {"url": "https://app.cluster.example"}},
        },
        "one": {
            "platform": "kubernetes",
            "hub": {"url": "https://mercure.one.example", "storage": {"size": "1Gi", "class": None}},
            "apps": {"app": {"url": "https://app.one.example"}},
        },
        "unit": {
            "platform": "systemd",
            "hub": {"url": "https://mercure.unit.example", "binary": "/usr/bin/mercure"},
            "apps": {"app": {"url": "https://app.unit.example"}},
        },
        "inside": {
            "platform": "frankenphp",
            "hub": {"app": "app", "image": "dunglas/frankenphp:1.12.7-php8.4"},
            "apps": {"app": {"url": "https://app.inside.example"}, "worker": {"url": "https://w.inside.example"}},
        },
        "staging": {
            "hub": {"url": "https://hub.example.org"},
            "apps": {"app": {"url": "https://app.example.org"}},
        },
    },
}
WRONG: list[Any] = [
    None,
    [],
    ["x"],
    {},
    {"x": 1},
    "x",
    "",
    7,
    -1,
    1.5,
    True,
    "https://x.example/y",
    "*",
    [None],
    [[]],
    {"x": {}},
]
WORDS = ["projekt", "token", "host", "password", "x", "", "0", "url", "hub", "version", "cors_origins", "SERVER_NAME"]
MISTAKE = "environments.staging.hub.url"


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from paths(each, (*path, number))


def about(path: Path) -> Any:
    """A copy with the environment of that path, and the one with the other mistake."""
    kept = {"staging", path[1] if len(path) > 1 else "production"}
    environments = {name: env for name, env in EVERYTHING["environments"].items() if name in kept}
    return copy.deepcopy({**EVERYTHING, "environments": environments})


def at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def shown(path: Path) -> str:
    return ".".join(map(str, path)) or "all of it"


def problems(spec: Any) -> list[str]:
    """The paths that are said to be wrong; fails for anything that is no trouble with places."""
    try:
        load(json.dumps(spec, indent=1).encode(), "mercure.yaml")
    except Trouble as trouble:
        for problem in trouble.problems:
            assert (problem.where or "").startswith("mercure.yaml:")
            assert problem.what
        return [problem.path or "" for problem in trouble.problems]
    return []


def test_it_says_every_word_there_is():
    said = {str(part) for path in paths(EVERYTHING) for part in path}
    assert all_words() <= said


@pytest.mark.slow
@pytest.mark.parametrize("path", list(paths(EVERYTHING)), ids=shown)
def test_whatever_stands_there_is_told_and_the_other_mistake_too(path: Path):
    for wrong in WRONG:
        spec = about(path)
        spec["environments"]["staging"]["hub"]["url"] = 5
        if path:
            at(spec, path[:-1])[path[-1]] = wrong
        else:
            spec = wrong
        said = problems(spec)
        # of a file for a newer version nothing else can be said
        newer = path == ("version",) and wrong == 7
        if (
            not newer
            and not shown(path).startswith(("all of it", "environments.staging"))
            and path != ("environments",)
        ):
            assert MISTAKE in said, wrong


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [path for path in paths(EVERYTHING) if isinstance(at(EVERYTHING, path), dict)], ids=shown
)
def test_a_word_that_is_not_known_is_told_and_the_other_mistake_too(path: Path):
    for word in WORDS:
        spec = about(path)
        spec["environments"]["staging"]["hub"]["url"] = 5
        before = problems(spec)
        if word in at(spec, path) or path[-1:] == ("options",):
            continue
        at(spec, path)[word] = "x"
        said = problems(spec)
        assert MISTAKE in said, word
        assert len(said) > len(before), word


def test_the_users_own_keys_are_taken_wherever_the_loader_takes_them():
    spec = copy.deepcopy(EVERYTHING)
    for path in paths(EVERYTHING):
        if isinstance(at(spec, path), dict):
            at(spec, path)["x-own"] = {"anything": [1]}
    assert problems(spec) == problems(EVERYTHING) == []
    validator = Draft202012Validator(json.loads(schema_text()))
    assert list(validator.iter_errors(spec)) == []


@pytest.mark.parametrize(
    "path", [path for path in paths(EVERYTHING) if isinstance(at(EVERYTHING, path), dict)], ids=shown
)
def test_a_word_that_the_loader_refuses_the_schema_refuses_too(path: Path):
    validator = Draft202012Validator(json.loads(schema_text()))
    spec = copy.deepcopy(EVERYTHING)
    at(spec, path)["x"] = {"x": 1}
    assert problems(spec)
    assert list(validator.iter_errors(spec))
