"""Probes below HTTP: the name, the port, the certificate and what is spoken over it."""

import contextlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mercure_deploy.errors import typed
from mercure_deploy.facts.origins import Origin, parse_origin
from mercure_deploy.hub import replies
from mercure_deploy.hub.fetch import FetchError, context, proxied, within
from mercure_deploy.hub.replies import Cause
from mercure_deploy.keys.asymmetric import certificate_facts
from mercure_deploy.probes.engine import Asking, Seen, Target, failed, passed, probe, skipped

_SOON = timedelta(days=21)
_BY_PROXY = "a proxy that the environment names (HTTPS_PROXY and the like) is asked for it"
_HOSTS = Path("/etc/hosts")


def _names(target: Target) -> Sequence[str | None]:
    """The subjects of a probe for each of the hub's names; None stands for the first."""
    return [None, *(str(name) for name in target.names)]


def _origin(ask: Asking, subject: str | None) -> Origin:
    """What is asked: the hub under that name, or the address that stands for it."""
    own = parse_origin(subject) if subject else ask.target.hub.url
    return ask.target.way.address(own)


@probe("resolve", subjects=_names)
def resolve(ask: Asking, subject: str | None) -> Seen:
    """Does the hub's name have an address that the visitors of the pages can reach?"""
    origin = _origin(ask, subject)
    if proxied(origin):
        return skipped(_BY_PROXY)
    try:
        found = within(ask.target.way.seconds, lambda: _addresses(origin))
    except FetchError as error:
        return failed(replies.of_error(FetchError("resolve", str(error)), str(origin)))
    shown = ", ".join(found[:4])
    wrong = None if ask.target.way.via else _unreachable(ask.target, origin, found)
    if wrong:
        hint = "the hub needs a public name, which the DNS of its visitors knows"
        return failed(Cause("public-url-wrong", wrong, hint), shown)
    return passed(f"{origin.host}: {shown}")


