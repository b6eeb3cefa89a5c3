"""Rules about keys: which signs, which verifies, what stands in their place; no value ever shows."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace

from mercure_deploy.facts.scalars import to_compose
from mercure_deploy.facts.variables import HUB
from mercure_deploy.findings import Finding, Place
from mercure_deploy.keys import HMAC_BYTES, WELL_KNOWN, fingerprint, is_placeholder
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers import tokens
from mercure_deploy.readers.keys import PATH, SHELL, Key, is_hmac, is_known
from mercure_deploy.readers.places import Value
from mercure_deploy.readers.setup import Setup, bare, is_app_file
from mercure_deploy.simulation.hub import embedded, hubs

_OF_HUB = ("MERCURE_PUBLISHER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY")
# what people call the key of an app
_NEAR = re.compile(r"MERCURE_(JWT|JWT_KEY|KEY|SECRET|SECRET_KEY|JWT_SECRET_KEY|JWT_SECRET_TOKEN|TOKEN_SECRET)")


def _once(used: Iterable[Key], defaults: Container[Place] = ()) -> Iterator[Key]:
    """Each key where it first stands, with the names of all places: one mistake is one finding.

    Where it is no default goes before.
    """
    by_text: dict[str, list[Key]] = {}
    for key in used:
        by_text.setdefault(key.value.text, []).append(key)
    for keys in by_text.values():
        first = min(keys, key=lambda key: key.value.place in defaults)
        yield replace(first, name=", ".join(dict.fromkeys(key.name for key in keys)))


@rule("key-placeholder")
def key_placeholder(setup: Setup) -> Iterator[Found]:
    """A key that stands in the documentation, or a token that is signed with one."""
    hint = "make one: mercure-deploy init, or openssl rand -hex 32, the same for app and hub"
    for key in _once(setup.used_keys(), setup.assumed):
        text = key.value.text
        if text in WELL_KNOWN or (is_hmac(key) and is_placeholder(text) and "hange" in text):
            yield Found(key.value.place, f"{key.name}: everybody knows this key", hint)
    for value in setup.used_tokens():
        token = tokens.parse(value.text)
        if token and any(token.signed_by(each) for each in WELL_KNOWN):
            yield Found(value.place, "is signed with a key that everybody knows", hint)


@rule("secret-exposure")
def secret_exposure(setup: Setup) -> Iterator[Found]:
    """A key in a file that git tracks."""
    for key in _once(key for key in setup.used_keys() if key.value.place.file in setup.tracked):
        if is_hmac(key) and is_known(key) and not is_placeholder(key.value.text):
            what = f"git tracks this file, and a key ({fingerprint(key.value.text)}) stands in it: {key.name}"
            hint = "a new key, in a file that git ignores: the old one stays in the history"
            yield Found(key.value.place, what, hint, "warning")


@rule("key-too-short")
def key_too_short(setup: Setup) -> Iterator[Found]:
    """lcobucci/jwt refuses a key below the hash size, and so does the app at its first token."""
    cut = {key.value.place for key, _ in _cut(setup)}
    for key in _once(setup.used_keys(), setup.assumed):
        if key.value.place in cut or _is_anew(key.value):
            continue
        size, algorithm = len(key.value.text.encode()), key.algorithm.text if key.algorithm else "HS256"
        if is_hmac(key) and size < HMAC_BYTES.get(algorithm, 0):
            what = f"{key.name}: {size} bytes, {algorithm} wants {HMAC_BYTES[algorithm]}: lcobucci/jwt refuses it"
            yield Found(key.value.place, what, "a longer key, the same for app and hub")


@rule("jwt-key-confusion")
def jwt_key_confusion(setup: Setup) -> Iterator[Found]:
    """A token (JWT) where the key belongs, or a key where a token belongs."""
    hint = "put the key itself there, the text that signs tokens; the bundle makes tokens from it"
    places = {key.name: key.value for key in setup.used_keys() if tokens.looks_like(key.value.text)}
    for file in setup.env_files:
        for name in ("MERCURE_PUBLISHER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY"):
            value = file.variables.get(name)
            if value is not None and tokens.looks_like(value.text):
                places.setdefault(name, value)
    for name, value in places.items():
        yield Found(value.place, f"{name} holds a token, not a key", hint)
    static = setup.app.get("MERCURE_JWT_TOKEN")
    if static is not None and is_known(Key("app", static)) and not tokens.looks_like(static.text):
        what = "MERCURE_JWT_TOKEN holds something that is no token"
        yield Found(static.place, what, "a key belongs into MERCURE_JWT_SECRET")


@rule("key-mismatch")
def key_mismatch(setup: Setup) -> Iterator[Found | Finding]:
    """The key of the app, or of a token in a file, that is not the one that the hub verifies with."""
    assumed = setup.assumed
    known = [key for key in setup.used_keys() if is_known(key) and not _asymmetric(key)]
    found = {key.role: key for key in known if key.value.place not in assumed}
    if not found and all(key.value.assumed for key in known):
        # defaults of compose are compared with each other alone: whoever starts it without variables gets all of them
        found = {key.role: key for key in known}
    app, publisher, subscriber = (found.get(role) for role in ("app", "publisher", "subscriber"))
    sides = [key for key in (publisher, subscriber) if key]
    if app is None and len(sides) > 1 and setup.app and not setup.app_key:
        # what the app signs with is somewhere else; it is one secret, whatever it is
        app = sides.pop(0)
    differing = [key for key in sides if app and key.value.text != app.value.text]
    if app and differing:
        # quotes that one reader keeps and another takes away are a finding of their own
        real = [key for key in differing if bare(key.value) != bare(app.value)]
        cut = {key.value.place for key, _ in _cut(setup)}
        for key in (key for key in real[:1] if not cut & {key.value.place, app.value.place}):
            slips = (_filled(app, key), _filled(key, app), _numbered(app, key), _numbered(key, app), _padded(app, key))
            yield next(filter(None, slips), None) or _differ(app, key)
        return
    verifier = next((key for key in (publisher, app) if key and is_hmac(key)), None)
    if verifier is None or verifier.value.place in assumed:
        return
    for value in setup.used_tokens():
        token = tokens.parse(value.text)
        if token and token.algorithm in HMAC_BYTES and not token.signed_by(verifier.value.text):
            what = f"this token is not signed with {verifier.name} ({fingerprint(verifier.value.text)})"
            hint = "sign it with the hub's key, or use the bundle's secret instead"
            yield Found(value.place, what, hint)


def _cut(setup: Setup) -> Iterator[tuple[Key, str]]:
    """Keys without quotes that end where a comment begins, and by which name the whole text stands elsewhere."""
    used = list(setup.used_keys())
    for key in used:
        for other in used:
            if re.match(re.escape(key.value.text) + r"\s+#", other.value.text) and is_known(key):
                yield key, other.name
                break


@rule("key-quoting")
def key_quoting(setup: Setup) -> Iterator[Found]:
    """A key of which its reader takes a part: cut at a comment, or filled in at a $."""
    for key, name in _cut(setup):
        what = f"{key.name}: a blank and # end a value without quotes, {len(key.value.text)} bytes arrive, not {name}"
        yield Found(key.value.place, what, "single quotes around the value; a longer key is no cure")


def _asymmetric(key: Key) -> bool:
    pem = key.value.text.lstrip().startswith("-----")
    return pem or (key.algorithm is not None and key.algorithm.text[:2] in {"RS", "ES", "PS"})


def _filled(one: Key, other: Key) -> Finding | None:
    """Two that were one text, in which compose took a $ for the begin of a name."""
    if "$" not in (other.value.raw or "") or (other.value.raw or "").strip("'\"") != bare(one.value):
        return None
    what = f"{other.name}: compose takes what follows a $ for the name of a variable, and {one.name} keeps it"
    return Finding("key-quoting", "error", what, "$$ for each $, or a key of letters and digits", other.value.place)


def _is_anew(value: Value) -> bool:
    """Whether compose wrote it anew, as a number."""
    return value.raw is not None and value.raw != value.text and to_compose(value.raw) == value.text


def _numbered(one: Key, other: Key) -> Finding | None:
    """Two that were one text, which compose took for a number and wrote anew."""
    if not _is_anew(other.value) or other.value.raw != bare(one.value):
        return None
    what = f"{other.name}: without quotes it is a number to YAML, and the container gets another text than {one.name}"
    return Finding("key-quoting", "error", what, "quotes around it", other.value.place)


def _padded(one: Key, other: Key) -> Finding | None:
    """Two that differ in blanks or a line break at an end alone, as of `echo KEY | base64`."""
    if one.value.text.strip() != other.value.text.strip():
        return None
    longer = max(one, other, key=lambda each: len(each.value.text))
    what = f"{longer.name} has a blank or a line break at an end, which is a part of the key there"
    return Finding("key-quoting", "error", what, "echo -n, or printf %s, in the place of echo", longer.value.place)


def _differ(one: Key, other: Key) -> Found:
    marks = f"{one.name} ({fingerprint(one.value.text)}) and {other.name} ({fingerprint(other.value.text)})"
    hint = "Symfony signs for both roles of the hub with one secret: the same text in all three places"
    return Found(other.value.place, f"{marks} differ", hint)


@rule("key-missing")
def key_missing(setup: Setup) -> Iterator[Found | Finding]:
    """A hub or an app without a key: none at all, an empty one, or one under another name."""
    for word, place in (each for chart in setup.charts for each in chart.unset):
        what = f"{word} is not set: the chart makes a random key, another one with each upgrade"
        yield Found(place, what, f"{word}: the key that the app signs with")
    empty = set()
    for hub in hubs(setup):
        missing = [finding for finding in hub.refused() if finding.id == "key-missing"]
        empty |= {finding.place for finding in missing}
        if len({finding.place for finding in missing}) == 1 and len(missing) > 1:
            # what is missing once is one mistake
            what = "no key, neither for publishers nor for subscribers: the hub does not start"
            hint = "MERCURE_PUBLISHER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_KEY: the key that the app signs with"
            missing = [replace(missing[0], what=what, hint=hint)]
        named = [setup.hub[f"{name}_FILE"].place for name in _OF_HUB if f"{name}_FILE" in setup.hub]
        if missing and named:
            what = "no image of a hub reads a variable …_FILE: it has no key, and does not start"
            missing = [replace(missing[0], what=what, hint="the key itself, in the name without _FILE", place=named[0])]
        yield from missing
    yield from _near_name(setup)
    yield from _not_filled(setup)
    for name in (*_OF_HUB, "MERCURE_JWT_SECRET"):
        value = setup.hub.get(name) or setup.app.get(name)
        if value is not None and not value.text and not value.raw and value.place not in empty:
            yield Found(value.place, f"{name} is empty", "give it the key")


def _not_filled(setup: Setup) -> Iterator[Found]:
    """A reference to a key that compose cannot fill: it reads the shell and .env, no other file (measured: blank)."""
    for service in setup.hub_services:
        folder = service.file.rpartition("/")[0]
        here = [file for file in setup.env_files if file.path.rpartition("/")[0] == folder]
        own = {name for file in here if file.path.rpartition("/")[2] == ".env" for name in file.variables}
        for variable in ("MERCURE_PUBLISHER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY"):
            value = service.environment.get(variable) or service.unset.get(variable)
            found = re.search(r"(?<!\$)\$\{?(\w+)\}?$", value.raw or "") if value is not None else None
            if value is None or not found or found[1] in own:
                continue
            # what Symfony reads besides .env, and people take for read by all
            others = [file for file in here if file.path.rpartition("/")[2].startswith(".env.")]
            elsewhere = [file.path for file in others if found[1] in file.variables]
            if elsewhere:
                what = f"compose fills {found[1]} from the shell and .env alone, not from {elsewhere[0]}: blank"
                hint = f"docker compose --env-file {elsewhere[0]}, or the variable in .env"
                yield Found(value.place, what, hint, "warning")
                return
            if not value.text and any(embedded(setup, block) for block in setup.blocks):
                # a hub of its own would not start, and say so
                what = f"{found[1]} is in no .env: without it in the shell the hub starts, and answers updates with 405"
                hint = f"${{{found[1]}:?}}, with which compose refuses to start it; and the variable in .env"
                yield Found(value.place, what, hint, "warning")
                return


def _near_name(setup: Setup) -> Iterator[Found]:
    """An app whose key stands under another name than the one that it reads."""
    if "MERCURE_JWT_SECRET" in setup.app or {"jwt.secret", "jwt.value"} & setup.symfony.keys():
        return
    for file in setup.env_files:
        if not is_app_file(file) or "MERCURE_JWT_TOKEN" in file.variables:
            continue
        for name, value in file.variables.items():
            if _NEAR.fullmatch(name) and name not in HUB and value.text:
                what = f"{name} is read by nobody: the app has no MERCURE_JWT_SECRET, and signs nothing"
                yield Found(value.place, what, "call it MERCURE_JWT_SECRET")


@rule("pem-in-env")
def pem_in_env(setup: Setup) -> Iterator[Found]:
    """A PEM key without its line breaks; a path, a command or a certificate in the place of a public key."""
    hint = "the public key in PEM, with its line breaks, in the Caddyfile; or an HMAC key"
    for key in setup.used_keys():
        what = no_key(key)
        if what:
            yield Found(key.value.place, f"{key.name} {what}", hint)


def no_key(key: Key) -> str | None:
    """What stands in the place of a PEM key, None where it may be one."""
    text = key.value.text
    if "-----BEGIN CERTIFICATE" in text:
        return "is a certificate, not a public key"
    if "PRIVATE KEY-----" in text and key.role != "app":
        return "is a private key, the hub wants the public one"
    if text.lstrip().startswith("-----BEGIN") and "\n" not in text.strip():
        return "has lost its line breaks"
    if SHELL.search(text):
        return "holds a command, which nobody runs"
    return "is a path, and is taken for the key itself" if PATH.fullmatch(text) else None
