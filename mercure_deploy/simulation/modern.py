"""Hub 1.0 and an app that publishes to it: issuer, audience and cookie, as both sides are told.

Read in its release and measured on its core; the image's own Caddyfile has one issuer, from MERCURE_TRUSTED_ISSUERS.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Value
from mercure_deploy.readers.setup import Setup

# what its Caddyfile has where the variable is not set
_DEFAULT_ISSUER = "https://localhost"


@dataclass(frozen=True)
class Modern:
    """What such a hub checks: `issuers` are None where they come from what no file says."""

    issuers: tuple[Value, ...] | None
    audience: Value | None
    cookie: Value | None
    compatible: bool
    place: Place


def modern(setup: Setup) -> Modern | None:
    """The hub 1.0 of a setup, None where it is none or nothing tells."""
    directives = [each for block in setup.blocks for each in block.directives]
    words = {each.name: each for each in directives if each.arguments}
    issuers = [each.arguments[0] for each in directives if each.name == "issuer" and each.arguments]
    generation = setup.generation
    if generation < (1, 0) if generation is not None else not issuers:
        return None
    own = any(block.whole for block in setup.blocks)
    told = setup.hub.get("MERCURE_TRUSTED_ISSUERS")
    if told is not None and not own:
        issuers.append(told)
    shipped = not own and bool(setup.hub_services)
    if not issuers and shipped:
        issuers.append(Value(_DEFAULT_ISSUER, setup.hub_services[0].place))
    return Modern(
        tuple(issuers) or None,
        words["resource_identifier"].arguments[0] if "resource_identifier" in words else None,
        words["cookie_name"].arguments[0] if "cookie_name" in words else None,
        "protocol_version_compatibility" in {each.name for each in directives},
        setup.blocks[0].place if setup.blocks else setup.somewhere,
    )


def problems(setup: Setup) -> Iterator[Finding]:
    """What fails between that hub and its app, one cause each."""
    hub = modern(setup)
    if hub is None or hub.compatible:
        return
    for value in hub.issuers or ():
        if value.text.startswith("{env."):
            what = "the name of an issuer is not filled from {env.…}: every token is 401"
            hint = value.text.replace("{env.", "{$", 1)
            yield Finding("audience-mismatch", "error", what, f"issuer {hint}", value.place)
            return
    yield from _app(setup, hub)
    yield from _cookie(setup, hub)


def _app(setup: Setup, hub: Modern) -> Iterator[Finding]:
    said = setup.symfony
    spoken = said.get("protocol_version")
    if "jwt.secret" in said and (spoken is None or spoken.text == "0.x"):
        what = "the bundle speaks 0.x unless it is told, and hub 1.0 refuses its tokens: 401, untrusted issuer"
        place = (spoken or said["jwt.secret"]).place
        issuer = next((each.text for each in hub.issuers or () if each.text != _DEFAULT_ISSUER), "<the hub's issuer>")
        hint = f"protocol_version: '1.0' and claims: {{iss: {issuer}, sub: …, client_id: …}}, with mercure-bundle 0.5"
        yield Finding("hub-upgrade-break", "error", what, hint, place)
        return
    claimed = said.get("jwt.claims.iss")
    known = {each.text for each in hub.issuers or ()}
    if claimed is not None and known and "%" not in claimed.text and not any("{" in each for each in known):
        if claimed.text not in known:
            what = f"the app's tokens are issued by {claimed.text}, the hub trusts {', '.join(sorted(known))}: 401"
            yield Finding("audience-mismatch", "error", what, "the same issuer on both sides", claimed.place)
            return
    elif known == {_DEFAULT_ISSUER} and setup.app and "jwt.secret" not in said:
        what = "the hub trusts the issuer https://localhost, as MERCURE_TRUSTED_ISSUERS is not set: 401 for every token"
        hint = "MERCURE_TRUSTED_ISSUERS with the iss of the app's tokens, and resource_identifier with the public URL"
        yield Finding("audience-mismatch", "error", what, hint, hub.place)
        return
    yield from _audience(setup, hub)


def _audience(setup: Setup, hub: Modern) -> Iterator[Finding]:
    public, told = setup.app.get("MERCURE_PUBLIC_URL"), setup.symfony.get("jwt.claims.aud")
    meant = told if told is not None and "%" not in told.text else public
    if hub.audience is None or "{" in hub.audience.text:
        secure = setup.hub_origin is not None and setup.hub_origin.scheme == "https"
        name = setup.hub.get("SERVER_NAME")
        plain = name is not None and name.text.startswith((":", "http://")) and not name.text.startswith(":443")
        if hub.audience is None and secure and plain and hub.issuers:
            what = "without resource_identifier hub 1.0 takes itself for http behind a proxy, and refuses every token"
            yield Finding(
                "audience-mismatch", "error", what, f"resource_identifier {setup.hub_origin}{HUB_PATH}", hub.place
            )
        return
    if meant is not None and meant.place not in setup.assumed and meant.text != hub.audience.text:
        what = f"the hub wants the audience {hub.audience.text}, the app's tokens have {meant.text}: 401"
        yield Finding("audience-mismatch", "error", what, f"resource_identifier {meant.text}", hub.audience.place)


def _cookie(setup: Setup, hub: Modern) -> Iterator[Finding]:
    if "jwt.secret" not in setup.symfony:
        return
    own, default = setup.symfony.get("cookie_name"), GENERATIONS["1.0"].cookie
    sent, read = own.text if own is not None else default, hub.cookie.text if hub.cookie is not None else default
    if sent != read and not {"%", "{"} & set(sent + read):
        where = hub.cookie or own
        place = where.place if where is not None else hub.place
        what = f"the hub reads the cookie {read}, the bundle sets {sent}: 401 for every page"
        yield Finding("credentials-not-sent", "error", what, "one cookie_name on both sides", place)
