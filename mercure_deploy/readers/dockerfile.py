"""Dockerfiles: the image that the last stage is made from, its variables, and which files and command it replaces."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Service, Value, continued

WORDS = re.compile(r"^FROM\s+\S", re.MULTILINE | re.IGNORECASE)
_REFERENCE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
_KEYS = re.compile(r"MERCURE_(JWT_SECRET|(PUBLISHER|SUBSCRIBER)_JWT_KEY|JWT_KEY)")


@dataclass
class Image:
    """What an image is made of; `base` is None where a variable of the build says it."""

    path: str
    place: Place
    base: Value | None = None
    environment: dict[str, Value] = field(default_factory=dict)
    command: Value | None = None
    copied: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def service(self) -> Service:
        """It as a container of which nobody says how it is started."""
        made = Service(self.path, "image", self.place, charted=True)
        self.fill(made)
        return made

    def fill(self, service: Service) -> None:
        """Give a container that is built from it what it does not say itself."""
        service.image = service.image or self.base
        service.environment = {**self.environment, **service.environment}
        service.command = service.command or self.command
        service.volumes += self.copied


def read(path: str, text: str) -> Image:
    """The image that a build without a target makes."""
    stages: dict[str, Image] = {}
    arguments: dict[str, str] = {}
    image = Image(path, Place(path, 1))
    for place, word, rest in _instructions(path, text):
        if word == "FROM":
            image = _stage(path, place, rest, stages, arguments)
        elif word == "ARG":
            name, _, default = rest.partition("=")
            arguments.setdefault(name.strip(), default.strip().strip("'\""))
        elif word == "ENV":
            _variables(image, place, rest, arguments)
        elif word in {"COPY", "ADD"}:
            image.copied += _targets(rest)
        elif word in {"CMD", "ENTRYPOINT"}:
            image.command = Value(" ".join(re.findall(r'"([^"]*)"', rest)) or rest, place)
    return image


def _stage(path: str, place: Place, rest: str, stages: dict[str, Image], arguments: dict[str, str]) -> Image:
    words = [word for word in rest.split() if not word.startswith("--")]
    below = stages.get(words[0].lower()) if words else None
    image = Image(path, place)
    if below is not None:
        image = Image(path, place, below.base, dict(below.environment), below.command, list(below.copied))
        image.findings = below.findings
    elif words:
        text = _filled(words[0], arguments)
        image.base = Value(text, place._replace(column=place.column + len("FROM ")), words[0]) if text else None
    if len(words) > 2 and words[1].lower() == "as":
        stages[words[2].lower()] = image
    return image


def _filled(text: str, known: dict[str, str]) -> str | None:
    """With its references filled in, None where one is not known."""
    names = [(found[1] or found[3], found[2]) for found in _REFERENCE.finditer(text)]
    if any(not known.get(name) and default is None for name, default in names):
        return None
    return _REFERENCE.sub(lambda m: known.get(m[1] or m[3]) or m[2] or "", text)


def _instructions(path: str, text: str) -> Iterator[tuple[Place, str, str]]:
    plain = ((count, line.strip()) for count, line in enumerate(text.splitlines(), 1))
    for number, line in continued(each for each in plain if each[1] and not each[1].startswith("#")):
        word, _, rest = line.partition(" ")
        yield Place(path, number), word.upper(), rest.strip()


def _variables(image: Image, place: Place, rest: str, arguments: dict[str, str]) -> None:
    known = {**arguments, **{name: value.text for name, value in image.environment.items()}}
    first = rest.split(maxsplit=1)
    try:
        pairs = [word.partition("=")[::2] for word in shlex.split(rest)] if "=" in first[0] else [(first[0], first[1])]
    except (ValueError, IndexError):
        return
    for name, text in pairs:
        filled = _filled(text, known)
        if filled is None:
            image.environment.pop(name, None)
            continue
        image.environment[name] = Value(filled, place, text)
        if _KEYS.fullmatch(name) and filled and "$" not in text:
            what = f"{name} in ENV is in the image: whoever can pull it has the key"
            hint = "give it to the container when it starts"
            image.findings.append(Finding("secret-exposure", "warning", what, hint, place))


def _targets(rest: str) -> list[str]:
    words = [word.strip('[]",') for word in rest.split() if not word.startswith("--")]
    return words[-1:]
