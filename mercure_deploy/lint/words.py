"""Rules about words: variables and directives of hub and bundle, by generation."""

import re
from collections.abc import Iterator

from mercure_deploy.errors import closest, typed
from mercure_deploy.facts.hubs import GENERATIONS, floating_tag
from mercure_deploy.findings import Level
from mercure_deploy.lint.rules import rule
from mercure_deploy.readers.places import Directive, Slip, Value
from mercure_deploy.readers.setup import IMAGE, LEGACY, LEGACY_APP, Block, Setup, is_app_file, is_hub, is_hub_file

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
# before it was a Caddy, and since it knows wildcards
_CADDY, _WILDCARDS, _MODERN = (0, 11), (0, 21), (1, 0)


@rule
def env_var_obsolete(setup: Setup) -> Iterator[Slip]:
    """A name of another generation, which nobody reads."""
    for file in setup.env_files:
        if is_hub_file(file) or is_app_file(file):
            yield from _obsolete(file.variables, hub=is_hub_file(file))
    for service in setup.services:
        if is_hub(service) or service.environment.keys() & LEGACY_APP.keys():
            yield from _obsolete(service.environment, hub=is_hub(service))
    for each in (each for block in setup.blocks for each in block.directives if each.name in _OLD_DIRECTIVES):
        what = f"{each.name} is a word of hubs before 0.11"
        yield Slip("env-var-obsolete", each.place, what, f"say it with {_OLD_DIRECTIVES[each.name]}")


def _obsolete(variables: dict[str, Value], *, hub: bool) -> Iterator[Slip]:
    for name, value in variables.items():
        instead = LEGACY_APP.get(name) or (LEGACY.get(name) if hub else None)
        if instead:
            yield Slip("env-var-obsolete", value.place, f"{name} is read by nobody any more", f"say it with {instead}")


@rule
def directive_syntax(setup: Setup) -> Iterator[Slip]:
    """What a mercure block does not know, or takes for something else."""
    for block in setup.blocks:
        for each in block.directives:
            yield from _directive(each)
            if each.name in {"cors_origins", "publish_origins"}:
                yield from _origins(each, setup)
        if not block.whole:
            yield from _stuck(block)


def _directive(each: Directive) -> Iterator[Slip]:
    name = each.name
    if "://" in name:
        yield _syntax(each, "is an origin on a line of its own, and is taken for a directive", "put all on one line")
    elif name.endswith(":"):
        what = f"{typed(name, 40)} is no directive: a Caddyfile has no colons"
        yield _syntax(each, what, f"write {typed(name, 40).rstrip(':')}")
    elif name == "transport" and each.arguments and "://" in each.arguments[0].text:
        hint = "transport bolt { path /data/mercure.db }, or transport local"
        yield _syntax(each.arguments[0], "transport takes the name of a module, not a URL", hint)
    elif name not in _KNOWN and name not in _OLD_DIRECTIVES and re.fullmatch(r"[a-z][a-z0-9_]*", name):
        hint = f"say it with {_ELSEWHERE[name]}" if name in _ELSEWHERE else closest(name, sorted(_KNOWN))
        yield _syntax(each, f"{typed(name, 40)} is no directive of the mercure block", hint)


def _origins(each: Directive, setup: Setup) -> Iterator[Slip]:
    """What stands on the line of the origins and is none."""
    old = setup.generation is not None and _CADDY <= setup.generation < _WILDCARDS
    # a report whose reporter has masked a part of it
    masked = any("<" in word.text for word in each.arguments)
    for word in each.arguments:
        text = word.text
        if "," in text:
            yield _syntax(word, "has a comma: origins stand one beside the other with blanks", "leave it out")
        elif text in _BARE or re.fullmatch(r"[a-z_]+_origins", text):
            what = f"{typed(text, 40)} stands on the line of {each.name}, and is taken for an origin"
            yield _syntax(word, what, "one directive a line")
        elif old and "*" in text and text != "*":
            what = "hubs before 0.21 know no wildcard in an origin"
            yield _syntax(word, what, "list the origins, or upgrade the hub")
        elif re.fullmatch(r"https?://[^/\s]+/+", text):
            yield _syntax(word, "ends with a slash, and the hub refuses to start", "leave the slash out")
        elif "://" not in text and text != "*" and not masked and not text.startswith(("{", "$", "'", '"')):
            yield _syntax(word, "is no origin: it has no scheme", "write it with https://")


def _stuck(block: Block) -> Iterator[Slip]:
    """Several directives in one line, as in a variable whose line breaks were lost."""
    for each in block.directives:
        if each.name in _BARE and each.arguments:
            what = f"{each.name} takes no argument: the next directive stands on its line"
            yield _syntax(each.arguments[0], what, "one directive a line, with real line breaks")
        if any("\\n" in word.text for word in each.arguments):
            yield _syntax(each, "holds \\n as two characters, not a line break", "one directive a line")


def _syntax(where: Directive | Value, what: str, hint: str) -> Slip:
    return Slip("directive-syntax", where.place, what, hint)


@rule
def hub_upgrade_break(setup: Setup) -> Iterator[Slip]:
    """What one generation of the hub takes and the next refuses."""
    for block in setup.blocks:
        yield from _generation(block, setup.generation)
    value = setup.hub.get("MERCURE_TRANSPORT_URL")
    if value is not None and (setup.generation is None or setup.generation >= _CADDY):
        hint = "transport bolt in MERCURE_EXTRA_DIRECTIVES"
        yield Slip("hub-upgrade-break", value.place, "MERCURE_TRANSPORT_URL is gone in new hubs", hint)
    for service in setup.hub_services:
        development = service.command is not None and "Caddyfile.dev" in service.command.text
        if service.image is not None:
            yield from _image(service.image, "error" if development else "warning")
        if service.command is not None and development:
            what = "current images have no Caddyfile.dev: the hub does not start"
            hint = "dev.Caddyfile until 0.24, none in 1.0; or a Caddyfile of your own"
            yield Slip("hub-upgrade-break", service.command.place, what, hint)


def _generation(block: Block, generation: tuple[int, int] | None) -> Iterator[Slip]:
    names = {each.name for each in block.directives}
    for each in block.named("transport_url"):
        hint = "transport bolt { path /data/mercure.db }"
        yield Slip("hub-upgrade-break", each.place, "transport_url is gone in new hubs", hint)
    if generation is None:
        return
    flat = [each for each in block.directives if each.name in {"publisher_jwt", "publisher_jwks_url"}]
    if flat and generation >= _MODERN and not names & {"issuer", "protocol_version_compatibility"}:
        what = "hub 1.0 refuses this without an issuer, or protocol_version_compatibility"
        hint = "put it into an issuer block, or say protocol_version_compatibility 8"
        yield Slip("hub-upgrade-break", flat[0].place, what, hint)
    for each in [*block.named("issuer"), *block.named("resource_identifier")]:
        if _CADDY <= generation < _MODERN:
            hint = "use hub 1.0, or publisher_jwt and subscriber_jwt"
            yield Slip("hub-upgrade-break", each.place, f"{each.name} is a word of hub 1.0", hint)


def _image(image: Value, level: Level) -> Iterator[Slip]:
    tag = floating_tag(image.text)
    if IMAGE.search(image.text) and tag is not None:
        moves = f"the image tag {typed(tag, 20)} moves" if tag else "the image has no tag"
        hint = f"pin a release, e.g. {GENERATIONS['0.24'].image}"
        what = f"{moves}: one day it is a hub that wants other tokens"
        yield Slip("hub-upgrade-break", image.place, what, hint, level)
