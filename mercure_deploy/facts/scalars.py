"""What a scalar without quotes is to kubectl (YAML 1.1, measured with Kubernetes 1.34) and to docker compose (2.26)."""

import re
from contextlib import suppress
from datetime import date
from math import isfinite

NULLS = frozenset({"~", "null", "Null", "NULL"})
_WORDS = frozenset("y Y yes Yes YES on On ON true True TRUE n N no No NO off Off OFF false False FALSE".split())
_WORDS |= {f"{sign}{word}" for word in (".inf", ".Inf", ".INF") for sign in ("", "+", "-")} | {".nan", ".NaN", ".NAN"}
_WHOLE = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)")
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
# from this power of ten on Go writes an exponent
_LARGE = 6
_BROKEN = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def is_text(text: str) -> bool:
    """Whether it stays a text: no word such as `yes`, no number such as `012`, `1_000`, `0x1F` or `5e123`."""
    return text not in _WORDS and _number(text) is None


def to_compose(text: str) -> str:
    """What a container gets: a number or a day anew, as Go writes it, `012` as 10 and `1.50` as 1.5; else the text."""
    number, day = _number(text), _DATE.fullmatch(text)
    if day is not None:
        with suppress(ValueError):
            return f"{date(*map(int, day.groups()))} 00:00:00 +0000 UTC"
    if number is None:
        return text
    return str(number) if isinstance(number, int) else _as_go_writes(number)


def _number(text: str) -> int | float | None:
    plain = text.replace("_", "")
    if not re.match(r"[-+.0-9]", text):
        return None
    if _WHOLE.fullmatch(plain):
        number = int(re.sub(r"^([-+]?)0(?=[0-7])", r"\g<1>0o", plain), 0)
        # what is larger is no whole number, and a broken one only where it looks like one
        if -(2**63) <= number < 2**64:
            return number
    return float(plain) if _BROKEN.fullmatch(plain) and isfinite(float(plain)) else None


def _as_go_writes(number: float) -> str:
    from decimal import Decimal  # noqa: PLC0415 - few files have such a number

    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text, power = "".join(map(str, digits)), len(digits) + int(exponent) - 1
    minus = "-" if sign else ""
    if not number:
        return f"{minus}0"
    if not -4 <= power < _LARGE:
        rest = f".{text[1:]}" if text[1:] else ""
        return f"{minus}{text[0]}{rest}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return f"{Decimal(repr(number)).normalize():f}"
