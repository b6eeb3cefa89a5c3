"""The probe of an app's page: the cookie that it sets, and the token in that."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from mercure_deploy.errors import typed
from mercure_deploy.facts import claims
from mercure_deploy.facts.cookies import is_public_suffix
from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH, below
from mercure_deploy.hub import replies, tokens
from mercure_deploy.hub.fetch import FetchError, Reply, Way, fetch
from mercure_deploy.hub.replies import Cause
from mercure_deploy.keys import KNOWN
from mercure_deploy.probes import requests
from mercure_deploy.probes.engine import Asking, Seen, failed, passed, probe, skipped
from mercure_deploy.readers import twig
from mercure_deploy.readers.tokens import Token, parse

_MOST_REDIRECTS = 3
# characters of a page that are looked at
_MOST = 512 * 1024
_COOKIE = "mercure(topic, {subscribe: topic}) in Twig, or Authorization::setCookie"
_HUB_URL = re.compile(r"https?:(?:\\?/){2}[^\s\"'<>]+?(?:\\?/)\.well-known(?:\\?/)mercure")
# what browsers keep of name and value (Chromium, Firefox, WebKit), in bytes
_LARGEST = 4096


@dataclass(frozen=True)
class Kept:
    """A cookie as a browser keeps it; `said` are its attributes by lower-case name."""

    name: str
    value: str = field(repr=False)
    said: Mapping[str, str]

    @property
    def domain(self) -> str:
        """Its Domain without the dot, "" for one of the page's host alone."""
        return self.said.get("domain", "").lstrip(".").lower()


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
    cause = _sent_to(ask, url, reply.body)
    found = _kept(ask, reply)
    if cause is None and found is None:
        return failed(_no_cookie(reply))
    if cause is None and found is not None:
        cause = _reach(ask, url, found) or _left_behind(ask, url, reply.body) or _token(ask, parse(found.value))
        cause = cause or _tried(ask, found)
    if cause is None and ask.known.first is not None and ask.known.first.stream:
        what = "the page hands out a token for private updates, and the hub lets in who has none"
        hint = "take anonymous out of the hub, or send public updates alone"
        return failed(Cause("anonymous-private-mix", what, hint), level="warning")
    name = found.name if found else ""
    return failed(cause) if cause else passed(f"{name}: reaches the hub, and its token is taken")


def _no_cookie(reply: Reply) -> Cause:
    """Why a page without a cookie for the hub opens no stream."""
    streams = [credentials for _, credentials in twig.read("", reply.body).streams]
    if streams and set(streams) == {"without"}:
        what = "the page opens its stream as a stranger, without cookie and credentials, and the hub lets none in"
        hint = f"decide: {_COOKIE}, and new EventSource(url, {{withCredentials: true}}); or anonymous for the hub"
        return Cause("anonymous-off", what, hint)
    what = "the page sets no cookie for the hub: its stream is opened without a token"
    return Cause("credentials-not-sent", what, f"{_COOKIE}; and a user who may see the topic")


def _sent_to(ask: Asking, url: str, html: str) -> Cause | None:
    """Why the page's browser does not get to this hub: another URL in the page, or http from a page on https."""
    hub, page_ = ask.target.hub.url, urlsplit(url)
    listed = [found[0].replace("\\/", "/") for found in _HUB_URL.finditer(html)]
    hosts = {urlsplit(each).netloc for each in listed}
    own = {urlsplit(each).netloc for each in (ask.target.url, *(of for _, of in ask.target.pages))}
    if hosts and not hosts & own:
        what = f"the page sends browsers to {typed(min(hosts), 100)}, the hub is {hub}"
        return Cause("public-url-wrong", what, f"MERCURE_PUBLIC_URL={ask.target.url} for the app")
    plain = any(each.startswith("http://") for each in listed) or hub.scheme == "http"
    if page_.scheme == "https" and plain and not hub.is_local:
        what = "the page is on https, and the hub's URL in it on http: browsers block it (mixed content)"
        return Cause("public-url-wrong", what, "https in MERCURE_PUBLIC_URL, and a hub that speaks it")
    return None


def _left_behind(ask: Asking, url: str, html: str) -> Cause | None:
    """Why the cookie stays behind though a browser has it."""
    streams = [credentials for _, credentials in twig.read("", html).streams]
    there = urlsplit(ask.target.url)
    if (there.scheme, there.netloc) == (urlsplit(url).scheme, urlsplit(url).netloc) or set(streams) != {"without"}:
        return None
    what = "the page opens its stream without withCredentials: the cookie that it has is not sent to the hub"
    return Cause("credentials-not-sent", what, "new EventSource(url, {withCredentials: true})")


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


def _kept(ask: Asking, reply: Reply) -> Kept | None:
    """The hub's cookie after all that the page sets, as a browser would have it; what is cleared is none."""
    names = {ask.target.hub.cookie, *(each.cookie for each in GENERATIONS.values()), "mercure_access_token"}
    jar: dict[tuple[str, str, str], Kept] = {}
    for line in reply.cookies:
        first, *rest = line.split(";")
        name, _, value = first.strip().partition("=")
        if name not in names:
            continue
        pairs = (each.strip().partition("=") for each in rest)
        each = Kept(name, value.strip('"'), {word.lower(): said for word, _, said in pairs})
        place = (name, each.domain, each.said.get("path", "/"))
        jar.pop(place, None)
        if not _cleared(ask, each):
            jar[place] = each
    own = [each for each in jar.values() if each.name == ask.target.hub.cookie]
    return next(iter([*own, *jar.values()]), None)


