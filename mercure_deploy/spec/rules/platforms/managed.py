"""Platform managed: a hub that is run by others, who hand out its URL and its key."""

from collections.abc import Iterator

from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Environment

WORDS = frozenset("internal_url path".split())
DELIVERIES = ()


def rules(env: Environment) -> Iterator[Contradiction]:
    """What is not ours to say of a hub of others."""
    for word in ("anonymous", "subscriptions", "directives", "legacy_clients"):
        if getattr(env.hub, word):
            what = f"{word} is set by who runs the hub"
            yield Contradiction(("hub", word), what, None, "leave it out, and set it there")
