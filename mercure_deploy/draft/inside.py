"""A hub inside the server of an app: what of its template's files is a word of the spec, and what ours take over."""

import re

from mercure_deploy.draft import homes
from mercure_deploy.draft.beginning import typed_origin
from mercure_deploy.draft.directives import Carried
from mercure_deploy.errors import Problem, Trouble, typed
from mercure_deploy.facts import frankenphp
from mercure_deploy.facts.hubs import HUB_PATH, moving
from mercure_deploy.facts.variables import APP, IMAGE
from mercure_deploy.readers.places import Directive, Service, Value
from mercure_deploy.readers.setup import Setup, host_of, split
from mercure_deploy.simulation.hub import embedded

_FRANKEN = re.compile(r"(^|/)frankenphp(:|@|$)")
_LINES = frozenset(("publish_origins", "heartbeat", "write_timeout", "dispatch_timeout"))


def is_inside(setup: Setup) -> bool:
    """Whether the hub runs in the server of an app: by FrankenPHP's image, its Caddyfile, or an app that is the hub."""
    if any(service.image is not None and IMAGE.search(service.image.text) for service in setup.hub_services):
        return False
    if any(embedded(setup, block) for block in setup.blocks) or _base(setup) is not None:
        return True
    return any(_app(service) for service in setup.hub_services)


def _app(service: Service) -> bool:
    return service.image is not None and bool(service.environment.keys() & APP)


def refuse(setup: Setup, why: str, hint: str) -> None:
    """Trouble where a hub inside an app is to be one of its own: the app's image would be taken for the hub's."""
    for service in setup.hub_services:
        if _app(service) or (service.image is not None and "frankenphp" in service.image.text):
            image = service.image.text if service.image is not None else service.name
            where = f"{service.file}:{service.place.line}:{service.place.column}"
            what = f"the hub runs inside {typed(image, 80)}, an app's own image: {why}"
            raise Trouble(Problem(what, hint, where=where))


def _base(setup: Setup) -> Value | None:
    """The image of FrankenPHP from which the app's is made, None where no file says it."""
    images = [*setup.bases, *(service.image for service in setup.services if service.image is not None)]
    return next((each for each in images if _FRANKEN.search(each.text)), None)


def carry(setup: Setup, found: Carried) -> None:
    """Fill the draft from the template's files."""
    draft = found.draft
    draft.home = next(iter(draft.apps), None)
    if draft.home:
        own = typed_origin(draft.apps[draft.home])
        # one origin for pages and hub: the app's own name is the hub's
        if draft.hub and own and typed_origin(draft.hub) != own:
            refuse(setup, f"its URL is that of {draft.home}, {own}", "leave --hub out, or say the same URL for both")
    draft.hub, draft.path, draft.image, draft.internal_url = None, None, None, None
    _image(setup, found)
    draft.tls = "hub" if homes.own_tls(setup) else "proxy"
    _block(setup, found)


def _image(setup: Setup, found: Carried) -> None:
    base = _base(setup)
    if base is None:
        return
    judged = frankenphp.judge(base.text)
    if judged.floating is None:
        found.draft.image = base.text
    else:
        what = (
            f"image {typed(base.text, 60)}: {moving(judged.floating)}; name one release in the Dockerfile and as image:"
        )
        found.leave(what, base.place)


def _block(setup: Setup, found: Carried) -> None:
    """What the template's block says: ours is asked first, and has what of it is kept."""
    for each in (each for block in setup.blocks for each in block.directives):
        if each.name == "anonymous":
            found.leave("anonymous: our block is asked before the template's, and lets no strangers in", each.place)
        elif each.name == "subscriptions":
            found.leave(
                "subscriptions: off in our block; say subscriptions: true where somebody asks for them", each.place
            )
        elif each.name in {"transport", "transport_url"}:
            _transport(each, found)
        elif each.name in _LINES and not each.opened:
            found.draft.directives.append(" ".join([each.name, *(word.text for word in each.arguments)]))


def _transport(each: Directive, found: Carried) -> None:
    """That of the template, which both blocks must have alike."""
    first = each.arguments[0].text if each.arguments else ""
    if each.name == "transport" and first == "bolt":
        options = {inner.name: inner.arguments[0].text for inner in each.block if inner.arguments}
        found.draft.transport = {"name": "bolt", "options": options}
        return
    found.leave(
        f"{each.name} {typed(first, 60)}: make it `transport bolt`, which our block has to say alike", each.place
    )


def public(setup: Setup) -> str | None:
    """The URL of the app, as its own server or the bundle's variables say it; None where nothing does."""
    told = setup.public
    if told and told[0].host and not told[0].is_local:
        return str(told[0]).removesuffix(HUB_PATH)
    names = [host_of(each) for each in split(setup.hub.get("SERVER_NAME"))]
    named = next((name for name in names if "." in name), None)
    return f"https://{named}" if named else None
