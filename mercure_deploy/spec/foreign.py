"""What belongs to another program and was written into a spec: its words, and whole files of it."""

import re
from typing import Any

from mercure_deploy.errors import Problem
from mercure_deploy.facts.hubs import GENERATIONS

_ORIGINS = (
    "the url of each app, and its origins, say which pages may subscribe: the hub gets its cors_origins from them"
)
_WRITTEN = "render writes the variables of hub and apps: here stands what is in them, as hub.url and apps.<name>.url"
_ELSEWHERE = {
    "cors_origins": _ORIGINS,
    "cors_allowed_origins": _ORIGINS,
    "mercure_cors_origins": _ORIGINS,
    "mercure_cors_allowed_origins": _ORIGINS,
    "allow_origin": _ORIGINS,
    "mercure_extra_directives": "hub.directives says it, a list with one directive a line",
    "global_options": _WRITTEN,
    "server_name": "hub.url says it; the site's address follows from that and from hub.tls",
    "domain": "url says it, with its scheme",
    "domains": "url says it, with its scheme",
    "ports": "hub.port says which port the proxy finds the hub at",
    "networks": "hub.network says it, a name",
    "environment": f"{_WRITTEN}; the environment of a Coolify project is coolify.environment",
    "env_file": _WRITTEN,
    "mercure_url": "hub.internal_url says it where it is not hub.url",
    "mercure_public_url": "hub.url says it",
    "public_url": "hub.url says it",
    "mercure_transport_url": "hub.history says how many updates are kept",
    "transport_url": "hub.history says how many updates are kept",
    "transport": "hub.history says how many updates are kept",
    "mercure_publisher_jwt_alg": "keys.algorithm says it",
    "mercure_subscriber_jwt_alg": "keys.algorithm says it",
}
_ASSIGNMENT = re.compile(r"(export +)?[A-Za-z_][A-Za-z0-9_.]*=")
_COMPOSE, _BUNDLE, _MANIFEST = "a compose file", "a configuration of mercure-bundle", "a manifest of Kubernetes"
_FIRST = {"services:": _COMPOSE, "mercure:": _BUNDLE}
_OPTIONS = re.compile(r"(\(.*\)|[^\s:=]*:?[0-9]*|https?://\S+|\S+,.*|)\s*\{")


def word(text: str) -> str | None:
    """Which word of the spec says what that word of a hub, of compose or of an env file says; None for any other."""
    said = _ELSEWHERE.get(text.lower())
    if said:
        return said
    directive = next((g for g in GENERATIONS.values() if text in g.free), None)
    return f"it is a directive of the hub: a line of hub.directives, as directives: [{text} …]" if directive else None


def file(text: str, value: Any, name: str) -> Problem | None:  # noqa: ANN401 - whatever the YAML says
    """What another tool's file in the place of a spec is, None where it may be one; `value` is it as YAML, or None."""
    kind = _document(value) if isinstance(value, dict) else _lines(text) if not isinstance(value, list) else None
    if kind is None:
        return None
    hint = f"mercure-deploy lint {name} says what is wrong in it, mercure-deploy import {name} makes a spec of it"
    return Problem(
        f"is {kind}, not a spec", "mercure-deploy init begins one" if kind == _MANIFEST else hint, f"{name}:1:1"
    )


def _document(value: dict[str, Any]) -> str | None:
    if "environments" in value:
        return None
    if isinstance(value.get("services"), dict):
        return _COMPOSE
    if isinstance(value.get("mercure"), dict):
        return _BUNDLE
    if "apiVersion" in value and "kind" in value:
        return _MANIFEST
    return None


def _lines(text: str) -> str | None:
    lines = [line.strip() for line in text.splitlines()]
    code = [line for line in lines if line and not line.startswith("#")]
    if code and sum(bool(_ASSIGNMENT.match(line)) for line in code) * 2 > len(code):
        return "an env file"
    if code and code[0] in _FIRST:
        return _FIRST[code[0]]
    if code and _OPTIONS.fullmatch(code[0]) and "mercure" in text:
        return "a Caddyfile"
    return None
