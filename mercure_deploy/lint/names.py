"""Rules about words: variables and directives of hub and bundle, by generation."""

import re
from collections.abc import Iterator
from itertools import pairwise

from mercure_deploy.errors import closest, typed
from mercure_deploy.facts.hubs import GENERATIONS, floating_tag
from mercure_deploy.facts.variables import IMAGE, LEGACY, LEGACY_APP
from mercure_deploy.findings import Finding, Level
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers.places import Directive, Value
from mercure_deploy.readers.setup import Block, Setup, is_app_file, is_hub, is_hub_file
from mercure_deploy.simulation import modern
from mercure_deploy.simulation.go import origin_problem
from mercure_deploy.simulation.hub import development as is_development
from mercure_deploy.simulation.hub import hubs

# words of hubs before 0.11: those that have another name, and those that are said elsewhere
_OLD_DIRECTIVES = {
    "publisher_jwt_key": "publisher_jwt",
    "subscriber_jwt_key": "subscriber_jwt",
    "allow_anonymous": "anonymous",
    "cors_allowed_origins": "cors_origins",
    "publish_allowed_origins": "publish_origins",
    "jwt_key": "publisher_jwt and subscriber_jwt",
}
_ELSEWHERE = {
    "acme_hosts": "the address of the site",
    "use_forwarded_headers": "trusted_proxies in the global options",
}
# what every generation knows, and what hub 1.0 has inside its blocks
_KNOWN = {name for each in GENERATIONS.values() for name in (*each.free, *each.managed)} | {
    *("jwt", "jwks_uri", "publisher", "subscriber", "route", "import")
}
_BARE = {"anonymous", "subscriptions", "demo", "ui"}
# words that no other directive of Caddy has
_ONLY_INSIDE = {"publisher_jwt", "subscriber_jwt", "cors_origins", "publish_origins", "publisher_jwks_url"}
# before it was a Caddy, and since it knows wildcards
_CADDY, _WILDCARDS, _MODERN = (0, 11), (0, 21), (1, 0)


@rule("env-var-obsolete")
def env_var_obsolete(setup: Setup) -> Iterator[Found | Finding]:
    """A variable of another generation, which nobody reads any more."""
    for file in setup.env_files:
        if is_hub_file(file) or is_app_file(file):
            yield from _obsolete(file.variables, hub=is_hub_file(file))
    for service in setup.services:
        if is_hub(service) or service.environment.keys() & LEGACY_APP.keys():
            yield from _obsolete(service.environment, hub=is_hub(service))
    for each in (each for block in setup.blocks for each in block.directives if each.name in _OLD_DIRECTIVES):
        what = f"{each.name} is a word of hubs before 0.11"
        yield Found(each.place, what, f"say it with {_OLD_DIRECTIVES[each.name]}")


def _obsolete(variables: dict[str, Value], *, hub: bool) -> Iterator[Found]:
    for name, value in variables.items():
        instead = LEGACY_APP.get(name) or (LEGACY.get(name) if hub else None)
        if instead:
            yield Found(value.place, f"{name} is read by nobody any more", f"say it with {instead}")


@rule("directive-syntax")
def directive_syntax(setup: Setup) -> Iterator[Found | Finding]:
    """Directives with which the hub does not start, and those that it ignores silently."""
    for hub in hubs(setup):
        yield from (finding for finding in hub.refused() if finding.id == "directive-syntax")
        for word in hub.taken.values.get("cors_origins", ()):
            if "," in word.text and origin_problem(word.text) is None:
                what = "has a comma, which is a part of the name for the hub: it matches no page"
                yield _syntax(word, what, "leave it out: origins stand beside each other with blanks")
        for word, before in hub.taken.passed_over:
            yield from _passed_over(word, before)
    for block in setup.blocks:
        for each in block.directives:
            if setup.generation is not None and setup.generation >= _MODERN:
                yield from _modern(each)
            if each.name in {"cors_origins", "publish_origins"}:
                yield from _wildcards(each, setup)
        yield from _beside(block)
    yield from _outside(setup)


def _beside(block: Block) -> Iterator[Found]:
    for each, following in pairwise(block.directives):
        if each.name in _BARE and following.place[:2] == each.place[:2]:
            what = f"{each.name} takes no argument: the next directive stands on its line"
            hint = "one directive a line, with real line breaks"
            yield Found(following.place, what, hint, "warning")


def _passed_over(word: Value, before: str | None) -> Iterator[Found]:
    """A word that is no directive, and is not told elsewhere."""
    text = word.text
    if text in _KNOWN | _OLD_DIRECTIVES.keys() or text.startswith(("{", "}", "@")) or text in {"...", "…"}:
        return
    if "://" in text and before is None:
        yield _syntax(word, "is an origin on a line of its own, and is taken for a directive", "put all on one line")
    elif before is None and text[-1:] == ":":
        what = f"{typed(text, 40)} is no directive: a Caddyfile has no colons"
        yield _syntax(word, what, f"write {typed(text, 40).rstrip(':')}")
    elif before is None and re.match(r"\w+[=:]", text):
        # what is behind it may be a key
        name, sign = re.split(r"(?=[=:])", text, maxsplit=1)[0], "=" if "=" in text else ":"
        what = f"{typed(name, 40)}{sign}… is no directive, and is passed over in silence: a Caddyfile has no {sign}"
        yield _syntax(word, what, f"write {typed(name, 40)}, a blank, and its value")
    elif before is None and "<" not in text:
        hint = f"say it with {_ELSEWHERE[text]}" if text in _ELSEWHERE else closest(text, sorted(_KNOWN))
        yield _syntax(word, f"{typed(text, 40)} is no directive of the mercure block", hint)
    elif before in _BARE - {"anonymous"}:
        yield Found(word.place, f"{before} takes no argument", f"write {before} alone", "warning")


