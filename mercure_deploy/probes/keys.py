"""Probes of keys: what the hub takes, by header and by cookie, for publishing and for subscribing."""

import re
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from mercure_deploy.errors import typed
from mercure_deploy.hub import replies
from mercure_deploy.hub.fetch import FetchError, Reply
from mercure_deploy.hub.replies import Cause
from mercure_deploy.hub.tokens import nobodys_topic
from mercure_deploy.keys import HMAC_BYTES, WELL_KNOWN, Key
from mercure_deploy.probes import requests
from mercure_deploy.probes.engine import Asking, Seen, Target, failed, passed, probe, skipped

_T = TypeVar("_T")


def _marks(target: Target) -> Sequence[str | None]:
    return [key.fingerprint for key in target.keys] or [None]


@dataclass(frozen=True)
class Answers:
    """What a hub said to one key: to an update, to a subscription by header, to one by cookie."""

    update: Reply
    header: Reply
    cookie: Reply

    @property
    def taken(self) -> tuple[bool, bool, bool]:
        """Whether the update, the header and the cookie were accepted, in this order."""
        return self.update.body.startswith("urn:uuid:"), self.header.status == 200, self.cookie.status == 200


def answers(ask: Asking, make: Callable[[str], str]) -> Answers:
    """Ask in all three ways, side by side; `make` gives the token for a topic. FetchError when nothing answers."""
    topics = [nobodys_topic() for _ in range(3)]
    tokens = list(map(make, topics))
    calls: Sequence[Callable[[], Reply]] = (
        lambda: requests.publish(ask, tokens[0], topics[0]),
        lambda: requests.subscribe(ask, tokens[1], topics[1]),
        lambda: requests.subscribe(ask, None, topics[2], requests.cookie(ask, tokens[2])),
    )
    return Answers(*side_by_side(calls))


def side_by_side(calls: Sequence[Callable[[], _T]]) -> list[_T]:
    """What each of them gives, in their order; the error of the first that has one."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


@probe("key", needs=("hub",), subjects=_marks)
def key(ask: Asking, subject: str | None) -> Seen:
    """Does the hub take what this key signs?"""
    known = next((each for each in ask.target.keys if each.fingerprint == subject), None)
    if known is None or (known.secret is None):
        return skipped("the keys are not on this machine")
    try:
        said = answers(ask, lambda topics: requests.token(ask, known, topics))
    except FetchError as error:
        return failed(replies.of_error(error, ask.target.url))
    cause = _strange(ask, said) or _cause(ask, known, said)
    if cause is None and ask.target.env is None and known.text() in WELL_KNOWN:
        cause = _placeholder(ask)
    if cause is None:
        return passed("publishes and subscribes, by header and by cookie")
    in_use = known.state == "current" or cause.id != "key-mismatch"
    return failed(cause, level="error" if in_use else "warning")


def _strange(ask: Asking, said: Answers) -> Cause | None:
    """The cause of an answer that is not the hub's, None when all are."""
    for reply, published in ((said.update, True), (said.header, False), (said.cookie, False)):
        cause = replies.of_answer(reply, ask.target.url, published=published)
        if cause:
            return cause
    return None


def _cause(ask: Asking, known: Key, said: Answers) -> Cause | None:
    """Why the hub refuses, None when it does not."""
    update, header, cookie = said.taken
    mark = f"the key {known.fingerprint} ({known.state})"
    if update and header and cookie:
        return None
    if update and header:
        what = "the token is taken by header and not by cookie: a proxy drops it, or the hub looks at another cookie"
        return Cause("credentials-not-sent", what, _cookie_hint(ask))
    if cookie and not header:
        lost = "" if update else ", no app can publish"
        what = f"the token is taken by cookie and not by header: a proxy drops Authorization{lost}"
        return Cause("credentials-not-sent", what, "let the proxy hand on Authorization, and set none of its own")
    if update != (header or cookie):
        role, other = ("publisher", "subscriber") if not update else ("subscriber", "publisher")
        what = f"{mark} is not the {role}'s on the hub, though it is the {other}'s"
        return Cause("key-mismatch", what, f"the same key for both roles: MERCURE_{role.upper()}_JWT_KEY")
    return _other_algorithm(ask, known) or _audience(ask, known) or _mismatch(ask, known, mark)


def _mismatch(ask: Asking, known: Key, mark: str) -> Cause:
    if known.state == "staged":
        hint = f"deploy the hub with the files of {ask.target.name}/, before the next step of the rotation"
        return Cause("key-mismatch", f"{mark} is not known to the hub yet", hint)
    if known.state == "retiring":
        what = f"{mark} is refused already: apps that were not deployed yet get 401"
        return Cause("key-mismatch", what, "deploy the apps, or the hub with the files of this step")
    hint = "deploy hub and apps from the files of one render" if ask.target.env else "the hub has another key"
    return Cause("key-mismatch", f"{mark} is refused for both roles, publisher and subscriber", hint)


