"""The ring as text, `keys.json`, and its public view in a manifest; every error leaves out what the text holds.

    {"version": 1, "serial": 4, "keys": [{"id": "9c1f03ab", "algorithm": "HS256", "secret": "…", "state": "current",
                                          "created": "2026-11-24T10:00:00Z", "since": "2026-11-24T10:00:00Z"}],
     "gone": ["51aa7e02"]}

A rotation that is being taken back also says "aborting": true, and "apps_deployed" is when the apps went out, where
`rotate-keys --push` deployed them. A ring of mercure-deploy 0.1 has no serial, and calls
"replaced" what is "gone".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from mercure_deploy.errors import Trouble
from mercure_deploy.facts.quoting import uncarried
from mercure_deploy.keys import asymmetric
from mercure_deploy.keys.masking import KNOWN
from mercure_deploy.keys.ring import HMAC_BYTES, Key, KeyRing, Secret, State, in_order, known

# in documents, recipes and samples, each known to everybody
WELL_KNOWN = frozenset(
    "!ChangeMe! !ChangeThisMercureHubJWTSecretKey! aVerySecretKey your-256-bit-secret your-secret-key mySecretKey"
    " !UnsecureChangeMe! ThisIsNotSecure".split()
)
_PLACEHOLDER = re.compile(r"change.?(me|this)|^(.)\2*$|^(secret|password|mercure|test|example)+[0-9]*$", re.IGNORECASE)

_RESTORE = "restore it from where your team keeps it, or replace it with rotate-keys --now"


def dumps(ring: KeyRing) -> bytes:
    """The text of keys.json; that of an unchanged ring is what it was read from."""
    if ring.text is not None:
        return ring.text
    rows = [
        {
            "id": key.id,
            "algorithm": key.algorithm,
            "secret": key.text(),
            "created": stamp(key.created),
            "state": key.state,
            "since": stamp(key.since),
        }
        for key in ring.keys
    ]
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    gone = f',\n  "gone": {json.dumps(ring.gone)}' if ring.gone else ""
    aborting = ',\n  "aborting": true' if ring.aborting else ""
    out = f',\n  "apps_deployed": "{stamp(ring.apps_deployed)}"' if ring.apps_deployed else ""
    head = f'{{\n  "version": 1,\n  "serial": {ring.serial},\n  "keys": [\n'
    return f"{head}{lines}\n  ]{gone}{aborting}{out}\n}}\n".encode()


def loads(data: bytes, name: str) -> KeyRing:
    """The ring in the text of keys.json. Trouble, without any of the text, when it is damaged, unknown or weak."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise _damaged(name, "is not JSON") from None
    if not isinstance(document, dict):
        raise _damaged(name, "is no key ring")
    if newer(data):
        raise Trouble(f"{name} was written for a newer mercure-deploy", hint="upgrade mercure-deploy")
    gone = document.get("gone", document.get("replaced", []))
    if document.get("version") != 1 or not isinstance(gone, list) or not all(isinstance(each, str) for each in gone):
        raise _damaged(name, "is no key ring")
    ring = _ring(document, _secret_row, name)
    return replace(ring, gone=tuple(gone), text=data)


def is_placeholder(text: str) -> bool:
    """Whether it is one of the texts that documents show where a key belongs."""
    return _PLACEHOLDER.search(text) is not None


def newer(data: bytes) -> bool:
    """Whether a later version of this tool wrote that ring, which must not be thrown away then."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return False
    version = document.get("version") if isinstance(document, dict) else None
    return isinstance(version, int) and version > 1


def loads_public(document: Mapping[str, object], name: str) -> KeyRing:
    """The public view of a ring from a manifest, see `public_view`. Trouble when it is damaged."""
    return _ring(document, _public_row, name, "restore it from git")


def public_view(ring: KeyRing) -> dict[str, object]:
    """What a manifest says of the ring, {"serial": …, "keys": […]}: no secret in it."""
    rows = [
        {
            "id": key.id,
            "algorithm": key.algorithm,
            "fingerprint": key.fingerprint,
            "state": key.state,
            "created": stamp(key.created),
            "since": stamp(key.since),
            **({"public": key.public} if key.public else {}),
        }
        for key in ring.keys
    ]
    return {"serial": ring.serial, **({"aborting": True} if ring.aborting else {}), "keys": rows}


def stamp(moment: datetime) -> str:
    """UTC in the form of RFC 3339, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: object) -> datetime:
    """The moment that `stamp` wrote. ValueError for any other text, and for one without a time zone."""
    found = datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError("has no time zone")
    return found.astimezone(UTC)


