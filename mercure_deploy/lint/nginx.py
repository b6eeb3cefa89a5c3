"""What an nginx in front of a hub keeps back, cuts, drops, or answers itself (measured, nginx 1.22)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mercure_deploy.facts.hubs import HUB_PATH, matched
from mercure_deploy.findings import Finding
from mercure_deploy.lint import between, sites
from mercure_deploy.lint.between import Target
from mercure_deploy.readers.places import Directive, Value
from mercure_deploy.readers.setup import Setup, origin_of

# what hands a request on, and what makes that nobody can tell
_HANDED = {"proxy_pass", "grpc_pass", "uwsgi_pass", "scgi_pass", "return", "deny"}
_UNTOLD = {"include", "rewrite", "if", "return", "error_page", "auth_request"}


@dataclass(frozen=True)
class Way:
    """A location that leads to a hub, and the blocks around it, the innermost first."""

    location: Directive
    around: tuple[tuple[Directive, ...], ...]

    def said(self, name: str) -> list[Directive]:
        """The directives of that name that count there: those of the innermost block that has one."""
        for level in (self.location.block, *self.around):
            found = [each for each in level if each.name == name]
            if found:
                return found
        return []

    @property
    def headers(self) -> list[Directive]:
        """The headers that proxy_set_header sets, by lower-case name."""
        return self.said("proxy_set_header")

    def word(self, name: str) -> Directive | None:
        """The one directive of that name."""
        return next(iter(self.said(name)), None)


def ways(setup: Setup) -> Iterator[Way]:
    """The location of each server that takes the hub's path, if it leads to a hub."""
    for top in setup.nginx:
        for server, around in _servers(top):
            if _UNTOLD & {each.name for each in server}:
                # what decides is not told here
                found = [each for each in server if each.name == "location" and _leads(setup, each, server)]
            else:
                found = [each for each in [_chosen(server, _asked(setup))] if each and _leads(setup, each, server)]
            yield from (Way(each, (server, *around)) for each in found)


def _asked(setup: Setup) -> str:
    """The path that browsers ask for."""
    public = setup.app.get("MERCURE_PUBLIC_URL")
    found = re.match(r"https?://[^/]+(/[^?#]*)", public.text) if public is not None else None
    return found[1] if found else HUB_PATH


def _servers(level: tuple[Directive, ...]) -> Iterator[tuple[tuple[Directive, ...], list[tuple[Directive, ...]]]]:
    if any(each.name == "location" for each in level):
        yield level, []
    for each in level:
        if each.name == "http":
            yield from ((inner.block, [each.block]) for inner in each.block if inner.name == "server")
        elif each.name == "server":
            yield each.block, []


def _leads(setup: Setup, location: Directive, server: tuple[Directive, ...]) -> bool:
    """Whether it hands requests to a hub, as far as anybody can tell."""
    target = _target(location)
    if target is None:
        return False
    there = _there(setup, location)
    if there is not None:
        return there
    return "mercure" in target + "".join(word.text for word in location.arguments) or sites.is_own(
        setup, _names(server)
    )


def _names(server: tuple[Directive, ...]) -> set[str]:
    return {word.text for each in server if each.name == "server_name" for word in each.arguments}


def _there(setup: Setup, location: Directive) -> bool | None:
    """Whether it is the hub that it leads to, None where no file tells."""
    target = _target(location)
    return sites.leads(setup, Value(_upstream(setup, target), location.place)) if target else None


def _target(location: Directive) -> str | None:
    found = next((each for each in location.block if each.name == "proxy_pass" and each.arguments), None)
    return found.arguments[0].text if found else None


def targets(setup: Setup) -> Iterator[Target]:
    """The upstreams that get the hub's requests, and whether they see the public name."""
    for way in ways(setup):
        word, named = way.word("proxy_pass"), any(_text(each).lower().startswith("host ") for each in way.headers)
        found = origin_of(Value(_upstream(setup, word.arguments[0].text), word.place)) if word else None
        if word and found:
            yield Target(found[0], word.arguments[0].place, named)


