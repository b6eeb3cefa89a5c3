"""The beginning of an environment: what its spec is made of, and what must not be there before it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mercure_deploy import disk
from mercure_deploy.errors import Trouble
from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH
from mercure_deploy.facts.origins import Origin, parse_origin
from mercure_deploy.spec import LARGEST, Loaded, load
from mercure_deploy.targets import manifest
from mercure_deploy.targets.render import render

SCHEMA = "mercure.schema.json"
# those that run an image of the hub's own
_IMAGES = frozenset(("coolify", "compose", "kubernetes", "other"))


@dataclass
class Draft:
    """What an environment of a spec is made of; None what is not said yet, or has a default.

    `origins` are further ones of the first app's pages, `silent` the apps that publish only; `coolify` are the words of
    that name, `apps` by their name; `home` is the app in whose server the hub runs.
    """

    name: str
    apps: dict[str, str]
    hub: str | None
    platform: str
    version: str
    tls: str | None = None
    port: int | None = None
    mode: str | None = None
    image: str | None = None
    internal_url: str | None = None
    path: str | None = None
    cookie_name: str | None = None
    email: str | None = None
    anonymous: bool = False
    subscriptions: bool = False
    history: int | None = None
    directives: list[str] = field(default_factory=list)
    issuer: str | None = None
    reason: str | None = None
    legacy_clients: bool = False
    origins: list[str] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    bundle: str | None = None
    algorithm: str | None = None
    coolify: dict[str, object] = field(default_factory=dict)
    home: str | None = None
    binary: str | None = None
    proxy: str | None = None
    traefik: dict[str, str] = field(default_factory=dict)
    transport: dict[str, Any] | None = None

    @property
    def development(self) -> bool:
        """Whether the environment is one where plain http and this machine alone are allowed."""
        if self.mode:
            return self.mode == "development"
        origin = typed_origin(self.hub or self.apps.get(self.home or "", ""))
        return origin is not None and (origin.is_local or origin.scheme == "http")


def typed_origin(text: str) -> Origin | None:
    """The origin in what was typed, be it with the hub's path; None when it is none."""
    try:
        return parse_origin(text, drop_path=HUB_PATH)
    except ValueError:
        return None


def existing(spec: Path, root: Path, name: str) -> bytes | None:
    """The spec to which the environment is to be added, None when there is none.

    Trouble when it has one of that name, when it is wrong itself, or when there is a ring or manifest already.
    """
    text = disk.read(spec, limit=LARGEST, pipe=True)
    if text is not None and name in load(text, str(spec)).spec.environments:
        hint = "edit it and render, or add another environment with --env NAME"
        raise Trouble(f"{spec} exists already and has an environment {name}", hint=hint)
    for path in (root / name / "keys.json", root / name / manifest.NAME):
        if disk.exists(path):
            raise Trouble(f"{path} exists already", hint="this begins anew, and touches nothing that is there")
    return text


def spec_text(draft: Draft, before: bytes | None) -> bytes:
    """A commented spec, or the one before with the environment added; names and URLs are checked when it is loaded."""
    if draft.platform == "frankenphp":
        # the first app is the one that the others publish through
        draft.home = draft.home or next(iter(draft.apps), None)
    words = {
        **vars(draft),
        "hub": draft.hub or "",
        "image": draft.image or (GENERATIONS[draft.version].image if draft.platform in _IMAGES else None),
        "mode": "development" if draft.development else "production",
    }
    if before is None:
        return render("mercure.yaml.j2", **words)
    return _added(before.decode("utf-8-sig"), render("environment.yaml.j2", **words).decode()).encode()


def _added(text: str, block: str) -> str:
    """The spec with a further environment at the end of its own, everything else as it is."""
    lines = text.splitlines(keepends=True)
    start = next((n for n, line in enumerate(lines) if re.match(r"environments:\s*(#.*)?$", line)), None)
    if start is None:
        hint = "write the environments one below the other, or add this one by hand"
        raise Trouble("the environments stand in one line, where none can be added", hint=hint)
    after = [n for n, line in enumerate(lines[start + 1 :], start + 1) if re.match(r"[^\s#]", line)]
    end = after[0] if after else len(lines)
    # comments and blank lines before what follows belong to that
    while end > start + 1 and (not lines[end - 1].strip() or (after and lines[end - 1].startswith("#"))):
        end -= 1
    first = next((line for line in lines[start + 1 : end] if line.strip() and not line.lstrip().startswith("#")), "  x")
    width = len(first) - len(first.lstrip(" "))
    own = "".join(f"{' ' * width}{line[2:]}" if line.strip() else line for line in block.splitlines(keepends=True))
    kept = "".join(lines[:end])
    return kept + ("" if kept.endswith("\n") else "\n") + own + "".join(lines[end:])


def checked(text: bytes, name: str, before: bytes | None) -> Loaded:
    """The spec of that text. Trouble without lines and columns, as the user has not seen the text.

    Trouble, too, when adding an environment would change another one.
    """
    try:
        loaded = load(text, name)
    except Trouble as trouble:
        raise Trouble(*(problem._replace(where=None) for problem in trouble.problems)) from None
    if before is not None:
        old = load(before, name).spec.environments
        if {each: loaded.spec.environments.get(each) for each in old} != old:
            hint = "add the environment by hand"
            raise Trouble(f"{name} is written in a way that nothing can be added to", hint=hint)
    return loaded


@contextmanager
def written(spec: Path, text: bytes, before: bytes | None) -> Iterator[None]:
    """The spec on disk; it is what it was again when what depends on it fails."""
    if before is None:
        disk.create(spec, text)
    else:
        disk.rewrite(spec, text)
    try:
        yield
    except BaseException:
        if before is None:
            spec.unlink(missing_ok=True)
        else:
            disk.rewrite(spec, before)
        raise
