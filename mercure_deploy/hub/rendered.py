"""Which render runs: the mark that a hub of ours answers, so that the container before it is not taken for it."""

import re

from mercure_deploy.hub.fetch import FetchError, Way, fetch

_MARK = re.compile(r"[0-9a-f]{16}")


def running(url: str, way: Way) -> str | None:
    """The mark at that URL, 16 hex digits; None where nothing answers, or something else does."""
    try:
        reply = fetch("GET", url, None, way)
    except FetchError:
        return None
    text = reply.body.strip()
    return text if reply.status == 200 and _MARK.fullmatch(text) else None
