"""Platform kubernetes: manifests of our own, or values for the official chart."""

import re
from collections.abc import Iterator

from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Environment
from mercure_deploy.spec.rules.platforms.common import wrong_inside, wrong_tls

WORDS = frozenset("image internal_url path tls history delivery namespace ingress storage transport replicas".split())
DELIVERIES = ("manifests", "chart")
_SERVICE = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.svc(\.[a-z0-9.-]+)?)?)?")


def rules(env: Environment) -> Iterator[Contradiction]:
    """What cannot be on Kubernetes."""
    if env.tls == "hub":
        yield wrong_tls("the ingress terminates TLS on kubernetes")
    for name in env.apps:
        if name.endswith("-"):
            what = "Kubernetes takes no name that ends with -, and the Secret is named after the app"
            yield Contradiction(("apps", name), what, None, f"name it {name.rstrip('-')}")
    yield from _names(env)
    yield from _inside(env)
    yield from _several(env)
    if env.delivery == "chart":
        yield from _chart(env)


def _names(env: Environment) -> Iterator[Contradiction]:
    """Names of objects, which are in small letters."""
    ingress, storage = env.hub.ingress, env.hub.storage
    for word, owner in (("ingress", ingress), ("storage", storage)):
        for field in ("class_", "issuer", "secret"):
            text = getattr(owner, field, None)
            if text is not None and not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", text):
                what = "is no name that Kubernetes takes: a-z, 0-9, - and ., with a letter or digit at both ends"
                yield Contradiction(("hub", word, field.rstrip("_")), what, None, f"write it as {text.lower()}")
    if storage is not None and (not env.hub.history or env.hub.transport):
        what = "a hub without a history of its own needs no volume"
        yield Contradiction(("hub", "storage"), what, None, "leave it out")


def _inside(env: Environment) -> Iterator[Contradiction]:
    inside = env.inside
    if inside is None:
        return
    what = wrong_inside(inside, env)
    if what is None and (inside.port or 80) != 80:
        what = "the Service of the hub has port 80"
    elif what is None and (inside.is_local or inside.is_ip or not _SERVICE.fullmatch(inside.host)):
        what = "is no name of the hub's Service"
    if what:
        hint = "http://mercure from the same namespace, http://mercure.NAMESPACE from others; or leave it out"
        yield Contradiction(("hub", "internal_url"), what, "internal-url-wrong", hint)


def _several(env: Environment) -> Iterator[Contradiction]:
    """Hubs behind one name."""
    if env.hub.replicas > 1 and not (env.hub.transport and env.hub.transport.shared):
        what = "each hub keeps its updates for itself: every subscriber would get a part of them"
        hint = "one hub; or an image with a transport that hubs share, and transport: with its name"
        yield Contradiction(("hub", "replicas"), what, "transport-not-shared", hint)


def _chart(env: Environment) -> Iterator[Contradiction]:
    """What the official chart does not do, or was not seen doing."""
    hub = env.hub
    if hub.version == "1.0":
        what = "the chart never sets MERCURE_TRUSTED_ISSUERS: hub 1.0 behind it has not been measured"
        yield Contradiction(("hub", "version"), what, "hub-upgrade-break", "use delivery: manifests")
    if env.keys.algorithm in {"RS256", "ES256"}:
        what = f"{env.keys.algorithm} through the chart has not been measured"
        yield Contradiction(("keys", "algorithm"), what, "pem-in-env", "use delivery: manifests, or an HS algorithm")
    if "@" in hub.release:
        what = "is a digest, and the chart puts a tag behind the name"
        yield Contradiction(("hub", "image"), what, None, "name the release by its tag, or use delivery: manifests")
    for word, said in (("replicas", hub.replicas > 1), ("transport", hub.transport is not None)):
        if said:
            what = f"{word} through the chart has not been measured"
            yield Contradiction(("hub", word), what, "transport-not-shared", "use delivery: manifests")
