"""What a Caddy in front of a hub does to its requests; a hub that is a part of that Caddy is not meant."""

from collections.abc import Iterator
from dataclasses import dataclass

from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.findings import Finding
from mercure_deploy.lint import between, sites
from mercure_deploy.lint.between import ALLOWED, Target
from mercure_deploy.readers.places import Directive, Value
from mercure_deploy.readers.setup import Setup, host_of, origin_of
from mercure_deploy.simulation.site import matches

_DEEPEST = 6
# in Caddy's order
_ANSWERING = ("respond", "reverse_proxy", "php_fastcgi", "file_server")
# what makes that nobody can tell
_UNTOLD = {"import", "redir", "invoke", "forward_auth", "rewrite", "try_files", "php_server", "mercure"}
Levels = tuple[tuple[Directive, ...], ...]
Reached = tuple[Directive, Levels, tuple[Directive, ...]]


@dataclass(frozen=True)
class Way:
    """A reverse_proxy to a hub, the directives it stands among, from its own block outwards, and the blocks' heads."""

    proxy: Directive
    target: Value
    levels: tuple[tuple[Directive, ...], ...]
    heads: tuple[Directive, ...]

    @property
    def around(self) -> Iterator[Directive]:
        """The directives in its block, and in the blocks around it."""
        yield from self.proxy.block
        yield from (each for level in self.levels for each in level)


def ways(setup: Setup) -> Iterator[Way]:
    """The reverse_proxy of each site that takes the hub's path, if it leads to a hub."""
    for addresses, directives in _sites(setup):
        found = _reached(directives, (directives,), ())
        if found is not None and found[0].name == "reverse_proxy":
            proxy, levels, heads = found
            target = next((each for each in _upstreams(proxy) if _leads(setup, each, heads, addresses)), None)
            if target is not None:
                yield Way(proxy, target, levels, heads)


def _sites(setup: Setup) -> Iterator[tuple[tuple[Value, ...], tuple[Directive, ...]]]:
    """The sites that are no hub themselves."""
    for file in setup.caddyfiles:
        for addresses, directives in file.sites:
            if not sites.holds_a_hub(setup, directives):
                yield addresses, directives


def _leads(setup: Setup, target: Value, heads: tuple[Directive, ...], addresses: tuple[Value, ...]) -> bool:
    """Whether it is a hub that it leads to, as far as anybody can tell."""
    there = sites.leads(setup, _as_url(target))
    if there is not None:
        return there
    about = [*target.text.split("/"), *(word.text for head in heads for word in head.arguments)]
    return any("mercure" in word for word in about) or sites.is_own(setup, _names(addresses))


def _names(addresses: tuple[Value, ...]) -> set[str]:
    return {host_of(address.text) for address in addresses}


def _as_url(target: Value) -> Value:
    return target if "://" in target.text else Value(f"http://{target.text}", target.place)


def _reached(directives: tuple[Directive, ...], levels: Levels, heads: tuple[Directive, ...]) -> Reached | None:
    """What answers the hub's path among these, in Caddy's own order: one of the handles, the routes, then the rest.

    Of several of a kind that with the longest path goes first, and that without a matcher last.
    """
    site = tuple(each for level in levels for each in level)
    for names in (("handle", "handle_path"), ("route",)):
        listed = [each for each in directives if each.name in names]
        for each in sorted(listed, key=_specific) if "handle" in names else listed:
            if matches(_matcher(each), site):
                inner = _reached(each.block, (each.block, *levels), (each, *heads)) if len(levels) < _DEEPEST else None
                if inner is not None:
                    return inner
                if "handle" in names:
                    # the others are left out then
                    break
    for name in _ANSWERING:
        for each in sorted((each for each in directives if each.name == name), key=_specific):
            if matches(_matcher(each), site):
                return each, levels, (each, *heads)
    return None


def _matcher(each: Directive) -> str:
    first = each.arguments[0].text if each.arguments else "*"
    return first if first[:1] in {"/", "@", "*"} else "*"


def _specific(each: Directive) -> tuple[bool, int]:
    matcher = _matcher(each)
    return matcher == "*", -len(matcher.rstrip("*")) if matcher.startswith("/") else 0


def _upstreams(proxy: Directive) -> list[Value]:
    """Its upstreams, without its matcher."""
    words = list(proxy.arguments)
    if words and words[0].text[:1] in {"/", "@", "*"}:
        words = words[1:]
    return words + [word for each in proxy.block if each.name == "to" for word in each.arguments]


def targets(setup: Setup) -> Iterator[Target]:
    """The upstreams that get the hub's requests."""
    for way in ways(setup):
        found = origin_of(_as_url(way.target))
        if found:
            yield Target(found[0], way.target.place)


