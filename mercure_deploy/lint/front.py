"""What a Caddy in front of a hub does to its requests; a hub that is a part of that Caddy is not meant."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.findings import Finding
from mercure_deploy.lint import between
from mercure_deploy.lint.between import Target
from mercure_deploy.readers.places import Directive, Value
from mercure_deploy.readers.setup import Setup, origin_of

_DEEPEST = 6


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
    """Every reverse_proxy that leads to a hub."""
    for file in setup.caddyfiles:
        for _, directives in file.sites:
            for proxy, levels, heads in _proxies(directives, (directives,), ()):
                for target in _upstreams(proxy):
                    found = re.match(r"(?:https?://)?([^:/]+)", target.text)
                    about = [*target.text.split("/"), *(word.text for head in heads for word in head.arguments)]
                    if found and (found[1] in setup.hub_names or any("mercure" in word for word in about)):
                        yield Way(proxy, target, levels, heads)
                        break


def _proxies(
    directives: tuple[Directive, ...], levels: tuple[tuple[Directive, ...], ...], heads: tuple[Directive, ...]
) -> Iterator[tuple[Directive, tuple[tuple[Directive, ...], ...], tuple[Directive, ...]]]:
    for each in directives:
        if each.name == "reverse_proxy":
            yield each, levels, (each, *heads)
        elif each.name in {"handle", "handle_path", "route"} and len(levels) < _DEEPEST:
            yield from _proxies(each.block, (each.block, *levels), (each, *heads))


def _upstreams(proxy: Directive) -> list[Value]:
    """Its upstreams, without its matcher."""
    words = list(proxy.arguments)
    if words and words[0].text[:1] in {"/", "@", "*"}:
        words = words[1:]
    return words + [word for each in proxy.block if each.name == "to" for word in each.arguments]


def targets(setup: Setup) -> Iterator[Target]:
    """The upstreams that get the hub's requests."""
    for way in ways(setup):
        text = way.target.text if "://" in way.target.text else f"http://{way.target.text}"
        found = origin_of(Value(text, way.target.place))
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
    """Findings for CORS headers that it adds to those of the hub."""
    for way in ways(setup):
        for each in way.around:
            # behind a matcher it is the second word
            for word in each.arguments[:2] if each.name in {"header", "header_down"} else ():
                yield from between.doubled(each.place, word.text.lstrip("+>?"))
