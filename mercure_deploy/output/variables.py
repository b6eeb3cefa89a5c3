"""The variables of our env files: which hold a key, and the key's own text however the variable carries it."""

import base64
import binascii
import json
import re
from collections.abc import Iterator

from mercure_deploy.facts.hubs import KEY_VARIABLES

# what an env file of ours holds besides keys
OPEN = re.compile(
    r"(CADDY_)?MERCURE_(URL|PUBLIC_URL)|MERCURE_(EXTRA_DIRECTIVES|(PUBLISHER|SUBSCRIBER)_JWT_ALG)"
    r"|SERVER_NAME|SYMFONY_TRUSTED_PROXIES|CADDY_(GLOBAL_OPTIONS|SERVER_EXTRA_DIRECTIVES)"
)
# a line of a Secret of Kubernetes, whose values are written in double quotes without an escape where they are keys
IN_SECRET = re.compile(r'  (?P<name>[A-Za-z][A-Za-z0-9_.-]*): "(?P<value>.*)"')
_KEYS_OF_CHART = frozenset(("publisher-jwt-key", "subscriber-jwt-key"))
ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
_BASE64URL = re.compile(r"MERCURE_JWK_[0-9]+")


def plain(name: str, value: str) -> str:
    """The key's own text, as far as it can be told."""
    text = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
    try:
        if _BASE64URL.fullmatch(name):
            return decoded(text)
        if name.endswith("_B64"):
            return base64.b64decode(text, validate=True).decode()
    except (ValueError, binascii.Error):
        pass
    return text


def decoded(text: str) -> str:
    """The text that is base64url in a JWK. ValueError when it is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()


def _in_set(data: bytes) -> Iterator[str]:
    try:
        rows = json.loads(data)["keys"]
        yield from (decoded(row["k"]) for row in rows)
    except (ValueError, KeyError, TypeError, RecursionError):
        return


def in_secret(name: str, value: str) -> Iterator[str]:
    """The texts of the keys in a line of a Secret."""
    text = value.replace('\\"', '"').replace("\\\\", "\\")
    if name == "jwks.json":
        yield from _in_set(text.encode())
    elif name in _KEYS_OF_CHART or KEY_VARIABLES.fullmatch(name):
        yield plain(name, text)


def keys_in(data: bytes) -> Iterator[str]:
    """The texts of the keys in an env file, whoever wrote it, in a JWK Set, or in a Secret of ours."""
    if data.lstrip().startswith(b"{"):
        yield from _in_set(data)
        return
    for line in data.decode(errors="replace").splitlines():
        secret = IN_SECRET.fullmatch(line)
        if secret:
            yield from in_secret(secret["name"], secret["value"])
            continue
        found = ASSIGNMENT.fullmatch(line.strip().removeprefix("export ").strip())
        if found and KEY_VARIABLES.fullmatch(found["name"]):
            yield plain(found["name"], found["value"].strip())
