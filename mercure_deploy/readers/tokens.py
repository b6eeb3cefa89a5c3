"""JSON Web Tokens as text: what is said in one, and whether a key signed it; by PyJWT's rules, without its clock."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


@dataclass(frozen=True)
class Token:
    """A token in three parts; it never shows in a repr."""

    text: str = field(repr=False)
    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """As its header says."""
        return str(self.header.get("alg", ""))

    def signed_by(self, key: str) -> bool:
        """Whether that HMAC key made its signature."""
        make = _HASHES.get(self.algorithm)
        return make is not None and hmac.compare_digest(
            hmac.new(key.encode(), self.signed, make).digest(), self.signature
        )


def looks_like(text: str) -> bool:
    """Whether the text is a token, by its form."""
    return _TOKEN.fullmatch(text.strip()) is not None


def parse(text: str) -> Token | None:
    """The token in that text, None when it is none."""
    if not looks_like(text):
        return None
    head, body, tail = text.strip().split(".")
    try:
        header, claims = (json.loads(_bytes(part)) for part in (head, body))
        if not isinstance(header, dict) or not isinstance(claims, dict):
            return None
        return Token(text.strip(), header, claims, f"{head}.{body}".encode(), _bytes(tail))
    except (ValueError, binascii.Error, RecursionError):
        return None


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
