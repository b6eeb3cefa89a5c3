"""All probes there are, each module adds its own; and what is asked of the hub of an environment."""

from collections.abc import Callable
from datetime import datetime

from mercure_deploy.hub.fetch import Way
from mercure_deploy.keys import KeyRing
from mercure_deploy.probes import app, cookie, cors, delivery, identity, keys, network, strangers
from mercure_deploy.probes.engine import PROBES, Asking, Seen, Target, run
from mercure_deploy.spec import Environment

__all__ = ["PROBES", "Asking", "Seen", "Target", "of_environment", "run"]

# each has added its probes
_MODULES = (network, identity, keys, strangers, delivery, cors, cookie, app)


def of_environment(name: str, env: Environment, ring: KeyRing | None, way: Way, now: Callable[[], datetime]) -> Target:
    """The hub of an environment, with its ring as far as it is here."""
    asked = [
        (page, env.public_url(each))
        for each in env.apps.values()
        if each.subscribe
        for page in (each.url, *each.origins)
    ]
    return Target(
        name,
        env.hub,
        way,
        now,
        env,
        ring.keys if ring else (),
        tuple(dict.fromkeys(asked)),
        names=env.hub_names[1:],
    )
