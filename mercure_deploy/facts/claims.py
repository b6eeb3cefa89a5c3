"""What makes a token unreadable to a hub, whatever key signed it: the types and the number of its claims (measured).

Hub 0.24.2 and the core of 1.0.0 read the claims into typed fields; one of another type, and the whole token is refused,
for what it does not say as well.
"""

from collections.abc import Iterator, Mapping
from typing import Any

# topics that a token may name: on 0.24 in each of its two lists, on 1.0 in all details together
MOST_TOPICS = {"0.24": 1000, "1.0": 100}
_TEXTS = ("sub", "jti")
# the claim under a name that is nobody else's, which goes over the other one
NAMESPACED = "https://mercure.rocks/"
_TIMES = ("exp", "nbf", "iat")


def unreadable(claims: Mapping[str, Any], version: str) -> Iterator[str]:
    """Why a hub of that generation cannot read the token, a sentence for each reason; nothing when it can."""
    yield from _registered(claims)
    if version == "1.0":
        total = sum(map(len, topic_lists(claims, version)))
        if total > MOST_TOPICS[version]:
            yield f"it names {total} topics, and hub 1.0 takes {MOST_TOPICS[version]}"
        return
    said = grant(claims)
    for action in ("publish", "subscribe"):
        topics = said.get(action) if isinstance(said, dict) else None
        if topics is not None and not (isinstance(topics, list) and all(isinstance(each, str) for each in topics)):
            yield f"its {action} is no list of topics"
        elif topics is not None and len(topics) > MOST_TOPICS["0.24"]:
            yield f"it may {action} to {len(topics)} topics, and the hub takes {MOST_TOPICS['0.24']}"


def grant(claims: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever stands there
    """What a hub 0.24 takes for the claim of Mercure, None where there is none."""
    found = claims.get(NAMESPACED)
    return claims.get("mercure") if found is None else found


def topic_lists(claims: Mapping[str, Any], version: str) -> list[list[Any]]:
    """The lists of topics in the claims."""
    if version == "1.0":
        details = claims.get("authorization_details")
        rows = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
        return [row["topics"] for row in rows if isinstance(row.get("topics"), list)]
    said = grant(claims)
    return [each for each in said.values() if isinstance(each, list)] if isinstance(said, dict) else []


def _registered(claims: Mapping[str, Any]) -> Iterator[str]:
    """The claims that every JWT has (RFC 7519), by their types."""
    for name in _TEXTS:
        if name in claims and not isinstance(claims[name], str | None):
            yield f"its {name} is no text"
    if "iss" in claims and not isinstance(claims["iss"], str | None):
        yield "its iss is no text"
    audience = claims.get("aud")
    listed = isinstance(audience, list) and all(isinstance(each, str) for each in audience)
    if not (listed or isinstance(audience, str | None)):
        yield "its aud is neither a text nor a list of texts"
    for name in _TIMES:
        value = claims.get(name)
        digits = isinstance(value, str) and value.isdecimal()
        if value is not None and not digits and (isinstance(value, bool) or not isinstance(value, int | float)):
            yield f"its {name} is no number"
