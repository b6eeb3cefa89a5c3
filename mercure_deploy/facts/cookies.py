"""Does the cookie that Symfony sets on a page reach the hub? Rules as Chromium 156 and symfony/mercure 0.7 showed them.

Public suffixes come from the `publicsuffixlist` package, which is imported only for names that may be one: reading
its list costs more than everything else that a small spec needs.
"""

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.facts.origins import Origin

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

# everybody can have a host below these, they are not on the Public Suffix List, and browsers store a cookie for them
_WILDCARD_DNS = "sslip.io nip.io xip.io traefik.me localtest.me lvh.me vcap.me ddev.site lndo.site".split()
_STRANGERS = {
    **dict.fromkeys(_WILDCARD_DNS, "wildcard DNS of a public service, by its own documentation"),
    **dict.fromkeys(("coolify.io", "coolify.app"), "names that Coolify gives to applications"),
    # the other region and the old name are given to applications in the same way
    **dict.fromkeys(
        ("osc-fr1.scalingo.io", "osc-secnum-fr1.scalingo.io", "scalingo.io"),
        "names that Scalingo gives to applications; Chromium 156 stored a cookie for osc-fr1.scalingo.io (measured)",
    ),
}


@dataclass(frozen=True)
class Verdict:
    """`domain` is the cookie's Domain (None: host-only); `cause` and `reason` say why it is not sent."""

    stored: bool
    sent: bool
    domain: str | None
    cause: str | None = None
    reason: str | None = None


class NoDomainError(ValueError):
    """Symfony throws for such a pair of hosts: the page answers with a 500."""


def domain(page_host: str, hub_host: str) -> str | None:
    """The Domain attribute that symfony/mercure emits, None for a host-only cookie. NoDomainError where it throws."""
    page, hub = page_host.lower(), hub_host.lower()
    if page == hub:
        return None
    if hub.endswith(f".{page}"):
        return page
    common: list[str] = []
    for ours, theirs in zip(reversed(page.split(".")), reversed(hub.split(".")), strict=False):
        if ours != theirs:
            break
        common.insert(0, ours)
    if len(common) < 2:
        raise NoDomainError("different second-level domains")
    return f".{'.'.join(common)}"


def reach(  # noqa: PLR0913 - each of these changes what browsers do
    page: Origin,
    hub: Origin,
    *,
    path: str = HUB_PATH,
    cookie_name: str = "mercureAuthorization",
    secure: bool | None = None,
    same_site: str = "strict",
    framed: bool = False,
) -> Verdict:
    """What becomes of the cookie that a page at `page` gets for the hub at `hub`.

    `secure` is None for Symfony's own rule: unless the hub's URL is http. `framed` is a page in another site's iframe.
    """
    with_secure = hub.scheme != "http" if secure is None else secure
    try:
        emitted = domain(page.host, hub.host)
    except NoDomainError:
        cause, reason = _no_domain(page, hub)
        return Verdict(stored=False, sent=False, domain=None, cause=cause, reason=reason)
    refused = _refused(page, emitted, with_secure=with_secure, name=cookie_name) or _framed(
        with_secure=with_secure, same_site=same_site, framed=framed
    )
    if refused:
        return Verdict(stored=False, sent=False, domain=emitted, cause=refused[0], reason=refused[1])
    if page.scheme != hub.scheme:
        reason = "page and hub have different schemes"
        return Verdict(stored=True, sent=False, domain=emitted, cause="scheme", reason=reason)
    if path not in {"", HUB_PATH}:
        reason = f"the cookie's path {path} does not match {HUB_PATH}"
        return Verdict(stored=True, sent=False, domain=emitted, cause="path", reason=reason)
    return Verdict(stored=True, sent=True, domain=emitted)


def _no_domain(page: Origin, hub: Origin) -> tuple[str, str]:
    """Why Symfony throws."""
    if page.is_ip or hub.is_ip:
        return "ip", "an IP address shares no cookie with another host"
    if page.host.endswith(".localhost") and hub.host.endswith(".localhost"):
        return "localhost", "two names directly below localhost share no cookie domain, and Symfony throws"
    return "exception", "they share no domain of two labels, and Symfony throws"


def _refused(page: Origin, emitted: str | None, *, with_secure: bool, name: str) -> tuple[str, str] | None:
    """Why the browser does not store the cookie at all."""
    trustworthy = page.scheme == "https" or page.is_local
    if with_secure and not trustworthy:
        return "scheme", "a page on http cannot store a Secure cookie"
    if name.startswith("__Secure-") and not with_secure:
        return "prefix", f"the cookie {name} needs https"
    return _unshared(page, emitted) if emitted else None


def _unshared(page: Origin, emitted: str) -> tuple[str, str] | None:
    """Why no cookie of that Domain is stored."""
    if emitted == "localhost":
        return "localhost", "browsers do not send a cookie of localhost to a name below it"
    if page.is_ip:
        return "ip", "IP addresses share no cookie"
    if is_public_suffix(emitted.lstrip(".")):
        return "public-suffix", f"{emitted.lstrip('.')} is a public suffix, browsers drop a cookie for it"
    return None


def _framed(*, with_secure: bool, same_site: str, framed: bool) -> tuple[str, str] | None:
    if same_site == "none" and not with_secure:
        return "same-site", "SameSite=None needs Secure"
    return ("iframe", "the page is in another site's iframe") if framed else None


@dataclass(frozen=True)
class Scope:
    """Where a cookie is sent: to `domain`, and with `below` to every host below it."""

    domain: str
    below: bool


def scope(page: Origin, hub: Origin) -> Scope | None:
    """Where the cookie that a page gets for the hub is sent, None where Symfony throws."""
    try:
        found = domain(page.host, hub.host)
    except NoDomainError:
        return None
    return Scope(found.lstrip("."), below=True) if found else Scope(hub.host, below=False)


def shared_with_strangers(name: str) -> bool:
    """Whether everybody can have a host below that cookie domain, though it is not on the Public Suffix List."""
    return name.lstrip(".") in _STRANGERS


def is_public_suffix(name: str) -> bool:
    """Whether `name`, a domain of at least two labels in lower-case ASCII, is on the Public Suffix List."""
    # necessary conditions: no rule can match without one of these lines; names in punycode stand there decoded
    rules = (name, f"*.{name}", f"*.{name.partition('.')[2]}")
    lines = _list_lines()
    if lines and "xn--" not in name and lines.isdisjoint(rules):
        return False
    return bool(_library().is_public(name))


@cache
def _list_lines() -> frozenset[str]:
    found = importlib.util.find_spec("publicsuffixlist")
    for folder in found.submodule_search_locations or () if found else ():
        path = Path(folder) / "public_suffix_list.dat"
        if path.is_file():
            return frozenset(path.read_text(encoding="utf-8").split("\n"))
    return frozenset()


@cache
def _library() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - see the module's docstring

    return PublicSuffixList()
