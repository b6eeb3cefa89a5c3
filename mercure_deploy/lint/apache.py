"""What an Apache in front of a hub keeps back, cuts, drops, or answers itself (measured, Apache 2.4)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mercure_deploy.errors import typed
from mercure_deploy.facts.hubs import HUB_PATH, below, matched
from mercure_deploy.findings import Finding
from mercure_deploy.lint import between, sites
from mercure_deploy.lint.between import ALLOWED, Target
from mercure_deploy.readers.places import Directive, Value
from mercure_deploy.readers.setup import Setup, host_of, origin_of

# a section that counts only sometimes; what is in it is taken as said
_OPEN = {"ifmodule", "ifdefine", "if", "ifversion"}
# what makes that nobody can tell
_UNTOLD = {"rewriterule", "rewriteengine", "redirect", "redirectmatch", "redirectpermanent", "include", "use"}
_PLACES = {"location", "locationmatch", "proxy", "proxymatch"}


@dataclass(frozen=True)
class Way:
    """A ProxyPass that takes the hub's path, the part of the path that it replaces, and what counts for it."""

    passes: Directive
    prefix: str
    target: Value
    around: tuple[Directive, ...]

    def named(self, *names: str) -> list[Directive]:
        """The directives of these names that count for it."""
        return [each for each in self.around if each.name in names]


def ways(setup: Setup) -> Iterator[Way]:
    """Every ProxyPass through which requests for a hub go."""
    for host in _hosts(setup):
        first = _first(host)
        if first is not None and first[2].text != "!" and _leads(setup, first[2], first[1], host):
            yield Way(*first, tuple(host))


def _hosts(setup: Setup) -> Iterator[list[Directive]]:
    """The directives that count in each virtual host, its own before those around; all, where there is none."""
    for top in setup.apache:
        flat = list(_flat(top))
        inside = [each for each in flat if each.name == "virtualhost"]
        outside = [each for each in flat if each.name != "virtualhost"]
        for each in inside:
            yield [*_flat(each.block), *outside]
        if not inside:
            yield outside


