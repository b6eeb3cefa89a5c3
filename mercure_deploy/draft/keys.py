"""The key that is in use: what the app signs with and the hub verifies with, or why it cannot be kept."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from mercure_deploy import keys
from mercure_deploy.errors import Problem, Trouble
from mercure_deploy.facts.quoting import uncarried
from mercure_deploy.findings import Place
from mercure_deploy.keys import HMAC_BYTES, KeyRing, fingerprint
from mercure_deploy.output import variables
from mercure_deploy.readers import tokens
from mercure_deploy.readers.keys import Key, is_hmac, is_known
from mercure_deploy.readers.places import Value
from mercure_deploy.readers.setup import Setup

Side = Literal["app", "hub"]
_FRESH = "mercure-deploy init begins with a fresh key, for app and hub together"
_CHOOSE = "--use app or --use hub says which of them is right"
_SYMFONY = {"hmac": "HS", "rsa": "RS", "ecdsa": "ES"}


@dataclass(frozen=True)
class _Side:
    """A key as one side has it; for an asymmetric one the hub has only the public half."""

    side: Side
    name: str
    place: Place
    text: str = field(repr=False)
    algorithm: str | None = None
    public: str | None = None

    @property
    def pem(self) -> bool:
        return self.text.lstrip().startswith("-----BEGIN")

    def fits(self, other: "_Side") -> bool:
        """Whether what one signs the other verifies."""
        same = self.public is not None and self.public == other.public
        return self.text == other.text or same


def in_use(setup: Setup, use: Side | None, now: datetime) -> tuple[KeyRing, Place]:
    """A ring with the key that app and hub use today, and where it stands.

    `use` decides where the two differ. Trouble, with code 1 and every reason, when there is none that can be kept.
    """
    sides = [side for side in _sides(setup) if not use or side.side == use]
    if not sides:
        what = "no key that is used stands in these files" + (f" for the {use}" if use else "")
        named = "name the file that holds it, as the app's MERCURE_JWT_SECRET or the hub's MERCURE_PUBLISHER_JWT_KEY"
        hint = f"{named}; or {_FRESH}"
        raise Trouble(Problem(what, hint, id="key-missing"), code=1)
    sides = list(map(_completed, sides))
    chosen = next((side for side in sides if side.side == "app"), sides[0])
    algorithm = _algorithm(chosen, sides)
    refused = list(_differing(sides)) or list(_unusable(chosen, algorithm))
    if refused:
        raise Trouble(*refused, code=1)
    return keys.kept(chosen.text, algorithm, now), chosen.place


def handed(text: str, source: str, now: datetime) -> KeyRing:
    """A ring with the key that somebody handed out: alone in its text, or in an env file. Trouble when it is none."""
    held = list(variables.keys_in(text.encode()))
    found = held[0] if held else text.strip()
    place = Place(source, 1)
    if not found or (not held and "\n" in found and "-----BEGIN" not in found):
        hint = "the key alone, or an env file with MERCURE_JWT_SECRET"
        raise Trouble(Problem("holds no key", hint, source, id="key-missing"))
    if len(set(held)) > 1:
        what = "holds several keys: Symfony signs for both roles of the hub with one"
        raise Trouble(Problem(what, "name a file with one of them", source, id="key-mismatch"))
    side = _completed(_Side("app", "the key", place, found))
    algorithm = side.algorithm or "HS256"
    refused = list(_unusable(side, algorithm))
    if refused:
        raise Trouble(*refused)
    return keys.kept(found, algorithm, now)


def _sides(setup: Setup) -> Iterator[_Side]:
    """Every place of a key, the app's first; references that the files do not fill are none."""
    app = [key for key in setup.used_keys() if key.role == "app"]
    coded = setup.app.get("MERCURE_JWT_KEY_B64")
    if coded is not None:
        app = [Key("app", replace(coded, text=_decoded(coded)), None, "MERCURE_JWT_KEY_B64")]
    literal = setup.symfony.get("jwt.secret")
    if not app and literal is not None:
        app = [Key("app", literal, None, "jwt.secret")]
    said = setup.symfony.get("jwt.algorithm")
    for key in app:
        if is_known(key):
            yield _Side("app", key.name, key.value.place, key.value.text, _symfony(said) or None)
    for key in setup.used_keys():
        if key.role != "app" and is_known(key):
            told = key.algorithm.text if key.algorithm else None
            known = told if told and not told.startswith("{") else None
            yield _Side("hub", key.name, key.value.place, key.value.text, known)


