"""A draft of the spec from the facts of a setup, and what of them cannot be carried over."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from mercure_deploy.draft import beginning, directives, homes, inside
from mercure_deploy.draft.beginning import Draft, typed_origin
from mercure_deploy.draft.directives import Carried, Left
from mercure_deploy.errors import Trouble, typed
from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH, image_problem, is_image
from mercure_deploy.facts.origins import Origin
from mercure_deploy.findings import Place
from mercure_deploy.readers.places import Directive, Service, Value
from mercure_deploy.readers.setup import Block, Setup, as_origin, host_of, is_hub_file, split
from mercure_deploy.spec import Loaded
from mercure_deploy.targets.hub import MARK_PATH

_SITE = frozenset("mercure encode respond log route skip_log handle".split())
_OPTIONS = frozenset(("grace_period", "email"))
_VARIABLES = re.compile(
    r"MERCURE_((PUBLISHER|SUBSCRIBER)_JWT_(KEY|ALG)|JWK_[0-9]+|TRANSPORT_URL|TRUSTED_ISSUERS)|SERVER_NAME"
)
_EXTRA = "MERCURE_EXTRA_DIRECTIVES"


class Said(NamedTuple):
    """What was told on the command line; None and empty where it is to be taken from the files."""

    name: str
    apps: Mapping[str, str]
    hub: str | None
    platform: str | None
    version: str | None


def draft(setup: Setup, said: Said, algorithm: str) -> tuple[Draft, list[Left]]:
    """What the spec of that setup is made of; the apps and the hub are empty and None where nothing tells them."""
    version = _version(setup, said)
    hub = said.hub or _hub(setup)
    found = Carried(Draft(said.name, dict(said.apps), hub, said.platform or "coolify", version))
    found.draft.algorithm = algorithm if algorithm != "HS256" else None
    if _inside(setup, said, found):
        return found.draft, sorted(found.left, key=lambda left: left.place or Place("", 0))
    _urls(setup, found)
    _pages(setup, found)
    _image(setup, found)
    if said.platform is None:
        found.draft.platform, found.draft.reason = homes.platform(setup)
    if found.draft.platform in {"compose", "systemd"}:
        homes.place(setup, found)
    directives.carry(setup, found)
    _bundle(setup, found)
    _strangers(setup, found)
    return found.draft, sorted(found.left, key=lambda left: left.place or Place("", 0))


def _inside(setup: Setup, said: Said, found: Carried) -> bool:
    """Whether the hub runs inside the app's own server, whose files are read for that then."""
    is_inside = inside.is_inside(setup)
    if said.platform not in {None, "frankenphp"}:
        if is_inside:
            hint = "leave --platform out, or say --platform frankenphp"
            inside.refuse(setup, f"{said.platform} has a hub of its own", hint)
        return False
    if not is_inside and said.platform is None:
        return False
    draft = found.draft
    if said.platform is None:
        draft.platform, draft.reason = "frankenphp", "the hub runs in the server of the app"
    url = said.hub or inside.public(setup)
    draft.hub = url
    _pages(setup, found)
    if url and not said.apps:
        draft.apps = {next(iter(draft.apps), "app"): url}
    inside.carry(setup, found)
    _bundle(setup, found)
    return True


def _version(setup: Setup, said: Said) -> str:
    """The generation of our files that is nearest to the hub that runs."""
    if said.version in GENERATIONS:
        return said.version
    generation = setup.generation
    modern = generation is not None and generation[0] >= 1
    modern = modern or any(block.named("issuer") for block in setup.blocks)
    said_by_app = setup.symfony.get("protocol_version")
    return "1.0" if modern or (said_by_app is not None and said_by_app.text == "1.0") else "0.24"


def _hub(setup: Setup) -> str | None:
    if setup.public:
        return str(setup.public[0])
    names = [host_of(address.text) for block in setup.blocks for address in block.addresses]
    named = next((name for name in [*map(host_of, split(setup.hub.get("SERVER_NAME"))), *names] if "." in name), None)
    return f"https://{named}" if named else None


def _urls(setup: Setup, found: Carried) -> None:
    """The other way to the hub, and the path of the public one."""
    draft = found.draft
    public, internal = setup.public, setup.internal
    if public:
        path = re.sub(r"^https?://[^/]+", "", public[1].text).partition("?")[0]
        draft.path = path if path not in {"", "/", HUB_PATH} else None
        if draft.hub and typed_origin(draft.hub) != public[0]:
            found.leave(f"MERCURE_PUBLIC_URL says {public[0]}, the hub is {draft.hub} now", public[1].place)
    if internal and str(internal[0]) != draft.hub:
        draft.internal_url = str(internal[0])


