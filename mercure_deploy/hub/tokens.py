"""Tokens as the apps sign them, for a hub of either generation; `now` is an argument, PyJWT does the signing."""

import base64
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from mercure_deploy.keys import Key
from mercure_deploy.readers.tokens import Token
from mercure_deploy.spec import Hub

# how long a token lives that is made to ask a hub
LIFETIME = timedelta(seconds=60)
_DETAIL = "https://mercure.rocks/authorization-detail"


@dataclass(frozen=True)
class Grants:
    """The topics, or templates of topics, to which a token may publish and subscribe."""

    publish: Sequence[str] = ()
    subscribe: Sequence[str] = ()


def nobodys_topic() -> str:
    """A topic that nobody else has."""
    return f"urn:uuid:{uuid.uuid4()}"


def one_topic(topic: str) -> Grants:
    """May publish to `topic` and subscribe to it, and nothing else."""
    return Grants((topic,), (topic,))


def claims(hub: Hub, grants: Grants, expiry: datetime, client: str = "mercure-deploy") -> dict[str, object]:
    """What a token for that hub says, by its generation; `client` is who it is for."""
    both = {"publish": grants.publish, "subscribe": grants.subscribe}
    granted = {action: topics for action, topics in both.items() if topics}
    end = int(expiry.timestamp())
    if hub.version != "1.0":
        return {"mercure": {action: list(topics) for action, topics in granted.items()}, "exp": end}
    return {
        "iss": hub.issued_by,
        "aud": hub.public_url,
        "sub": client,
        "client_id": client,
        "exp": end,
        "jti": str(uuid.uuid4()),
        "authorization_details": [
            {"type": _DETAIL, "actions": [action], "topics": [{"match": topic} for topic in topics]}
            for action, topics in granted.items()
        ],
    }


def sign(key: Key, hub: Hub, said: Mapping[str, object]) -> str:
    """The token with these claims, as that key signs it for that hub."""
    return jwt.encode(dict(said), key.text(), algorithm=key.algorithm, headers={"typ": typ(hub)})


def typ(hub: Hub) -> str:
    """What kind of token that hub takes, as its header says it."""
    return "at+jwt" if hub.version == "1.0" else "JWT"


def signed(text: str, algorithm: str, said: Mapping[str, object], typ: str = "JWT") -> str:
    """A token that any text signs, be it far too short for a key: the library warns of those on stderr."""
    parts = [{"alg": algorithm, "typ": typ}, dict(said)]
    message = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    signature = jwt.PyJWS().get_algorithm_by_name(algorithm).sign(message.encode(), text.encode())
    return f"{message}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def verified(text: str, public: str, algorithm: str) -> bool:
    """Whether that public key, PEM, verifies the token's signature; nothing else is looked at."""
    try:
        jwt.PyJWS().decode(text, public, algorithms=[algorithm])
    except jwt.InvalidTokenError:
        return False
    return True


def signer(token: Token, keys: Iterable[Key]) -> Key | None:
    """The one of the keys that signed it, with whatever algorithm of its kind; None when none did."""
    return next((key for key in keys if _signed_by(token, key)), None)


def _signed_by(token: Token, key: Key) -> bool:
    if key.symmetric:
        return key.secret is not None and token.signed_by(key.text())
    return key.public is not None and verified(token.text, key.public, key.algorithm)


def mint(key: Key, hub: Hub, grants: Grants, expiry: datetime) -> str:
    """A token with these grants until that moment."""
    return sign(key, hub, claims(hub, grants, expiry))
