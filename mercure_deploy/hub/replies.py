"""What an answer means that is not the hub's own: who gave it, and what to do; measured on proxies and hubs."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from mercure_deploy.errors import typed
from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.hub.fetch import FetchError, Reply

# Caddy, nginx, Apache
_PLAIN_TO_TLS = re.compile(r"HTTP request (to an HTTPS server|was sent to HTTPS port)|speaking plain HTTP to an SSL")
_GUARDS = re.compile(r"(basic|digest|negotiate|ntlm)\b", re.IGNORECASE)


class Cause(NamedTuple):
    """A finding id, or None where no cause fits; what was seen, and what to do."""

    id: str | None
    what: str
    hint: str


BUFFERED = Cause(
    "proxy-timeout-buffering",
    "a stream gets no answer, not even its status: a proxy keeps it back until it ends",
    "no buffering, cache or compression on the hub's path",
)
LOOK = "look into the log of the hub and of the proxy before it"
# what cures it in the words of that program, by what Server or Via call it (measured)
_CURES = {
    ("proxy-timeout-buffering", "lighttpd"): "server.stream-response-body = 2 for the hub's path, in lighttpd",
    ("proxy-timeout-buffering", "varnish"): "return (pipe) for the hub's path in vcl_recv, before anything else",
    ("proxy-timeout-buffering", "nginx"): "proxy_buffering off, no proxy_ignore_headers, no gzip in the hub's location",
    ("proxy-timeout-buffering", "apache"): "no SetOutputFilter DEFLATE, and flushpackets=on in the hub's ProxyPass",
    ("proxy-timeout-buffering", "envoy"): "timeout: 0s on the hub's route, in Envoy",
    ("credentials-not-sent", "squid"): "login=PASSTHRU in the cache_peer line, in Squid",
    ("credentials-not-sent", "nginx"): "no proxy_set_header of Authorization or Cookie in the hub's location",
    ("credentials-not-sent", "apache"): "no RequestHeader unset of Authorization or Cookie; CGIPassAuth On for CGI",
}
_ROUTE = "the proxy must hand on {path} to the hub, and nothing else may take it"


def worded(cause: Cause, reply: Reply | None) -> Cause:
    """The same, with the cure in the words of the program that Server or Via name."""
    said = f"{reply.header('server')} {reply.header('via')}".lower() if reply else ""
    hint = next((hint for (id_, program), hint in _CURES.items() if id_ == cause.id and program in said), None)
    return cause._replace(hint=hint) if hint else cause


def of_error(error: FetchError, asked: str) -> Cause:
    """What it means that nothing answered; `asked` is what was asked, as it may be shown."""
    if error.part == "held":
        return BUFFERED
    what = {
        "resolve": f"cannot resolve the name of {asked}",
        "connect": f"no connection to {asked}: {error}",
        "tls": f"no TLS with {asked}: {error}",
        "answer": f"no answer from {asked}: {error}",
    }[error.part]
    hint = {
        "resolve": "is that name right? --via names another address of the hub",
        "connect": "does the hub run, and does something listen there? --via names another address",
        "tls": "--cacert names the certificate authority of your own",
        "answer": "does a proxy hold it back, and does the hub run behind it?",
    }[error.part]
    id_ = {
        "resolve": "public-url-wrong",
        "connect": "proxy-not-routing",
        "tls": "tls-untrusted-publish",
        "answer": "proxy-not-routing",
    }[error.part]
    text = str(error)
    if error.part == "tls" and ("wrong version" in text or "record layer" in text or "http request" in text):
        hint = "the port of the TLS proxy, or http:// in the URL"
        return Cause("tls-mode-mismatch", f"{asked} speaks plain http, not https", hint)
    if error.part == "tls" and ("internal error" in text or "unrecognized name" in text):
        what = f"{asked} has no certificate for that name"
        return Cause("server-name-mismatch", what, "add the name to SERVER_NAME, or to the site of the proxy")
    return Cause(id_, what, hint)


def of_answer(reply: Reply, url: str, *, published: bool = False) -> Cause | None:
    """Why that is not the answer of a hub, None when it is one: a stream, an id, or the hub's own refusal.

    `published` is whether it answers an update, to which a hub says its id.
    """
    status = reply.status
    if status == 200:
        return _of_200(reply, url, published=published)
    if 300 <= status < 400:
        return _of_redirect(reply, url)
    if status in {400, 401, 403} and is_hubs_refusal(reply):
        return incomplete(reply)
    if status == 405 and published and _is_keyless(reply):
        what = f"{url}: the hub has no key for publishers, and answers every update with 405"
        return Cause("key-missing", what, "give its container MERCURE_PUBLISHER_JWT_KEY: FrankenPHP starts without one")
    return _of_refusal(reply, url)


def _is_keyless(reply: Reply) -> bool:
    """Whether a 405 is the hub's own: inside FrankenPHP it starts without a key, and has no such method then."""
    own = "default-src 'self'" in reply.header("content-security-policy")
    return own and not reply.body and reply.header("x-frame-options").upper() == "DENY"


