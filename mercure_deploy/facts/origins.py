"""One URL origin: scheme, host and port, in the one form that browsers send; no network, no list of suffixes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from mercure_deploy.errors import typed

if TYPE_CHECKING:
    import ipaddress

_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]+)(?::(?P<port>[^/?#@]*))?(?P<path>/.*)?"
)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# whatever a browser would read as an IPv4 address in an odd notation (WHATWG URL, "ends in a number")
_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\"'`\\{}<>$#|^%;,&()!]")


class WildcardError(ValueError):
    """A `*` where an origin belongs."""


@dataclass(frozen=True, order=True)
class Origin:
    """`host` in lower-case ASCII (punycode; IPv6 without brackets), `port` None when it is the scheme's own."""

    scheme: str
    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")

    @property
    def number(self) -> int:
        """The port that is asked, be it the scheme's own."""
        return self.port or _PORTS[self.scheme]

    @property
    def is_ip(self) -> bool:
        """Whether the host is an address, not a name."""
        return _address(self.host) is not None

    @property
    def is_local(self) -> bool:
        """Whether only this machine answers under that host."""
        address = _address(self.host)
        return address.is_loopback if address else self.host.split(".")[-1] == "localhost"


def parse_origin(text: str, *, drop_path: str = "", wildcard: bool = False) -> Origin:
    """The origin in `text`; a path is refused unless it is `drop_path`, `*.` as first label unless `wildcard`.

    ValueError with a reason (WildcardError for `*` as such) for everything that browsers, the hub, Symfony and
    Caddyfiles do not all read as the same origin.
    """
    if text.strip() in {"*", "http://*", "https://*"}:
        raise WildcardError("* is not an origin")
    if _UNSAFE.search(text) or not text.isprintable():
        raise ValueError("must not contain blanks, quotes or other special characters")
    if "://" not in text:
        raise ValueError("must begin with https://")
    scheme = text.partition("://")[0].lower()
    found = _ORIGIN.fullmatch(scheme + text[len(scheme) :])
    if scheme not in _PORTS:
        raise ValueError("must begin with https:// or http://")
    if not found:
        raise ValueError("must be scheme, host and perhaps port, such as https://hub.example.com")
    if (found["path"] or "/").rstrip("/") not in {"", drop_path}:
        raise ValueError("must be an origin without a path")
    return Origin(scheme, _host(found["host"], wildcard=wildcard), _port(found["port"], scheme))


def origin_of_url(text: str) -> Origin:
    """The origin of a URL with any path. ValueError as of `parse_origin`."""
    scheme, separator, rest = text.partition("://")
    return parse_origin(f"{scheme}{separator}{rest.partition('/')[0]}")


def _port(text: str | None, scheme: str) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= 65535:
        raise ValueError("has a port that is not 1 to 65535")
    return None if int(text) == _PORTS[scheme] else int(text)


def _host(text: str, *, wildcard: bool) -> str:
    if text.startswith("["):
        import ipaddress  # noqa: PLC0415 - most hosts are names

        try:
            return str(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            raise ValueError("has a host that is no IPv6 address") from None
    star = "*." if text.startswith("*.") else ""
    if star and not wildcard:
        raise WildcardError("must name one host, * is not allowed here")
    host = _ascii(text[len(star) :]).lower()
    if host.endswith("."):
        raise ValueError("must not end with a dot, Symfony would find no cookie domain for it")
    if len(host) > 253:
        raise ValueError("has a host longer than 253 characters")
    if _NUMERIC.fullmatch(host):
        if star or _address(host) is None:
            raise ValueError("has a host that is no IPv4 address")
        return host
    _labels(host.split("."))
    if star and "." not in host:
        raise ValueError("a wildcard needs a domain of at least two labels behind it")
    return star + host


def _labels(labels: list[str]) -> None:
    for label in labels:
        if not _LABEL.fullmatch(label):
            shown = "an empty label" if not label else f"the label {typed(label, 63)}"
            raise ValueError(f"has {shown}: labels are 1 to 63 of a-z, 0-9 and -, and - is not at an end")


@lru_cache(maxsize=4096)
def _address(host: str) -> "ipaddress.IPv4Address | ipaddress.IPv6Address | None":
    # most hosts are names, and an exception for each of them would be the cost of a fleet
    if not host[-1:].isdigit() and ":" not in host:
        return None
    import ipaddress  # noqa: PLC0415

    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _ascii(host: str) -> str:
    """Punycode by UTS 46, as browsers do it; the codec of the standard library follows IDNA 2003, which they left."""
    if host.isascii() and "xn--" not in host.lower():
        return host
    import idna  # noqa: PLC0415 - its tables cost time, and few hosts need them

    from mercure_deploy.facts import lookalikes  # noqa: PLC0415

    for label in host.split("."):
        odd = lookalikes.odd_letter(label)
        if odd is not None:
            raise ValueError(f"has {lookalikes.named(label[odd])} among Latin letters")

    try:
        return idna.encode(host, uts46=True, transitional=False).decode()
    except idna.IDNAError:
        raise ValueError("has a host that is no valid international domain name") from None


def allows(listed: Iterable[str], asked: str) -> bool:
    """Whether pages of the origin `asked` get the headers of CORS from a hub with these `cors_origins`.

    As rs/cors compares, the library of the hub: without case, and a `*` stands for any text.
    """
    asked = asked.lower()
    for each in listed:
        head, star, tail = each.lower().partition("*")
        if head + star == "*" or (not star and head == asked):
            return True
        if star and len(asked) >= len(head) + len(tail) and asked.startswith(head) and asked.endswith(tail):
            return True
    return False
