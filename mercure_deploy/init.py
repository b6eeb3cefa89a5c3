"""`init`: the text of a first spec, or of a further environment in one, and what must not be there before.

Everything after that is `render`.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mercure_deploy import disk
from mercure_deploy.errors import Trouble
from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH
from mercure_deploy.facts.origins import Origin, parse_origin
from mercure_deploy.spec import LARGEST, Loaded, load
from mercure_deploy.targets import manifest
from mercure_deploy.targets.render import render

SCHEMA = "mercure.schema.json"
_NAMED = re.compile(r"(?P<name>[^=:/]*)=(?P<url>.*)", re.DOTALL)
_LOCAL = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?/?|.*\.localhost(:[0-9]+)?/?")


@dataclass
class Answers:
    """What a first spec is made of; None what is not said yet, or has a default."""

    name: str
    apps: dict[str, str]
    hub: str | None
    platform: str
    version: str
    tls: str | None = None
    port: int | None = None
    mode: str | None = None

    @property
    def development(self) -> bool:
        """Whether the environment is one where plain http and this machine alone are allowed."""
        if self.mode:
            return self.mode == "development"
        origin = _origin(self.hub or "")
        return origin is not None and (origin.is_local or origin.scheme == "http")


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
            raise Trouble(f"{path} exists already", hint="init begins anew and touches nothing that is there")
    return text


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


def completed(text: str) -> str:
    """What somebody typed as an origin, with its scheme: https, but http for this machine. ValueError with a reason."""
    word = text.strip()
    if "://" not in word:
        word = f"{'http' if _LOCAL.fullmatch(word) else 'https'}://{word}"
    return str(parse_origin(word, drop_path=HUB_PATH))


def _origin(text: str) -> Origin | None:
    try:
        return parse_origin(text, drop_path=HUB_PATH)
    except ValueError:
        return None


def spec_text(answers: Answers, before: bytes | None) -> bytes:
    """A commented spec, or the one before with the environment added; names and URLs are checked when it is loaded."""
    words = {
        "name": answers.name,
        "apps": answers.apps,
        "hub": answers.hub or "",
        "platform": answers.platform,
        "version": answers.version,
        "image": GENERATIONS[answers.version].image,
        "tls": answers.tls,
        "port": answers.port,
        "mode": "development" if answers.development else "production",
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
            raise Trouble(f"{name} is written in a way that init cannot add to", hint="add the environment by hand")
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