def _pages(setup: Setup, found: Carried) -> None:
    """The origins of the pages: those of the apps, and others that the hub allows."""
    draft = found.draft
    listed: list[str] = []
    for value in setup.origins() or []:
        origin = as_origin(value)
        if origin is None:
            found.leave(f"{typed(value.text)} is no origin of a page; list those of your pages instead", value.place)
        elif not draft.development and (origin.scheme != "https" or origin.is_local):
            found.leave(f"{origin}: pages in production have https and a public name", value.place)
        elif str(origin) != draft.hub:
            listed.append(str(origin))
    if not draft.apps:
        default = setup.app.get("DEFAULT_URI")
        first = as_origin(default) if default is not None else None
        own = str(first) if first else next((each for each in listed if "*" not in each), None)
        if own:
            draft.apps = {"app": own}
    known = {str(typed_origin(url) or url) for url in draft.apps.values()}
    draft.origins = [each for each in dict.fromkeys(listed) if each not in known]
    subscribing = {app for app, url in draft.apps.items() if _listed(typed_origin(url), listed, draft.hub)}
    # where none of them is let in, the list is what is wrong
    draft.silent = set(draft.apps) - subscribing if subscribing else set()


def _listed(page: Origin | None, origins: list[str], hub: str | None) -> bool:
    """Whether the hub lets pages of that origin in; those of its own origin need no leave."""
    if page is None or str(page) == hub:
        return True
    return any(re.fullmatch(re.escape(each).replace(r"\*", "[^/]+"), str(page)) for each in origins)


def _image(setup: Setup, found: Carried) -> None:
    draft = found.draft
    service = next((each for each in setup.hub_services if each.image), None)
    if service is None or service.image is None:
        return
    text = service.image.text
    problem = image_problem(text, draft.version) if is_image(text) else "is no image reference"
    if problem is None:
        draft.image = text
    else:
        found.leave(f"image: {problem}; {GENERATIONS[draft.version].image} instead", service.image.place)


def _bundle(setup: Setup, found: Carried) -> None:
    """Whether the app's bundle knows protocol and cookie, by its configuration."""
    draft = found.draft
    cookie = setup.symfony.get("cookie_name")
    if cookie is not None and draft.cookie_name is None and cookie.text != GENERATIONS[draft.version].cookie:
        found.leave("cookie_name: the hub does not look at that cookie", cookie.place)
    # older ones know neither word, so that a hub with a cookie of its own has a newer one before it
    if draft.version == "0.24" and (cookie is not None or draft.cookie_name or "protocol_version" in setup.symfony):
        draft.bundle = "0.5"


def _strangers(setup: Setup, found: Carried) -> None:
    """What else the hub has, which our files do not say."""
    for file in setup.caddyfiles:
        for option in file.options:
            if option.name not in _OPTIONS:
                found.leave(f"global option {typed(option.name, 40)}", option.place)
            elif option.name == "email" and option.arguments and found.draft.tls == "hub":
                found.draft.email = option.arguments[0].text
    for each in _site(setup.blocks):
        found.leave(f"{typed(each.name, 40)} of the hub's site", each.place)
    for name, value in _variables(setup):
        found.leave(f"{typed(name, 60)} of the hub", value.place)
    for service in setup.hub_services:
        for word, place in _words(service):
            found.leave(f"{typed(word, 40)} of {typed(service.name, 40)}", place)


def _words(service: Service) -> Iterator[tuple[str, Place]]:
    """What a hub's service says that a spec does not."""
    for word, said in (("command", service.command), ("replicas", service.replicas)):
        if said is not None and said.text != "1":
            yield word, said.place
    for word, place in service.others.items():
        # a label of ours says when its configuration changed
        if word != "labels" or any(not name.startswith("mercure-deploy.") for name in service.labels):
            yield word, place


def _site(blocks: list[Block]) -> Iterator[Directive]:
    seen = set()
    for block in blocks:
        for each in block.site:
            known = each.name in _SITE or each.name.startswith(("@", "{")) or _is_ours(each)
            if not known and each.place not in seen:
                seen.add(each.place)
                yield each


def _is_ours(each: Directive) -> bool:
    """Whether it is what our own Caddyfile answers before the hub: other methods, and which render it is."""
    return each.name == "rewrite" and [word.text for word in each.arguments[-1:]] in (
        ["/method-not-allowed"],
        [MARK_PATH],
    )


def _variables(setup: Setup) -> Iterator[tuple[str, Value]]:
    """The hub's variables that have no word in a spec; of a file that is the app's too only those of a hub."""
    mixed = {value.place for file in setup.env_files if not is_hub_file(file) for value in file.variables.values()} | {
        value.place for value in setup.app.values()
    }
    # under whatever name the key stands, it is carried over
    used = {key.value.text for key in setup.used_keys()}
    for name, value in setup.hub.items():
        strange = not _VARIABLES.fullmatch(name) and name != _EXTRA and value.text not in {"", *used}
        if strange and value.place not in mixed:
            yield name, value


def settled(draft: Draft, spec: str, before: bytes | None) -> tuple[bytes, Loaded, list[Left]]:
    """The spec of a draft; without the internal URL where no request of an app arrives there, which is told.

    Trouble when there is no spec of it: where the hub's cookie does not reach it, for example.
    """
    text = beginning.spec_text(draft, before)
    try:
        return text, beginning.checked(text, spec, before), []
    except Trouble as trouble:
        own = (problem for problem in trouble.problems if (problem.path or "").endswith(".internal_url"))
        wrong = next(own, None)
        if wrong is None or draft.internal_url is None:
            raise
    what = f"internal_url {draft.internal_url}: {wrong.what}; the apps publish to {draft.hub} instead"
    text, loaded, left = settled(replace(draft, internal_url=None), spec, before)
    return text, loaded, [Left(what), *left]
