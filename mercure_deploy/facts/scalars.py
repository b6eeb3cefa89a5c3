"""What a scalar without quotes is to YAML 1.1 as kubectl reads it (sigs.k8s.io/yaml, measured with Kubernetes 1.34)."""

import re
from math import isfinite

NULLS = frozenset({"~", "null", "Null", "NULL"})
_WORDS = frozenset("y Y yes Yes YES on On ON true True TRUE n N no No NO off Off OFF false False FALSE".split())
_WORDS |= {f"{sign}{word}" for word in (".inf", ".Inf", ".INF") for sign in ("", "+", "-")} | {".nan", ".NaN", ".NAN"}
_WHOLE = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)")
_BROKEN = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def is_text(text: str) -> bool:
    """Whether it stays a text: no word such as `yes`, no number such as `012`, `1_000`, `0x1F` or `5e123`."""
    if text in _WORDS:
        return False
    plain = text.replace("_", "")
    if not re.match(r"[-+.0-9]", text):
        return True
    if _WHOLE.fullmatch(plain):
        digits = re.sub(r"^([-+]?)0(?=[0-7])", r"\g<1>0o", plain)
        # what is larger is no whole number, and a broken one only where it looks like one
        if -(2**63) <= int(digits, 0) < 2**64:
            return False
    return not (_BROKEN.fullmatch(plain) and isfinite(float(plain)))