def _modern(each: Directive) -> Iterator[Found | Finding]:
    """Words and origins that hub 1.0 does not start with."""
    if each.name not in _KNOWN and each.name not in _OLD_DIRECTIVES and not each.name.startswith(("{", "<")):
        yield from _passed_over(Value(each.name, each.place), None)
    for word in each.arguments if each.name in {"cors_origins", "publish_origins"} else ():
        problem = origin_problem(word.text) if "<" not in word.text else None
        if problem:
            yield _syntax(word, f"{problem}: the hub does not start", "scheme, host and port alone")


def _wildcards(each: Directive, setup: Setup) -> Iterator[Found]:
    old = setup.generation is not None and _CADDY <= setup.generation < _WILDCARDS
    for word in each.arguments:
        if old and "*" in word.text and word.text != "*":
            yield _syntax(
                word, "hubs before 0.21 know no wildcard in an origin", "list the origins, or upgrade the hub"
            )


def _outside(setup: Setup) -> Iterator[Found]:
    """Directives of the hub outside of a mercure block: Caddy knows none of them."""
    for file in setup.caddyfiles:
        for addresses, directives in file.sites:
            found = next((each for each in directives if each.name in _ONLY_INSIDE), None)
            if found is None:
                continue
            if [value.text for value in addresses] == ["mercure"]:
                what = "mercure stands where a site's address is expected: the hub does not start"
                yield _syntax(addresses[0], what, "put the block into a site: hub.example.com { mercure { … } }")
            else:
                what = f"{found.name} stands in no mercure block: the hub does not start"
                yield _syntax(found, what, "put it into mercure { … }")


def _syntax(where: Directive | Value, what: str, hint: str) -> Found:
    return Found(where.place, what, hint)


@rule("hub-upgrade-break")
def hub_upgrade_break(setup: Setup) -> Iterator[Found | Finding]:
    """What one generation of the hub takes and the next refuses."""
    yield from (finding for hub in hubs(setup) for finding in hub.refused() if finding.id == "hub-upgrade-break")
    yield from (finding for finding in modern.problems(setup) if finding.id == "hub-upgrade-break")
    for block in setup.blocks:
        yield from _generation(block, setup.generation)
    value = setup.hub.get("MERCURE_TRANSPORT_URL")
    if value is not None and (setup.generation is None or setup.generation >= _CADDY):
        hint = "transport bolt in MERCURE_EXTRA_DIRECTIVES"
        yield Found(value.place, "MERCURE_TRANSPORT_URL is gone in new hubs", hint)
    for service in setup.hub_services:
        development = service.command is not None and "Caddyfile.dev" in service.command.text
        current = setup.generation is not None and setup.generation >= _MODERN
        if current and is_development(service) and service.command is not None:
            what = "hub 1.0 ships no dev.Caddyfile: the container does not start"
            hint = "leave the command out; what it said goes into MERCURE_EXTRA_DIRECTIVES"
            yield Found(service.command.place, what, hint)
        if service.image is not None:
            yield from _image(service.image, "error" if development else "warning")
        if service.command is not None and development:
            what = "current images have no Caddyfile.dev: the hub does not start"
            hint = "dev.Caddyfile until 0.24, none in 1.0; or a Caddyfile of your own"
            yield Found(service.command.place, what, hint)


def _generation(block: Block, generation: tuple[int, int] | None) -> Iterator[Found]:
    names = {each.name for each in block.directives}
    for each in block.named("transport_url"):
        hint = "transport bolt { path /data/mercure.db }"
        yield Found(each.place, "transport_url is gone in new hubs", hint)
    if generation is None:
        return
    flat = [each for each in block.directives if each.name in {"publisher_jwt", "publisher_jwks_url"}]
    if flat and generation >= _MODERN and not names & {"issuer", "protocol_version_compatibility"}:
        what = "hub 1.0 refuses this without an issuer, or protocol_version_compatibility"
        hint = "put it into an issuer block, or say protocol_version_compatibility 8"
        yield Found(flat[0].place, what, hint)
    for each in [*block.named("issuer"), *block.named("resource_identifier")]:
        if _CADDY <= generation < _MODERN:
            hint = "use hub 1.0, or publisher_jwt and subscriber_jwt"
            yield Found(each.place, f"{each.name} is a word of hub 1.0", hint)


def _image(image: Value, level: Level) -> Iterator[Found]:
    tag = floating_tag(image.text)
    if IMAGE.search(image.text) and tag is not None and not re.fullmatch(r"v?\d+\.\d+(-\w+)?", tag):
        moves = f"the image tag {typed(tag, 20)} moves" if tag else "the image has no tag"
        hint = f"pin a release, e.g. {GENERATIONS['0.24'].image}"
        what = f"{moves}: one day it is a hub that wants other tokens"
        yield Found(image.place, what, hint, level)
