"""What an instance has against what it ought to have: a list of changes, none of which shows a secret."""

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mercure_deploy.coolify.instance import parsed
from mercure_deploy.coolify.values import Application, Instance, Service, Variable
from mercure_deploy.errors import printable
from mercure_deploy.facts.hubs import KEY_VARIABLES
from mercure_deploy.keys import KNOWN, fingerprint, is_placeholder

Kind = Literal["create", "compose", "domain", "gzip", "strip", "set", "delete"]
HUB = "hub"
# the variables that are ours, whatever their values
_HUB_NAMES = re.compile(r"MERCURE_((PUBLISHER|SUBSCRIBER)_JWT_(KEY|ALG)|JWK_[0-9]+)")
_APP_NAMES = re.compile(r"MERCURE_(URL|PUBLIC_URL|JWT_SECRET|JWT_KEY_B64)")


@dataclass(frozen=True)
class Wanted:
    """What ought to be: the compose text, the domains, variables by name, those of each app.

    `strip` is whether the prefix may be stripped: not where the hub has only a path of its host. `render` is what the
    container answers that was started from it, and no other.
    """

    compose: str
    urls: str
    hub: Mapping[str, str] = field(repr=False)
    apps: Mapping[str, Mapping[str, str]] = field(repr=False)
    strip: bool = True
    render: str = ""

    @property
    def mark(self) -> str:
        """What tells this state of the hub from any other, and tells nothing of its keys."""
        return _mark([self.compose, self.urls], self.hub)

    def app_mark(self, name: str) -> str:
        """The same of the values of an app."""
        return _mark([], self.apps[name])


