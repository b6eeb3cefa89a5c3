"""Platform coolify: a Service of its own, behind Coolify's proxy."""

from collections.abc import Iterator

from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Environment
from mercure_deploy.spec.rules.platforms.common import no_name, no_network, wrong_inside, wrong_tls

WORDS = frozenset("image internal_url network path tls engine delivery history transport".split())
DELIVERIES = ("caddyfile", "environment")


def rules(env: Environment) -> Iterator[Contradiction]:
    """What cannot be on Coolify."""
    yield from _inside(env)
    if env.tls == "hub":
        yield wrong_tls("the hub cannot terminate TLS on coolify, its proxy owns ports 80 and 443")
    if env.delivery == "environment" and env.keys.algorithm in {"RS256", "ES256"}:
        what = f"a {env.keys.algorithm} key cannot be delivered in an environment variable"
        hint = "use delivery: caddyfile, or an HS algorithm"
        yield Contradiction(("hub", "delivery"), what, "pem-in-env", hint)


def _inside(env: Environment) -> Iterator[Contradiction]:
    """Can a request of an app on the same Coolify arrive at `internal_url`? (measured on 4.3.11)"""
    inside = env.inside
    if env.hub.network and not env.alias:
        yield no_network()
    if inside is None:
        return
    hint = "a name of your own for the hub in Coolify's network, e.g. http://hub-shop; or leave it out"
    what = wrong_inside(inside, env)
    if what is None and inside.host == "mercure":
        what = "every hub on Coolify has that name in its own network, and no app can resolve it"
    what = what or no_name(inside)
    if what:
        yield Contradiction(("hub", "internal_url"), what, "internal-url-wrong", hint)
