"""What each platform allows: words of others are refused by their names, and what cannot work with a reason."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from mercure_deploy.cli.init import PLATFORMS as PLATFORM_WORDS
from mercure_deploy.errors import Trouble
from mercure_deploy.spec import contradictions
from mercure_deploy.spec.models import Platform, Spec
from mercure_deploy.spec.rules import platforms

PLATFORMS = get_args(Platform)
HUB, APP = "https://hub.example.com", "https://app.example.com"
# what a word is set to where it is no default
SAID: dict[str, Any] = {
    "app": "app",
    "bind": "10.0.0.1",
    "binary": "/usr/bin/mercure",
    "delivery": "caddyfile",
    "engine": 26,
    "history": 10,
    "image": "dunglas/mercure:v0.24.2",
    "ingress": {"class": "nginx"},
    "internal_url": "http://hub-shop",
    "namespace": "live",
    "network": "shop-net",
    "path": "/hub",
    "port": 8080,
    "proxy": "traefik",
    "replicas": 2,
    "storage": "2Gi",
    "tls": "proxy",
    "traefik": {"network": "edge"},
    "transport": {"name": "local"},
}


def environment(platform: str, hub: dict[str, Any] | None = None, **words: Any) -> dict[str, Any]:
    said = {"platform": platform, "hub": {**({} if platform == "frankenphp" else {"url": HUB}), **(hub or {})}}
    return {**said, "apps": {"app": {"url": APP}}, **words}


def found(said: dict[str, Any]) -> Iterator[tuple[str, str | None, str]]:
    """(path within the environment, id, what is wrong) of every error and warning."""
    spec = Spec.model_validate({"version": 1, "environments": {"production": copy.deepcopy(said)}})
    for each in contradictions(spec):
        if each.level != "note":
            yield ".".join(map(str, each.path[2:])), each.id, each.what


def test_the_command_line_knows_every_platform():
    # written there again, as no --help is to read the models
    assert tuple(PLATFORM_WORDS.choices) == PLATFORMS


def test_every_platform_has_its_rules():
    assert set(platforms.modules()) == set(PLATFORMS)


@pytest.mark.parametrize("word", sorted(SAID))
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_word_of_another_platform_is_refused_by_the_names_of_those_that_know_it(platform: str, word: str):
    module = platforms.modules()[platform]
    named = [what for path, _, what in found(environment(platform, {word: SAID[word]})) if path == f"hub.{word}"]
    foreign = [what for what in named if " is for " in what and what.endswith("only")]
    if word in module.WORDS:
        assert not [what for what in foreign if what.startswith(f"{word} is for {platform}")]
    elif any(word in each.WORDS for each in platforms.modules().values()):
        homes = [name for name, each in platforms.modules().items() if word in each.WORDS]
        assert foreign, named
        assert all(name in foreign[0] for name in homes)


GOOD: dict[str, dict[str, Any]] = {
    "frankenphp": environment("frankenphp", {"image": "dunglas/frankenphp:1.12.7-php8.4"}),
    "frankenphp-by-digest": environment("frankenphp", {"image": f"dunglas/frankenphp@sha256:{'0' * 64}"}),
    "frankenphp-newer-and-told": environment("frankenphp", {"image": "dunglas/frankenphp:1.13.0", "version": "0.24"}),
    "frankenphp-own-transport": environment("frankenphp", {"transport": {"name": "bolt", "options": {"size": 10}}}),
    "frankenphp-inside": environment("frankenphp", {"internal_url": "http://php"}),
    "frankenphp-development": environment(
        "frankenphp", {"delivery": "environment"}, mode="development", apps={"app": {"url": "http://app.localhost"}}
    ),
    "traefik": environment("compose", {"proxy": "traefik"}),
    "traefik-http": environment(
        "compose",
        {"url": "http://hub.test", "proxy": "traefik"},
        mode="development",
        apps={"app": {"url": "http://app.hub.test"}},
    ),
    "systemd": environment("systemd"),
    "systemd-inside": environment("systemd", {"internal_url": "http://localhost:3000"}),
    "systemd-public-inside": environment("systemd", {"internal_url": HUB, "port": 8080}),
    "systemd-80": environment("systemd", {"port": 80, "bind": "10.0.0.1"}),
    "systemd-tls": environment("systemd", {"tls": "hub", "email": "ops@example.com"}),
    "kubernetes": environment("kubernetes", {"storage": "2Gi", "ingress": {"class": "nginx", "issuer": "le"}}),
    "kubernetes-inside": environment("kubernetes", {"internal_url": "http://mercure.live.svc.cluster.local"}),
    "kubernetes-public-inside": environment("kubernetes", {"internal_url": HUB}),
    "kubernetes-one-origin": environment("kubernetes", {"url": APP}),
    "chart": environment("kubernetes", {"delivery": "chart"}),
    "several": environment(
        "kubernetes",
        {
            "image": "registry.example.com/mercure-redis:1.4.0",
            "transport": {"name": "redis", "options": {"url": "{env.REDIS_URL}", "password": "{env.REDIS_PASSWORD}"}},
            "replicas": 3,
        },
    ),
    "other": environment("other"),
    "managed": environment("managed", {"path": "/hub", "internal_url": "http://inside"}),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_work_is_taken(name: str):
    assert list(found(GOOD[name])) == []


TWO_APPS = {"app": {"url": APP}, "www": {"url": "https://www.app.example.com", "subscribe": False}}
RSA = {"keys": {"algorithm": "RS256"}}
# what is said, where it is wrong, its id, and a part of the reason
BAD: dict[str, tuple[dict[str, Any], str, str | None, str]] = {
    "frankenphp-no-app": (
        {**environment("frankenphp", {"url": APP}), "apps": TWO_APPS},
        "hub",
        None,
        "app is required on frankenphp with several apps",
    ),
    "frankenphp-strange-app": (
        environment("frankenphp", {"url": APP, "app": "shop"}),
        "hub.app",
        None,
        "there is no such app",
    ),
    "frankenphp-url": (environment("frankenphp", {"url": HUB}), "hub.url", "public-url-wrong", "is not the URL of app"),
    "frankenphp-https-inside": (
        environment("frankenphp", {"internal_url": "https://php"}),
        "hub.internal_url",
        "internal-url-wrong",
        "speaks plain http there",
    ),
    "frankenphp-1.0": (
        environment("frankenphp", {"version": "1.0"}),
        "hub.version",
        "hub-upgrade-break",
        "no release of FrankenPHP with hub 1.0",
    ),
    "frankenphp-newer": (
        environment("frankenphp", {"image": "dunglas/frankenphp:1.13.0-php8.5"}),
        "hub.image",
        "hub-upgrade-break",
        "reported to carry hub 1.0",
    ),
    "frankenphp-floating": (
        environment("frankenphp", {"image": "dunglas/frankenphp:1-php8.5"}),
        "hub.image",
        "hub-upgrade-break",
        "the tag 1-php8.5 moves",
    ),
    "frankenphp-no-tag": (
        environment("frankenphp", {"image": "dunglas/frankenphp"}),
        "hub.image",
        "hub-upgrade-break",
        "it has no tag",
    ),
    "frankenphp-old": (
        environment("frankenphp", {"image": "dunglas/frankenphp:1.12.2-php8.4"}),
        "hub.image",
        "hub-upgrade-break",
        "cannot trust two keys at once",
    ),
    "frankenphp-rsa": (environment("frankenphp", **RSA), "keys.algorithm", "alg-mismatch", "one variable"),
    "frankenphp-redis": (
        environment("frankenphp", {"transport": {"name": "local"}}),
        "hub.transport",
        "transport-not-shared",
        "share one transport",
    ),
    "frankenphp-strangers": (
        environment("frankenphp", {"delivery": "environment"}),
        "hub.delivery",
        "anonymous",
        "lets strangers subscribe",
    ),
    "frankenphp-second-line": (
        environment("frankenphp", {"delivery": "environment", "directives": ["heartbeat 15s"]}, accept=["anonymous"]),
        "hub.directives",
        "directive-syntax",
        "a line of its own",
    ),
    "frankenphp-port": (
        environment("frankenphp", {"tls": "hub", "port": 8080}),
        "hub.port",
        "port-conflict",
        "with tls: proxy only",
    ),
    "delivery": (
        environment("frankenphp", {"delivery": "chart"}),
        "hub.delivery",
        None,
        "delivery: chart is for kubernetes only",
    ),
    "traefik-without-proxy": (
        environment("compose", {"traefik": {}}),
        "hub.traefik",
        None,
        "for proxy: traefik only",
    ),
    "traefik-and-tls": (
        environment("compose", {"proxy": "traefik", "tls": "hub"}),
        "hub.proxy",
        "tls-mode-mismatch",
        "traefik terminates TLS",
    ),
    "traefik-and-port": (
        environment("compose", {"proxy": "traefik", "port": 8080}),
        "hub.port",
        "port-conflict",
        "beside Traefik",
    ),
    "systemd-80": (environment("systemd", {"port": 80}), "hub.port", "port-conflict", "needs port 80"),
    "systemd-tls-http": (
        environment(
            "systemd",
            {"url": "http://hub.test", "tls": "hub"},
            mode="development",
            apps={"app": {"url": "http://app.hub.test"}},
        ),
        "hub.tls",
        "tls-mode-mismatch",
        "needs an https url",
    ),
    "systemd-inside": (
        environment("systemd", {"internal_url": "http://localhost:8080"}),
        "hub.internal_url",
        "internal-url-wrong",
        "the hub's port is 3000",
    ),
    "systemd-inside-tls": (
        environment("systemd", {"internal_url": "http://localhost", "tls": "hub"}),
        "hub.internal_url",
        "internal-url-wrong",
        "https only",
    ),
    "kubernetes-tls": (
        environment("kubernetes", {"tls": "hub"}),
        "hub.tls",
        "tls-mode-mismatch",
        "the ingress terminates TLS",
    ),
    "kubernetes-app": (
        {**environment("kubernetes"), "apps": {"app-": {"url": APP}}},
        "apps.app-",
        None,
        "no name that ends with -",
    ),
    "kubernetes-capital": (
        environment("kubernetes", {"ingress": {"class": "Nginx"}}),
        "hub.ingress.class",
        None,
        "no name that Kubernetes takes",
    ),
    "kubernetes-storage": (
        environment("kubernetes", {"history": 0, "storage": "1Gi"}),
        "hub.storage",
        None,
        "needs no volume",
    ),
    "kubernetes-inside": (
        environment("kubernetes", {"internal_url": "http://mercure:8080"}),
        "hub.internal_url",
        "internal-url-wrong",
        "has port 80",
    ),
    "kubernetes-local": (
        environment("kubernetes", {"internal_url": "http://localhost"}),
        "hub.internal_url",
        "internal-url-wrong",
        "no name of the hub's Service",
    ),
    "kubernetes-two": (
        environment("kubernetes", {"replicas": 2}),
        "hub.replicas",
        "transport-not-shared",
        "a part of them",
    ),
    "chart-1.0": (
        environment("kubernetes", {"delivery": "chart", "version": "1.0"}),
        "hub.version",
        "hub-upgrade-break",
        "MERCURE_TRUSTED_ISSUERS",
    ),
    "chart-rsa": (
        environment("kubernetes", {"delivery": "chart"}, **RSA),
        "keys.algorithm",
        "pem-in-env",
        "has not been measured",
    ),
    "chart-digest": (
        environment("kubernetes", {"delivery": "chart", "image": f"dunglas/mercure@sha256:{'0' * 64}"}),
        "hub.image",
        None,
        "a digest",
    ),
    "chart-transport": (
        environment(
            "kubernetes", {"delivery": "chart", "image": "registry.example.com/x:1.0.0", "transport": {"name": "redis"}}
        ),
        "hub.transport",
        "transport-not-shared",
        "has not been measured",
    ),
    "other-1.0": (environment("other", {"version": "1.0"}), "hub.version", "hub-upgrade-break", "several lines"),
    "other-tls": (environment("other", {"tls": "hub"}), "hub.tls", "tls-mode-mismatch", "the platform terminates TLS"),
    "other-rsa": (environment("other", **RSA), "keys.algorithm", "pem-in-env", "environment variable"),
    "other-line": (environment("other", {"subscriptions": True}), "hub.subscriptions", "directive-syntax", "one line"),
    "managed": (environment("managed", {"subscriptions": True}), "hub.subscriptions", None, "who runs the hub"),
    "transport-history": (
        environment("compose", {"transport": {"name": "local"}, "history": 5}),
        "hub.history",
        None,
        "the business of the transport",
    ),
    "transport-image": (
        environment("compose", {"transport": {"name": "redis"}}),
        "hub.transport",
        "transport-not-shared",
        "has no transport redis",
    ),
    "transport-secret": (
        environment(
            "compose",
            {
                "image": "registry.example.com/x:1.0.0",
                "transport": {"name": "redis", "options": {"url": "redis://user:hidden@redis"}},
            },
        ),
        "hub.transport.options.url",
        "secret-exposure",
        "holds a secret",
    ),
    "transport-password": (
        environment(
            "compose",
            {
                "image": "registry.example.com/x:1.0.0",
                "transport": {"name": "redis", "options": {"password": "hidden"}},
            },
        ),
        "hub.transport.options.password",
        "secret-exposure",
        "holds a secret",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_work_is_refused_with_the_reason(name: str):
    said, path, id_, reason = BAD[name]
    rows = list(found(said))
    assert any((row[0], row[1]) == (path, id_) and reason in row[2] for row in rows), rows


def test_a_hub_inside_an_app_has_the_url_of_that_app():
    said = {**environment("frankenphp", {"app": "www"}), "apps": TWO_APPS}
    spec = Spec.model_validate({"version": 1, "environments": {"production": said}})
    assert str(spec.environments["production"].hub.url) == "https://www.app.example.com"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("binary", "mercure"),
        ("namespace", "Live"),
        ("namespace", "-a"),
        ("storage", "1"),
        ("storage", {"size": "1 GB"}),
        ("ingress", {"class": "two words"}),
        ("transport", {"name": "redis", "options": {"url": "a\nb"}}),
        ("transport", {"name": "redis", "options": {"url": '"quoted"'}}),
        ("transport", {"name": "redis", "options": {"url": "{other.placeholder}"}}),
        ("transport", {"name": "redis", "options": {"url": True}}),
        ("replicas", 0),
    ],
)
def test_a_word_in_another_form_is_refused(word: str, text: object):
    with pytest.raises(ValueError, match=word):
        Spec.model_validate({"version": 1, "environments": {"production": environment("kubernetes", {word: text})}})


def test_no_value_of_an_option_is_echoed(tmp_path: Path):
    from mercure_deploy.spec import load  # noqa: PLC0415 - the door, for this one

    text = f"""\
version: 1
environments:
  production:
    hub:
      url: {HUB}
      image: registry.example.com/x:1.0.0
      transport: {{name: redis, options: {{url: "redis://user:hidden@redis"}}}}
    apps: {{app: {{url: {APP}}}}}
"""
    with pytest.raises(Trouble) as caught:
        load(text.encode(), str(tmp_path))
    assert "secret-exposure" in str(caught.value)
    assert "hidden" not in str(caught.value)
