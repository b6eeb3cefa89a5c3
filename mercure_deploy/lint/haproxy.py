"""What a HAProxy in front of a hub cuts, drops, refuses, or takes for a hub that is away (measured, HAProxy 3.2)."""

from collections.abc import Iterator
from dataclasses import dataclass

from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.findings import Finding
from mercure_deploy.lint import between
from mercure_deploy.lint.between import ALLOWED, Target
from mercure_deploy.readers.places import Directive, Value
from mercure_deploy.readers.setup import Setup, origin_of

_ANSWERS = {"http-response", "http-after-response"}


@dataclass(frozen=True)
class Way:
    """A backend or listener with a hub behind it, the defaults, and the frontends that lead to it."""

    backend: Directive
    defaults: tuple[Directive, ...]
    frontends: tuple[Directive, ...]

    def own(self, *words: str) -> list[Directive]:
        """Its lines that begin so, else those of the defaults."""
        return _lines(self.backend.block, words) or _lines(self.defaults, words)

    @property
    def rules(self) -> Iterator[Directive]:
        """All of its lines, and those of its frontends."""
        yield from self.backend.block
        yield from (line for each in self.frontends for line in each.block)


def _lines(block: tuple[Directive, ...], words: tuple[str, ...]) -> list[Directive]:
    return [each for each in block if (each.name, *(word.text for word in each.arguments))[: len(words)] == words]


def ways(setup: Setup) -> Iterator[Way]:
    """Every backend with a hub behind it: by its name, or by the names of its servers."""
    for sections in setup.haproxy:
        defaults = tuple(line for each in sections if each.name == "defaults" for line in each.block)
        for each in (each for each in sections if each.name in {"backend", "listen"}):
            if _leads(setup, each):
                name = each.arguments[0].text if each.arguments else ""
                frontends = tuple(one for one in sections if one.name == "frontend" and _uses(one, name))
                yield Way(each, defaults, frontends)


def _leads(setup: Setup, section: Directive) -> bool:
    words = [word.text for word in section.arguments]
    for server in _lines(section.block, ("server",)):
        words += [word.text for word in server.arguments[:2]]
    hosts = {text.partition(":")[0] for text in words}
    return any("mercure" in text for text in words) or bool(hosts & setup.hub_names)


def _uses(frontend: Directive, name: str) -> bool:
    used = [*_lines(frontend.block, ("use_backend",)), *_lines(frontend.block, ("default_backend",))]
    return any(each.arguments and each.arguments[0].text == name for each in used)


def targets(setup: Setup) -> Iterator[Target]:
    """The servers that get the hub's requests; the public name goes with them."""
    for way in ways(setup):
        for server in _lines(way.backend.block, ("server",))[:1]:
            words = [word.text for word in server.arguments]
            scheme = "https" if "ssl" in words else "http"
            found = origin_of(Value(f"{scheme}://{words[1]}", server.place)) if len(words) > 1 else None
            if found:
                yield Target(found[0], server.arguments[1].place)


def kept_back(setup: Setup) -> Iterator[Finding]:
    """Findings for a `timeout server` shorter than the hub's heartbeat; a number alone is in milliseconds."""
    for way in ways(setup):
        for each in way.own("timeout", "server")[-1:]:
            word = each.arguments[1] if len(each.arguments) > 1 else None
            if word is not None:
                time = f"{word.text}ms" if word.text.isdigit() else word.text
                yield from between.cut(word.place, time, f"{time} of silence", "timeout server 1h in the hub's backend")


def not_routed(setup: Setup) -> Iterator[Finding]:
    """Findings for a password of its own."""
    for way in ways(setup):
        for each in way.rules:
            if each.name == "http-request" and [word.text for word in each.arguments[:1]] == ["auth"]:
                yield between.guard(each.place, "HAProxy", f"unless {{ path_beg {HUB_PATH} }} behind it")


def unhealthy(setup: Setup) -> Iterator[Finding]:
    """Findings for a check of the hub's path, which answers 401: the server is taken for one that is down."""
    for way in ways(setup):
        checks = way.own("option", "httpchk")
        asked = [*checks, *way.own("http-check", "send")]
        texts = " ".join(word.text for each in asked for word in each.arguments)
        if checks and HUB_PATH in texts and not way.own("http-check", "expect"):
            what = "asks the hub's path, which answers 401 without a token: the server counts as down, and all get 503"
            yield Finding("healthcheck-broken", "error", what, "http-check expect status 401", checks[-1].place)


def dropped(setup: Setup) -> Iterator[Finding]:
    """Findings for Authorization and Cookie headers that it removes."""
    for way in ways(setup):
        for each in way.rules:
            words = [word.text for word in each.arguments]
            if each.name == "http-request" and words[:1] == ["del-header"] and len(words) > 1 and not words[2:]:
                yield from between.dropped(each.place, words[1])


def doubled(setup: Setup) -> Iterator[Finding]:
    """Findings for CORS headers that it adds to those of the hub, or puts in their place."""
    for way in ways(setup):
        left = ["the hub's"]
        last = None
        for each in way.rules:
            words = [word.text for word in each.arguments]
            if each.name in _ANSWERS and [word.lower() for word in words[1:2]] == [ALLOWED]:
                last = each.place
                left = {"add-header": [*left, *words[2:3]], "set-header": words[2:3], "del-header": []}.get(
                    words[0], left
                )
        yield from between.allowed(last, left)