def _cleared(ask: Asking, each: Kept) -> bool:
    age, ends = each.said.get("max-age", ""), each.said.get("expires", "")
    if not each.value or each.value == "deleted":
        return True
    if re.fullmatch(r"-?\d+", age):
        return int(age) <= 0
    try:
        return bool(ends) and parsedate_to_datetime(ends).timestamp() <= ask.target.now().timestamp()
    except ValueError:
        return False


def _reach(ask: Asking, url: str, cookie: Kept) -> Cause | None:
    """Why a browser does not bring that cookie to the hub."""
    there = urlsplit(url)
    expected = ask.target.hub.cookie if ask.target.env else None
    if expected and cookie.name != expected:
        what = f"the page sets {cookie.name}, the hub looks at {expected}"
        hint = "the same cookie_name on both sides; see symfony/ of the environment"
        return Cause("credentials-not-sent", what, hint)
    why = _dropped(there.scheme, there.hostname or "", cookie) or _elsewhere(ask, there.hostname or "", cookie)
    hint = "MERCURE_PUBLIC_URL decides Domain and Secure: app and hub below one domain, both on https"
    return Cause("cookie-scope", f"the cookie of the page does not arrive: {why}", hint) if why else None


def _dropped(scheme: str, host: str, cookie: Kept) -> str | None:
    """Why a browser does not even store it."""
    secure, local = "secure" in cookie.said, host == "localhost" or host.endswith(".localhost")
    domain, size = cookie.domain, len(cookie.name) + len(cookie.value)
    prefixed = cookie.name.startswith(("__Secure-", "__Host-"))
    shown = f"its Domain={typed(domain, 60)}"
    why: dict[str, bool] = {
        f"{shown} is not the page's": bool(domain) and not _below(host, domain),
        f"{shown} is a public suffix, below which everybody can have a host": bool(domain)
        and domain != host
        and is_public_suffix(domain),
        f"it has {size} bytes, and browsers keep {_LARGEST}: fewer topics in it": size > _LARGEST,
        "it is Secure, and the page is on http": secure and scheme == "http" and not local,
        f"{cookie.name} without Secure": prefixed and not secure,
        f"{cookie.name} with a Domain": cookie.name.startswith("__Host-") and bool(domain),
        "SameSite=None without Secure": cookie.said.get("samesite", "").lower() == "none" and not secure,
    }
    return next((text for text, holds in why.items() if holds), None)


def _elsewhere(ask: Asking, host: str, cookie: Kept) -> str | None:
    """Why a browser brings it to others than the hub."""
    hub, domain = ask.target.hub.url, cookie.domain
    if not _below(hub.host, domain) if domain else hub.host != host:
        where = f"Domain={typed(domain, 60)}" if domain else f"no Domain, so it goes to {host} alone"
        return f"{where}: not to {hub.host}"
    path, asked = cookie.said.get("path", "/"), ask.target.hub.path if ask.target.env else HUB_PATH
    # by whole segments
    if path.startswith("/") and not below(path, asked):
        return f"Path={typed(path, 60)} is not the hub's"
    if "secure" in cookie.said and hub.scheme == "http" and not hub.is_local:
        return "it is Secure, and the hub's URL is http"
    return None


def _below(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _tried(ask: Asking, cookie: Kept) -> Cause | None:
    """Why the hub does not take that cookie, asked of the hub itself."""
    token = parse(cookie.value)
    if token is None or not requests.may(ask, 1):
        return None
    KNOWN.add(cookie.value, "the page's")
    try:
        topics = _topics(token)
        said = requests.subscribe(ask, None, topics[0] if topics else "*", {"Cookie": f"{cookie.name}={cookie.value}"})
    except FetchError:
        return None
    if said.status != 401 or not replies.is_hubs_refusal(said):
        return None
    what = "the hub refuses the token in the page's cookie (401)"
    return Cause("key-mismatch", what, "MERCURE_JWT_SECRET of the app and MERCURE_SUBSCRIBER_JWT_KEY of the hub")


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
    timely = _times(ask, token)
    if timely:
        return timely
    if not _topics(token):
        what = "the token in the page's cookie grants no topic to subscribe to"
        return Cause("topic-claim-mismatch", what, "mercure(topic, {subscribe: topic})")
    return None


def _times(ask: Asking, token: Token) -> Cause | None:
    """Why it is not valid now."""
    ends, now = token.claims.get("exp"), ask.target.now().timestamp()
    if isinstance(ends, (int, float)) and ends <= now:
        what = f"the token in the page's cookie has ended {round(now - ends)} s ago"
        return Cause("token-lifecycle", what, "the clock of the app's machine; or a page from a cache: no-store")
    begins = token.claims.get("nbf")
    if isinstance(begins, (int, float)) and begins > now + ask.known.offset:
        what = f"the token in the page's cookie is not valid before {round(begins - now)} s from now (nbf)"
        return Cause("token-lifecycle", what, "the clock of the app's machine; the hub has no leeway")
    return None


def _topics(token: Token) -> list[str]:
    """The topics that it grants to subscribe to, in the claim of either generation."""
    old = claims.grant(token.claims)
    if isinstance(old, dict) and isinstance(old.get("subscribe"), list):
        return [each for each in old["subscribe"] if isinstance(each, str)]
    details = token.claims.get("authorization_details")
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    listed = [row.get("topics") for row in rows if "subscribe" in (row.get("actions") or ())]
    topics = [topic for each in listed if isinstance(each, list) for topic in each]
    return [str(next(iter(each.values()), "")) if isinstance(each, dict) else str(each) for each in topics]
