"""Tokens as the apps sign them, for a hub of either generation; `now` is an argument, PyJWT does the signing."""

import uuid
from datetime import datetime, timedelta

import jwt

from mercure_deploy.keys import Key
from mercure_deploy.spec import Hub

_DETAIL = "https://mercure.rocks/authorization-detail"


def mint(key: Key, hub: Hub, topic: str, now: datetime, lifetime: timedelta) -> str:
    """A token that may publish to `topic` and subscribe to it, and nothing else, until `now` plus `lifetime`."""
    expiry = int((now + lifetime).timestamp())
    if hub.version == "1.0":
        claims: dict[str, object] = {
            "iss": hub.issued_by,
            "aud": hub.public_url,
            "sub": "mercure-deploy",
            "client_id": "mercure-deploy",
            "exp": expiry,
            "iat": int(now.timestamp()),
            "jti": str(uuid.uuid4()),
            "authorization_details": [
                {"type": _DETAIL, "actions": [action], "topics": [{"match": topic}]}
                for action in ("publish", "subscribe")
            ],
        }
        return jwt.encode(claims, key.text(), algorithm=key.algorithm, headers={"typ": "at+jwt"})
    claims = {"mercure": {"publish": [topic], "subscribe": [topic]}, "exp": expiry}
    return jwt.encode(claims, key.text(), algorithm=key.algorithm)