def _upstream(setup: Setup, target: str) -> str:
    """With the first server of an upstream block in the place of its name."""
    found = re.match(r"(https?://)([^/:]+)(/|$)", target)
    levels = list(setup.nginx) + [each.block for top in setup.nginx for each in top if each.name == "http"]
    for each in (each for level in levels for each in level if each.name == "upstream"):
        if found and [word.text for word in each.arguments] == [found[2]]:
            servers = [inner.arguments[0].text for inner in each.block if inner.name == "server" and inner.arguments]
            return found[1] + servers[0] if servers else target
    return target


def kept_back(setup: Setup) -> Iterator[Finding]:
    """Findings for buffering, and for timeouts shorter than the hub's heartbeat."""
    for way in ways(setup):
        word, buffering = way.word("proxy_ignore_headers"), way.word("proxy_buffering")
        ignored = word is not None and "x-accel-buffering" in _text(word).lower()
        if word is not None and ignored and not (buffering and _text(buffering) == "off"):
            what = "the hub asks by X-Accel-Buffering not to be kept back, and that is ignored: no status arrives"
            hint = "proxy_buffering off, or X-Accel-Buffering not in that line"
            yield Finding("proxy-timeout-buffering", "error", what, hint, word.place)
        word = way.word("proxy_read_timeout")
        if word:
            yield from between.cut(word.place, _text(word), f"{_text(word)} of silence", "proxy_read_timeout 1h")


def _text(word: Directive) -> str:
    return " ".join(each.text for each in word.arguments)


def not_routed(setup: Setup) -> Iterator[Finding]:
    """Findings for requests that do not reach the hub, or not under its path."""
    for way in ways(setup):
        yield from _guards(way)
        yield from _path(way)


def unrouted(setup: Setup) -> Iterator[Finding]:
    """A server of the hub, by its name or one of its locations, that hands the path to something else, or to nobody."""
    path = _asked(setup)
    for server in (each for top in setup.nginx for each, _ in _servers(top)):
        named = next((each for each in server if each.name == "server_name"), None)
        meant = [each for each in server if each.name == "location" and _leads(setup, each, server)]
        if _UNTOLD & {each.name for each in server} or not (
            sites.is_own(setup, _names(server)) or (meant and _may(setup, server))
        ):
            continue
        location, slash = _chosen(server, path), _redirects(server, path)
        place = location.place if location else named.place if named else (slash or meant[0]).place
        hint = f"location ^~ {path} {{ proxy_pass … }} for the hub"
        if slash is not None:
            what = f"a location with a slash at its end sends {path} to {path}/ (301): nothing can be published"
            yield Finding("proxy-not-routing", "error", what, hint, slash.place)
        elif location is None:
            what = f"no location takes {path}: nginx answers 404 itself"
            yield Finding("proxy-not-routing", "error", what, hint, place)
        elif location not in meant and _astray(setup, location):
            words = " ".join(word.text for word in location.arguments)
            what = f"{path} is answered by location {words}, which leads to no hub"
            yield Finding("proxy-not-routing", "error", what, hint, place)


def _may(setup: Setup, server: tuple[Directive, ...]) -> bool:
    """Whether it may be asked under the hub's name."""
    names, hub = _names(server), setup.hub_origin
    return hub is None or not names or bool(names & {hub.host, "_"})


def _redirects(server: tuple[Directive, ...], path: str) -> Directive | None:
    """The location for the path with a slash: nginx sends requests without one there, before any pattern (measured)."""
    heads = {
        each.arguments[-1].text: each
        for each in server
        if each.name == "location" and [word.text for word in each.arguments[:-1]] in ([], ["^~"], ["="])
    }
    found = heads.get(f"{path}/")
    passes = found is not None and any(each.name.endswith("_pass") for each in found.block)
    return found if passes and path not in heads else None


def _astray(setup: Setup, location: Directive) -> bool:
    """Whether it answers requests itself, refuses them, or leads elsewhere."""
    inside = {each.name for each in location.block}
    if "proxy_pass" in inside:
        return _there(setup, location) is False
    returned = next((each for each in location.block if each.name == "return"), None)
    if returned is not None or "deny" in inside:
        # a redirect may lead to where the hub is
        return returned is None or returned.arguments[0].text[:1] in {"4", "5"}
    named = any("@" in word.text for each in location.block for word in each.arguments)
    return not inside & (_HANDED | _UNTOLD) and not named


