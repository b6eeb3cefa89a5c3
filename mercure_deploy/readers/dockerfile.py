"""Dockerfiles: the image that the last stage is made from, its variables, and which files and command it replaces."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Service, Value

WORDS = re.compile(r"^FROM\s+\S", re.MULTILINE | re.IGNORECASE)
# a word, with what quotes and backslashes keep together, and its pieces; those between double quotes
_WORD = re.compile(r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.?|[^\s'"\\])+""", re.DOTALL)
_VARIABLE = r"\$\{(?P<name>\w+)(?:(?P<operator>:?[-+?])(?P<word>[^}]*))?\}|\$(?P<bare>[A-Za-z_]\w*)|(?P<plain>.)"
_PIECE = re.compile(rf"""'(?P<single>[^']*)'|"(?P<double>(?:\\.|[^"\\])*)"|\\(?P<sign>.?)|{_VARIABLE}""", re.DOTALL)
_INNER = re.compile(rf"\\(?P<sign>.)|{_VARIABLE}", re.DOTALL)
# variables, None where the build alone knows
Known = dict[str, str | None]
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
    arguments: Known = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)

    @property
    def said(self) -> Known:
        """The texts of its variables, None for those that the build alone knows."""
        return {**dict.fromkeys(self.unknown), **{name: value.text for name, value in self.environment.items()}}

    @property
    def alone(self) -> bool:
        """Whether it begins from nothing, so that no image below has variables of its own."""
        return self.base is not None and self.base.text == "scratch"

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
    # what ARG declares before the first stage is for the images that stages begin from
    image = Image(path, Place(path, 1))
    shared = image.arguments
    for place, word, rest in _instructions(path, text):
        if word == "FROM":
            image = _stage(path, place, rest, stages, shared)
        elif word == "ARG":
            _arguments(rest, image, shared)
        elif word == "ENV":
            _variables(image, place, rest)
        elif word in {"COPY", "ADD"}:
            image.copied += _targets(rest)
        elif word in {"CMD", "ENTRYPOINT"}:
            image.command = Value(" ".join(_listed(rest)) or rest, place)
    return image


def _listed(rest: str) -> list[str]:
    """The words of a command in its form of JSON, none in the other."""
    try:
        words = json.loads(rest) if rest.startswith("[") else []
    except ValueError:
        return []
    return words if all(isinstance(word, str) for word in words) else []


def _stage(path: str, place: Place, rest: str, stages: dict[str, Image], shared: Known) -> Image:
    words = [word for word in rest.split() if not word.startswith("--")]
    below = stages.get(words[0].lower()) if words else None
    image = Image(path, place)
    if below is not None:
        image = replace(
            below,
            place=place,
            environment=dict(below.environment),
            copied=list(below.copied),
            arguments={},
            unknown=set(below.unknown),
        )
    elif words:
        text = _filled(words[0], shared, whole=False)
        image.base = Value(text, place._replace(column=place.column + len("FROM ")), words[0]) if text else None
    if len(words) > 2 and words[1].lower() == "as":
        stages[words[2].lower()] = image
    return image


def _arguments(rest: str, image: Image, shared: Known) -> None:
    """What ARG declares: with its default, with that before the first stage, or as what the build alone knows."""
    for word in _WORD.findall(rest):
        name, equals, default = word.partition("=")
        known = {**image.arguments, **image.said}
        image.arguments[name] = _filled(default, known, whole=image.alone) if equals else shared.get(name)


def _filled(text: str, known: Known, *, whole: bool) -> str | None:
    """As the builder reads a word: quotes and backslashes gone, references filled in; None where one is not known.

    `whole` is whether all variables are known, so that one that nothing names is empty.
    """
    found: list[str | None] = []
    for piece in _PIECE.finditer(text):
        double = piece["double"]
        if double is not None:
            inner = _INNER.finditer(double)
            found += [_sign(each) if each["sign"] else _given(each, known, whole=whole) for each in inner]
        elif piece["sign"] is not None or piece["single"] is not None:
            found.append(piece["sign"] if piece["single"] is None else piece["single"])
        else:
            found.append(_given(piece, known, whole=whole))
    return None if None in found else "".join(filter(None, found))


def _sign(piece: re.Match[str]) -> str:
    """What a backslash between double quotes leaves."""
    return piece["sign"] if piece["sign"] in '"$\\' else f"\\{piece['sign']}"


def _given(piece: re.Match[str], known: Known, *, whole: bool) -> str | None:
    """What a reference stands for, or a sign that is none."""
    name = piece["name"] or piece["bare"]
    if not name:
        return piece["plain"]
    value = known.get(name, "" if whole else None)
    operator, word = piece["operator"] or "", piece["word"] or ""
    if operator.endswith("+"):
        there = value is not None and (value != "" or (operator == "+" and name in known))
        return _filled(word, known, whole=whole) if there else None if value is None else ""
    if operator.endswith("-") and (not value if operator == ":-" else name not in known):
        # a default is taken for what there is, as long as nothing else is said
        return _filled(word, known, whole=whole)
    return value


def _instructions(path: str, text: str) -> Iterator[tuple[Place, str, str]]:
    """The instructions with what continues them; comments, empty lines and the texts of heredocs are left out."""
    begun, first, until = "", 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if until:
            until = "" if line.strip() == until else until
            continue
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        first = first if begun else number
        begun += line if begun else line.lstrip()
        # behind another backslash it is a sign
        if re.search(r"(^|[^\\])\\[ \t]*$", line):
            begun = begun.rstrip()[:-1]
            continue
        word, _, rest = begun.strip().partition(" ")
        heredoc = re.search(r"<<-?[\"']?(\w+)", rest) if word.upper() in {"RUN", "COPY", "ADD"} else None
        until = heredoc[1] if heredoc else ""
        yield Place(path, first), word.upper(), rest.strip()
        begun = ""
    word, _, rest = begun.strip().partition(" ")
    yield Place(path, first), word.upper(), rest.strip()


def _variables(image: Image, place: Place, rest: str) -> None:
    words = _WORD.findall(rest)
    pairs = [word.partition("=")[::2] for word in words]
    if words and "=" not in words[0]:
        # ENV NAME and all the rest as its value
        pairs = [(words[0], rest[len(words[0]) :].strip())] if len(words) > 1 else []
    # those of one line do not see each other
    known = {**image.arguments, **image.said}
    for name, text in pairs:
        filled = _filled(text, known, whole=image.alone)
        if filled is None:
            image.environment.pop(name, None)
            image.unknown.add(name)
            continue
        image.environment[name] = Value(filled, place, text)
        if _KEYS.fullmatch(name) and filled and "$" not in text:
            what = f"{name} in ENV is in the image: whoever can pull it has the key"
            hint = "give it to the container when it starts"
            image.findings.append(Finding("secret-exposure", "warning", what, hint, place))


def _targets(rest: str) -> list[str]:
    words = [word.strip('[]",') for word in rest.split() if not word.startswith("--")]
    return words[-1:]
