"""Probes of keys: what the hub takes, by header and by cookie, for publishing and for subscribing."""

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from mercure_deploy.errors import typed
from mercure_deploy.hub import replies
from mercure_deploy.hub.fetch import FetchError, Reply
from mercure_deploy.hub.replies import Cause
from mercure_deploy.hub.tokens import nobodys_topic
from mercure_deploy.keys import KNOWN, WELL_KNOWN, Key
from mercure_deploy.probes import requests, several
from mercure_deploy.probes.engine import Asking, Seen, Target, failed, passed, probe, skipped

_T = TypeVar("_T")
# of keys from documents that are tried at least, where a hub of the spec refuses that of the ring
PLACEHOLDERS = 4


def _marks(target: Target) -> Sequence[str | None]:
    return [key.fingerprint for key in target.keys] or [None]


@dataclass(frozen=True)
class Answers:
    """What a hub said to one key: to an update, to a subscription by header, to one by cookie.

    `update` is None where nobody may publish at that name, as apps do so by another.
    """

    update: Reply | None
    header: Reply
    cookie: Reply

    @property
    def taken(self) -> tuple[bool, bool, bool]:
        """Whether the update, the header and the cookie were accepted, in this order."""
        header = self.header.status == 200
        update = header if self.update is None else self.update.body.startswith("urn:uuid:")
        return update, header, self.cookie.status == 200


def _answers(ask: Asking, known: Key) -> Answers:
    """Ask in all three ways, side by side. FetchError when nothing answers."""
    topics = [nobodys_topic() for _ in range(3)]
    tokens = [requests.token(ask, known, each) for each in topics]
    calls: Sequence[Callable[[], Reply]] = (
        lambda: requests.publish(ask, tokens[0], topics[0]),
        lambda: requests.subscribe(ask, tokens[1], topics[1]),
        lambda: requests.subscribe(ask, None, topics[2], requests.cookie(ask, tokens[2])),
    )
    update, header, cookie = side_by_side(calls)
    elsewhere = ask.target.inside and replies.of_answer(update, ask.target.url, published=True) is not None
    return Answers(None if elsewhere else update, header, cookie)


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
        said = _answers(ask, known)
    except FetchError as error:
        return failed(requests.held_by(ask, known, error))
    cause = _strange(ask, said) or _cause(ask, known, said)
    ask.known.refused |= not any(said.taken)
    ask.known.accepted |= cause is None and known.text() not in WELL_KNOWN
    # the answers of several hubs make no sense together where one of them has another set of keys
    cause = several.refusing(ask, known) or cause
    if cause is None and ask.target.env is None and known.text() in WELL_KNOWN:
        cause = placeholder_cause(ask)
    if cause is None:
        what = "subscribes, by header and by cookie; publishing is refused here, apps do so by the internal URL"
        return passed(what if said.update is None else "publishes and subscribes, by header and by cookie")
    in_use = known.state == "current" or cause.id != "key-mismatch"
    return failed(cause, level="error" if in_use else "warning")


def _strange(ask: Asking, said: Answers) -> Cause | None:
    """The cause of an answer that is not the hub's, None when all are."""
    for reply in filter(None, (said.update, said.header, said.cookie)):
        cause = replies.of_answer(reply, ask.target.url, published=reply is said.update)
        if cause:
            return cause
    return None


def _cause(ask: Asking, known: Key, said: Answers) -> Cause | None:
    """Why the hub refuses, None when it does not."""
    update, header, cookie = said.taken
    mark = f"the key {known.fingerprint} ({known.state})"
    if update and header and cookie:
        return None
    if update or header or cookie:
        again = _asked_again(ask, known, said)
        if again:
            return again
    first = ask.known.first
    if update and header:
        what = "the token is taken by header and not by cookie: a proxy drops it, or the hub looks at another cookie"
        return replies.worded(Cause("credentials-not-sent", what, _cookie_hint(ask)), first)
    if cookie and not header:
        lost = "" if update else ", no app can publish"
        what = f"the token is taken by cookie and not by header: a proxy drops Authorization{lost}"
        hint = "let the proxy hand on Authorization, and set none of its own"
        return replies.worded(Cause("credentials-not-sent", what, hint), first)
    if update != (header or cookie):
        role, other = ("publisher", "subscriber") if not update else ("subscriber", "publisher")
        tried = taken_with if role == "publisher" else _subscribed
        what = f"{mark} is not the {role}'s on the hub, though it is the {other}'s"
        hint = f"the same key for both roles: MERCURE_{role.upper()}_JWT_KEY"
        return _other_algorithm(ask, known, tried, f"for {role}s ") or Cause("key-mismatch", what, hint)
    return (
        _other_algorithm(ask, known, taken_with)
        or _older(ask, known)
        or _audience(ask, known)
        or _variant(ask, known)
        or _mismatch(ask, known, mark)
    )


