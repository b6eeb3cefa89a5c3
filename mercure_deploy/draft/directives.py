"""The words of a mercure block as words of a spec."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from mercure_deploy.draft.beginning import Draft
from mercure_deploy.errors import typed
from mercure_deploy.facts.hubs import DOORS, GENERATIONS, HUB_PATH, directive_problems
from mercure_deploy.findings import Place
from mercure_deploy.readers.places import Directive, Value
from mercure_deploy.readers.setup import Setup

# what we write ourselves, or follows from the rest
_OURS = frozenset(
    "publisher_jwt subscriber_jwt publisher_jwks_url subscriber_jwks_url issuer resource_identifier public_urls"
    " cors_origins cookie_name anonymous subscriptions transport transport_url protocol_version_compatibility".split()
)
_MOST_HISTORY = 10_000


class Left(NamedTuple):
    """Something that cannot be carried over, where it stands, and what becomes of it."""

    what: str
    place: Place | None = None


@dataclass
class Carried:
    """`draft` as far as it is known, and what is left behind."""

    draft: Draft
    left: list[Left] = field(default_factory=list)

    def leave(self, what: str, place: Place | None = None) -> None:
        """Something that is not carried over."""
        self.left.append(Left(what, place))


def carry(setup: Setup, found: Carried) -> None:
    """What the mercure block says."""
    draft = found.draft
    directives = [each for block in setup.blocks for each in block.directives]
    lines: dict[str, Directive] = {}
    for each in directives:
        if each.name in _OURS:
            _managed(each, found, setup)
            continue
        line = " ".join([each.name, *(argument.text for argument in each.arguments)])
        problem = next(directive_problems([line], draft.version), None)
        if each.name in DOORS and not draft.development:
            found.leave(f"{each.name} opens the hub to every visitor", each.place)
        elif each.opened or problem:
            found.leave(problem[1] if problem else f"{typed(each.name, 40)} has a block", each.place)
        elif each.name in {kept.partition(" ")[0] for kept in lines} and line not in lines:
            found.leave(f"{typed(each.name, 40)} is said twice", each.place)
        else:
            lines.setdefault(line, each)
    draft.directives = list(lines)
    told = setup.hub.get("MERCURE_TRUSTED_ISSUERS")
    if told is not None and told.text and draft.version == "1.0" and draft.issuer is None:
        _named("issuer", told.text, draft)
    url = setup.hub.get("MERCURE_TRANSPORT_URL")
    if url is not None and url.text:
        _transport_url(url, found)


def _managed(each: Directive, found: Carried, setup: Setup) -> None:
    draft = found.draft
    first = each.arguments[0] if each.arguments else None
    if each.name == "anonymous":
        if draft.development:
            draft.anonymous = True
        else:
            what = "anonymous lets strangers subscribe: say anonymous: true and accept: [anonymous] in the spec,"
            found.leave(f"{what} if all updates are public", each.place)
    elif each.name == "subscriptions":
        draft.subscriptions = True
    elif each.name == "transport":
        _transport(each, found)
    elif each.name == "transport_url" and first:
        _transport_url(first, found)
    elif each.name in {"cookie_name", "issuer"} and first:
        _named(each.name, first.text, draft)
    elif each.name == "protocol_version_compatibility" and draft.version == "1.0":
        draft.legacy_clients = True
    elif each.name == "resource_identifier" and first and setup.public and first.text != setup.public[1].text:
        found.leave(f"resource_identifier is {draft.hub}{draft.path or HUB_PATH} now", each.place)
    elif each.name.endswith("_jwks_url"):
        found.leave(f"{each.name}: keys come from the ring alone", each.place)


def _named(word: str, text: str, draft: Draft) -> None:
    """A name that stands in the spec where it is not the one that everybody has."""
    usual = GENERATIONS[draft.version].cookie if word == "cookie_name" else draft.hub
    if text != usual:
        setattr(draft, word, text)


def _transport(each: Directive, found: Carried) -> None:
    draft, kind = found.draft, each.arguments[0].text if each.arguments else ""
    if kind == "local":
        draft.history = 0
    elif kind != "bolt":
        found.leave(f"transport {typed(kind, 40)}: bolt instead, one hub with its own history", each.place)
    else:
        size = next((inner for inner in each.block if inner.name == "size" and inner.arguments), None)
        _history(size.arguments[0].text if size else "0", size.place if size else each.place, found)
        others = [inner for inner in each.block if inner.name not in {"size", "path"}]
        for inner in others:
            found.leave(f"transport bolt: {typed(inner.name, 40)}", inner.place)


def _transport_url(url: Value, found: Carried) -> None:
    if url.text.startswith("local"):
        found.draft.history = 0
    elif url.text.startswith("bolt:"):
        size = re.search(r"[?&]size=(\d+)", url.text)
        _history(size[1] if size else "0", url.place, found)
    else:
        found.leave("transport: bolt instead, one hub with its own history", url.place)


def _history(size: str, place: Place, found: Carried) -> None:
    number = int(size) if size.isdecimal() and len(size) < 10 else 0
    if not number or number > _MOST_HISTORY:
        found.leave(f"a history without end or of more than {_MOST_HISTORY}: {_MOST_HISTORY} updates are kept", place)
        number = _MOST_HISTORY
    found.draft.history = number if number != _MOST_HISTORY else None
