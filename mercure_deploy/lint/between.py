"""What any proxy may do to a hub, and where it sends the requests: the words that nginx, Caddy and Traefik share."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.facts.origins import Origin
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.setup import Setup, host_of, split

# the hub writes a line into each stream as often, unless told otherwise
_HEARTBEAT = 40
_SECONDS = {"": 1, "s": 1, "ms": 0.001, "m": 60, "h": 3600, "d": 86400}
ALLOWED = "access-control-allow-origin"


class Target(NamedTuple):
    """Where a proxy sends the hub's requests; `named` is whether it hands the public name on."""

    url: Origin
    place: Place
    named: bool = True


def cut(place: Place, time: str, after: str, hint: str) -> Iterator[Finding]:
    """A proxy timeout shorter than the hub's heartbeat (40 s); `after` is how the sentence calls it."""
    found = re.fullmatch(r"(\d+)(ms|[smhd]?)", time)
    if found and int(found[1]) * _SECONDS[found[2]] <= _HEARTBEAT:
        what = f"cuts a stream after {after}, and the hub writes every {_HEARTBEAT} s"
        yield Finding("proxy-timeout-buffering", "error", what, hint, place)


def guard(place: Place, who: str, hint: str) -> Finding:
    """A Basic or forward authentication of the proxy on the hub's path."""
    what = f"asks for a password of its own: the 401 is {who}'s, not the hub's"
    return Finding("proxy-not-routing", "error", what, hint, place)


def stripped(place: Place, hint: str, by: str = "") -> Finding:
    """A prefix of the hub's path that the proxy strips."""
    return Finding("proxy-not-routing", "error", f"{by}takes {HUB_PATH} away, and the hub answers 404", hint, place)


def dropped(place: Place, header: str) -> Iterator[Finding]:
    """An Authorization or Cookie header that the proxy drops, with the token in it."""
    name = header.lower()
    if name in {"authorization", "cookie"}:
        who = "no app can publish" if name == "authorization" else "no page can subscribe"
        yield Finding("credentials-not-sent", "error", f"drops {name.title()}: {who}", "leave the line out", place)


def allowed(place: Place | None, left: Sequence[str]) -> Iterator[Finding]:
    """Findings for a proxy's Access-Control-Allow-Origin: `left` are its values, `place` where it sets them."""
    if place is not None and len(left) > 1:
        yield from doubled(place, ALLOWED)
    elif place is not None and list(left) == ["*"]:
        what = "puts * in the place of the origin that the hub lets in: browsers refuse it with a cookie"
        yield Finding("cors-wildcard-credentials", "error", what, "leave CORS to the hub: cors_origins", place)


def domains(setup: Setup) -> set[str]:
    """The names that the hub's sites serve, nothing where one serves all, is a container's, or is not told."""
    texts = split(setup.hub.get("SERVER_NAME")) + [each.text for block in setup.blocks for each in block.addresses]
    hosts = set(map(host_of, texts))
    return set() if any("{" in host or "." not in host for host in hosts) else hosts


def doubled(place: Place, header: str) -> Iterator[Finding]:
    """A CORS header that the proxy adds to that of the hub."""
    if header.lower() == ALLOWED:
        what = "adds a second Access-Control-Allow-Origin to the hub's: browsers refuse both"
        yield Finding("cors-origin-mismatch", "error", what, "leave CORS to the hub: cors_origins", place)
