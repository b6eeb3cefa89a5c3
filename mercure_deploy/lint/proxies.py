"""Rules about what stands in front of a hub: nginx, a Caddy, or a Traefik by its labels."""

from collections.abc import Iterator
from dataclasses import replace

from mercure_deploy.findings import Finding
from mercure_deploy.lint import apache, front, haproxy, ingress, labels, nginx, page, sites
from mercure_deploy.lint.between import Target
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers.setup import Setup
from mercure_deploy.simulation import modern, site

_KINDS = (nginx, apache, haproxy, front, labels, ingress)


@rule("proxy-timeout-buffering")
def proxy_timeout_buffering(setup: Setup) -> Iterator[Finding]:
    """A proxy that buffers the stream, or whose timeout is shorter than the hub's heartbeat."""
    for kind in _KINDS:
        yield from kind.kept_back(setup)


@rule("proxy-not-routing")
def proxy_not_routing(setup: Setup) -> Iterator[Found | Finding]:
    """A proxy that leads the hub's path, or a port, to something else than the hub."""
    for kind in _KINDS:
        yield from kind.not_routed(setup)
    yield from site.rewritten(setup)
    yield from nginx.unrouted(setup)
    for target, came, known, number in arrivals(setup):
        if came == "port":
            what = f"the hub listens at {sites.ports(known)}, nothing at {number}: 502"
            yield Found(target.place, what, "the port at which the hub listens")


@rule("credentials-not-sent")
def credentials_not_sent(setup: Setup) -> Iterator[Finding]:
    """A proxy that drops Authorization or Cookie; a cookie of hub 1.0 under another name."""
    for kind in (nginx, apache, haproxy, front):
        yield from kind.dropped(setup)
    yield from (finding for finding in modern.problems(setup) if finding.id == "credentials-not-sent")
    yield from page.opened(setup)
    yield from page.named(setup)
    yield from page.asked_twice(setup)


def doubled(setup: Setup) -> Iterator[Finding]:
    """Findings for CORS headers beside those of the hub, and for preflights that a proxy answers."""
    for kind in _KINDS:
        yield from kind.doubled(setup)


def schemes(setup: Setup) -> Iterator[Finding]:
    """Findings for a proxy that speaks plain http to a hub with TLS, or TLS to one without."""
    for target, came, _, number in arrivals(setup):
        if came in {"redirect", "tls"}:
            end = "redirects to https, for ever" if came == "redirect" else "wants TLS there: 400"
            elsewhere = number == sites.TLS_PORT
            hint = sites.at_plain(setup, sites.PLAIN_PORT if elsewhere else number)
            hint += ", and that port in the proxy" if elsewhere else ""
            yield Finding(
                "tls-mode-mismatch", "error", f"the proxy speaks plain http, and the hub {end}", hint, target.place
            )
        elif came == "plain":
            what = "the proxy speaks TLS, and the hub plain http there: 502"
            yield Finding("tls-mode-mismatch", "error", what, "http:// to the hub", target.place)


def arrivals(setup: Setup) -> Iterator[tuple[Target, sites.Answer, list[sites.Site], int]]:
    """What the requests of each proxy meet, the hub's addresses, and the port in its container."""
    known = sites.sites(setup)
    for target in (target for kind in _KINDS for target in kind.targets(setup)) if known else ():
        inside = sites.arrived(setup, target.url)
        if known and inside:
            public = setup.hub_origin if target.named else None
            asked = replace(inside, host=public.host if public else inside.host)
            yield target, sites.answer(known, asked), known, inside.number
