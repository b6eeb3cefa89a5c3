"""Probes of who answers: a redirect, something else, or a hub; of which generation, and whom it lets in."""

import email.utils
import json
from datetime import UTC

from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.hub import replies
from mercure_deploy.hub.fetch import FetchError, Reply
from mercure_deploy.hub.replies import Cause
from mercure_deploy.hub.tokens import nobodys_topic
from mercure_deploy.probes import requests
from mercure_deploy.probes.engine import SKEW, Asking, Seen, failed, passed, probe, skipped

_EXPECTED = {"0.24": "0.x", "1.0": "1.0"}


@probe("redirect", needs=("certificate",))
def redirect(ask: Asking, _subject: str | None) -> Seen:
    """Is what it answers an answer, and no way to somewhere else?"""
    try:
        reply = requests.subscribe(ask, None, nobodys_topic())
    except FetchError as error:
        if error.part != "held":
            return failed(replies.of_error(error, ask.target.url))
        return _held_back(ask)
    ask.known.first = reply
    if 300 <= reply.status < 400:
        return failed(replies.of_answer(reply, ask.target.url) or Cause(None, "redirects", ""))
    return passed(f"no redirect: {reply.status}")


def _held_back(ask: Asking) -> Seen:
    """Nothing came: no hub, or one that lets strangers in, whose stream a proxy keeps back."""
    try:
        refused = requests.publish(ask, None, nobodys_topic())
    except FetchError as error:
        return failed(replies.of_error(error, ask.target.url))
    return failed(replies.of_answer(refused, ask.target.url) or replies.BUFFERED)


@probe("hub", needs=("redirect",))
def hub(ask: Asking, _subject: str | None) -> Seen:
    """Is it a hub, and of the generation of the spec?"""
    reply, target = ask.known.first, ask.target
    if reply is None:
        return skipped("because of redirect")
    cause = replies.of_answer(reply, target.url)
    if cause and not _wants_another_word(reply) and not _takes_tokens(ask, reply):
        return failed(cause)
    ask.known.generation = generation = _generation(reply)
    offset = _offset(ask) or 0
    # tokens are to live by the hub's clock, so that its keys can be told all the same
    ask.known.offset = offset if abs(offset) > SKEW else 0
    if generation == "1.0":
        ask.known.metadata = _metadata(ask)
    expected = _EXPECTED[target.hub.version] if target.env else generation
    if generation != expected:
        hint = f'version: "{"1.0" if generation == "1.0" else "0.24"}" in the spec, or the image of the spec'
        return failed(
            Cause("hub-upgrade-break", f"the hub is of generation {generation}, the spec says {expected}", hint)
        )
    return passed(f"a hub of generation {generation}, it answers {reply.status}")


def _takes_tokens(ask: Asking, refused: Reply) -> bool:
    """Whether it is a hub all the same, whose refusals a proxy writes anew: it takes an update of the current key."""
    key = requests.signing(ask)
    if refused.status not in {401, 403, 404} or key is None:
        return False
    topic = nobodys_topic()
    try:
        said = requests.publish(ask, requests.token(ask, key, topic), topic)
    except FetchError:
        return False
    ask.known.rewritten = said.status == 200 and said.body.startswith("urn:uuid:")
    return ask.known.rewritten


def _wants_another_word(reply: Reply) -> bool:
    """Whether it is a hub 1.0 without a guard, which knows no `topic`."""
    return reply.status == 400 and "match" in reply.body


def _generation(reply: Reply) -> str:
    bearer = reply.header("www-authenticate").lower().startswith("bearer")
    modern = bearer or "mercure-last-event-id" in reply.headers or _wants_another_word(reply)
    return "1.0" if modern else "0.x"


def _metadata(ask: Asking) -> dict[str, object] | None:
    """What a hub 1.0 says of itself: its audience, the name of its cookie."""
    url = f"{ask.target.hub.url}/.well-known/oauth-protected-resource{HUB_PATH}"
    try:
        reply = requests.send(ask, "GET", url, None)
        said = json.loads(reply.body) if reply.status == 200 else None
    except (FetchError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


@probe("anonymous", needs=("hub",))
def anonymous(ask: Asking, _subject: str | None) -> Seen:
    """Are strangers let in?"""
    target, reply = ask.target, ask.known.first
    if reply is None or not reply.stream:
        return passed("who brings no token is refused")
    if target.env is None:
        what = "who brings no token may subscribe: all public updates are for everybody"
        return failed(Cause("anonymous", what, "leave anonymous out, unless that is wanted"), level="warning")
    if target.env.hub.anonymous or not target.production:
        return passed("strangers may subscribe, as the spec says" if target.env.hub.anonymous else "development")
    what = "strangers may subscribe, and the spec does not say so"
    return failed(Cause("anonymous", what, "deploy the hub with the files of the spec"))


@probe("clock", needs=("hub",))
def clock(ask: Asking, _subject: str | None) -> Seen:
    """Do its clock and ours agree?"""
    offset = _offset(ask)
    if offset is None:
        return skipped("it does not say its time")
    if abs(offset) > SKEW:
        way = "ahead of" if offset > 0 else "behind"
        what = f"the hub's clock is {abs(round(offset))} s {way} ours: tokens end too early, or are not valid yet"
        return failed(Cause("token-lifecycle", what, "switch time synchronisation on, on both machines"))
    return passed(f"{abs(round(offset))} s apart")


def _offset(ask: Asking) -> float | None:
    """How far the hub's clock is ahead of ours, in seconds."""
    reply = ask.known.first
    try:
        theirs = email.utils.parsedate_to_datetime(reply.header("date") if reply else "")
    except ValueError:
        return None
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    return (theirs - ask.target.now()).total_seconds()