def _flat(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    for each in directives:
        if each.name in _OPEN:
            yield from _flat(each.block)
        else:
            yield each


def _first(host: list[Directive]) -> tuple[Directive, str, Value] | None:
    """The ProxyPass that takes the hub's path: its directive, the part that it replaces, where it leads.

    That is the one of the last section that covers the path, else the first that matches (measured).
    """
    for each in reversed(host):
        words = each.arguments
        if each.name == "location" and words and below(words[0].text):
            inner = next((one for one in _flat(each.block) if one.name == "proxypass" and one.arguments), None)
            if inner is not None:
                return inner, words[0].text, inner.arguments[0]
    for each in host:
        words = each.arguments
        if each.name == "proxypass" and len(words) > 1 and below(words[0].text):
            return each, words[0].text, words[1]
        if each.name == "proxypassmatch" and len(words) > 1 and matched(words[0].text):
            return each, "", words[1]
    return None


def _leads(setup: Setup, target: Value, prefix: str, host: list[Directive]) -> bool:
    """Whether it is a hub that it leads to: by a name in it, or as the hub's public host is this one."""
    there = sites.leads(setup, target)
    return "mercure" in target.text + prefix or sites.is_own(setup, _names(host)) if there is None else there


def _names(host: list[Directive]) -> set[str]:
    said = [word.text for each in host if each.name in {"servername", "serveralias"} for word in each.arguments]
    return {host_of(text) for text in said}


def targets(setup: Setup) -> Iterator[Target]:
    """The upstreams that get the hub's requests, and whether they see the public name."""
    for way in ways(setup):
        found = origin_of(way.target)
        if found:
            yield Target(found[0], way.target.place, _named(way))


def _named(way: Way) -> bool:
    kept = [each.arguments[0].text.lower() for each in way.named("proxypreservehost") if each.arguments]
    sets = [[word.text.lower() for word in each.arguments[1:2]] for each in way.named("requestheader")]
    return kept[:1] == ["on"] or ["host"] in sets


def kept_back(setup: Setup) -> Iterator[Finding]:
    """Findings for timeouts shorter than the hub's heartbeat: that of the line, else ProxyTimeout, else Timeout."""
    for way in ways(setup):
        own = [word for word in way.passes.arguments if word.text.lower().startswith("timeout=")]
        said = [each.arguments[0] for name in ("proxytimeout", "timeout") for each in way.named(name) if each.arguments]
        for word in [*own, *said][:1]:
            time = word.text.lower().removeprefix("timeout=")
            yield from between.cut(word.place, time, f"{time} s of silence", "timeout=3600 in the line of ProxyPass")


def not_routed(setup: Setup) -> Iterator[Finding]:
    """Findings for requests that do not reach the hub, or not under its path."""
    for way in ways(setup):
        yield from _path(way)
        for each in way.around:
            if each.name in _PLACES and _covers(each):
                yield from _guards(each)
    for host in _hosts(setup):
        yield from _before(setup, host)


def _covers(section: Directive) -> bool:
    text = next((word.text for word in section.arguments if word.text != "~"), "")
    if section.name in {"locationmatch", "proxymatch"} or any(word.text == "~" for word in section.arguments):
        return matched(text)
    return below(text) or text == "*"


def _path(way: Way) -> Iterator[Finding]:
    found = re.match(r"(?:https?|h2c?)://[^/]+(/.*)?$", way.target.text)
    if not found or not way.prefix or "$" in way.target.text:
        return
    arrives = (found[1] or "") + HUB_PATH[len(way.prefix) :]
    if arrives.rstrip("/") != HUB_PATH:
        what = f"{HUB_PATH} arrives at the hub as {arrives or '/'}: 404"
        base = way.target.text[: way.target.text.index("/", 8)] if found[1] else way.target.text
        hint = f"ProxyPass {way.prefix} {base}{way.prefix if way.prefix != '/' else '/'}"
        yield Finding("proxy-not-routing", "error", what, hint, way.target.place)


def _guards(section: Directive) -> Iterator[Finding]:
    inner = list(_flat(section.block))
    guard = next((each for each in inner if each.name == "authtype"), None)
    if guard and guard.arguments and guard.arguments[0].text.lower() != "none":
        yield between.guard(guard.place, "Apache", f"a Location of its own for {HUB_PATH}, Require all granted")
    for each in inner:
        if each.name == "require" and [word.text.lower() for word in each.arguments] == ["all", "denied"]:
            what = f"refuses {HUB_PATH}: 403"
            yield Finding("proxy-not-routing", "error", what, "Require all granted for the hub's path", each.place)


def _before(setup: Setup, host: list[Directive]) -> Iterator[Finding]:
    """A virtual host of the hub whose path is led elsewhere, or nowhere: the first ProxyPass that matches counts."""
    if any(each.name in _UNTOLD for each in host):
        return
    first = _first(host)
    passing = [each for each in host if each.name == "proxypass" and len(each.arguments) > 1]
    meant = [each for each in passing if "mercure" in "".join(word.text for word in each.arguments)]
    hint = f"ProxyPass {HUB_PATH} to the hub, before what matches it too"
    if first is None:
        named = next((each for each in host if each.name == "servername"), None)
        if named is not None and sites.is_own(setup, _names(host)):
            what = f"no ProxyPass takes {HUB_PATH}: Apache answers itself"
            yield Finding("proxy-not-routing", "error", what, hint, named.place)
        return
    passes, prefix, target = first
    if target.text != "!" and (
        _leads(setup, target, prefix, host) or not (meant or sites.leads(setup, target) is False)
    ):
        return
    later = [each for each in meant if each is not passes]
    if later or sites.is_own(setup, _names(host)):
        end = f" before line {later[0].place.line}, which is the hub's: the first that matches counts" if later else ""
        what = f"takes {HUB_PATH}{end}" if later else f"{HUB_PATH} is led to {typed(target.text, 60)}, which is no hub"
        yield Finding("proxy-not-routing", "error", what, hint, passes.place)


def dropped(setup: Setup) -> Iterator[Finding]:
    """Findings for Authorization and Cookie headers that it removes."""
    for way in ways(setup):
        for each in _around(way):
            words = [word.text.lower() for word in each.arguments]
            if each.name == "requestheader" and words[:1] == ["unset"] and len(words) > 1:
                yield from between.dropped(each.place, words[1])


def _around(way: Way) -> Iterator[Directive]:
    """What counts for the hub's path, that of sections for it as well."""
    for each in way.around:
        if each.name in _PLACES and _covers(each):
            yield from _flat(each.block)
        else:
            yield each


def doubled(setup: Setup) -> Iterator[Finding]:
    """Findings for CORS headers beside those of the hub; without `always`, `set` puts its own in their place."""
    for way in ways(setup):
        # two tables of headers, and both are sent
        sent = {"always": [], "onsuccess": ["the hub's"]}
        last = None
        for each in _around(way):
            words = [word.text for word in each.arguments]
            table = words.pop(0) if words[:1] in (["always"], ["onsuccess"]) else "onsuccess"
            if each.name == "header" and len(words) > 1 and words[1].lower() == ALLOWED:
                last, before = each.place, sent[table]
                changed = {"set": words[2:3], "unset": []}
                sent[table] = changed.get(words[0].lower(), [*before, *words[2:3]])
        yield from between.allowed(last, sent["always"] + sent["onsuccess"])


def nameless(setup: Setup) -> Iterator[Finding]:
    """Findings for a Host that the hub's site does not serve."""
    hosts = between.domains(setup)
    for way in ways(setup) if hosts else ():
        if not _named(way) and not any(host in way.target.text for host in hosts):
            what = "asks the hub under the name in ProxyPass, and it serves its domain: an empty 200"
            hint = "ProxyPreserveHost On; or :80 as the hub's address"
            yield Finding("server-name-mismatch", "error", what, hint, way.passes.place)