def _addresses(origin: Origin) -> list[str]:
    try:
        found = socket.getaddrinfo(origin.host, origin.number, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise FetchError("resolve", "the name does not resolve") from None
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def _unreachable(target: Target, hub: Origin, addresses: Sequence[str]) -> str | None:
    """Why visitors of the pages do not get there though this machine may."""
    away = [page for page, _ in target.pages if not page.is_local and "*" not in page.host]
    if hub.is_local:
        return f"{hub} is the visitor's own machine" if away else None
    if not target.production or hub.is_ip or _by_hand(hub.host):
        return None
    private = [each for each in addresses if not ipaddress.ip_address(each.partition("%")[0]).is_global]
    if len(private) < len(addresses):
        return None
    if all(ipaddress.ip_address(each.partition("%")[0]).is_loopback for each in addresses):
        return f"{hub.host} is {addresses[0]}, the visitor's own machine"
    for page in away[:3]:
        with contextlib.suppress(FetchError):
            if any(ipaddress.ip_address(each.partition("%")[0]).is_global for each in _addresses(page)):
                return f"{hub.host} is {addresses[0]}, an address that the visitors of {page} cannot reach"
    return None


def _by_hand(host: str) -> bool:
    """Whether this machine's own list of hosts says it: then somebody wanted it so, here."""
    try:
        lines = _HOSTS.read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(host in line.partition("#")[0].split()[1:] for line in lines)


@probe("connect", needs=("resolve",), subjects=_names)
def connect(ask: Asking, subject: str | None) -> Seen:
    """Does something take connections there?"""
    origin = _origin(ask, subject)
    if proxied(origin):
        return skipped(_BY_PROXY)
    where = (origin.host, origin.number)
    try:
        socket.create_connection(where, min(ask.target.way.seconds, 5)).close()
    except OSError as error:
        silent = isinstance(error, TimeoutError)
        said = (
            "no answer: filtered, or the machine is away" if silent else str(error.strerror or "no connection").lower()
        )
        hint = "does the proxy, or the hub, run and listen on that port? Does a firewall let it through?"
        return failed(Cause("proxy-not-routing", f"no connection to {origin}, port {where[1]}: {said}", hint))
    return passed(f"port {where[1]} is open")


def _handshake(ask: Asking, origin: Origin, name: str, made: ssl.SSLContext) -> tuple[bytes, str | None, str | None]:
    """The certificate (DER), the protocol of HTTP that was agreed on, and the version of TLS."""
    where = (origin.host, origin.number)
    with (
        socket.create_connection(where, ask.target.way.seconds) as plain,
        made.wrap_socket(plain, server_hostname=name) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b"", secure.selected_alpn_protocol(), secure.version()


def _trusting() -> ssl.SSLContext:
    """To look at a certificate that is not trusted; nothing is sent over it."""
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


@probe("certificate", needs=("connect",), subjects=_names)
def certificate(ask: Asking, subject: str | None) -> Seen:
    """Is its certificate trusted, for that name, and for some weeks more?"""
    own = parse_origin(subject) if subject else ask.target.hub.url
    origin = _origin(ask, subject)
    if origin.scheme != "https":
        return skipped("plain http has none")
    if proxied(origin):
        return skipped(_BY_PROXY)
    name = own.host
    looked = _verified(ask, origin, name)
    if isinstance(looked, Cause):
        return failed(looked)
    der, version = looked
    facts = certificate_facts(der)
    ends, left = facts.ends, facts.ends - datetime.now(UTC)
    # one that is short by design is renewed in its last third
    if left < min(_SOON, (facts.ends - facts.begins) / 3):
        what = f"the certificate of {name} ends on {ends:%Y-%m-%d}, in {left.days} days, and nobody renewed it yet"
        hint = "whoever makes it should have by now: look at the log of the proxy"
        return failed(Cause("tls-untrusted-publish", what, hint), level="warning")
    return passed(f"trusted for {name}, until {ends:%Y-%m-%d}, {version}")


def _verified(ask: Asking, origin: Origin, name: str) -> tuple[bytes, str | None] | Cause:
    """The certificate and the version of TLS, or why there is none to trust."""
    try:
        made = context(ask.target.way.authority, os.environ.get("SSL_CERT_FILE"))
        der, _, version = _handshake(ask, origin, name, made)
    except FetchError as error:
        return replies.of_error(error, str(origin))
    except ssl.SSLCertVerificationError as error:
        return _untrusted(ask, origin, name, error)
    except OSError as error:
        if isinstance(error, TimeoutError):
            what = f"{origin} takes connections, and says nothing to TLS"
            return Cause("proxy-not-routing", what, "is that the port of the proxy, and does it run?")
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        text = (reason or "the connection was cut").replace("_", " ").lower()
        return replies.of_error(FetchError("tls", text), str(origin))
    return der, version


def _untrusted(ask: Asking, origin: Origin, name: str, error: ssl.SSLCertVerificationError) -> Cause:
    """What is wrong with a certificate, by its own words."""
    why = error.verify_message.rstrip(".")
    try:
        facts = certificate_facts(_handshake(ask, origin, name, _trusting())[0])
        if facts.subject == "TRAEFIK DEFAULT CERT":
            why = "it is the proxy's default one (TRAEFIK DEFAULT CERT): it has none for that name"
        elif "hostname" in why.lower() or "mismatch" in why.lower():
            listed = ", ".join(facts.names[:4])
            none = "it has no subjectAltName, and browsers look at nothing else"
            why = f"it is for {listed}" if listed else none
        elif facts.ends < datetime.now(UTC):
            why = f"it has expired on {facts.ends:%Y-%m-%d}"
        elif "local issuer" in why:
            why = f"its issuer, {typed(facts.issuer, 60)}, is not known, or the chain is incomplete"
    except (OSError, ValueError):
        pass
    hint = "a certificate of a public authority for that name, with its chain; or --cacert with that of your own"
    return Cause("tls-untrusted-publish", f"the certificate of {name} is not trusted: {why}", hint)


@probe("protocol", needs=("certificate",))
def protocol(ask: Asking, _subject: str | None) -> Seen:
    """Is HTTP/2 spoken, which has no limit of six streams for all tabs of a browser?"""
    origin = _origin(ask, None)
    if origin.scheme != "https" or proxied(origin):
        return skipped("asked over TLS only")
    made = _trusting()
    made.set_alpn_protocols(["h2", "http/1.1"])
    try:
        _, agreed, _ = _handshake(ask, origin, ask.target.hub.url.host, made)
    except OSError:
        return skipped("no second connection was to be had")
    if agreed != "h2":
        what = "only HTTP/1.1 is spoken: a browser opens six streams to a host, for all of its tabs together"
        return failed(Cause("http1-connection-limit", what, "switch HTTP/2 on in the proxy"), level="warning")
    return passed("HTTP/2")
