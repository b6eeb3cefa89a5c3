"""Rules about URLs: from the page to the hub, from the app to the hub, and who terminates TLS."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from mercure_deploy.errors import typed
from mercure_deploy.facts.hubs import HUB_PATH, serves
from mercure_deploy.facts.origins import Origin
from mercure_deploy.findings import Finding, Place
from mercure_deploy.lint import apache, nginx, sites
from mercure_deploy.lint.containers import tooling_override
from mercure_deploy.lint.proxies import arrivals
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers.places import Value
from mercure_deploy.readers.setup import Setup, host_of, is_hub, origin_of, split

if TYPE_CHECKING:
    from mercure_deploy.findings import Level

_EXAMPLE = re.compile(r"https?://(www\.)?example\.(com|org)(/|$)")
_MASKED = re.compile(r"[<>]|x{5,}|\.\.\.")
_UNKNOWN = re.compile(r"\$|%|^<|//<")
_WEB = {80, 443}
_FOREIGN = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# of two paths that are nearly one
_NEAR = 0.85


@rule("internal-url-wrong")
def internal_url_wrong(setup: Setup) -> Iterator[Found | Finding]:
    """A MERCURE_URL at which the app's container finds no hub."""
    for name in ("MERCURE_URL", "MERCURE_PUBLISH_URL"):
        value = setup.app.get(name)
        if value is not None:
            yield from _internal(setup, name, value)
            found = origin_of(value)
            if found:
                yield from list(_host_port(setup, found[0], value, name)) or _no_port(setup, found[0], value, name)
                yield from _own_container(setup, found[0], value, name)


def _internal(setup: Setup, name: str, value: Value) -> Iterator[Found]:
    hint = f"the hub as the app reaches it, e.g. http://mercure{HUB_PATH}"
    found = origin_of(value)
    if not value.text.strip():
        yield Found(value.place, f"{name} is empty: the app publishes nowhere", hint)
    elif _example(setup, value):
        yield Found(value.place, f"{name} is the example of the recipe", hint)
    elif found and found[0].scheme == "https" and "." not in found[0].host and not found[0].is_local:
        what = f"{name}: no certificate can exist for {found[0].host}, inside the network the hub speaks http"
        yield Found(value.place, what, f"http://{found[0].host}{HUB_PATH}")
    elif found and name == "MERCURE_URL" and not _MASKED.search(value.text):
        if _path(value.text).rstrip("/") in {"", "/.well-known"}:
            yield Found(value.place, f"{name} has no path, the hub is at {HUB_PATH}", hint)
        elif _astray(setup, found[0], value.text):
            yield Found(value.place, f"{name}: {_elsewhere(setup, value)}", hint)
    elif not found and "://" not in value.text and not _UNKNOWN.search(value.text):
        yield Found(value.place, f"{name} is no URL", hint)
    elif _FOREIGN.match(value.text):
        yield Found(value.place, f"{name} is no URL of http", hint)


def _path(url: str) -> str:
    """The path of a URL, without its query."""
    return "/" + url.partition("://")[2].partition("/")[2].partition("?")[0].partition("#")[0]


def _elsewhere(setup: Setup, value: Value) -> str:
    """That its path is none of the hub's, and what comes of it."""
    end = "what comes is not the hub's" if setup.caddyfiles else "404"
    return f"{typed(_path(value.text), 60)} is not the hub's path: {end}"


def _astray(setup: Setup, url: Origin, text: str) -> bool:
    """Whether a hub answers 404 there: for sure with the image's own Caddyfile, else at what is nearly its path."""
    path = _path(text)
    if serves(path):
        return False
    if url.host in setup.hub_names and sites.takes_its_path_alone(setup):
        return True
    plain = re.sub(r"/+", "/", path).rstrip("/")
    return plain.startswith(HUB_PATH) or SequenceMatcher(None, plain, HUB_PATH).ratio() > _NEAR


def _own_container(setup: Setup, url: Origin, value: Value, name: str) -> Iterator[Found]:
    """The app's own container instead of the hub's."""
    apps = [service for service in setup.services if not is_hub(service) and not service.host_network]
    contained = [service for service in apps if service.environment.get(name) == value]
    contained += [service for service in apps for file in setup.env_files_of(service) if value.place.file == file.path]
    if url.is_local and setup.hub_services and contained:
        hub = setup.hub_services[0].reached
        what = f"{name}: {url.host} is the app's own container, the hub is another"
        yield Found(value.place, what, f"http://{hub}{HUB_PATH}")


def _example(setup: Setup, value: Value) -> bool:
    """Whether it is the URL of the recipe, unless that was told to be the hub."""
    return _EXAMPLE.match(value.text) is not None and not (setup.told_hub and "example." in setup.told_hub.host)


def _host_port(setup: Setup, url: Origin, value: Value, name: str) -> Iterator[Found]:
    """A published port of the machine, used behind a container's name."""
    for service in setup.hub_services:
        inside = {container for _, container, _ in service.ports}
        outside = {host for host, _, _ in service.ports}
        if url.host in service.names and url.port and inside and url.port in outside - inside:
            what = f"{name} has the port of the machine, {url.port}; among containers it is {min(inside)}"
            yield Found(value.place, what, f"http://{service.name}{HUB_PATH}")


