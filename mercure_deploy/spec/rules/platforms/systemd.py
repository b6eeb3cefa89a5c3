"""Platform systemd: the hub's program as a service of the machine."""

from collections.abc import Iterator

from mercure_deploy.facts.origins import Origin
from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Environment
from mercure_deploy.spec.rules.platforms.common import own_tls, wrong_inside

WORDS = frozenset("internal_url path tls port bind delivery history transport binary".split())
DELIVERIES = ("caddyfile",)


def rules(env: Environment) -> Iterator[Contradiction]:
    """What cannot be under systemd."""
    if env.tls == "hub":
        yield from own_tls(env)
    elif env.port in {80, 443} and env.hub.bind is None:
        what = f"the proxy before it needs port {env.port} of this machine"
        yield Contradiction(("hub", "port"), what, "port-conflict", "choose another one, e.g. port: 3000")
    if env.inside:
        yield from _inside(env.inside, env)


def _inside(inside: Origin, env: Environment) -> Iterator[Contradiction]:
    """Can a request of an app arrive at `internal_url`?"""
    what = wrong_inside(inside, env)
    hint = f"http://localhost:{env.port} for apps on this machine; or leave it out"
    if what is None and env.port is None:
        what, hint = "the hub speaks https only, under its public name", "leave it out"
    elif what is None and (inside.port or 80) != env.port:
        what = f"nothing listens there: the hub's port is {env.port}"
    if what:
        yield Contradiction(("hub", "internal_url"), what, "internal-url-wrong", hint)
