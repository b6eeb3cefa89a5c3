"""Rules about who terminates TLS: the hub or a proxy, told in two ways."""

import re
from collections.abc import Iterator

from mercure_deploy.errors import typed
from mercure_deploy.facts.variables import IMAGE
from mercure_deploy.findings import Finding
from mercure_deploy.lint import sites
from mercure_deploy.lint.proxies import arrivals, schemes
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers.places import Service
from mercure_deploy.readers.setup import Setup, split


@rule("tls-mode-mismatch")
def tls_mode_mismatch(setup: Setup) -> Iterator[Found | Finding]:
    """TLS that both proxy and hub terminate, or neither; http in the one URL and https in the other."""
    yield from list(_two_schemes(setup))[:1]
    yield from schemes(setup)
    yield from _bare_name(setup)
    yield from _behind_a_proxy(setup)
    yield from _uncertified(setup)
    for service in setup.hub_services:
        if sites.shipped(service) and {container for _, container, _ in service.ports} == {80}:
            what = "only port 80 is published, and without SERVER_NAME the hub sends it to https://localhost"
            hint = "SERVER_NAME: ':80' behind a proxy, or publish 443 too"
            yield Found(service.ports[0][2], what, hint)
    for address in sites.clashing(setup):
        what = f"{typed(address.text, 60)} is plain http and has a certificate: the hub does not start"
        yield Found(address.place, what, "a name without http:// as its address, or no tls")
        return


def _behind_a_proxy(setup: Setup) -> Iterator[Found]:
    """A hub that terminates TLS itself, in a container that no port of the machine leads to: a proxy is before it."""
    known = sites.sites(setup)
    secure = known is not None and all(site.secure for site in known)
    if not known or not secure or any(True for _ in arrivals(setup)):
        return
    for service in setup.hub_services:
        # in a network of the machine it would be reached without
        if service.ports or service.charted or service.host_network or not runs_hub(service):
            continue
        if any(_hands_tls_on(name, value.text) for name, value in service.labels.items()):
            continue
        hosts = ", ".join(sorted({site.host for site in known}))
        what = f"no port is published, so a proxy speaks plain http to the hub, which has TLS for {hosts}: 308 for ever"
        name = setup.hub.get("SERVER_NAME")
        place = name.place if name is not None else service.place
        yield Found(place, what, sites.at_plain(setup))


def _uncertified(setup: Setup) -> Iterator[Found]:
    """An address with TLS for which nobody has a certificate, by a word of auto_https."""
    options = sites.global_options(setup)
    names = sorted({site.host for site in sites.sites(setup) or () if site.secure and not site.certified})
    if names and options is not None and options.place is not None:
        what = f"auto_https {options.automatic} and no tls: {', '.join(names)} has no certificate, handshakes fail"
        hint = f"http://{names[0]} as the address behind a proxy that terminates TLS, or auto_https disable_redirects"
        yield Found(options.place, what, hint)


def _hands_tls_on(label: str, text: str) -> bool:
    """Whether a label tells Traefik to speak TLS to the hub, or to pass it through."""
    name = label.lower()
    return name.startswith("traefik.tcp.") or (name.endswith(".server.scheme") and text == "https")


def runs_hub(service: Service) -> bool:
    """Whether its image is a hub's."""
    return service.image is not None and IMAGE.search(service.image.text) is not None


def _two_schemes(setup: Setup) -> Iterator[Found]:
    """A port that speaks http, in a URL with https."""
    public, internal = setup.public, setup.internal
    if public and internal:
        (one, _), (other, value) = public, internal
        if one.port and one.port == other.port and one.scheme != other.scheme:
            what = f"port {one.port} is {one.scheme} in MERCURE_PUBLIC_URL and {other.scheme} in MERCURE_URL"
            yield Found(value.place, what, "a port speaks one of the two")
    plain = _plain_ports(setup)
    for url, value in (found for found in (public, internal) if found):
        if url.scheme == "https" and url.port in plain:
            what = f"port {url.port} of the hub speaks plain http, the URL says https"
            yield Found(value.place, what, "http in the URL, or a name in SERVER_NAME")


def _bare_name(setup: Setup) -> Iterator[Found]:
    name, told = setup.hub.get("SERVER_NAME"), setup.told_hub
    if name is not None and told and told.scheme == "http" and re.fullmatch(r"[\w-]+(\.[\w-]+)+", name.text):
        what = f"SERVER_NAME is a bare name: the hub redirects {told} to https"
        yield Found(name.place, what, f"SERVER_NAME=http://{name.text}, or https in the URL")


def _plain_ports(setup: Setup) -> set[int]:
    """The ports at which the hub speaks http, by its addresses."""
    texts = split(setup.hub.get("SERVER_NAME"))
    for block in setup.blocks:
        if not any(each.name == "tls" for each in block.site):
            texts += [value.text for value in block.addresses]
    found = {int(match[1]) for text in texts for match in [re.fullmatch(r"(?:http://[^:/]*)?:(\d+)", text)] if match}
    return found - {443}
