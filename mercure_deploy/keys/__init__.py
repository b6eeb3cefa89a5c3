"""The key ring of an environment: values, transitions, text."""

from mercure_deploy.keys.asymmetric import UNBORN
from mercure_deploy.keys.masking import KNOWN, Known, fingerprint
from mercure_deploy.keys.ring import (
    HMAC_BYTES,
    Key,
    KeyRing,
    Secret,
    State,
    abort,
    findable,
    first,
    jwk,
    make,
    promote,
    replace_all,
    retire,
    stage,
    unborn,
)
from mercure_deploy.keys.text import dumps, is_placeholder, loads, loads_public, moment, newer, public_view, stamp

__all__ = [
    "HMAC_BYTES",
    "KNOWN",
    "UNBORN",
    "Key",
    "KeyRing",
    "Known",
    "Secret",
    "State",
    "abort",
    "dumps",
    "findable",
    "fingerprint",
    "first",
    "is_placeholder",
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
