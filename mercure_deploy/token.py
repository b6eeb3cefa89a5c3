"""`token`: a token by hand, for a look at a hub with curl, and what a hub will say of one."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from mercure_deploy.errors import Trouble, closest
from mercure_deploy.facts import claims
from mercure_deploy.hub import tokens
from mercure_deploy.hub.tokens import Grants
from mercure_deploy.keys import Key, KeyRing, stamp
from mercure_deploy.readers.tokens import Token
from mercure_deploy.spec import Environment, Hub

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def mint(  # noqa: PLR0913 - what is said of it, one by one
    env: Environment, ring: KeyRing, grants: Grants, expiry: datetime, *, app: str | None, mark: str | None
) -> tuple[str, Mapping[str, object], Key]:
    """A token of that environment, its claims, and the key that signed it: the current one, or that with the mark.

    `app` is whose token it is, which hub 1.0 is told. Trouble when there is no such app or key, or no grant.
    """
    if not grants.publish and not grants.subscribe:
        hint = "--publish TOPIC or --subscribe TOPIC; * is every topic"
        raise Trouble("a token without a grant is of no use", hint=hint)
    if app is not None and app not in env.apps:
        raise Trouble("there is no such app", hint=closest(app, env.apps))
    _few(env.hub.version, grants)
    key = next((key for key in ring.keys if key.fingerprint == mark), None) if mark else ring.current
    if key is None:
        raise Trouble("there is no such key", hint=f"known are: {', '.join(key.fingerprint for key in ring.keys)}")
    client = str(env.apps[app].url) if app else "mercure-deploy"
    said = tokens.claims(env.hub, grants, expiry, client)
    return tokens.sign(key, env.hub, said), said, key


def _few(version: str, grants: Grants) -> None:
    """Trouble for more topics than the hub takes: it would refuse the whole token."""
    most = claims.MOST_TOPICS[version]
    numbers = [len(grants.publish), len(grants.subscribe)]
    if (sum(numbers) if version == "1.0" else max(numbers)) > most:
        hint = "a template such as https://example.com/books/{id}, or * for every topic, is one"
        raise Trouble(f"a hub {version} refuses a token with more than {most} topics", hint=hint)


def refusal(token: Token, env: Environment, ring: KeyRing, now: float) -> str | None:
    """Why the hub of that environment, which trusts the keys of the ring, answers 401; None when it does not.

    `now` is Unix time.
    """
    key = tokens.signer(token, ring.keys)
    if key is None:
        return "no key of its ring signed it"
    return next(_refusals(token, env, ring, key, now), None)


def _refusals(token: Token, env: Environment, ring: KeyRing, key: Key, now: float) -> Iterator[str]:
    # a set of keys is searched for the key of that name, a single key is not
    always = env.platform in {"compose", "systemd"} or env.delivery == "manifests"
    if "kid" in token.header and (always or len(ring.keys) > 1):
        yield "its header names a key, kid, and the keys of the hub have no names"
    legacy = env.hub.version != "1.0" or (env.hub.legacy_clients and "mercure" in token.claims)
    yield from claims.unreadable(token.claims, "0.24" if legacy else "1.0")
    ends, begins = (_time(token.claims.get(name)) for name in ("exp", "nbf"))
    if ends is not None and ends <= now:
        yield "it has expired"
    if begins is not None and begins > now:
        yield "it is not valid yet"
    if not legacy:
        yield from _modern(token, env.hub, key)
    elif not isinstance(claims.grant(token.claims), dict):
        yield "it has no claim mercure, and may publish nothing"


def _time(value: object) -> float | None:
    """A moment in the claims, in Unix time; hub 0.24 takes digits in a text, too."""
    if isinstance(value, str) and value.isdecimal():
        return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _modern(token: Token, hub: Hub, key: Key) -> Iterator[str]:
    """What hub 1.0 refuses, as it was measured."""
    audience = token.claims.get("aud")
    if token.algorithm != key.algorithm:
        yield f"it says {token.algorithm}, the key is for {key.algorithm}"
    if token.header.get("typ") not in {"at+jwt", "application/at+jwt"}:
        yield "its typ is not at+jwt"
    if token.claims.get("iss") != hub.issued_by:
        yield f"its iss is not {hub.issued_by}"
    if hub.public_url not in (audience if isinstance(audience, list) else [audience]):
        yield f"its aud is not {hub.public_url}"
    if _time(token.claims.get("exp")) is None:
        yield "it has no exp"
    details = token.claims.get("authorization_details")
    for detail in details if isinstance(details, list) else []:
        topics = detail.get("topics") if isinstance(detail, dict) else None
        if not topics or not all(isinstance(topic, dict) for topic in topics):
            yield "a grant in its authorization_details has no topics, or not as objects"


def grants(token: Token) -> list[str]:
    """What it may do, a line for each action and its topics."""
    found: dict[str, list[str]] = {}
    said = claims.grant(token.claims)
    for action in ("publish", "subscribe"):
        topics = said.get(action) if isinstance(said, dict) else None
        found[action] = [topic for topic in topics if isinstance(topic, str)] if isinstance(topics, list) else []
    details = token.claims.get("authorization_details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and isinstance(detail.get("topics"), list):
            topics = [topic["match"] for topic in detail["topics"] if isinstance(topic, dict) and "match" in topic]
            for action in detail.get("actions") or ():
                found.setdefault(str(action), []).extend(map(str, topics))
    return [f"may {action}: {', '.join(topics)}" for action, topics in found.items() if topics]


def times(token: Token, now: datetime) -> list[str]:
    """When it was made, begins and ends, in words."""
    words = {"iat": "made", "nbf": "valid from", "exp": "expires"}
    found = []
    for name, word in words.items():
        value = token.claims.get(name)
        try:
            moment = datetime.fromtimestamp(value, UTC) if isinstance(value, (int, float)) else None
        except (OverflowError, ValueError, OSError):
            moment = None
        if moment:
            found.append(f"{word} {stamp(moment)}, {_distance((moment - now).total_seconds())}")
    return found


def _distance(seconds: float) -> str:
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(seconds) >= size), (1, "second"))
    number = int(abs(seconds) // size)
    text = f"{number} {unit}{'' if number == 1 else 's'}"
    return f"in {text}" if seconds > 0 else f"{text} ago"
