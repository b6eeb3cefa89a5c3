"""The key ring of an environment: values, transitions, text."""

from mercure_deploy.keys.asymmetric import UNBORN
from mercure_deploy.keys.ring import (
    HMAC_BYTES,
    Key,
    KeyRing,
    Secret,
    State,
    abort,
    fingerprint,
    first,
    jwk,
    make,
    promote,
    replace_all,
    retire,
    stage,
    unborn,
)
from mercure_deploy.keys.text import dumps, loads, loads_public, moment, newer, public_view, stamp

__all__ = [
    "HMAC_BYTES",
    "UNBORN",
    "Key",
    "KeyRing",
    "Secret",
    "State",
    "abort",
    "dumps",
    "fingerprint",
    "first",
    "jwk",
    "loads",
    "loads_public",
    "make",
    "moment",
    "newer",
    "promote",
    "public_view",
    "replace_all",
    "retire",
    "stage",
    "stamp",
    "unborn",
]
