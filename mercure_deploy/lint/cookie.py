"""Rules about the cookie, and about who gets in without one."""

import re
from collections.abc import Iterator

from mercure_deploy.errors import typed
from mercure_deploy.facts import cookies
from mercure_deploy.facts.hubs import DOORS, HUB_PATH
from mercure_deploy.facts.origins import Origin, parse_origin
from mercure_deploy.findings import Finding, Place
from mercure_deploy.lint.between import ALLOWED
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers.block import DIRECTIVES
from mercure_deploy.readers.places import Directive
from mercure_deploy.readers.setup import Block, Setup, as_origin
from mercure_deploy.simulation import modern
from mercure_deploy.simulation.hub import development

_HINT = "app and hub under one domain of your own, e.g. app.example.com and hub.example.com"


@rule("cookie-scope")
def cookie_scope(setup: Setup) -> Iterator[Finding]:
    """A cookie that a browser does not bring to the hub, though the domains would allow one."""
    yield from _reach(setup, {"localhost", "ip", "scheme", "prefix"}, "cookie-scope")


@rule("cross-site-domain")
def cross_site_domain(setup: Setup) -> Iterator[Finding]:
    """App and hub below no common domain, so that no cookie can work."""
    yield from _reach(setup, {"exception", "public-suffix"}, "cross-site-domain")


def _reach(setup: Setup, causes: set[str], id_: str) -> Iterator[Finding]:
    hub = setup.hub_origin or _site(setup)
    if hub is None:
        return
    open_to_all = any(block.named("anonymous") for block in setup.blocks)
    # with strangers let in, a cookie is a matter of those pages that somebody named
    pages = [(page, _page_place(setup)) for page in setup.pages] or ([] if open_to_all else _allowed(setup))
    for page, place in pages:
        if (hub.is_local and not page.is_local) or ("." not in hub.host and not hub.is_local and not hub.is_ip):
            # the wrong URL is what is wrong
            continue
        asked = page if "scheme" in causes else Origin(hub.scheme, page.host, page.port)
        verdict = cookies.reach(asked, hub)
        if not verdict.sent and verdict.cause in causes:
            yield Finding(id_, "error", f"the cookie of {asked} never reaches {hub}: {verdict.reason}", _HINT, place)
            return


def _site(setup: Setup) -> Origin | None:
    """The hub by the only name that its site has."""
    addresses = [value.text.removeprefix("https://") for block in setup.blocks for value in block.addresses]
    names = {text for text in addresses if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", text)}
    try:
        return parse_origin(f"https://{names.pop()}") if len(names) == 1 else None
    except ValueError:
        return None


def _allowed(setup: Setup) -> list[tuple[Origin, Place]]:
    """The origins that the hub, or a header of its site, lets in: pages, as nobody told others."""
    values = [*(setup.origins() or [])]
    for block in setup.blocks:
        for each in _beside(block):
            if each.name == "header" and [word.text.lower() for word in each.arguments[:1]] == [ALLOWED]:
                values += each.arguments[1:2]
    found = [(origin, value.place) for value in values for origin in [as_origin(value)] if origin]
    secure = {origin.host for origin, _ in found if origin.scheme == "https"}
    # http beside https of one host is of no use, and nobody says that a page lives there
    pages = [(origin, place) for origin, place in found if origin.scheme == "https" or origin.host not in secure]
    return [(origin, place) for origin, place in pages if not origin.host.startswith("*.")]


def _beside(block: Block) -> list[Directive]:
    """The directives of its site, and those one level below."""
    return [*block.site, *(inner for each in block.site for inner in each.block)]


def _page_place(setup: Setup) -> Place:
    found = setup.app.get("MERCURE_PUBLIC_URL")
    return found.place if found is not None else setup.somewhere


@rule("shared-domain")
def shared_domain(setup: Setup) -> Iterator[Found]:
    """A cookie whose domain is shared with other people's hosts."""
    hub = setup.hub_origin
    if hub is None:
        return
    for page in setup.pages:
        verdict = cookies.reach(page, hub)
        if verdict.domain and cookies.shared_with_strangers(verdict.domain):
            what = f"the cookie goes to every host below {verdict.domain.lstrip('.')}"
            yield Found(_page_place(setup), what, "a domain of your own", "warning")


@rule("anonymous")
def anonymous(setup: Setup) -> Iterator[Found]:
    """Settings that open the hub, or pages of its debugger, to visitors without a token: demo, ui, dev.Caddyfile."""
    for place in (chart.development for chart in setup.charts if chart.development):
        yield Found(place, "dev lets strangers subscribe, and shows them pages", "dev: false", "warning")
    for block in setup.blocks:
        for each in (each for name in DOORS for each in block.named(name)):
            what = f"{each.name} opens the hub to every visitor"
            if each.name == "ui":
                what = "ui serves the pages of the hub's debugger to every visitor; the hub itself stays closed"
            yield Found(each.place, what, "for development alone", "warning")
        for each in block.named("anonymous"):
            if each.arguments and each.arguments[0].text not in DIRECTIVES:
                behind = typed(each.arguments[0].text, 20)
                what = f"anonymous opens the hub to every visitor, whatever stands behind it ({behind})"
                yield Found(each.arguments[0].place, what, "leave the line out to close it", "warning")
    for service in setup.hub_services:
        if development(service) and not (setup.generation and setup.generation >= (1, 0)) and service.command:
            what = "dev.Caddyfile lets in every visitor and every origin: anonymous, demo and cors_origins * are in it"
            hint = "the image's own command, with MERCURE_EXTRA_DIRECTIVES"
            yield Found(service.command.place, what, hint, "warning")


@rule("audience-mismatch")
def audience_mismatch(setup: Setup) -> Iterator[Found | Finding]:
    """An audience or issuer of hub 1.0 that no token of the app has."""
    found = [finding for finding in modern.problems(setup) if finding.id == "audience-mismatch"]
    yield from found
    secure = setup.hub_origin is None or setup.hub_origin.scheme == "https"
    for block in setup.blocks if not found else ():
        names = {each.name for each in block.directives}
        plain = any(re.match(r"(http://|:80$|:\d+$)", value.text) for value in block.addresses)
        if secure and plain and "issuer" in names and "resource_identifier" not in names:
            what = "without resource_identifier hub 1.0 takes itself for http, and refuses every token"
            hint = f"resource_identifier https://<hub>{HUB_PATH}"
            yield Found(block.place, what, hint)