def _no_port(setup: Setup, url: Origin, value: Value, name: str) -> Iterator[Found]:
    """A port at which the hub's container does not listen."""
    known = sites.sites(setup)
    if url.scheme == "https" and "." not in url.host and not url.is_local:
        # no certificate can exist for it, whatever the port
        return
    if known and url.host in setup.hub_names and sites.answer(known, sites.inside(setup, url)) == "port":
        what = f"{name}: the hub listens at {sites.ports(known)}, nothing at {url.number}"
        yield Found(value.place, what, f"the port at which it listens, in {name}")
        return
    served = {port for service in setup.hub_services if url.host in service.names for port in service.mapped}
    if served and url.number not in served:
        what = f"{name}: the Service {url.host} has no port {url.number}"
        yield Found(value.place, what, f"its port {', '.join(map(str, sorted(served)))}, in {name}")


@rule("public-url-wrong")
def public_url_wrong(setup: Setup) -> Iterator[Found | Finding]:
    """A MERCURE_PUBLIC_URL that browsers cannot reach: localhost, a container's name, another host."""
    hint = f"the hub's public name, as https://hub.example.com{HUB_PATH}"
    for name in ("MERCURE_PUBLIC_URL", "MERCURE_SUBSCRIBE_URL"):
        said = setup.app.get(name)
        if said is not None and _FOREIGN.match(said.text):
            yield Found(said.place, f"{name} is no URL of http: EventSource knows nothing else", hint)
            continue
        found = origin_of(said)
        what = _unreachable(setup, name, *found) if found else None
        if found and what:
            development = "APP_ENV" in setup.app and setup.app["APP_ENV"].text == "dev"
            level: Level = "warning" if development and "http, and" not in what else "error"
            yield Found(found[1].place, what, hint, level)
    yield from _other_host(setup)
    told = setup.told_hub
    away = not all(page.is_local for page in setup.pages)
    if told and told.is_local and away and "MERCURE_PUBLIC_URL" not in setup.app:
        yield Found(setup.somewhere, f"browsers are sent to {told}, their own machine", hint)


def _other_host(setup: Setup) -> Iterator[Finding]:
    """A public URL that leads to another host than the hub has, by what was told or by its only site."""
    public, told, internal = setup.public, setup.told_hub, setup.internal
    if public is None or public[0].is_local or "." not in public[0].host or _MASKED.search(public[1].text):
        return
    url, value = public
    overridden = any(finding.place == value.place for finding in tooling_override(setup) if finding.level == "error")
    elsewhere = told is not None and not told.is_local and told.host != url.host
    if elsewhere and not overridden and not _example(setup, value):
        what = f"MERCURE_PUBLIC_URL sends browsers to {url.host}, the hub is {told}"
        yield Finding("public-url-wrong", "error", what, f"{told}{HUB_PATH}", value.place)
    elif internal is not None:
        known = sites.sites(setup) or []
        named = {site.host for site in known}
        if "" in named or not known or not any(block.whole for block in setup.blocks):
            return
        met = [any(site.named(each.host) for site in known) for each in (url, internal[0])]
        plain = internal[0].scheme == "http" and "." not in internal[0].host and not internal[0].is_local
        if met == [True, False] and plain and not setup.hub_services and not any(True for _ in arrivals(setup)):
            what = f"the hub serves {', '.join(sorted(named))}, not {internal[0].host}: 308, or an empty 200"
            hint = f"add http://{internal[0].host} to the addresses of the site"
            yield Finding("server-name-mismatch", "error", what, hint, internal[1].place)
        elif met == [False, True] and internal[0].is_local:
            places = [each.place for block in setup.blocks if block.whole for each in block.addresses]
            yield _of_this_machine(known, internal[0], url, next(iter(places), internal[1].place))
        elif met == [False, True]:
            what = f"no site of the hub has the name {url.host}: it serves {', '.join(sorted(named))}"
            yield Finding(
                "public-url-wrong",
                "error",
                what,
                f"the hub's name in MERCURE_PUBLIC_URL, or {url.host} there",
                value.place,
            )


def _of_this_machine(known: list[sites.Site], inside: Origin, public: Origin, place: Place) -> Finding:
    """A site of the loopback address alone, behind a proxy that hands on the public name."""
    name = next(site for site in known if site.named(inside.host))
    hint = f"http://:{name.port} as the address, and bind 127.0.0.1 in its site"
    if sites.answer(known, inside) == "tls":
        what = f"an address that is a name or a number has TLS: {inside} gets 400"
        return Finding("tls-mode-mismatch", "error", what, hint, place)
    what = f"the hub serves {inside.host} alone: what a proxy sends on for {public.host} gets an empty 200"
    return Finding("server-name-mismatch", "error", what, hint, place)


