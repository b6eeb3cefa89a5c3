"""Units of systemd as systemd reads them: `Environment=`, `EnvironmentFile=` and `ExecStart=` of a service.

Measured with systemd 252: blanks without quotes separate assignments, `%` begins a specifier, `$` is itself; in an
environment file `#` begins a comment at the begin of a line alone, a bare backslash vanishes, and a line with `export`
is not read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mercure_deploy.errors import typed
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Service, Value, continued

WORDS = re.compile(r"^\[Service\]\s*$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "s": " "}
_OURS = re.compile(r"MERCURE_|SERVER_NAME|CADDY_")
# what systemd puts in the place of a percent sign and a letter
_SPECIFIER = re.compile(r"%[a-zA-Z]")


@dataclass
class Unit:
    """A service, and what is wrong in how it says its variables."""

    service: Service
    findings: list[Finding] = field(default_factory=list)


def read(path: str, text: str, files: Mapping[str, str]) -> Unit:
    """The service of a unit, with its drop-ins behind it; `files` are the texts of env files by their path."""
    name = re.sub(r"(@.*)?\.service$|\.conf$", "", path.rpartition("/")[2])
    unit = Unit(Service(path, name, Place(path, 1), host_network=True))
    service = unit.service
    section = ""
    for place, line in _lines(path, text):
        if line.startswith("["):
            section = line.strip("[] \t")
        word, equals, rest = line.partition("=")
        if section != "Service" or not equals:
            continue
        word, rest = word.strip(), rest.strip()
        where = Place(place.file, place.line, line.index("=") + 2)
        if word == "Environment":
            _assignments(rest, where, unit)
        elif word == "EnvironmentFile":
            _environment_file(rest, where, unit, files)
        elif word == "ExecStart" and rest:
            service.command = Value(rest.lstrip("@-:+!"), where)
            program = service.command.text.split()[0].rpartition("/")[2]
            service.name = "mercure" if program.startswith("mercure") else name
    return unit


def _lines(path: str, text: str) -> Iterator[tuple[Place, str]]:
    """Each line with what continues it; comments and empty lines are left out."""
    plain = ((count, line.strip()) for count, line in enumerate(text.splitlines(), 1))
    for number, line in continued(each for each in plain if not each[1].startswith(("#", ";"))):
        if line:
            yield Place(path, number), line


def _assignments(text: str, place: Place, unit: Unit) -> None:
    if not text:
        unit.service.environment.clear()
    last: str | None = None
    for column, word, said in _words(text):
        here = place._replace(column=place.column + column)
        name, equals, value = word.partition("=")
        if not equals or not _NAME.fullmatch(name):
            if last and _OURS.match(last):
                what = f"{last} ends before {typed(word, 30)}: blanks without quotes separate assignments"
                hint = f'Environment="{last}=…", quotes around all of it'
                unit.findings.append(Finding("key-quoting", "error", what, hint, here))
            last = None
            continue
        specifier = _SPECIFIER.search(value.replace("%%", ""))
        if specifier and _OURS.match(name):
            what = f"{name}: systemd puts something else in the place of {specifier[0]}"
            unit.findings.append(Finding("key-quoting", "error", what, "%% for each %", here))
        where = here._replace(column=here.column + len(name) + 1 + said)
        unit.service.environment[name] = Value(value.replace("%%", "%"), where, value)
        last = name


def _words(text: str) -> Iterator[tuple[int, str, int]]:
    """(column, word, whether it began with a quote) as systemd splits them, escapes of C filled in."""
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        start, word, quote = position, "", ""
        quoted = int(text[position] in "'\"")
        while position < len(text) and (quote or not text[position].isspace()):
            sign = text[position]
            if sign == quote:
                quote = ""
            elif not quote and sign in "'\"":
                quote = sign
            elif sign == "\\" and position + 1 < len(text):
                position += 1
                word += _ESCAPES.get(text[position], text[position])
            else:
                word += sign
            position += 1
        yield start, word, quoted


def _environment_file(text: str, place: Place, unit: Unit, files: Mapping[str, str]) -> None:
    if not text:
        return
    wanted = text.removeprefix("-").strip("'\"")
    path = _nearest(wanted, files)
    if path is None:
        unit.service.open = True
        unit.service.env_files.append(Value(wanted, place))
        return
    variables, findings = variables_of(path, files[path])
    unit.service.environment |= variables
    unit.findings += findings


def _nearest(wanted: str, paths: Iterable[str]) -> str | None:
    """The file that may be meant by a path of another machine: the one with most of its last parts."""
    parts = wanted.split("/")

    def common(path: str) -> int:
        own = path.split("/")
        number = 0
        while number < min(len(own), len(parts)) and own[-1 - number] == parts[-1 - number]:
            number += 1
        return number

    best = max(paths, key=common, default=None)
    return best if best is not None and common(best) else None


def variables_of(path: str, text: str) -> tuple[dict[str, Value], list[Finding]]:
    """What systemd takes from an environment file, and what it passes over though it is a hub's."""
    found: dict[str, Value] = {}
    findings: list[Finding] = []
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip()
        if not plain or plain.startswith(("#", ";")):
            continue
        name, equals, rest = plain.partition("=")
        place = Place(path, number, line.index(plain[0]) + len(name) + 2)
        if equals and re.fullmatch(r"export\s+\w+", name) and _OURS.match(name.split()[1]):
            what = f"{name.split()[1]}: systemd reads no line with export in it"
            findings.append(Finding("key-quoting", "error", what, "the line without export", place))
        elif equals and _NAME.fullmatch(name.strip()):
            found[name.strip()] = Value(_unquoted(rest.strip()), place, rest.strip())
    return found, findings


def _unquoted(text: str) -> str:
    """The value of a line: what stands in quotes and what does not, side by side."""
    found, quote, position = "", "", 0
    while position < len(text):
        sign = text[position]
        if sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
        elif sign == "\\" and quote != "'" and position + 1 < len(text):
            following = text[position + 1]
            found += following if not quote or following in '"\\`$' else f"\\{following}"
            position += 1
        else:
            found += sign
        position += 1
    return found
