"""Keys, their states and the transitions `KeyRing -> KeyRing`; no files, no clock of its own.

Random numbers come from `secrets` and, for RSA and EC, from `cryptography`; `now` is always an argument.
"""

import base64
import hmac
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, NoReturn

from mercure_deploy.errors import Trouble
from mercure_deploy.keys import asymmetric
from mercure_deploy.keys.masking import KNOWN, Known, fingerprint

State = Literal["current", "staged", "retiring"]
HMAC_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}

_ALPHABET = string.ascii_letters + string.digits


class Secret:
    """Text that does not show by accident: str, repr, format and pickling give no more than that it is one."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the content of a secret file."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True)
class Key:
    """One key: an HMAC secret of 64 characters, or a private key as PKCS8 PEM. `since` is when `state` began.

    Without `secret` (a ring known from its manifest alone, as in CI) `fingerprint` and, for RS256 and ES256, the PEM
    of the public key are all there is.
    """

    id: str
    algorithm: str
    created: datetime
    state: State
    since: datetime
    fingerprint: str
    secret: Secret | None = None
    public: str | None = None

    @property
    def symmetric(self) -> bool:
        """Whether hub and apps share the same text."""
        return self.algorithm in HMAC_BYTES

    def text(self) -> str:
        """The secret's text; a key without one stands for itself by its fingerprint, in files nobody writes."""
        return self.secret.reveal() if self.secret else f"<key {self.fingerprint}>"


@dataclass(frozen=True)
class KeyRing:
    """The keys of one environment, in the order in which they were created; exactly one is current.

    `serial` counts the changes of the ring, so that an old copy is known as one; `gone` are the ids of all keys that
    it ever forgot, so that a manifest which names one is known as an older one, and not as that of another ring.
    `aborting` is an open rotation that is being taken back, `apps_deployed` when the last app went out since the
    promotion, as far as that is known. `text` is the keys.json it was read from: nothing but a rotation changes a byte
    of it.
    """

    keys: tuple[Key, ...]
    serial: int = 0
    gone: tuple[str, ...] = ()
    aborting: bool = False
    apps_deployed: datetime | None = None
    text: bytes | None = field(default=None, repr=False, compare=False)

    def in_state(self, state: State) -> Key | None:
        """The key in that state, None when there is none."""
        return next((key for key in self.keys if key.state == state), None)

    @property
    def current(self) -> Key:
        """The key that signs."""
        return next(key for key in self.keys if key.state == "current")

    @property
    def complete(self) -> bool:
        """Whether the secrets are here, not only the public view."""
        return all(key.secret for key in self.keys)


def make(algorithm: str, now: datetime, state: State = "current") -> Key:
    """A new strong key: 64 of A-Za-z0-9 (381 bits) for HMAC, 3072 bits for RS256, P-256 for ES256."""
    text = (
        "".join(secrets.choice(_ALPHABET) for _ in range(64))
        if algorithm in HMAC_BYTES
        else asymmetric.private_pem(algorithm)
    )
    return known(secrets.token_hex(4), algorithm, Secret(text), (now, state, now))


def first(algorithm: str, now: datetime) -> KeyRing:
    """The ring of a new environment."""
    return KeyRing((make(algorithm, now),), serial=1)


def kept(text: str, algorithm: str, now: datetime) -> KeyRing:
    """The ring of an environment that has a key already: an HMAC text, or a private PEM. ValueError when it is none."""
    if algorithm not in HMAC_BYTES:
        found = asymmetric.read(text)
        text = found.private or "" if found else ""
    return KeyRing((known(secrets.token_hex(4), algorithm, Secret(text), (now, "current", now)),), serial=1)


def unborn(algorithm: str, now: datetime) -> KeyRing:
    """A stand-in for the ring that a render would make: its files can be compared, never written."""
    public = None if algorithm in HMAC_BYTES else asymmetric.UNBORN
    return KeyRing(
        (Key("<new>", algorithm, now, "current", now, asymmetric.UNBORN, Secret(asymmetric.UNBORN), public),),
        serial=1,
    )


def stage(ring: KeyRing, algorithm: str, now: datetime) -> KeyRing:
    """A new key is trusted from now on and does not sign yet. Trouble when a rotation is open already."""
    if len(ring.keys) > 1:
        raise Trouble("a rotation is open already", hint="go on with it, or end it with --abort")
    return _changed(ring, in_order([*ring.keys, make(algorithm, now, "staged")]))


