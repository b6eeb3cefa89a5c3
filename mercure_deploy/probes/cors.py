"""Probes of CORS: which pages the hub lets in, as a browser asks for them."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from mercure_deploy.errors import typed
from mercure_deploy.facts.origins import Origin, parse_origin
from mercure_deploy.hub import replies
from mercure_deploy.hub.fetch import FetchError, Reply
from mercure_deploy.hub.replies import Cause
from mercure_deploy.hub.tokens import nobodys_topic
from mercure_deploy.probes import requests
from mercure_deploy.probes.engine import Asking, Seen, Target, failed, passed, probe, skipped
from mercure_deploy.probes.keys import side_by_side

_ALLOWED = "access-control-allow-origin"


def _pages(target: Target) -> Sequence[str | None]:
    return [str(page) for page, _ in target.pages] or [None]


@probe("origin", needs=("hub",), subjects=_pages)
def origin(ask: Asking, subject: str | None) -> Seen:
    """Is this page let in, with its cookie?"""
    if subject is None:
        return skipped("no page is known: --app names one")
    page = parse_origin(subject, wildcard=True)
    url = next(url for each, url in ask.target.pages if each == page)
    if url.startswith(f"{subject}/"):
        return passed("the page has the hub's own origin")
    # any host below a wildcard stands for all of them
    asked = str(page).replace("*", "any")
    try:
        preflight, plain = side_by_side([lambda: _preflight(ask, url, asked), lambda: _get(ask, url, asked)])
    except FetchError as error:
        return failed(replies.of_error(error, url))
    strange = None if ask.known.rewritten else replies.of_answer(plain, url)
    if strange:
        return failed(strange)
    cause = _cause(ask, url, asked, preflight, plain)
    return failed(cause) if cause else passed(f"let in: {plain.header(_ALLOWED)}")


def _preflight(ask: Asking, url: str, page: str) -> Reply:
    headers = {
        "Origin": page,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    return requests.send(ask, "OPTIONS", url, None, headers=headers)


def _get(ask: Asking, url: str, page: str) -> Reply:
    from urllib.parse import urlencode  # noqa: PLC0415 - with httpx

    topic, key = nobodys_topic(), requests.signing(ask)
    # what comes with a stream counts: a refusal may have been written anew
    text = requests.token(ask, key, topic) if key else None
    asked = f"{url}?{urlencode(requests.words(ask, topic))}"
    try:
        return requests.send(ask, "GET", asked, text, headers={"Origin": page})
    except FetchError as error:
        if text is None or error.of_a_stream().part != "held":
            raise
        # what keeps streams back is another probe's matter
        return requests.send(ask, "GET", asked, None, headers={"Origin": page})


def _cause(ask: Asking, url: str, page: str, preflight: Reply, plain: Reply) -> Cause | None:
    """Why a browser does not let the page have what the hub answers, None when it does."""
    said = plain.header(_ALLOWED)
    if said == page:
        return _proxied(page, preflight, plain)
    if said:
        return _other(said, page)
    near = _neighbour(ask, url, page)
    if near:
        return Cause("cors-origin-mismatch", f"{near} is let in, the page is {page}", f"cors_origins {page}")
    what = f"{page} is not let in: the browser says that CORS blocks it"
    return Cause("cors-origin-missing", what, f"cors_origins {page}")


def _proxied(page: str, preflight: Reply, plain: Reply) -> Cause | None:
    """What a proxy adds to, or takes from, an answer that lets the page in."""
    if plain.header("access-control-allow-credentials") != "true":
        what = f"{page} is let in without its cookie: Access-Control-Allow-Credentials is missing"
        return Cause("cors-origin-mismatch", what, "leave CORS to the hub: cors_origins")
    if preflight.header(_ALLOWED) != page:
        what = f"the preflight of {page} is answered by a proxy ({preflight.status}), without what the hub says"
        return Cause("cors-origin-mismatch", what, "leave OPTIONS to the hub")
    return None


def _other(said: str, page: str) -> Cause:
    """What it means that something else than the page's origin is let in."""
    if "," in said:
        what = f"{page} gets Access-Control-Allow-Origin twice: browsers refuse it then"
        return Cause("cors-origin-mismatch", what, "leave CORS to the hub: cors_origins, and no header of the proxy")
    if said == "*":
        what = "* as an origin: browsers refuse it together with a cookie, and everybody else is let in"
        return Cause("cors-wildcard-credentials", what, "list the origins of your pages")
    return Cause("cors-origin-mismatch", f"{typed(said, 80)} is let in, the page is {page}", f"cors_origins {page}")


def _neighbour(ask: Asking, url: str, page: str) -> str | None:
    """An origin that is let in, and nearly that of the page."""
    near = neighbours(parse_origin(page))

    def allowed(each: str) -> bool:
        try:
            return _get(ask, url, each).header(_ALLOWED) == each
        except FetchError:
            return False

    found = side_by_side([lambda it=each: allowed(it) for each in near])  # type: ignore[misc]
    return next((each for each, taken in zip(near, found, strict=True) if taken), None)


def neighbours(page: Origin) -> list[str]:
    """What people write instead of an origin: another scheme, port, www or not, localhost by its number."""
    other = {"http": "https", "https": "http"}[page.scheme]
    found = [replace(page, scheme=other), replace(page, port=None), replace(page, scheme=other, port=None)]
    found += [replace(page, port=port) for port in (8000, 8080, 8443, 3000)]
    hosts = [page.host.removeprefix("www.") if page.host.startswith("www.") else f"www.{page.host}"]
    hosts += {"localhost": ["127.0.0.1"], "127.0.0.1": ["localhost"]}.get(page.host, [])
    # the domain itself, and the name below it that everybody has
    hosts += [page.host.partition(".")[2]] if page.host.count(".") > 1 else []
    found += [replace(page, host=host) for host in hosts]
    return [each for each in dict.fromkeys(map(str, found)) if each != str(page)]


@probe("stranger", needs=("hub",))
def stranger(ask: Asking, _subject: str | None) -> Seen:
    """Is a page of nobody let in?"""
    nobody = f"https://{secrets.token_hex(6)}.example"
    try:
        said = _get(ask, ask.target.url, nobody).header(_ALLOWED)
    except FetchError as error:
        return skipped(f"not asked: {error}")
    if said in {"*", nobody}:
        what = "a page of anybody is let in: it can read what its visitor may see"
        hint = "list the origins of your pages, cors_origins, and no header of the proxy"
        return failed(Cause("cors-wildcard-credentials", what, hint))
    return passed("refused")