def _chosen(server: tuple[Directive, ...], path: str) -> Directive | None:
    """The location that nginx takes for a path: exact, else the longest prefix if it is ^~, else the first pattern."""
    longest, patterns = None, []
    for each in server:
        kind, text = [*(word.text for word in each.arguments[-2:]), ""][:2] if len(each.arguments) > 1 else ("", "")
        if each.name != "location" or not each.arguments:
            continue
        if len(each.arguments) == 1:
            kind, text = "", each.arguments[0].text
        if kind == "=" and text == path:
            return each
        if kind in {"~", "~*"}:
            patterns.append((each, text, kind == "~*"))
        elif kind in {"", "^~"} and path.startswith(text) and (longest is None or len(text) > len(longest[1])):
            longest = (each, text, kind)
    if longest is not None and longest[2] == "^~":
        return longest[0]
    for each, text, anyhow in patterns:
        if matched(f"(?i){text}" if anyhow else text, path):
            return each
    return longest[0] if longest is not None else None


def _guards(way: Way) -> Iterator[Finding]:
    guard = way.word("auth_basic")
    # without a file of users nginx asks nobody (measured)
    if guard and _text(guard) != "off" and way.word("auth_basic_user_file"):
        yield between.guard(guard.place, "nginx", f"auth_basic off in location ^~ {HUB_PATH}")
    limit = next((each for each in way.location.block if each.name == "limit_except"), None)
    if limit and "POST" not in {word.text for word in limit.arguments}:
        yield Finding(
            "proxy-not-routing", "error", "refuses POST: nothing can be published", "limit_except GET POST", limit.place
        )


def _path(way: Way) -> Iterator[Finding]:
    """A path that proxy_pass takes away: with a URI it puts that in the place of the location's."""
    word = way.word("proxy_pass")
    words = [each.text for each in way.location.arguments]
    if word is None or not words or words[0] in {"~", "~*"}:
        return
    target = re.match(r"https?://[^/]+(/.*)?$", word.arguments[0].text)
    if not target or target[1] is None or "$" in word.arguments[0].text:
        return
    prefix = words[-1]
    if HUB_PATH.startswith(prefix):
        arrives = target[1] + HUB_PATH[len(prefix) :]
        if arrives.rstrip("/") != HUB_PATH:
            what = f"{HUB_PATH} arrives at the hub as {arrives}: 404"
            yield Finding(
                "proxy-not-routing", "error", what, "proxy_pass without a path behind the port", word.arguments[0].place
            )


def dropped(setup: Setup) -> Iterator[Finding]:
    """Findings for Authorization and Cookie headers that it removes."""
    for way in ways(setup):
        for each in way.headers:
            name, *value = [word.text for word in each.arguments] or [""]
            if value and not value[0]:
                yield from between.dropped(each.place, name)


def doubled(setup: Setup) -> Iterator[Finding]:
    """Findings for CORS headers beside those of the hub, and for preflights that nginx answers."""
    for way in ways(setup):
        for each in way.said("add_header"):
            if each.arguments:
                yield from between.doubled(each.place, each.arguments[0].text)
        for each in way.location.block:
            asks = each.name == "if" and "OPTIONS" in _text(each)
            if asks and any(inner.name == "return" for inner in each.block):
                what = "answers the preflight itself, without the headers of the hub"
                yield Finding("cors-origin-mismatch", "error", what, "leave it to the hub: cors_origins", each.place)


def nameless(setup: Setup) -> Iterator[Finding]:
    """Findings for a Host that the hub's site does not serve."""
    hosts = between.domains(setup)
    for way in ways(setup) if hosts else ():
        given = [each for each in way.headers if _text(each).lower().startswith("host ")]
        if not given and not any(host in (_target(way.location) or "") for host in hosts):
            what = "asks the hub under the name of proxy_pass, and it serves its domain: an empty 200"
            hint = "proxy_set_header Host $host; or :80 as the hub's address"
            yield Finding("server-name-mismatch", "error", what, hint, way.location.place)
