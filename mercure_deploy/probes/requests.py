"""How probes ask: topics of nobody, tokens that grant just those, the words of a generation."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mercure_deploy.facts.hubs import GENERATIONS
from mercure_deploy.hub import replies, tokens
from mercure_deploy.hub.fetch import FetchError, Reply, fetch
from mercure_deploy.hub.replies import Cause
from mercure_deploy.hub.stream import BROWSER, Stream
from mercure_deploy.keys import KNOWN, Key
from mercure_deploy.probes.engine import Asking
from mercure_deploy.spec import Hub

# longer than the least that a proxy lets through of a form
PADDING = "mercure-deploy " * 100
# of requests in a run: a limit of ten a second with a burst of twenty is an ordinary thing
MOST, MOST_OF_STRANGERS = 20, 12
# seconds between an answer that may pass and the next request
_WAITS, _LONGEST = (1.0, 2.0), 5.0


def hub_of(ask: Asking) -> Hub:
    """The hub whose tokens are wanted, of the generation that it really is."""
    version = "1.0" if ask.known.generation == "1.0" else "0.24"
    return ask.target.hub.model_copy(update={"version": version})


def signing(ask: Asking) -> Key | None:
    """The key with which apps sign, None where it is not here."""
    return next((key for key in ask.target.keys if key.state == "current" and key.secret), None)


def token(ask: Asking, key: Key, topics: str, hub: Hub | None = None) -> str:
    """A token for that topic alone, for a minute of the hub's own clock."""
    text = tokens.mint(key, hub or hub_of(ask), tokens.one_topic(topics), _end(ask))
    # what a strange server echoes is not to show it
    KNOWN.add(text, key.fingerprint)
    return text


def foreign(ask: Asking, text: str, algorithm: str, topics: str) -> str:
    """The same, signed with any text."""
    hub = hub_of(ask)
    said = tokens.claims(hub, tokens.one_topic(topics), _end(ask))
    made = tokens.signed(text, algorithm, said, tokens.typ(hub))
    KNOWN.add(made, "a token of a probe")
    return made


def _end(ask: Asking) -> datetime:
    return ask.target.now() + timedelta(seconds=ask.known.offset) + tokens.LIFETIME


def words(ask: Asking, topics: str) -> dict[str, str]:
    """How a subscriber names its topic."""
    return {GENERATIONS[hub_of(ask).version].topic: topics}


def cookie(ask: Asking, text: str) -> dict[str, str]:
    """The header with which a browser brings its token."""
    return {"Cookie": f"{hub_of(ask).cookie}={text}"}


def may(ask: Asking, number: int) -> bool:
    """Whether so many requests more are within what a stranger's hub is asked, beside those that every run makes."""
    return ask.known.spent + number <= (MOST if ask.target.env else MOST_OF_STRANGERS)


def send(ask: Asking, method: str, url: str, text: str | None, **more: Any) -> Reply:  # noqa: ANN401 - as fetch takes it
    """One exchange; a rate limit, and a hub that was there a moment ago, are waited for. FetchError as of fetch."""
    for wait in (*_WAITS, None):
        ask.known.asked.append(method)
        reply = fetch(method, url, text, ask.target.way, **more)
        if wait is None or not _passing(ask, reply):
            break
        said = reply.header("retry-after")
        time.sleep(min(float(said), _LONGEST) if said.isdigit() else wait)
    return reply


def _passing(ask: Asking, reply: Reply) -> bool:
    """Whether that answer may be another one in a moment."""
    first = ask.known.first
    away = reply.status == 503 and first is not None and first.status < 500 and "no available server" not in reply.body
    return reply.status == 429 or away


def publish(ask: Asking, text: str | None, topics: str, data: str = PADDING) -> Reply:
    """Publish a private update. FetchError when nothing answers."""
    form = {"topic": topics, "data": data, "private": "on"}
    return send(ask, "POST", ask.target.url, text, form=form)


def subscribe(ask: Asking, text: str | None, topics: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Ask for a stream, and close it after its headers. FetchError when nothing answers."""
    url = f"{ask.target.url}?{_query(words(ask, topics))}"
    try:
        return send(ask, "GET", url, text, headers=headers)
    except FetchError as error:
        raise error.of_a_stream() from None


def stream(ask: Asking, text: str | None, topics: str, headers: Mapping[str, str], *, http2: bool = False) -> Stream:
    """A stream that stays open, over HTTP/1.1 if nothing else is said."""
    ask.known.asked.append("GET")
    way = replace(ask.target.way, http2=http2)
    return Stream(ask.target.url, words(ask, topics), text, way, dict(headers))


def held_by(ask: Asking, key: Key, error: FetchError) -> Cause:
    """What it means that a stream was not answered; of one that is kept back, over which protocol."""
    return by_protocol(ask, key, replies.of_error(error, ask.target.url))


def by_protocol(ask: Asking, key: Key, cause: Cause) -> Cause:
    """The cause; of a stream that is kept back with what is seen over HTTP/2, which browsers speak where they may."""
    kept = cause.id == replies.BUFFERED.id
    if not kept or not ask.target.url.startswith("https:") or not may(ask, 2):
        return cause
    topics = tokens.nobodys_topic()
    text = token(ask, key, topics)
    other = stream(ask, text, topics, BROWSER, http2=True)
    try:
        other.opened(min(_LONGEST, ask.target.way.seconds))
        publish(ask, text, topics)
        at_once = other.has(1, min(_LONGEST, ask.target.way.seconds))
    except FetchError:
        at_once = False
    finally:
        other.close()
    return cause._replace(what=f"{cause.what}, over HTTP/1.1; over HTTP/2 it arrives at once") if at_once else cause


def _query(said: Mapping[str, str]) -> str:
    from urllib.parse import urlencode  # noqa: PLC0415 - with httpx, which is imported late as well

    return urlencode(said)