def _mark(texts: list[str], values: Mapping[str, str]) -> str:
    marks = sorted(f"{key}={fingerprint(value)}" for key, value in values.items())
    return hashlib.sha256("\n".join([*texts, *marks]).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Change:
    """One thing that is not as it ought to be. `target` is the hub or the name of an app.

    `lines` say it to a person, as a diff does; `uuid` is the row to delete.
    """

    target: str
    kind: Kind
    lines: tuple[str, ...]
    key: str = ""
    value: str = field(default="", repr=False)
    uuid: str = ""


def changes(instance: Instance, wanted: Wanted, *, hub: bool = True, apps: bool = True) -> list[Change]:
    """All of them, in the order in which they are to be made."""
    found: list[Change] = []
    if hub:
        found += _hub(instance.service, instance.service_name, wanted)
    if apps:
        for name, application in instance.apps.items():
            found += _app(name, application, wanted.apps[name])
    return found


def _hub(service: Service | None, name: str, wanted: Wanted) -> Iterator[Change]:
    if service is None:
        yield Change(HUB, "create", (f"+ Service {name}", f"+ domain {wanted.urls}"))
        yield Change(HUB, "gzip", ("- gzip on", "+ gzip off"))
        if not wanted.strip:
            yield Change(HUB, "strip", ("- strip prefix on", "+ strip prefix off"))
        yield from _rows(HUB, (), wanted.hub, _HUB_NAMES)
        return
    said = tuple(_compared(service.compose, wanted.compose))
    if said:
        yield Change(HUB, "compose", said)
    if set(service.urls.split(",")) != set(wanted.urls.split(",")):
        yield Change(HUB, "domain", (f"- domain {printable(service.urls, 200)}", f"+ domain {wanted.urls}"))
    if service.gzip:
        yield Change(HUB, "gzip", ("- gzip on", "+ gzip off"))
    if service.strip and not wanted.strip:
        yield Change(HUB, "strip", ("- strip prefix on", "+ strip prefix off"))
    yield from _rows(HUB, service.variables, wanted.hub, _HUB_NAMES)


def _app(name: str, application: Application, wanted: Mapping[str, str]) -> Iterator[Change]:
    yield from _rows(name, application.variables, wanted, _APP_NAMES)
    secrets = {value for key, value in wanted.items() if KEY_VARIABLES.fullmatch(key)}
    for row in application.variables:
        # a copy that Coolify made of a secret of ours, which nobody would change any more
        ours = row.value is not None and (row.value in secrets or next(KNOWN.find(row.value), None) is not None)
        if row.preview and ours and KEY_VARIABLES.fullmatch(row.key):
            yield Change(
                name, "delete", (f"- {row.key}={_shown(row.key, row.value)} (preview)",), row.key, uuid=row.uuid
            )


def _rows(
    target: str, rows: Sequence[Variable], wanted: Mapping[str, str], ours: "re.Pattern[str]"
) -> Iterator[Change]:
    there = {row.key: row for row in rows if not row.preview}
    for key, value in sorted(wanted.items()):
        row = there.get(key)
        if row is None or row.value != value or not _flags(row, value, target):
            before = (_before(row, value, target),) if row and (row.value is not None or row.shown_once) else ()
            yield Change(target, "set", (*before, f"+ {key}={_shown(key, value)}"), key, value)
    for key, row in sorted(there.items()):
        if ours.fullmatch(key) and key not in wanted:
            yield Change(target, "delete", (f"- {key}={_shown(key, row.value)}",), key, uuid=row.uuid)


def _flags(row: Variable, value: str, target: str) -> bool:
    """Whether it reaches the container as it is, and nobody else; a build does not need it."""
    as_is = row.literal and row.runtime and not row.shown_once and row.multiline == ("\n" in value)
    # for a Service that flag says nothing, and not every way to set a variable takes it
    return as_is and (target == HUB or not row.buildtime)


def _before(row: Variable, value: str, target: str) -> str:
    """What is there now: a value that is locked, or one whose flags are others."""
    if row.value is None:
        return f"- {row.key} is locked, its value cannot be read"
    odd = {
        "not literal": not row.literal,
        "not at runtime": not row.runtime,
        "locked": row.shown_once,
        "multiline": row.multiline and "\n" not in value,
        "not multiline": "\n" in value and not row.multiline,
        "for builds too": row.buildtime and target != HUB,
    }
    said = ", ".join(name for name, is_so in odd.items() if is_so)
    return f"- {row.key}={_shown(row.key, row.value)}" + (f" ({said})" if row.value == value else "")


def _shown(key: str, value: str | None) -> str:
    if value is None:
        return ""
    if KEY_VARIABLES.fullmatch(key):
        return f"<key {fingerprint(value)}>" if value and not is_placeholder(value) else "<a placeholder>"
    return printable(KNOWN.mask(value), 200)


def _compared(before: str, after: str) -> Iterator[str]:
    """The differences of two compose files as YAML, a line a value; nothing where they are equal."""
    old, new = (dict(_flat(parsed(text))) for text in (before, after))
    for path in sorted({*old, *new}):
        if old.get(path) == new.get(path):
            continue
        if "\n" in old.get(path, "") + new.get(path, ""):
            yield from _text(path, old.get(path, ""), new.get(path, ""))
        else:
            yield from (f"- {path}: {_line(old[path])}",) if path in old else ()
            yield from (f"+ {path}: {_line(new[path])}",) if path in new else ()


def _text(path: str, before: str, after: str) -> Iterator[str]:
    """The lines of a text that differ, as those of a Caddyfile do."""
    old, new = (KNOWN.mask(text).expandtabs(4).splitlines() for text in (before, after))
    for line in list(difflib.unified_diff(old, new, lineterm="", n=0))[2:]:
        if not line.startswith("@@"):
            yield f"{line[0]} {path}: {_line(line[1:])}"


def _line(value: str) -> str:
    return printable(KNOWN.mask(value).replace("\n", "\\n"), 300)


def _flat(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    rows: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        rows = value.items()
    elif isinstance(value, list):
        rows = enumerate(value)
    if isinstance(value, (dict, list)) and value:
        for key, each in rows:
            yield from _flat(each, f"{path}.{key}" if path else str(key))
    else:
        yield path, "" if value is None else str(value)