def _of_200(reply: Reply, url: str, *, published: bool) -> Cause | None:
    if reply.stream or (published and reply.body.startswith("urn:uuid:")):
        return None
    host = urlsplit(url).hostname
    if not reply.body.strip():
        what = f"{url} answers 200 with nothing in it: the hub's site has another name than {host}"
        return Cause("server-name-mismatch", what, "SERVER_NAME=:80 behind a proxy, or the proxy hands on the Host")
    what = f"{url} answers 200 with {_kind(reply)}, no hub"
    return Cause("proxy-not-routing", what, _ROUTE.format(path=urlsplit(url).path))


def _kind(reply: Reply) -> str:
    return reply.header("content-type").partition(";")[0] or "something"


def _of_redirect(reply: Reply, url: str) -> Cause:
    there, here = urlsplit(reply.header("location")), urlsplit(url)
    to_same_path = there.path.rstrip("/") in {"", here.path.rstrip("/"), HUB_PATH}
    shown = f"{there.scheme or here.scheme}://{there.netloc or here.netloc}{there.path}"
    what = f"{url} redirects to {shown} ({reply.status})"
    if to_same_path and there.path not in {"", "/"}:
        if (there.scheme or here.scheme, there.netloc or here.netloc) == (here.scheme, here.netloc):
            what = f"{url} redirects to itself ({reply.status})"
        hint = "the hub behind the proxy must listen on plain http, SERVER_NAME=:80; or the hub has another URL"
        return Cause("tls-mode-mismatch", what, hint)
    hint = "a login or another app answers there: let the proxy hand on the hub's path without it"
    return Cause("proxy-not-routing", what, hint)


def is_hubs_refusal(reply: Reply) -> bool:
    """Whether a refusal is the hub's own: 0.x says Unauthorized in plain text, 1.0 wants a bearer token (measured)."""
    if _GUARDS.match(reply.header("www-authenticate")) or _PLAIN_TO_TLS.search(reply.body):
        return False
    if reply.status == 401:
        bearer = reply.header("www-authenticate").lower()
        if bearer.startswith("bearer"):
            return "resource_metadata" in bearer or "error=" in bearer
        return reply.header("content-type").startswith("text/plain") and reply.body.strip() == "Unauthorized"
    # the hub says what is wrong with a request in a line of plain text
    said = re.search(r"topic|match|authorization|update", reply.body, re.IGNORECASE)
    return reply.status == 400 and said is not None and "html" not in reply.header("content-type")


def incomplete(reply: Reply) -> Cause | None:
    """Why the hub missed a part of what was asked, None when it got all."""
    if reply.status != 400 or not re.match(r"\s*missing", reply.body, re.IGNORECASE):
        return None
    what = f"the hub got a part of the request alone, and says: {typed(reply.body.strip(), 60)}"
    return Cause("proxy-not-routing", what, "the proxy must hand on the query and the body as they are")


def _who(reply: Reply) -> str:
    """What speaks for somebody else than the hub."""
    found = _GUARDS.match(reply.header("www-authenticate"))
    if found:
        return f"another guard asks for a password ({found[1].title()})"
    return f"it comes as {_kind(reply)}, and the hub says Unauthorized in plain text"


def _of_refusal(reply: Reply, url: str) -> Cause:
    status, server = reply.status, reply.header("server").partition("/")[0]
    by = f" by {typed(server, 30)}" if server else ""
    path = urlsplit(url).path
    route = _ROUTE.format(path=path)
    if _PLAIN_TO_TLS.search(reply.body):
        what = f"https is spoken behind {url}, and it is asked in plain http (400)"
        return Cause("tls-mode-mismatch", what, "https:// in the URL, or SERVER_NAME=:80 for the hub behind the proxy")
    if status == 503 and "no available server" in reply.body:
        what = f"{url}: the proxy says that no server is available (503)"
        return Cause("healthcheck-broken", what, "the container's health check fails: look at docker inspect")
    found: dict[int, tuple[str, str, str]] = {
        401: ("proxy-not-routing", f"the 401 is not the hub's: {_who(reply)}", "no guard on the hub's path"),
        403: ("proxy-not-routing", f"refused{by}, and not by the hub (403)", route),
        404: ("proxy-not-routing", f"is not there: 404{by}", route),
        405: ("proxy-not-routing", f"something else than a hub answers 405{by}", route),
        413: ("proxy-not-routing", f"an update is too large for the proxy (413){by}", "client_max_body_size 1m"),
        421: ("server-name-mismatch", "the hub does not want to be called so (421)", "no public_urls in its Caddyfile"),
    }
    if status in found:
        id_, what, hint = found[status]
        return Cause(id_, f"{url}: {what}", hint)
    if status == 429:
        hint = "no rate limit on the hub's path, or one that a page with some streams does not reach"
        return Cause(None, f"{url}: too many requests (429){by}, a rate limit of the proxy", hint)
    if status >= 500:
        hint = "the proxy finds no hub behind it: does it run? Look at its log"
        return Cause("proxy-not-routing", f"{url} answered with {status}{by}", hint)
    return Cause(None, f"{url} answered with {status}", "look into the log of the hub and of the proxy before it")
