"""What a page does with its hub, as its template says: whether it gets a cookie, and whether its stream brings it."""

from collections.abc import Iterator

from mercure_deploy.errors import typed
from mercure_deploy.facts.hubs import GENERATIONS
from mercure_deploy.findings import Finding, Level
from mercure_deploy.readers.setup import Setup

# two names of one hub, which the bundle does not know for one
_SAME = frozenset({None, "default"})


def named(setup: Setup) -> Iterator[Finding]:
    """Findings for a hub 0.24 that looks at another cookie than the one that the bundle sets."""
    own = setup.symfony.get("cookie_name")
    sets = own.text if own is not None else GENERATIONS["0.24"].cookie
    modern = setup.generation is not None and setup.generation >= (1, 0)
    if not setup.symfony or modern or "%" in sets or any(block.named("issuer") for block in setup.blocks):
        return
    for each in (each for block in setup.blocks for each in block.named("cookie_name")[-1:]):
        wanted = each.arguments[0] if each.arguments else None
        if wanted is not None and not wanted.text.startswith("{") and wanted.text != sets:
            what = f"the hub looks at the cookie {typed(wanted.text, 60)}, the bundle sets {typed(sets, 60)}"
            yield Finding("credentials-not-sent", "error", what, "one cookie_name on both sides", wanted.place)


def asked_twice(setup: Setup) -> Iterator[Finding]:
    """Findings for a template that asks for a cookie more than once: the bundle throws, or sets one of them alone."""
    hint = "one call with all topics: mercure([a, b], {subscribe: [a, b]})"
    for template in setup.templates:
        asked: dict[str, dict[str | None, int]] = {}
        for place, block, hub in template.always:
            before = asked.setdefault(block, {})
            if hub in before:
                what = f"asks for the cookie once more, as in line {before[hub]}: the bundle throws, status 500"
                yield Finding("credentials-not-sent", "error", what, hint, place)
            elif hub in _SAME and _SAME & before.keys():
                line = next(before[name] for name in _SAME & before.keys())
                what = f"asks for the cookie of one hub by another name than in line {line}: it replaces that"
                yield Finding("credentials-not-sent", "error", what, hint, place)
            before.setdefault(hub, place.line)


def opened(setup: Setup) -> Iterator[Finding]:
    """Findings for a stream that leaves its cookie behind, and for one that brings credentials where none are set."""
    hub, pages = setup.hub_origin, setup.pages
    same = hub is not None and bool(pages) and all(page == hub for page in pages)
    everybody = any(block.named("anonymous") for block in setup.blocks)
    for template in setup.templates:
        asking = [asks for _, asks in template.calls]
        for place, credentials in template.streams:
            if credentials == "without" and any(asking) and not same:
                what = "opens the stream without withCredentials: the cookie that mercure() sets is not sent to the hub"
                level: Level = "error" if hub is not None and pages else "warning"
                hint = "new EventSource(url, {withCredentials: true})"
                yield Finding("credentials-not-sent", level, what, hint, place)
            elif credentials == "with" and asking and not any(asking) and not everybody:
                what = "brings its cookie, and mercure() sets none without subscribe: 401, and no private update"
                yield Finding("credentials-not-sent", "warning", what, "mercure(topic, {subscribe: topic})", place)
