"""Units of systemd as systemd reads them: `Environment=`, `EnvironmentFile=` and `ExecStart=` of a service.

Measured with systemd 252: blanks without quotes separate assignments, `%` begins a specifier, `$` is itself; in an
environment file `#` begins a comment at the begin of a line alone, a bare backslash vanishes, and a line with `export`
is not read.
"""

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from mercure_deploy.errors import typed
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Service, Value

WORDS = re.compile(r"^\[Service\]\s*$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "s": " "}
_ESCAPE = re.compile(
    r"""\\(?:(?P<sign>[abfnrtvs\\"'])|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})"""
    r"|(?P<octal>[0-3][0-7]{2}))"
)
_OURS = re.compile(r"MERCURE_|SERVER_NAME|CADDY_")
# the parts of an environment file: a backslash takes what follows with it, a line break too
_BLANK, _SPACE = re.compile(r"[ \t\r\n]*"), re.compile(r"[ \t]*")
# what separates words; a blank that does not break is none to systemd
_SEPARATORS = " \t\r\n"
_COMMENT = re.compile(r"[#;](?:\\.|[^\\\r\n])*", re.DOTALL)
_NAME_END = re.compile(r"[=\r\n]|\Z")
_PIECE = re.compile(r"""'(?P<single>[^']*)(?:'|\Z)|"(?P<double>(?:\\.|[^"\\])*)(?:"|\Z)""", re.DOTALL)
_BARE = re.compile(r"\\.|[^\\\r\n]", re.DOTALL)
_IN_DOUBLE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {sign: sign for sign in '"\\`$'} | {"\n": ""}
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
        word, rest = word.strip(_SEPARATORS), rest.strip(_SEPARATORS)
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
    """Each line with what continues it, a blank in the place of the backslash; comments and empty ones are left out."""
    begun, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip(_SEPARATORS).startswith(("#", ";")):
            continue
        first = first if begun else number
        begun += line
        # two backslashes are one, and none at the end
        if len(line) - len(line.rstrip("\\")) & 1:
            begun = f"{begun[:-1]} "
            continue
        if begun.strip(_SEPARATORS):
            yield Place(path, first), begun.strip(_SEPARATORS)
        begun = ""


def _assignments(text: str, place: Place, unit: Unit) -> None:
    if not text:
        unit.service.environment.clear()
    last: str | None = None
    words, lost = _words(text)
    for column, word, said in words:
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
        with suppress(UnicodeError):
            # bytes that are no text are passed over
            plain = value.encode(errors="surrogateescape").decode()
            unit.service.environment[name] = Value(plain.replace("%%", "%"), where, value)
        last = name
    if lost is not None and _OURS.match(text[lost:].lstrip("\"'")):
        what = "systemd reads nothing from here on: a quote that never ends, or a backslash that it does not know"
        hint = "\\\\ for each backslash, and quotes around all of an assignment"
        unit.findings.append(Finding("key-quoting", "error", what, hint, place._replace(column=place.column + lost)))


def _words(text: str) -> tuple[list[tuple[int, str, int]], int | None]:
    """(column, word, whether it began with a quote) as systemd splits them, escapes of C filled in.

    Beside them where a word begins that it cannot read: that ends the line.
    """
    found: list[tuple[int, str, int]] = []
    position = _past(_BLANK, text, 0)
    while position < len(text):
        start, quote = position, ""
        word: list[str] = []
        while position < len(text) and (quote or text[position] not in _SEPARATORS):
            sign = text[position]
            escape = _ESCAPE.match(text, position)
            if sign == quote:
                quote = ""
            elif not quote and sign in "'\"":
                quote = sign
            elif escape is not None:
                word.append(_unescaped(escape))
                position = escape.end()
                continue
            elif sign == "\\":
                return found, start
            else:
                word.append(sign)
            position += 1
        if quote:
            return found, start
        found.append((start, "".join(word), int(text[start] in "'\"")))
        position = _past(_BLANK, text, position)
    return found, None


def _past(blanks: re.Pattern[str], text: str, position: int) -> int:
    """Where what these blanks stand before begins."""
    found = blanks.match(text, position)
    return found.end() if found else position


def _unescaped(escape: re.Match[str]) -> str:
    """The sign that is meant; a byte that is none by itself as Python stands it, until those beside it are there."""
    sign, code, byte = escape["sign"], escape["u"] or escape["U"], escape["x"] or escape["octal"]
    if sign or code:
        return _ESCAPES.get(sign, sign) if sign else chr(min(int(code, 16), sys.maxunicode))
    return bytes([int(byte, 16 if escape["x"] else 8)]).decode(errors="surrogateescape")


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
    starts = [0, *(each.end() for each in re.finditer("\n", text))]
    position = 0
    while (start := _past(_BLANK, text, position)) < len(text):
        comment = _COMMENT.match(text, start)
        if comment is not None:
            position = comment.end()
            continue
        # the first sign belongs to the name, whatever it is
        end = _NAME_END.search(text, start + 1)
        position = end.start() if end else len(text)
        name = text[start:position].strip(_SEPARATORS)
        if text[position : position + 1] != "=":
            continue
        begin = position + 1
        value, position = _value(text, begin)
        row = bisect_right(starts, start)
        place = Place(path, row, begin - starts[row - 1] + 1)
        if re.fullmatch(r"export\s+\w+", name) and _OURS.match(name.split()[1]):
            what = f"{name.split()[1]}: systemd reads no line with export in it"
            findings.append(Finding("key-quoting", "error", what, "the line without export", place))
        elif _NAME.fullmatch(name):
            found[name] = Value(value, place, text[begin:position].strip(_SEPARATORS))
    return found, findings


def _value(text: str, position: int) -> tuple[str, int]:
    """The value that begins there, and where it ends: pieces in quotes, over several lines too, then bare ones.

    Once a bare one has begun, a quote is itself.
    """
    value = ""
    while True:
        position = _past(_SPACE, text, position)
        piece = _PIECE.match(text, position)
        if piece is None:
            bare, end = _bare(text, position)
            return value + bare, end
        position = piece.end()
        single, double = piece["single"], piece["double"]
        value += single if single is not None else _IN_DOUBLE.sub(lambda at: _ESCAPED.get(at[1], at[0]), double)


def _bare(text: str, position: int) -> tuple[str, int]:
    """What stands there without quotes, up to the end of the line; blanks at its end are left out."""
    value: list[str] = []
    kept: list[str] = []
    for each in _BARE.finditer(text, position):
        if each.start() != position:
            break
        position = each.end()
        if each[0] in _SEPARATORS:
            kept.append(each[0])
        else:
            value += [*kept, each[0][1:].replace("\n", "") if each[0].startswith("\\") else each[0]]
            kept = []
    return "".join(value), position
