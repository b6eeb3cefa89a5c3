"""Platform compose: a compose file that is run as it is, with TLS of its own or behind a proxy."""

from collections.abc import Iterator

from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Environment
from mercure_deploy.spec.rules.platforms.common import no_name, no_network, own_tls, wrong_inside

WORDS = frozenset(
    "image internal_url network path tls port bind engine delivery history transport proxy traefik".split()
)
DELIVERIES = ("caddyfile",)


def rules(env: Environment) -> Iterator[Contradiction]:
    """What cannot be on compose."""
    if env.tls == "hub":
        yield from own_tls(env)
    elif env.hub.port is None and env.hub.proxy is None:
        hint = "choose a free loopback port and point the proxy at it, e.g. port: 8080; or say proxy: traefik"
        yield Contradiction(("hub",), "port is required on compose with tls: proxy", "port-conflict", hint)
    yield from _traefik(env)
    yield from _inside(env)


def _traefik(env: Environment) -> Iterator[Contradiction]:
    """A Traefik in front of it, which finds the hub in its own network."""
    hub = env.hub
    if hub.proxy is None:
        if hub.traefik is not None:
            what = "traefik is for proxy: traefik only"
            yield Contradiction(("hub", "traefik"), what, None, "say proxy: traefik, or leave it out")
        return
    if env.tls == "hub":
        what = "traefik terminates TLS, the hub has no certificate behind it"
        yield Contradiction(("hub", "proxy"), what, "tls-mode-mismatch", "leave tls out, or leave proxy out")
    for word in ("port", "bind"):
        if getattr(hub, word) is not None:
            what = f"{word} publishes the hub beside Traefik, which finds it in its own network"
            yield Contradiction(("hub", word), what, "port-conflict", "leave it out")


def _inside(env: Environment) -> Iterator[Contradiction]:
    """Can a request arrive at `internal_url`: by the published port, or by the name in a network of the apps?"""
    hub = env.hub
    inside = env.inside
    if hub.network and not env.alias:
        yield no_network()
    if inside is None:
        return
    hint = (
        "the hub's name in a docker network of the apps, e.g. http://hub-shop with network: shop-net; or leave it out"
    )
    published = env.tls == "proxy" and inside.port == hub.port and (inside.is_local or inside.host == env.bind)
    what = wrong_inside(inside, env)
    if what is None and inside.is_local and not published:
        what = "nothing listens there: the hub publishes no such port of this machine"
    elif what is None and not published:
        what = no_name(inside)
        if what is None and hub.network is None:
            what, hint = (
                "apps in other compose projects cannot resolve that name",
                "say network: with it, e.g. shop-net",
            )
    if what:
        yield Contradiction(("hub", "internal_url"), what, "internal-url-wrong", hint)
