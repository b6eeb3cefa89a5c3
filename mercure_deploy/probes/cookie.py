"""The probe of an app's page: the cookie that it sets, and the token in that."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from mercure_deploy.errors import typed
from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH
from mercure_deploy.hub import replies, tokens
from mercure_deploy.hub.fetch import FetchError, Reply, Way, fetch
from mercure_deploy.hub.replies import Cause
from mercure_deploy.probes.engine import Asking, Seen, failed, passed, probe, skipped
from mercure_deploy.readers.tokens import Token, parse

_MOST_REDIRECTS = 3
# characters of a page that are looked at
_MOST = 512 * 1024
_COOKIE = "mercure(topic, {subscribe: topic}) in Twig, or Authorization::setCookie"
_EVENT_SOURCE = re.compile(r"new\s+EventSource\s*\((?P<arguments>[^;]{0,400})")


@probe("page", needs=("hub",), hinges=("key",))
def page(ask: Asking, _subject: str | None) -> Seen:
    """Does the app's page set a cookie that reaches the hub, with a token that it takes?"""
    url = ask.target.page
    if url is None:
        return skipped("--page URL names a page that opens a stream")
    try:
        reply = _page(ask, url)
    except FetchError as error:
        return failed(replies.of_error(error, url.partition("?")[0])._replace(id=None))
    if reply.status >= 400:
        return failed(Cause(None, f"the page answers {reply.status}", "a page that a visitor may see"))
    found = next(_cookies(ask, reply), None)
    if found is None:
        return failed(_no_cookie(reply))
    name, value, attributes = found
    cause = _reach(ask, url, name, attributes) or _token(ask, parse(value))
    if cause is None and ask.known.first is not None and ask.known.first.stream:
        what = "the page hands out a token for private updates, and the hub lets in who has none"
        hint = "take anonymous out of the hub, or send public updates alone"
        return failed(Cause("anonymous-private-mix", what, hint), level="warning")
    return failed(cause) if cause else passed(f"{name}: reaches the hub, and its token is taken")


def _no_cookie(reply: Reply) -> Cause:
    """Why a page without a cookie for the hub opens no stream."""
    if _opens_as_a_stranger(reply.body):
        what = "the page opens its stream as a stranger, without cookie and credentials, and the hub lets none in"
        hint = f"decide: {_COOKIE}, and new EventSource(url, {{withCredentials: true}}); or anonymous for the hub"
        return Cause("anonymous-off", what, hint)
    what = "the page sets no cookie for the hub: its stream is opened without a token"
    return Cause("credentials-not-sent", what, f"{_COOKIE}; and a user who may see the topic")


def _page(ask: Asking, url: str) -> Reply:
    """The page, after at most three redirects on its own host; sent without a token."""
    way = Way(None, ask.target.way.authority, ask.target.way.seconds)
    reply = fetch("GET", url, None, way, headers={"Accept": "text/html"}, most=_MOST)
    for _ in range(_MOST_REDIRECTS):
        there = urlsplit(reply.header("location"))
        here = urlsplit(url)
        if not 300 <= reply.status < 400 or there.netloc not in {"", here.netloc}:
            break
        url = f"{here.scheme}://{here.netloc}{there.path or '/'}" + (f"?{there.query}" if there.query else "")
        reply = fetch("GET", url, None, way, headers={"Accept": "text/html"}, most=_MOST)
    return reply


def _opens_as_a_stranger(html: str) -> bool:
    """Whether the page itself opens a stream, and none with credentials."""
    opened = [found["arguments"] for found in _EVENT_SOURCE.finditer(html)]
    return bool(opened) and not any("withCredentials" in arguments for arguments in opened)


def _cookies(ask: Asking, reply: Reply) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The hub's cookies among those that are set: name, value, attributes by lower-case name."""
    names = {ask.target.hub.cookie, *(each.cookie for each in GENERATIONS.values()), "mercure_access_token"}
    for line in reply.cookies:
        first, *rest = line.split(";")
        name, _, value = first.strip().partition("=")
        if name in names:
            pairs = (each.strip().partition("=") for each in rest)
            yield name, value.strip('"'), {word.lower(): said for word, _, said in pairs}


