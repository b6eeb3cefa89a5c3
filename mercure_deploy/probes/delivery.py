"""Probes of updates on their way: at once, compressed, after a break, through a silence."""

import time
from dataclasses import replace

from mercure_deploy.errors import typed
from mercure_deploy.hub import replies
from mercure_deploy.hub.fetch import FetchError, Reply
from mercure_deploy.hub.replies import Cause
from mercure_deploy.hub.stream import BROWSER, Stream
from mercure_deploy.hub.tokens import nobodys_topic
from mercure_deploy.keys import Key
from mercure_deploy.probes import requests
from mercure_deploy.probes.engine import Asking, Seen, failed, passed, probe, skipped
from mercure_deploy.probes.keys import side_by_side

_UPDATES, _UPDATES_OF_STRANGERS = 4, 2
# that may push others out of a buffer
_MORE = 2
# one after the other: a proxy that takes its hubs in turn brings each of them some
_IN_TURN = 3
_SOON = 5.0
# what is replayed comes with the answer
_REPLAYED = 2.0
_WITHOUT = skipped("needs a key")


@probe("round-trip", needs=("hub",), hinges=("key",))
def round_trip(ask: Asking, _subject: str | None) -> Seen:
    """Does an update arrive at once?"""
    key = requests.signing(ask)
    if key is None:
        return _WITHOUT
    topics = nobodys_topic()
    text = requests.token(ask, key, topics)
    stream = requests.stream(ask, text, topics, BROWSER)
    try:
        reply = stream.opened(ask.target.way.seconds)
        cause = replies.of_answer(reply, ask.target.url)
        if ask.target.inside and cause is None and reply.stream and _closed(ask):
            return passed("a stream opens; nobody may publish at this name, apps do so by the internal URL")
        if cause or not reply.stream:
            return failed(cause or Cause(None, f"a subscription is answered with {reply.status}", ""))
        return _delivered(ask, key, stream, text, topics)
    except FetchError as error:
        return failed(requests.held_by(ask, key, error))
    finally:
        stream.close()


def _closed(ask: Asking) -> bool:
    """Whether somebody else than the hub refuses updates at its public name."""
    try:
        said = requests.publish(ask, None, nobodys_topic())
    except FetchError:
        return False
    return replies.of_answer(said, ask.target.url, published=True) is not None


def _delivered(ask: Asking, key: Key, stream: Stream, text: str, topics: str) -> Seen:
    """Whether several updates arrive on that stream. FetchError when nothing answers them."""
    encoding = stream.reply.header("content-encoding") if stream.reply else ""
    before, began = stream.bytes, time.monotonic()
    number = _UPDATES if ask.target.env else _UPDATES_OF_STRANGERS
    sent = side_by_side([lambda it=each: _numbered(ask, text, topics, it) for each in range(number)])  # type: ignore[misc]
    refused = next((each for each in sent if not each.body.startswith("urn:uuid:")), None)
    if refused:
        cause = replies.of_answer(refused, ask.target.url, published=True)
        return failed(cause or Cause(None, f"an update is answered with {refused.status}", replies.LOOK))
    if encoding:
        return _compressed(stream, before, encoding)
    if stream.has(number, min(_SOON, ask.target.way.seconds)):
        return passed(f"after {round((time.monotonic() - began) * 1000)} ms")
    return failed(requests.by_protocol(ask, key, _lost(ask, stream, text, topics, number, began)))


def _numbered(ask: Asking, text: str, topics: str, number: int) -> Reply:
    return requests.publish(ask, text, topics, f"{number} {requests.PADDING}")


def _numbers(stream: Stream) -> set[str]:
    return {data.partition(" ")[0] for data, _ in stream.events}


def _apart(number: int, sent: int) -> Cause:
    what = f"of {sent} updates {number} arrived: several hubs answer, and each keeps its updates to itself"
    return Cause("transport-not-shared", what, "one process: the open hub has no transport for several")


def _lost(ask: Asking, stream: Stream, text: str, topics: str, number: int, began: float) -> Cause:  # noqa: PLR0913, PLR0917
    """Why not all updates arrived: a buffer gives them out late, or when more follow; another hub has them."""
    arrived = _numbers(stream)
    if not arrived and stream.has(1, ask.target.way.seconds - _SOON):
        return _kept(ask, f"an update arrives after {time.monotonic() - began:.0f} s")
    if requests.may(ask, _MORE):
        for each in range(_MORE):
            _numbered(ask, text, topics, number + each)
        stream.has(len(arrived) + _MORE + 1, _REPLAYED)
        late = _numbers(stream) - arrived
        if late & set(map(str, range(number))):
            return _kept(ask, "updates arrive when more follow")
        if late:
            # what followed arrives, and what was before does not
            return _apart(len(arrived | late), number + _MORE)
    if arrived:
        return _apart(len(arrived), number)
    return _kept(ask, f"an update does not arrive within {time.monotonic() - began:.0f} s")