def _off_path(setup: Setup, name: str, url: Origin, value: Value) -> str | None:
    """Why the path of that URL is not the hub's."""
    if re.fullmatch(r"https?://[^/?#]+/?", value.text):
        return f"{name} has no path, the hub is at {HUB_PATH}"
    if _astray(setup, url, value.text):
        return f"{name}: {_elsewhere(setup, value)}"
    return None


def _unreachable(setup: Setup, name: str, url: Origin, value: Value) -> str | None:
    """Why pages do not get to that URL."""
    if url.is_local:
        return None if any(page.is_local for page in setup.pages) else f"{name} is the visitor's own machine"
    if "." not in url.host and not url.is_ip:
        return f"{name}: {url.host} is a name among containers, browsers do not know it"
    if url.scheme == "http" and any(page.scheme == "https" for page in setup.pages):
        return f"{name} is http, and a page on https may not load it"
    lost = None if _MASKED.search(value.text) else _off_path(setup, name, url, value)
    if lost is not None:
        return lost
    if _example(setup, value) and setup.pages and not any("example." in page.host for page in setup.pages):
        return f"{name} is the example of the recipe"
    return None


@rule("server-name-mismatch")
def server_name_mismatch(setup: Setup) -> Iterator[Found | Finding]:
    """A SERVER_NAME or site address that is not the name or port under which the hub is asked."""
    urls = [found for found in (setup.public, setup.internal) if found]
    name = setup.hub.get("SERVER_NAME")
    keys = any(key.startswith("MERCURE_PUBLISHER_JWT") for key in setup.hub)
    if name is None and keys and not setup.caddyfiles and not setup.services:
        # the image's own Caddyfile serves localhost, at 80 and 443
        for url, value in urls:
            if url.port and url.port not in _WEB and (url.is_local or "." in url.host):
                what = f"the hub has no SERVER_NAME: it serves localhost at 80 and 443, nothing at {url.port}"
                yield Found(value.place, what, f"SERVER_NAME=:{url.port}")
                return
    yield from _other_names(setup, split(name), urls)
    yield from _unnamed(setup)
    yield from _one_path(setup)
    yield from _published(setup)
    yield from nginx.nameless(setup)
    yield from apache.nameless(setup)


def _other_names(setup: Setup, names: list[str], urls: list[tuple[Origin, Value]]) -> Iterator[Found]:
    every = any(re.match(r"(https?://)?:\d+$", part) or "<" in part or "{" in part for part in names)
    hosts = set(map(host_of, names)) - {""}
    inside = setup.hub_names
    for url, value in urls if hosts and not every else []:
        if url.host not in hosts | inside and not url.is_local and not _MASKED.search(value.text):
            what = f"the hub serves {', '.join(sorted(hosts))}, not {url.host}: an empty 200 is all that comes"
            hint = f"add {url.host} to SERVER_NAME, or :80 behind a proxy"
            yield Found(value.place, what, hint)


def _one_path(setup: Setup) -> Iterator[Found]:
    """An address with a path, which serves that path alone (measured)."""
    name = setup.hub.get("SERVER_NAME")
    listed = [Value(part, name.place) for part in split(name)] if name is not None else []
    for value in [*listed, *(each for block in setup.blocks if block.whole for each in block.addresses)]:
        found = re.fullmatch(r"(?:https?://)?[^/:{}<>$\s]*(?::\d+)?(/[^{}<>\s]*)", value.text)
        if found and not _covers(found[1]):
            what = f"{typed(value.text, 60)} serves the path {typed(found[1], 20)} alone: an empty 200 for the hub's"
            yield Found(value.place, what, "the address without a path")
            return


def _covers(path: str) -> bool:
    """Whether the path of a site's address matches that of the hub."""
    return HUB_PATH.startswith(path[:-1]) if path.endswith("*") else path == HUB_PATH


def _unnamed(setup: Setup) -> Iterator[Found]:
    """A hub that serves its domain alone, and is asked by the name of its container."""
    known, internal = sites.sites(setup), setup.internal
    if not known or internal is None or internal[0].host not in setup.hub_names:
        return
    url, value = internal
    came = sites.answer(known, sites.inside(setup, url))
    hosts = ", ".join(sorted({site.host for site in known}))
    if came in {"redirect", "name"}:
        end = "it is sent to https, for which no certificate can exist" if came == "redirect" else "an empty 200"
        hint = sites.named_too(setup, url.host)
        yield Found(value.place, f"the hub serves {hosts}, not {url.host}: {end}", hint)


def _published(setup: Setup) -> Iterator[Found]:
    """Ports of the machine that all lead to where the hub does not listen."""
    known = sites.sites(setup)
    for service in setup.hub_services if known else []:
        there = [(port, place) for _, port, place in service.ports]
        if known and there and not sites.listening(known) & {port for port, _ in there}:
            what = f"the hub listens at {sites.ports(known)}, nothing at {there[0][0]}"
            yield Found(there[0][1], what, f"SERVER_NAME: ':{there[0][0]}', or the other port")
