"""The rule about algorithms: those of tokens, of keys, and what the hub and the bundle are told."""

import re
from collections.abc import Iterator

from mercure_deploy.errors import typed
from mercure_deploy.findings import Finding
from mercure_deploy.lint.keys import no_key
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers import tokens
from mercure_deploy.readers.keys import Key, is_hmac, is_known
from mercure_deploy.readers.places import Value
from mercure_deploy.readers.setup import Setup
from mercure_deploy.simulation.hub import hubs

_NAMES = re.compile(r"(HS|RS|ES|PS)(256|384|512)|EdDSA")
# how the bundle's configuration calls them
_OF_BUNDLE = re.compile(r"(hmac|rsa|ecdsa)\.sha(256|384|512)")
_BUNDLE = {"hmac": "HS", "rsa": "RS", "ecdsa": "ES"}


@rule("alg-mismatch")
def alg_mismatch(setup: Setup) -> Iterator[Found | Finding]:
    """Algorithms of token, key and hub that differ, or that the hub does not know."""
    told = {role: setup.algorithm(role) for role in ("publisher", "subscriber")}
    odd = {role: value for role, value in told.items() if value is not None and value.text}
    odd = {role: value for role, value in odd.items() if not _NAMES.fullmatch(value.text)}
    for role, value in odd.items():
        what = f"the {role}'s algorithm is none that the hub knows"
        yield _apart(value, what, "HS256 for a key of letters and digits, RS256 for an RSA key")
    kinds = [finding for key in setup.used_keys() for finding in _kind(key)]
    yield from kinds
    if not odd and not kinds and not any(map(no_key, setup.used_keys())):
        yield from (finding for hub in hubs(setup) for finding in hub.refused() if finding.id == "alg-mismatch")
    first = told["publisher"] or told["subscriber"]
    for value in setup.used_tokens():
        token = tokens.parse(value.text)
        if token and first and first.text and token.algorithm != first.text:
            what = f"the token says {typed(token.algorithm, 10)}, the hub is told {typed(first.text, 10)}"
            yield _apart(value, what, "the same algorithm on both sides")
    yield from _bundle(setup, told["publisher"])


def _kind(key: Key) -> Iterator[Found]:
    """A PEM key for an HMAC algorithm, or a text for RS256 and its like."""
    if key.algorithm is None:
        return
    name, pem = key.algorithm.text[:10], key.value.text.lstrip().startswith("-----BEGIN")
    if pem and name.startswith("HS"):
        yield _apart(key.algorithm, f"{key.name} is a PEM key, and {name} wants a text", "RS256 or ES256")
    elif not pem and name[:2] in {"RS", "ES"} and is_hmac(key) and is_known(key):
        yield _apart(key.algorithm, f"{key.name} is a text, {name} wants a public key in PEM", "HS256")


def _bundle(setup: Setup, told: Value | None) -> Iterator[Found]:
    algorithm, secret = setup.symfony.get("jwt.algorithm"), setup.app.get("MERCURE_JWT_SECRET")
    if algorithm is None:
        default = setup.symfony.get("jwt.secret")
        if default is not None and told is not None and told.text[:2] == "HS" and told.text != "HS256":
            what = f"the hub is told {typed(told.text, 10)}, and the bundle signs with HS256 unless it is told"
            yield _apart(told, what, f"jwt.algorithm: hmac.sha{told.text[2:5]} in mercure.yaml, or HS256 here")
        return
    if (
        {"jwt.secret"} == {"jwt.secret", "jwt.factory", "jwt.provider"} & setup.symfony.keys()
        and not _OF_BUNDLE.fullmatch(algorithm.text)
        and "%" not in algorithm.text
    ):
        known = re.fullmatch(r"(HS|RS|ES)(256|384|512)", algorithm.text, re.IGNORECASE)
        kinds = {name: kind for kind, name in _BUNDLE.items()}
        hint = f"{kinds[known[1].upper()]}.sha{known[2]}" if known else "hmac.sha256"
        yield _apart(algorithm, f"the bundle knows no algorithm {typed(algorithm.text, 20)}, and throws", hint)
        return
    kind, _, size = algorithm.text.partition(".sha")
    name = f"{_BUNDLE.get(kind, '')}{size}"
    if kind in _BUNDLE and told is not None and told.text and name != told.text:
        what = f"the app signs with {typed(name, 10)}, the hub is told {typed(told.text, 10)}"
        yield _apart(algorithm, what, "the same on both sides")
    if kind in {"rsa", "ecdsa"} and secret is not None and secret.text and "-----BEGIN" not in secret.text:
        yield _apart(algorithm, "wants a private key in PEM, and MERCURE_JWT_SECRET is a text", "hmac.sha256")


def _apart(value: Value, what: str, hint: str) -> Found:
    return Found(value.place, what, hint)