def _reach(ask: Asking, url: str, name: str, said: dict[str, str]) -> Cause | None:
    """Why a browser does not bring that cookie to the hub."""
    host = urlsplit(url).hostname or ""
    expected = ask.target.hub.cookie if ask.target.env else None
    if expected and name != expected:
        what = f"the page sets {name}, the hub looks at {expected}"
        return Cause(
            "credentials-not-sent", what, "the same cookie_name on both sides; see symfony/ of the environment"
        )
    why = _dropped(host, said) or _elsewhere(ask, host, said)
    hint = "MERCURE_PUBLIC_URL decides Domain and Secure: app and hub below one domain, both on https"
    return Cause("cookie-scope", f"the cookie of the page does not arrive: {why}", hint) if why else None


def _dropped(host: str, said: dict[str, str]) -> str | None:
    """Why a browser does not even store it."""
    domain = said.get("domain", "").lstrip(".").lower()
    if domain and not _below(host, domain):
        return f"its Domain={typed(domain, 60)} is not the page's"
    if said.get("samesite", "").lower() == "none" and "secure" not in said:
        return "SameSite=None without Secure"
    return None


def _elsewhere(ask: Asking, host: str, said: dict[str, str]) -> str | None:
    """Why a browser brings it to others than the hub."""
    hub, domain = ask.target.hub.url, said.get("domain", "").lstrip(".").lower()
    if not _below(hub.host, domain) if domain else hub.host != host:
        where = f"Domain={typed(domain, 60)}" if domain else f"no Domain, so it goes to {host} alone"
        return f"{where}: not to {hub.host}"
    path = said.get("path", "/")
    if not (ask.target.hub.path if ask.target.env else HUB_PATH).startswith(path.rstrip("/")):
        return f"Path={typed(path, 60)} is not the hub's"
    if "secure" in said and hub.scheme == "http" and not hub.is_local:
        return "it is Secure, and the hub's URL is http"
    return None


def _below(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _token(ask: Asking, token: Token | None) -> Cause | None:
    """Why the hub does not take what is in the cookie."""
    if token is None:
        return Cause(
            "jwt-key-confusion", "there is no token in the page's cookie", "the bundle makes it from the secret"
        )
    keys = [key for key in ask.target.keys if key.secret]
    signer = tokens.signer(token, keys)
    if keys and signer is None:
        whose = ask.target.say("no key of this environment", "another key than that of the env file")
        what = f"{whose} signed the token in the page's cookie"
        hint = ask.target.say("deploy the app with the files of the last render", "deploy the app with that env file")
        return Cause("key-mismatch", what, hint)
    if signer and token.algorithm != signer.algorithm:
        what = f"the token is signed with {token.algorithm}, the hub verifies {signer.algorithm}"
        return Cause("alg-mismatch", what, "jwt.algorithm in the bundle's configuration")
    ends, now = token.claims.get("exp"), ask.target.now().timestamp()
    if isinstance(ends, (int, float)) and ends <= now:
        what = f"the token in the page's cookie has ended {round(now - ends)} s ago"
        return Cause("token-lifecycle", what, "the clock of the app's machine; or a page from a cache: no-store")
    if not _subscribes(token):
        what = "the token in the page's cookie grants no topic to subscribe to"
        return Cause("topic-claim-mismatch", what, "mercure(topic, {subscribe: topic})")
    return None


def _subscribes(token: Token) -> bool:
    old, details = token.claims.get("mercure"), token.claims.get("authorization_details")
    if isinstance(old, dict) and old.get("subscribe"):
        return True
    rows = details if isinstance(details, list) else []
    return any(
        isinstance(row, dict) and "subscribe" in (row.get("actions") or ()) and row.get("topics") for row in rows
    )
