"""The proof before a promotion: the live hub accepts every key of the ring, for publishing and for subscribing."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from mercure_deploy.errors import Trouble
from mercure_deploy.keys import Key
from mercure_deploy.live.fetch import FetchError, Reply, Way, fetch
from mercure_deploy.live.tokens import mint, one_topic
from mercure_deploy.targets import Deployment

_LIFETIME = timedelta(seconds=60)
# how long a hub may be away: a restart on Coolify takes some seconds
PATIENCE = timedelta(seconds=30)
_NOT_YET, _CANNOT_TELL = 1, 2


@dataclass(frozen=True)
class Clock:
    """Time, as an argument; `waiting` is told what is waited for, and for how many seconds at most."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    waiting: Callable[[str, float], None] = lambda _what, _left: None


def prove(d: Deployment, way: Way, clock: Clock) -> None:
    """Return when the hub accepts all keys. Trouble, code 1, when it does not yet; code 2 when that cannot be told."""
    for key in d.ring.keys:
        topic = f"urn:uuid:{uuid.uuid4()}"
        token = mint(key, d.env.hub, one_topic(topic), clock.now() + _LIFETIME)
        word = "match" if d.env.hub.version == "1.0" else "topic"
        url = d.env.hub.public_url
        subscription = _patient("GET", f"{url}?{urlencode({word: topic})}", token, way, clock)
        _judge(subscription, d, key, "a subscription")
        form = {"topic": topic, "data": "mercure-deploy", "private": "on"}
        published = _patient("POST", url, token, way, clock, form)
        _judge(published, d, key, "an update")
        if not published.body.startswith("urn:uuid:"):
            hint = f"something else answers for {d.env.hub.url.host}, or the hub's site has another name than the Host"
            raise Trouble(f"{url} took an update and gave it no id", hint=hint)


def _patient(  # noqa: PLR0913, PLR0917 - one exchange and its clock
    method: str, url: str, token: str, way: Way, clock: Clock, form: dict[str, str] | None = None
) -> Reply:
    """The answer, asked for again while the hub may be restarting. Trouble when there is none in the end."""
    end = clock.now() + PATIENCE
    while True:
        try:
            reply = fetch(method, url, token, way, form)
            if reply.status < 500 or clock.now() >= end:
                return reply
            seen = f"the answer was {reply.status}"
        except FetchError as error:
            # a wrong name or certificate does not get better by waiting
            if error.part in {"resolve", "tls"} or clock.now() >= end:
                raise _unreached(error, url, way) from None
            seen = str(error)
        clock.waiting(seen, (end - clock.now()).total_seconds())
        clock.sleep(1)


def _unreached(error: FetchError, url: str, way: Way) -> Trouble:
    # what was really asked: with --via that is not the url of the spec
    asked = str(way.via or url.partition("?")[0])
    what = {
        "resolve": f"cannot resolve the name of {asked}",
        "connect": f"no connection to {asked}: {error}",
        "tls": f"no TLS with {asked}: {error}",
        "answer": f"no answer from {asked}: {error}",
    }[error.part]
    hint = {
        "resolve": "is that name right? --via names another address of the hub",
        "connect": "does the hub run? --via names another address; --deployed where it cannot be reached from here",
        "tls": "--cacert names the certificate authority of your own",
        "answer": "does a proxy hold it back? --deployed where the hub cannot be reached from here",
    }[error.part]
    return Trouble(what, hint=hint)


def _judge(reply: Reply, d: Deployment, key: Key, thing: str) -> None:
    if reply.status == 200:
        return
    url, status = d.env.hub.public_url, reply.status
    if status == 401:
        what = f"the hub does not accept the key {key.fingerprint} yet ({key.state}), it refused {thing}"
        hint = f"deploy the hub with the files of {d.name}/ first, as {d.name}/README.md says"
        raise Trouble(what, hint=hint, code=_NOT_YET)
    what, hint = {
        404: (f"{url} is not there (404)", "the proxy does not route that path to the hub"),
        421: (
            f"the hub does not want to be called {d.env.hub.url.host} (421)",
            "remove public_urls from its Caddyfile",
        ),
    }.get(status, (f"{url} answered {thing} with {status}", "look into the log of the hub and of the proxy before it"))
    if 300 <= status < 400:
        what = f"{url} redirects ({status})"
        hint = "the hub behind the proxy must listen on plain http, SERVER_NAME=:80; or the url of the spec is another"
    elif status >= 500:
        what = f"{url} answered {thing} with {status} for {int(PATIENCE.total_seconds())} s"
        hint = "the proxy finds no healthy hub behind it: look at the hub's log"
    raise Trouble(what, hint=hint, code=_CANNOT_TELL)
