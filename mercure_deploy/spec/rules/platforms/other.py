"""Platform other: whatever runs an image from environment variables."""

from collections.abc import Iterator

from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Environment
from mercure_deploy.spec.rules.platforms.common import no_line, pem_in_env, wrong_tls

WORDS = frozenset("image internal_url tls".split())
DELIVERIES = ()


def rules(env: Environment) -> Iterator[Contradiction]:
    """What cannot be said by variables, in which no line breaks."""
    hub = env.hub
    if env.tls == "hub":
        yield wrong_tls("the platform terminates TLS, the hub has no certificate there")
    if hub.version == "1.0":
        what = "hub 1.0 needs several lines of its own, and one variable is one line"
        yield Contradiction(("hub", "version"), what, "hub-upgrade-break", 'use version: "0.24", or platform: compose')
    if env.keys.algorithm in {"RS256", "ES256"}:
        yield pem_in_env(env.keys.algorithm)
    said = {word: getattr(hub, word) for word in ("anonymous", "subscriptions", "cookie_name", "directives")}
    said["path"] = hub.path != HUB_PATH
    yield from no_line(said, "a variable is one line", "leave it out; or platform: compose where a file can be mounted")