def promote(ring: KeyRing, now: datetime) -> KeyRing:
    """The staged key signs from now on, the one before is still trusted. Trouble when none is staged."""
    if not ring.in_state("staged"):
        raise Trouble("no key is staged", hint="begin a rotation with rotate-keys")
    return _restate(ring, {"staged": "current", "current": "retiring"}, now)


def retire(ring: KeyRing) -> KeyRing:
    """The retiring key is forgotten. Trouble when none is retiring."""
    if not ring.in_state("retiring"):
        raise Trouble("no key is retiring", hint="promote the staged key first")
    return _without(ring, "retiring")


def abort(ring: KeyRing, now: datetime) -> KeyRing:
    """A staged key is deleted; after the promotion the two keys swap states, as tokens of both are alive then.

    Trouble when no rotation is open, or when it is being taken back already: a second swap would turn it round again.
    """
    if ring.aborting:
        hint = "go on with rotate-keys without --abort: the key that is taken back goes after its last token"
        raise Trouble("the rotation is being taken back already", hint=hint)
    if ring.in_state("staged"):
        return _without(ring, "staged")
    if ring.in_state("retiring"):
        return replace(_restate(ring, {"retiring": "current", "current": "retiring"}, now), aborting=True)
    raise Trouble("no rotation is open, there is nothing to abort")


def deployed(ring: KeyRing, at: datetime) -> KeyRing:
    """The same ring, which knows when the last app went out."""
    return replace(ring, apps_deployed=at, text=None)


def replace_all(algorithm: str, now: datetime, others: Iterable[KeyRing]) -> KeyRing:
    """One fresh key instead of those of all `others`, every token of which is refused from then on."""
    return taken_over(make(algorithm, now), others)


def taken_over(key: Key, others: Iterable[KeyRing]) -> KeyRing:
    """The ring with that key alone instead of those of all `others`."""
    rings = list(others)
    gone = {key.id for ring in rings for key in ring.keys} | {id_ for ring in rings for id_ in ring.gone}
    serial = 1 + max((ring.serial for ring in rings), default=0)
    return KeyRing((key,), serial, tuple(sorted(gone)))


def in_order(keys: Iterable[Key]) -> tuple[Key, ...]:
    """The keys as they were created, those of one second as they stand."""
    return tuple(sorted(keys, key=lambda key: key.created))


def _restate(ring: KeyRing, moves: dict[State, State], now: datetime) -> KeyRing:
    keys = (replace(key, state=moves[key.state], since=now) if key.state in moves else key for key in ring.keys)
    return _changed(ring, tuple(keys))


def _without(ring: KeyRing, state: State) -> KeyRing:
    gone = [key.id for key in ring.keys if key.state == state]
    kept = tuple(key for key in ring.keys if key.state != state)
    return replace(_changed(ring, kept), gone=(*ring.gone, *gone), aborting=False)


def _changed(ring: KeyRing, keys: tuple[Key, ...]) -> KeyRing:
    return replace(ring, keys=keys, serial=ring.serial + 1, apps_deployed=None, text=None)


def known(id_: str, algorithm: str, secret: Secret, times: tuple[datetime, State, datetime]) -> Key:
    """A key whose secret is at hand, with what follows from it; `times` are created, state, since. ValueError."""
    created, state, since = times
    public = None if algorithm in HMAC_BYTES else asymmetric.public_pem(secret.reveal(), algorithm)
    mark = fingerprint(secret.reveal())
    KNOWN.add(secret.reveal(), mark)
    return Key(id_, algorithm, created, state, since, mark, secret, public)


def findable(rings: Iterable[KeyRing]) -> Known:
    """The keys of these rings, to be found in files; of those without secrets the fingerprints."""
    found = Known()
    for key in (key for ring in rings for key in ring.keys):
        if key.secret:
            found.add(key.secret.reveal(), key.fingerprint)
        else:
            found.add_mark(key.fingerprint)
    return found


def jwk(key: Key) -> dict[str, str]:
    """The key as the hub trusts it in a JWK Set (RFC 7517), without `kid` and `alg`: Symfony's tokens have no `kid`."""
    if key.public:
        return asymmetric.jwk(key.public)
    text = base64.urlsafe_b64encode(key.text().encode()).decode().rstrip("=")
    return {"kty": "oct", "k": text}
