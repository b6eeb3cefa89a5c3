"""`init`: the text of a first spec, and what must not be there before; everything after that is `render`."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mercure_deploy import disk
from mercure_deploy.errors import Problem, Trouble
from mercure_deploy.facts.hubs import GENERATIONS
from mercure_deploy.spec import Loaded, load
from mercure_deploy.targets import manifest
from mercure_deploy.targets.render import render

_NAMED = re.compile(r"(?P<name>[^=:/]*)=(?P<url>.*)", re.DOTALL)
_LOCAL = re.compile(r"https?://([^/@]*\.)?localhost(:[0-9]+)?/?|https?://127\.[0-9.]+(:[0-9]+)?/?")


def refuse_existing(spec: Path, root: Path, name: str) -> None:
    """Trouble when there is a spec, or a ring or manifest of that environment, already."""
    for path in (spec, root / name / "keys.json", root / name / manifest.NAME):
        if disk.exists(path):
            raise Trouble(f"{path} exists already", hint="init begins anew and touches nothing that is there")


def named(apps: Sequence[str]) -> dict[str, str]:
    """URLs by name from `[NAME=]URL`; the only one may go without a name. Trouble for a name missing or said twice."""
    found: dict[str, str] = {}
    for text in apps:
        match = _NAMED.fullmatch(text)
        name, url = (match["name"], match["url"]) if match else ("app", text)
        if len(apps) > 1 and not match:
            raise Trouble("several --app need a name each", hint="--app shop=https://shop.example.com")
        if name in found:
            raise Trouble(f"two --app are named {name}", hint="give each a name of its own")
        found[name] = url
    return found


def spec_text(apps: dict[str, str], hub: str, *, name: str, platform: str, version: str) -> bytes:
    """A commented spec; names and URLs are checked when it is loaded."""
    return render(
        "mercure.yaml.j2",
        apps=apps,
        hub=hub,
        name=name,
        platform=platform,
        version=version,
        image=GENERATIONS[version].image,
        development=bool(_LOCAL.fullmatch(hub)),
    )


def checked(text: bytes, name: str) -> Loaded:
    """The spec of that text. Trouble without lines and columns, as the user has not seen the text."""
    try:
        return load(text, name)
    except Trouble as trouble:
        raise Trouble(*(Problem(problem.what, problem.hint) for problem in trouble.problems)) from None


@contextmanager
def written(spec: Path, text: bytes) -> Iterator[None]:
    """The spec on disk; it goes again when what depends on it fails."""
    disk.create(spec, text)
    try:
        yield
    except BaseException:
        spec.unlink(missing_ok=True)
        raise
