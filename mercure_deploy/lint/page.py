"""What a page does with its hub, as its template says: whether it gets a cookie, and whether its stream brings it."""

from collections.abc import Iterator

from mercure_deploy.findings import Finding, Level
from mercure_deploy.readers.setup import Setup


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
