"""A key where somebody's file uses it, and what a text is that stands there."""

import re
from dataclasses import dataclass

from mercure_deploy.readers import tokens
from mercure_deploy.readers.places import Value

# a key in base64 may begin with a slash, but has no point
PATH = re.compile(
    r"(~|\.{0,2})/\S*\.\w{2,4}|[^\s/]+\.(pem|key|pub|crt)"
    r"|/(app|config|data|etc|home|opt|root|run|secrets?|srv|usr|var)/\S+"
)
SHELL = re.compile(r"\$\(|^`|`$")
# how a value begins that is no HMAC key itself
_OTHER = ("-----", "${", "{", "%env(", "<")
# a reference, or what somebody put there instead of a key before showing the file
_NO_VALUE = re.compile(r"\$\{|^\{|%env\(|^<|\.\.\.|\u2026|\*{3,}|\u2022{3,}|[xX]{12,}|(?i:redacted)")
# and what may stand by chance in one as long as a PEM is in base64
_SHORT_NO_VALUE = re.compile(r"[xX]{4,}|(?i:masked|hidden)")
# characters, beyond which a text is a PEM or its like
_MANY = 200


@dataclass(frozen=True)
class Key:
    """A key where it is used: by the app to sign, or by the hub to verify for a role."""

    role: str
    value: Value
    algorithm: Value | None = None
    name: str = ""


def is_hmac(key: Key) -> bool:
    """Whether it is used as a text that both sides share."""
    text = key.value.text
    if not text or text.startswith(_OTHER) or tokens.looks_like(text):
        return False
    return not PATH.fullmatch(text) and not SHELL.search(text)


def is_known(key: Key) -> bool:
    """Whether the text is what will be used, and no reference to something that the files do not hold."""
    text = key.value.text
    put_instead = _NO_VALUE.search(text) or (len(text) <= _MANY and _SHORT_NO_VALUE.search(text))
    return bool(text) and not put_instead