def kept_back(setup: Setup) -> Iterator[Finding]:
    """Findings for timeouts that cut streams."""
    for way in ways(setup):
        inner = [*way.proxy.block, *(each for other in way.proxy.block for each in other.block)]
        for each in inner:
            if each.name in {"stream_timeout", "read_timeout"} and each.arguments:
                time = each.arguments[0].text
                yield from between.cut(each.place, time, time, f"no {each.name}")


def not_routed(setup: Setup) -> Iterator[Finding]:
    """Findings for requests that do not reach the hub, or not under its path."""
    yield from _astray(setup)
    for way in ways(setup):
        for head in way.heads:
            prefix = head.arguments[0] if head.name == "handle_path" and head.arguments else None
            if prefix is not None and prefix.text.rstrip("*").rstrip("/") == HUB_PATH:
                yield between.stripped(prefix.place, f"handle {prefix.text}", "handle_path ")
        for each in (each for level in way.levels for each in level):
            words = [word.text for word in each.arguments]
            if each.name == "uri" and "strip_prefix" in words and HUB_PATH in words:
                yield between.stripped(each.place, "leave the line out")
            if each.name in {"basic_auth", "basicauth"} and words[:1] in ([], ["*"], ["bcrypt"]):
                yield between.guard(each.place, "the proxy", f"a matcher that leaves {HUB_PATH} out")


def _astray(setup: Setup) -> Iterator[Finding]:
    """The site of the hub's public name, whose path is answered by something else, or by nobody."""
    for addresses, directives in _sites(setup):
        if not sites.is_own(setup, _names(addresses)) or any(each.name in _UNTOLD for each in directives):
            continue
        found = _reached(directives, (directives,), ())
        if found is None:
            what = f"nothing takes {HUB_PATH} there: an empty 200"
            yield Finding("proxy-not-routing", "error", what, "reverse_proxy to the hub", addresses[0].place)
            continue
        answering = found[0]
        targets = _upstreams(answering)
        lost = targets and all(sites.leads(setup, _as_url(each)) is False for each in targets)
        if answering.name != "reverse_proxy" or lost:
            what = f"{HUB_PATH} is answered by {answering.name} here, which is no hub"
            hint = f"handle {HUB_PATH}* {{ reverse_proxy … }} for the hub"
            yield Finding("proxy-not-routing", "error", what, hint, answering.place)


def dropped(setup: Setup) -> Iterator[Finding]:
    """Findings for Authorization and Cookie headers that it removes."""
    for way in ways(setup):
        for each in way.around:
            words = [word.text.lower() for word in each.arguments]
            name = words[0].lstrip("-") if words else ""
            gone = words[:1] == [f"-{name}"] or (len(words) > 1 and words[1] == "")
            if each.name in {"header_up", "request_header"} and gone:
                yield from between.dropped(each.place, name)


def doubled(setup: Setup) -> Iterator[Finding]:
    """Findings for CORS headers beside those of the hub, or in their place."""
    for way in ways(setup):
        left, last = _allowed(way)
        yield from between.allowed(last.place if last else None, left)


def _allowed(way: Way) -> tuple[list[str], Directive | None]:
    """What is left of Access-Control-Allow-Origin, and the last directive that changed it (measured).

    `header` goes before the answer of the hub, which adds its own; with > or - it goes behind.
    """
    site = tuple(each for level in way.levels for each in level)
    left: list[str] = ["the hub's"]
    early: list[str] = []
    down = [each for each in way.proxy.block if each.name == "header_down"]
    changes = [change for each in down for change in _fields(each)]
    last = next((each for each in reversed(down) if list(_fields(each))), None)
    # whatever their order in the file: first what is added, then what is set, then what is taken away
    for sign, value in sorted(changes, key=lambda change: ["+", "?", "", ">", "-"].index(change[0])):
        left = {"-": [], "+": [*left, value], "?": left or [value]}.get(sign, [value])
    for each in site:
        for sign, value in _fields(each) if each.name == "header" and matches(_matcher(each), site) else ():
            last = each
            if sign in {">", "-"}:
                left, early = [value] if sign == ">" else [], []
            elif sign == "?":
                left = left or [value]
            else:
                early = [*early, value] if sign == "+" else [value]
    return early + left, last


def _fields(each: Directive) -> Iterator[tuple[str, str]]:
    """(sign, value) of each change of Access-Control-Allow-Origin, in a line or a block."""
    words = [word.text for word in each.arguments if word is not each.arguments[0] or _matcher(each) == "*"]
    rows = [words, *([inner.name, *(word.text for word in inner.arguments)] for inner in each.block)]
    for name, *rest in filter(None, rows):
        sign = name[0] if name[0] in "+->?" else ""
        if name.removeprefix(sign).lower() == ALLOWED:
            yield sign, rest[0] if rest else ""
