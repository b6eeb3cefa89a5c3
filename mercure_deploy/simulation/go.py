"""Texts as Go's standard library reads them, as far as a Caddyfile of a hub has them (measured with hub 0.24.2)."""

import re

_DURATION = re.compile(r"[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h|d))+)")
_NUMBER = re.compile(r"[+-]?\d+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"\u0080-\U0010ffff]*")
_PORT = re.compile(r"[^:\[\]]*(?::\d*)?|\[[^\]]*\](?::\d*)?")


def is_duration(text: str) -> bool:
    """Whether it is a duration such as 30s, 1h30m, 1d or 0; a number alone is none."""
    return _DURATION.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Whether it is a whole number with an optional sign."""
    return _NUMBER.fullmatch(text) is not None


def origin_problem(text: str) -> str | None:
    """Why the hub refuses to start with that origin, None where it takes it: scheme, host and port, `*` or `null`.

    What it takes need not match any page: `https://` alone is taken, for instance.
    """
    scheme = _SCHEME.match(text)
    if not scheme:
        return None if text in {"*", "null"} else "has no scheme"
    whole, _, fragment = text[scheme.end() :].partition("#")
    before, _, query = whole.partition("?")
    if query or fragment:
        return "has a query" if query else "has a fragment"
    return _authority_problem(before)


def _authority_problem(before: str) -> str | None:
    if before and not before.startswith("//"):
        return "has a path" if before.startswith("/") else "has no // behind its scheme"
    authority, slash, _ = before.removeprefix("//").partition("/")
    if "@" in authority:
        return "has a user"
    if not _HOST.fullmatch(authority) or not _PORT.fullmatch(authority):
        return "has a blank in it" if re.search(r"\s", authority) else "has a host that is none"
    return ("ends with a slash" if before.endswith(f"{authority}/") else "has a path") if slash else None