def _cookie_hint(ask: Asking) -> str:
    said = (ask.known.metadata or {}).get("mercure_cookie")
    if isinstance(said, str) and said.isascii():
        where = ask.target.say(
            "cookie_name, in the spec and in the bundle", "cookie_name in the bundle's configuration"
        )
        return f"the hub says that its cookie is {typed(said, 60)}: {where}"
    return "let the proxy hand on Cookie; the same cookie_name on both sides"


def _other_algorithm(ask: Asking, known: Key) -> Cause | None:
    """The same text under another algorithm; an asymmetric key has only one."""
    if not known.symmetric:
        return None
    for algorithm in (each for each in HMAC_BYTES if each != known.algorithm):
        if _taken(ask, lambda topics, it=algorithm: requests.foreign(ask, known.text(), it, topics)):  # type: ignore[misc]
            what = f"the hub wants {algorithm}, the app signs with {known.algorithm}, with the right key"
            hint = f"{known.algorithm} for the hub too: MERCURE_PUBLISHER_JWT_ALG and MERCURE_SUBSCRIBER_JWT_ALG"
            return Cause("alg-mismatch", what, hint)
    return None


def _taken(ask: Asking, make: Callable[[str], str]) -> bool:
    topics = nobodys_topic()
    try:
        return requests.publish(ask, make(topics), topics).body.startswith("urn:uuid:")
    except FetchError:
        return False


def _audience(ask: Asking, known: Key) -> Cause | None:
    """Whether a hub 1.0 takes the key with another audience or issuer."""
    if ask.known.generation != "1.0":
        return None
    resource, own = _resource(ask), requests.hub_of(ask)
    if resource is not None and resource != own.public_url:
        what = f"the hub wants tokens for {typed(resource, 120)}, the apps make them for {own.public_url}"
        return Cause("audience-mismatch", what, f"resource_identifier {own.public_url} in the hub's Caddyfile")
    servers = (ask.known.metadata or {}).get("authorization_servers")
    listed = [str(each) for each in servers[:3]] if isinstance(servers, list) else []
    pages = [str(page) for page, _ in ask.target.pages]
    for issuer in dict.fromkeys([*listed, *pages, str(own.url)]):
        if issuer != own.issued_by:
            hub = own.model_copy(update={"issuer": issuer})
            if _taken(ask, lambda topics, it=hub: requests.token(ask, known, topics, it)):  # type: ignore[misc]
                what = f"the hub trusts the issuer {typed(issuer, 120)}, the tokens are of {own.issued_by}"
                return Cause("audience-mismatch", what, f"issuer {own.issued_by} in the hub's Caddyfile")
    return None


def _resource(ask: Asking) -> str | None:
    """The audience that a hub 1.0 wants, by its metadata, or by where it says that those are (RFC 9728, section 3)."""
    said = (ask.known.metadata or {}).get("resource")
    if isinstance(said, str):
        return said
    header = ask.known.first.header("www-authenticate") if ask.known.first else ""
    found = re.search(r'resource_metadata="([^"]+?)/\.well-known/oauth-protected-resource([^"]*)"', header)
    return f"{found[1]}{found[2]}" if found else None


def _placeholder(ask: Asking) -> Cause:
    what = "the hub takes tokens that are signed with a key from documents: everybody can publish and read everything"
    fresh = "a fresh random key, the same text for app and hub: openssl rand -hex 32"
    hint = f"now: {ask.target.say(f'mercure-deploy rotate-keys {ask.target.name} --now', fresh)}"
    return Cause("key-placeholder", what, hint)


@probe("placeholder", needs=("hub",))
def placeholder(ask: Asking, _subject: str | None) -> Seen:
    """Does it take a key that stands in documents?"""
    if ask.target.env is None:
        return skipped("asked of one's own hub alone")

    def tried(text: str) -> Callable[[], bool]:
        return lambda: _taken(ask, lambda topics: requests.foreign(ask, text, "HS256", topics))

    taken = side_by_side([tried(text) for text in sorted(WELL_KNOWN)])
    if any(taken):
        return failed(_placeholder(ask))
    return passed(f"none of {len(taken)} is taken")


@probe("strangers", needs=("hub",))
def strangers(ask: Asking, _subject: str | None) -> Seen:
    """Can somebody without a key publish?"""

    def without() -> bool:
        topics = nobodys_topic()
        return requests.publish(ask, None, topics).body.startswith("urn:uuid:")

    nobody = secrets.token_hex(32)
    calls: Sequence[Callable[[], bool]] = (
        without,
        lambda: _taken(ask, lambda topics: requests.foreign(ask, nobody, "HS256", topics)),
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