def _kept(ask: Asking, what: str) -> Cause:
    return replies.worded(replies.BUFFERED._replace(what=f"{what}: a proxy keeps the stream back"), ask.known.first)


def _compressed(stream: Stream, before: int, encoding: str) -> Seen:
    """A stream that a proxy compresses: it may arrive, if that proxy hands on each piece."""
    if not stream.grew(before, _SOON):
        return failed(replies.BUFFERED._replace(what=f"nothing arrives within {_SOON:.0f} s: a proxy keeps it back"))
    what = f"the stream is compressed ({typed(encoding, 20)}): some proxies and versions keep it back then"
    hint = "no compression for text/event-stream on the hub's path"
    return failed(Cause("proxy-timeout-buffering", what, hint), level="warning")


@probe("history", needs=("hub",), hinges=("key", "round-trip"))
def history(ask: Asking, _subject: str | None) -> Seen:
    """Does who was away get what was missed?"""
    key, env = requests.signing(ask), ask.target.env
    if key is None:
        return _WITHOUT
    if env is None or not env.hub.history:
        return skipped("the spec keeps no history" if env else "asked where it is known that updates are kept")
    topics = nobodys_topic()
    text = requests.token(ask, key, topics)
    try:
        seen = _replayed(ask, text, topics)
    except FetchError as error:
        return skipped(f"not asked: {error}")
    if seen is not None:
        return seen
    if requests.may(ask, _IN_TURN + 1) and (several := _several(ask, text, topics)):
        return failed(several)
    what = f"nothing is replayed, though the spec keeps {env.hub.history} updates: a page that was away loses some"
    hint = "the volume at /data, and whether the hub may write there; transport bolt in its Caddyfile"
    return failed(Cause("storage-permissions", what, hint))


def _replayed(ask: Asking, text: str, topics: str) -> Seen | None:
    """What is seen of an update from before, None where it is not replayed. FetchError when nothing answers."""
    refused = requests.publish(ask, text, topics, "before").status != 200
    # as a browser asks: by the header alone
    stream = requests.stream(ask, text, topics, {"Last-Event-ID": "earliest"})
    try:
        stream.opened(ask.target.way.seconds)
        if refused:
            return skipped("an update is refused")
        found = stream.has(1, min(_REPLAYED, ask.target.way.seconds))
        return passed("an update from before is replayed") if found else None
    finally:
        stream.close()


def _several(ask: Asking, text: str, topics: str) -> Cause | None:
    """Whether several hubs answer, each with its own updates: some of a few that are sent in turn do not arrive."""
    stream = requests.stream(ask, text, topics, {})
    try:
        stream.opened(ask.target.way.seconds)
        for _ in range(_IN_TURN):
            requests.publish(ask, text, topics)
        if stream.has(_IN_TURN, min(_REPLAYED, ask.target.way.seconds)):
            return None
        return _apart(len(stream.events), _IN_TURN)
    except FetchError:
        return None
    finally:
        stream.close()


@probe("idle", needs=("hub",), hinges=("key", "round-trip"))
def idle(ask: Asking, _subject: str | None) -> Seen:
    """Does a stream stay open through a silence?"""
    key, seconds = requests.signing(ask), ask.target.idle
    if seconds is None:
        said = ask.known.first.header("server").lower() if ask.known.first else ""
        why = ": Envoy cuts after 15 s unless it is told not to" if "envoy" in said else ""
        return skipped(f"--idle 70s watches a stream for so long{why}")
    if key is None:
        return _WITHOUT
    topics = nobodys_topic()
    way = replace(ask.target.way, seconds=seconds + 60)
    text = requests.token(ask, key, topics)
    stream = Stream(ask.target.url, requests.words(ask, topics), text, way, dict(BROWSER))
    try:
        stream.opened(ask.target.way.seconds)
        if stream.lasts(seconds):
            return passed(f"open for {seconds:.0f} s")
    except FetchError as error:
        return skipped(f"not asked: {error}")
    finally:
        stream.close()
    after = stream.ended - stream.began
    what = f"a stream is cut after {after:.0f} s: each page opens it again and again, and may miss updates"
    hint = "a longer time-out of the proxy for the hub's path, beyond the hub's heartbeat of 40 s"
    return failed(Cause("proxy-timeout-buffering", what, hint))
