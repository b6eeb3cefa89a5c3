"""The proof before a promotion: the live hub accepts every key of the ring, for publishing and for subscribing."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from mercure_deploy.errors import Trouble, typed
from mercure_deploy.facts.hubs import GENERATIONS
from mercure_deploy.hub import replies
from mercure_deploy.hub.fetch import FetchError, Reply, Way, fetch
from mercure_deploy.hub.tokens import LIFETIME, mint, nobodys_topic, one_topic
from mercure_deploy.keys import Key
from mercure_deploy.targets import Deployment
from mercure_deploy.targets.hub import INSTANCE

# how long a hub may be away: a restart on Coolify takes some seconds
PATIENCE = timedelta(seconds=30)
_NOT_YET, _CANNOT_TELL = 1, 2
# between two requests to several hubs, in seconds
_PAUSE = 0.05


@dataclass(frozen=True)
class Clock:
    """Time, as an argument; `waiting` is told what is waited for, and for how many seconds at most."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    waiting: Callable[[str, float], None] = lambda _what, _left: None


def prove(d: Deployment, way: Way, clock: Clock) -> None:
    """Return when the hub accepts all keys. Trouble, code 1, when it does not yet; code 2 when that cannot be told.

    Of several hubs behind one name each has to have accepted all of them.
    """
    if d.env.hub.replicas > 1:
        _prove_each(d, way, clock)
        return
    for key in d.ring.keys:
        topic = nobodys_topic()
        token = mint(key, d.env.hub, one_topic(topic), clock.now() + LIFETIME)
        word = GENERATIONS[d.env.hub.version].topic
        url = d.env.hub.public_url
        subscription = _patient("GET", f"{url}?{urlencode({word: topic})}", token, way, clock)
        _judge(subscription, d, key, "a subscription")
        form = {"topic": topic, "data": "mercure-deploy", "private": "on"}
        published = _patient("POST", url, token, way, clock, form)
        _judge(published, d, key, "an update")


def _prove_each(d: Deployment, way: Way, clock: Clock) -> None:
    """The same for several hubs: they are asked through their one name until every one of them has been heard."""
    end, heard = clock.now() + PATIENCE, dict[str, dict[str, bool]]()
    url, word = d.env.hub.public_url, GENERATIONS[d.env.hub.version].topic
    marks, told = {key.fingerprint for key in d.ring.keys}, -1
    while True:
        # any order could be in step with that of the proxy, and one hub never hear of one key
        key = secrets.choice(d.ring.keys)
        topic = nobodys_topic()
        token = mint(key, d.env.hub, one_topic(topic), clock.now() + LIFETIME)
        reply = _patient("GET", f"{url}?{urlencode({word: topic})}", token, way, clock)
        name = reply.header(INSTANCE.lower())
        if not name:
            _judge(reply, d, key, "a subscription")
            what = f"{url} does not say which of {d.env.hub.replicas} hubs answers"
            hint = f"deploy the hub with the files of {d.name}/: its Caddyfile has the header {INSTANCE}"
            raise Trouble(what, hint=hint, code=_CANNOT_TELL)
        # the last word counts: a hub that takes the new set later is asked again
        heard.setdefault(name, {})[key.fingerprint] = reply.status == 200
        proved = [name for name, said in heard.items() if said.keys() == marks and all(said.values())]
        if len(proved) >= d.env.hub.replicas and not _refusing(heard, proved):
            return
        if clock.now() >= end:
            raise _unproved(d, heard, proved)
        if len(proved) != told:
            so_far = f"{len(proved)} of {d.env.hub.replicas} hubs accept all keys"
            clock.waiting(so_far, (end - clock.now()).total_seconds())
            told = len(proved)
        clock.sleep(_PAUSE)


def _refusing(heard: Mapping[str, Mapping[str, bool]], proved: Sequence[str]) -> list[str]:
    """The hubs that refused a key when they were last asked with it."""
    return sorted(name for name, said in heard.items() if name not in proved and not all(said.values()))


def _unproved(d: Deployment, heard: Mapping[str, Mapping[str, bool]], proved: Sequence[str]) -> Trouble:
    """Which of the hubs do not accept a key yet, or how many have not been met."""
    refusing = _refusing(heard, proved)
    if refusing:
        shown = ", ".join(typed(name, 60) for name in refusing)
        mark = next(mark for said in heard.values() for mark, taken in said.items() if not taken)
        what = f"{len(refusing)} of {d.env.hub.replicas} hubs do not accept the key {mark} yet: {shown}"
        hint = f"the reload of {d.name}/README.md goes to each of them"
        return Trouble(what, hint=hint, code=_NOT_YET)
    missing = d.env.hub.replicas - len(proved)
    what = f"{missing} of {d.env.hub.replicas} hubs have not been met within {int(PATIENCE.total_seconds())} s"
    hint = "do they all run, and does the proxy give each its share? Otherwise --deployed, where you know that they do"
    return Trouble(what, hint=hint, code=_NOT_YET)


def _patient(  # noqa: PLR0913, PLR0917 - one exchange and its clock
    method: str, url: str, token: str, way: Way, clock: Clock, form: dict[str, str] | None = None
) -> Reply:
    """The answer, asked for again while the hub may be restarting. Trouble when there is none in the end."""
    end = clock.now() + PATIENCE
    while True:
        try:
            reply = fetch(method, url, token, way, form=form)
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
    cause = replies.of_error(error, str(way.via or url.partition("?")[0]))
    elsewhere = "; --deployed where the hub cannot be reached from here" if error.part in {"connect", "answer"} else ""
    return Trouble(cause.what, hint=f"{cause.hint}{elsewhere}")


def _judge(reply: Reply, d: Deployment, key: Key, thing: str) -> None:
    url, status = d.env.hub.public_url, reply.status
    cause = replies.of_answer(reply, url, published=thing == "an update")
    if cause is None and status == 200:
        return
    if cause is None and status == 401:
        what = f"the hub does not accept the key {key.fingerprint} yet ({key.state}), it refused {thing}"
        hint = f"deploy the hub with the files of {d.name}/ first, as {d.name}/README.md says"
        raise Trouble(what, hint=hint, code=_NOT_YET)
    what = cause.what if cause else f"{url} answered {thing} with {status}"
    hint = cause.hint if cause else "look into the log of the hub and of the proxy before it"
    if status >= 500:
        what = f"{what} for {int(PATIENCE.total_seconds())} s"
    raise Trouble(what, hint=hint, code=_CANNOT_TELL)