def _ring(
    document: Mapping[str, object], row: Callable[[dict[str, object]], Key], name: str, hint: str = _RESTORE
) -> KeyRing:
    rows, serial, aborting = document.get("keys"), document.get("serial", 0), document.get("aborting", False)
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise _damaged(name, "has no list of keys", hint)
    if type(serial) is not int or serial < 0 or not isinstance(aborting, bool):
        raise _damaged(name, "counts its changes in no number", hint)
    try:
        keys = tuple(row(each) for each in rows)
    except (KeyError, ValueError, TypeError) as error:
        # the cause may quote a secret: only our own words go on
        reason = str(error) if type(error) is _WeakError else "has a key that cannot be read"
        raise _damaged(name, reason, hint) from None
    states = [key.state for key in keys]
    if states.count("current") != 1 or len(keys) > 2 or len({key.id for key in keys}) != len(keys):
        raise _damaged(name, "must have exactly one current key and at most one other", hint)
    try:
        out = moment(document["apps_deployed"]) if "apps_deployed" in document else None
    except ValueError:
        raise _damaged(name, "has a time that cannot be read", hint) from None
    open_ = "retiring" in states
    return KeyRing(in_order(keys), serial, aborting=aborting and open_, apps_deployed=out if open_ else None)


def _damaged(name: str, reason: str, hint: str = _RESTORE) -> Trouble:
    return Trouble(f"{name} {reason}", hint=hint)


class _WeakError(ValueError):
    """A key that must not be used; its text does not quote the key."""


def _common(row: dict[str, object]) -> tuple[str, str, tuple[datetime, State, datetime]]:
    id_, algorithm, state = row["id"], row["algorithm"], row["state"]
    if algorithm not in {*HMAC_BYTES, "RS256", "ES256"}:
        raise ValueError
    if state not in ("current", "staged", "retiring"):
        raise ValueError
    if not isinstance(id_, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", id_):
        raise ValueError
    return id_, str(algorithm), (moment(row["created"]), state, moment(row["since"]))


def _secret_row(row: dict[str, object]) -> Key:
    id_, algorithm, times = _common(row)
    text = row["secret"]
    if not isinstance(text, str):
        raise TypeError
    _strong(text, algorithm)
    return known(id_, algorithm, Secret(text), times)


def _strong(text: str, algorithm: str) -> None:
    if algorithm not in HMAC_BYTES:
        return
    if is_placeholder(text):
        raise _WeakError("holds a placeholder instead of a key [key-placeholder]")
    if len(text.encode()) < HMAC_BYTES[algorithm]:
        raise _WeakError(f"holds a key shorter than {HMAC_BYTES[algorithm]} bytes [key-too-short]")
    if uncarried(text):
        raise _WeakError("holds a key with characters that not every reader of env files understands [key-quoting]")


def _public_row(row: dict[str, object]) -> Key:
    id_, algorithm, (created, state, since) = _common(row)
    mark, public = row["fingerprint"], row.get("public")
    if not isinstance(mark, str) or not re.fullmatch(r"[0-9a-f]{8}", mark):
        raise ValueError
    if (algorithm in HMAC_BYTES) != (public is None):
        raise ValueError
    if public is not None:
        public = asymmetric.canonical(str(public), algorithm)
    KNOWN.add_mark(mark)
    return Key(id_, algorithm, created, state, since, mark, None, public)