def _asked_again(ask: Asking, known: Key, said: Answers) -> Cause | None:
    """Whether another hub answers each time: what was refused is taken, or the reverse."""
    # and what else may be tried then
    if not requests.may(ask, 5):
        return None
    again = _answers(ask, known)
    if again.taken == said.taken:
        return None
    what = f"the key {known.fingerprint} is now taken and now refused: several hubs answer, with different keys"
    return Cause("key-mismatch", what, "one hub, or the same keys for all that the proxy leads to")


def _older(ask: Asking, known: Key) -> Cause | None:
    """Whether a hub 1.0 takes tokens of 1.0 alone, where apps still speak 0.x."""
    env = ask.target.env
    if env is None or ask.known.generation != "1.0" or not env.hub.legacy_clients or not requests.may(ask, 1):
        return None
    modern = requests.hub_of(ask).model_copy(update={"legacy_clients": False})
    if not taken_with(ask, lambda topics: requests.token(ask, known, topics, modern)):
        return None
    what = "the hub takes tokens of 1.0 alone, and the spec says that apps speak 0.x (legacy_clients)"
    return Cause("hub-upgrade-break", what, "deploy the hub with the files of the spec: protocol_version_compatibility")


def _variant(ask: Asking, known: Key) -> Cause | None:
    """Whether the hub has the same key with something around it, as a reader of files leaves it."""
    if not known.symmetric:
        return None
    text = known.text()
    for name, other in _variants(text):
        if not requests.may(ask, 1 + (PLACEHOLDERS if ask.target.env else 0)):
            return None
        if taken_with(ask, lambda topics, it=other: requests.foreign(ask, it, known.algorithm, topics)):  # type: ignore[misc]
            KNOWN.add(other, known.fingerprint)
            what = f"the hub has the key {known.fingerprint} {name}, which is a part of it there"
            return Cause(
                "key-quoting", what, "the same text where the hub's variable is set, without what is around it"
            )
    return None


def _variants(text: str) -> Iterator[tuple[str, str]]:
    """What readers make of a key: what it is like then, and the text."""
    yield "in quotes", f'"{text}"'
    yield "with a line break behind it", f"{text}\n"
    yield "in quotes", f"'{text}'"
    yield "as base64", base64.b64encode(text.encode()).decode()
    with suppress(ValueError, UnicodeDecodeError):
        yield "out of base64", base64.b64decode(text, validate=True).decode()
    bare = text.strip("'\" \n")
    if bare != text:
        yield "without what is around it", bare


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


Tried = Callable[[Asking, Callable[[str], str]], bool]


def _other_algorithm(ask: Asking, known: Key, tried: Tried, role: str = "") -> Cause | None:
    """The same text under another algorithm; an asymmetric key has only one."""
    if not known.symmetric:
        return None
    # the longest hash is what people choose instead
    for algorithm in (each for each in ("HS512", "HS256", "HS384") if each != known.algorithm):
        if requests.may(ask, 1) and tried(
            ask,
            lambda topics, it=algorithm: requests.foreign(ask, known.text(), it, topics),  # type: ignore[misc]
        ):
            what = f"{role}the hub wants {algorithm}, the app signs with {known.algorithm}, with the right key"
            hint = f"{known.algorithm} for the hub too: MERCURE_PUBLISHER_JWT_ALG and MERCURE_SUBSCRIBER_JWT_ALG"
            return Cause("alg-mismatch", what, hint)
    return None


def _subscribed(ask: Asking, make: Callable[[str], str]) -> bool:
    topics = nobodys_topic()
    try:
        return requests.subscribe(ask, make(topics), topics).status == 200
    except FetchError:
        return False


def taken_with(ask: Asking, make: Callable[[str], str]) -> bool:
    """Whether the hub takes an update with that token; `make` gives it for a topic."""
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
    slash = [f"{own.issued_by}/", own.issued_by.rstrip("/"), own.issued_by.replace("https://", "http://")]
    for issuer in dict.fromkeys([*listed, *pages, str(own.url), *slash]):
        if issuer != own.issued_by and requests.may(ask, 1):
            hub = own.model_copy(update={"issuer": issuer})
            if taken_with(ask, lambda topics, it=hub: requests.token(ask, known, topics, it)):  # type: ignore[misc]
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


def placeholder_cause(ask: Asking) -> Cause:
    """What a key from documents means."""
    what = "the hub takes tokens that are signed with a key from documents: everybody can publish and read everything"
    fresh = "a fresh random key, the same text for app and hub: openssl rand -hex 32"
    hint = f"now: {ask.target.say(f'mercure-deploy rotate-keys {ask.target.name} --now', fresh)}"
    return Cause("key-placeholder", what, hint)
