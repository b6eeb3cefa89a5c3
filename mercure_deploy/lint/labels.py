"""What Traefik does to a hub, by the labels of its container (measured with Traefik 3.3 and 3.6)."""

import re
from collections.abc import Iterator

from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.facts.origins import Origin
from mercure_deploy.findings import Finding
from mercure_deploy.lint import between
from mercure_deploy.lint.between import Target
from mercure_deploy.readers.places import Service, Value
from mercure_deploy.readers.setup import Setup

_PORT = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.port", re.IGNORECASE)
_SCHEME = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.scheme", re.IGNORECASE)
_USED = re.compile(r"traefik\.http\.routers\.[^.]+\.middlewares", re.IGNORECASE)
_MIDDLEWARE = re.compile(r"traefik\.http\.middlewares\.([^.]+)\.([^.]+)(?:\.(.+))?", re.IGNORECASE)


def targets(setup: Setup) -> Iterator[Target]:
    """The port of the container that gets the hub's requests."""
    for service in setup.hub_services:
        ports = [value for name, value in service.labels.items() if _PORT.fullmatch(name)]
        schemes = [value.text for name, value in service.labels.items() if _SCHEME.fullmatch(name)]
        for value in ports:
            if value.text.isdigit() and int(value.text) < 65536:
                url = Origin("https" if "https" in schemes else "http", service.name, int(value.text))
                yield Target(url, value.place)


def _middlewares(service: Service) -> Iterator[tuple[str, str, Value]]:
    """(kind, option, value) of those that a router of the hub uses, and that the same container defines."""
    used = {
        word.strip().partition("@")[0]
        for name, value in service.labels.items()
        if _USED.fullmatch(name)
        for word in value.text.split(",")
    }
    for name, value in service.labels.items():
        found = _MIDDLEWARE.fullmatch(name)
        if found and found[1] in used:
            yield found[2].lower(), (found[3] or "").lower(), value


def kept_back(setup: Setup) -> Iterator[Finding]:
    """Findings for a middleware that holds streams back."""
    for service in setup.hub_services:
        for value in [value for kind, _, value in _middlewares(service) if kind == "buffering"][:1]:
            what = "the buffering middleware keeps the stream back: not even its status arrives"
            yield Finding(
                "proxy-timeout-buffering", "error", what, "no buffering on the router of the hub", value.place
            )


def not_routed(setup: Setup) -> Iterator[Finding]:
    """Findings for requests that do not reach the hub, or not under its path."""
    for service in setup.hub_services:
        for kind, option, value in _middlewares(service):
            if kind in {"basicauth", "digestauth", "forwardauth"}:
                yield between.guard(value.place, "the proxy", f"no {kind} on the router of the hub")
                break
            prefixes = [word.strip().rstrip("/") for word in value.text.split(",")]
            if kind == "stripprefix" and option == "prefixes" and HUB_PATH in prefixes:
                yield between.stripped(value.place, "no stripprefix on the router of the hub")


def doubled(setup: Setup) -> Iterator[Finding]:
    """Findings for a middleware that answers preflights in the place of the hub."""
    for service in setup.hub_services:
        words = [(option, value) for kind, option, value in _middlewares(service) if kind == "headers"]
        for option, value in [word for word in words if word[0].startswith("accesscontrol")][:1]:
            what = f"{option}: Traefik answers the preflight itself, without the headers of the hub"
            yield Finding("cors-origin-mismatch", "error", what, "leave CORS to the hub: cors_origins", value.place)
