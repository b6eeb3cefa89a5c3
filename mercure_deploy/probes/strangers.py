"""Probes of what somebody without the key can do: a key of documents, none, any."""

import secrets
from collections.abc import Callable, Sequence

from mercure_deploy.hub.fetch import FetchError
from mercure_deploy.hub.replies import Cause
from mercure_deploy.hub.tokens import nobodys_topic
from mercure_deploy.keys import WELL_KNOWN
from mercure_deploy.probes import requests
from mercure_deploy.probes.engine import Asking, Seen, failed, passed, probe, skipped
from mercure_deploy.probes.keys import PLACEHOLDERS, placeholder_cause, side_by_side, taken_with


@probe("placeholder", needs=("hub",), after=("key",))
def placeholder(ask: Asking, _subject: str | None) -> Seen:
    """Does it take a key that stands in documents?"""
    if ask.target.env is None:
        return skipped("asked of one's own hub alone")

    if ask.known.accepted and ask.known.generation == "0.x":
        return passed("the hub has one key for each role, and takes that of the ring")

    def tried(text: str) -> Callable[[], bool]:
        return lambda: taken_with(ask, lambda topics: requests.foreign(ask, text, "HS256", topics))

    # those of the recipe and of the documentation first; the others while there are requests left
    texts = sorted(WELL_KNOWN, key=lambda text: ("hange" not in text, text != "aVerySecretKey", text))
    texts = texts[: max(PLACEHOLDERS, requests.MOST - ask.known.spent)]
    taken = side_by_side([tried(text) for text in texts])
    if any(taken):
        return failed(placeholder_cause(ask))
    return passed(f"none of {len(taken)} is taken")


@probe("strangers", needs=("hub",), after=("key",))
def strangers(ask: Asking, _subject: str | None) -> Seen:
    """Can somebody without a key publish?"""
    if ask.known.refused and not ask.known.accepted:
        return passed("not even what a known key signs is taken")

    def without() -> bool:
        topics = nobodys_topic()
        return requests.publish(ask, None, topics).body.startswith("urn:uuid:")

    nobody = secrets.token_hex(32)
    calls: Sequence[Callable[[], bool]] = (
        without,
        lambda: taken_with(ask, lambda topics: requests.foreign(ask, nobody, "HS256", topics)),
    )
    try:
        open_, any_key = side_by_side(calls)
    except FetchError as error:
        return skipped(f"not asked: {error}")
    hint = "a key for publishers, and no proxy that brings a token of its own"
    if open_:
        return failed(Cause("anonymous", "an update without a token is taken: everybody can publish", hint))
    if any_key:
        what = "an update with a key of nobody is taken: the hub verifies no signature, or a proxy brings a token"
        return failed(
            Cause("key-placeholder", what, "a key for publishers, and no proxy that brings a token of its own")
        )
    return passed("neither without a token nor with a key of nobody")