def _decoded(value: Value) -> str:
    try:
        return base64.b64decode(value.text, validate=True).decode()
    except (ValueError, binascii.Error):
        return value.text


def _symfony(said: Value | None) -> str | None:
    """The algorithm of the bundle's configuration, as `hmac.sha256`, by its name in a token."""
    family, _, size = said.text.partition(".sha") if said is not None else ("", "", "")
    return f"{_SYMFONY[family]}{size}" if family in _SYMFONY else None


def _completed(side: _Side) -> _Side:
    """With the public half of a PEM, from which both sides are told apart, and the algorithm that it is for."""
    if not side.pem:
        return side
    found = keys.read_pem(side.text)
    return replace(side, public=found.public, algorithm=side.algorithm or found.algorithm) if found else side


def _differing(sides: Sequence[_Side]) -> Iterator[Problem]:
    app = next((side for side in sides if side.side == "app"), None)
    hub = [side for side in sides if side.side == "hub"]
    for other in hub[1:]:
        if other.text != hub[0].text:
            what = f"{other.name} ({_mark(other)}) is not {hub[0].name} ({_mark(hub[0])}, {_at(hub[0])})"
            hint = f"Symfony signs for both roles of the hub with one key; {_FRESH}"
            yield Problem(what, hint, _at(other), id="key-mismatch")
            return
    wrong = next((side for side in hub if app and not app.fits(side)), None)
    if app and wrong:
        what = f"{wrong.name} ({_mark(wrong)}) is not {app.name} ({_mark(app)}, {_at(app)})"
        yield Problem(what, f"{_CHOOSE}; or {_FRESH}", _at(wrong), id="key-mismatch")
    elif app and hub and app.algorithm and hub[0].algorithm and app.algorithm != hub[0].algorithm:
        what = f"the app signs with {app.algorithm}, the hub verifies {hub[0].algorithm}"
        yield Problem(what, _CHOOSE, _at(hub[0]), id="alg-mismatch")


def _unusable(side: _Side, algorithm: str) -> Iterator[Problem]:
    """Why that key cannot be kept."""
    where, text, name = _at(side), side.text, side.name
    if side.pem:
        yield from _unusable_pem(side)
    elif tokens.looks_like(text):
        yield Problem(f"{name} holds a token, not a key", _FRESH, where, id="jwt-key-confusion")
    elif not is_hmac(Key(side.side, Value(text, side.place))):
        yield Problem(f"{name} holds no key, but a path or a command", _FRESH, where, id="pem-in-env")
    elif keys.is_placeholder(text) or text in keys.WELL_KNOWN:
        yield Problem(f"{name}: everybody knows this key", _FRESH, where, id="key-placeholder")
    else:
        size, least = len(text.encode()), HMAC_BYTES.get(algorithm)
        reason = uncarried(text)
        if least is None:
            yield Problem(f"{name} is a text, and {algorithm} wants a key pair", _FRESH, where, id="alg-mismatch")
        elif size < least:
            what = f"{name}: {size} bytes, {algorithm} wants {least}: lcobucci/jwt refuses it"
            yield Problem(what, _FRESH, where, id="key-too-short")
        elif reason:
            what = f"{name}: the key {reason}: not every reader of env files hands that on"
            yield Problem(what, _FRESH, where, id="key-quoting")


def _unusable_pem(side: _Side) -> Iterator[Problem]:
    where, found = _at(side), keys.read_pem(side.text)
    if "CERTIFICATE" in side.text:
        yield Problem(f"{side.name} is a certificate, no key", _FRESH, where, id="pem-in-env")
    elif found is None:
        what = f"{side.name} is no PEM key that can be read: lost line breaks, or a passphrase"
        yield Problem(what, _FRESH, where, id="pem-in-env")
    elif not found.private:
        what = f"{side.name} is the public key, with which nobody can sign"
        hint = f"name the file with the app's private key, MERCURE_JWT_SECRET; or {_FRESH}"
        yield Problem(what, hint, where, id="key-missing")
    elif found.algorithm is None or (side.algorithm and side.algorithm != found.algorithm):
        what = f"{side.name} is a key for {side.algorithm or 'another algorithm'}, known are RS256 (2048 bits), ES256"
        yield Problem(what, _FRESH, where, id="alg-mismatch")


def _algorithm(chosen: _Side, sides: Sequence[_Side]) -> str:
    said = chosen.algorithm or next((side.algorithm for side in sides if side.algorithm), None)
    return said or "HS256"


def _mark(side: _Side) -> str:
    return fingerprint(side.text)


def _at(side: _Side) -> str:
    return f"{side.place.file}:{side.place.line}:{side.place.column}"
