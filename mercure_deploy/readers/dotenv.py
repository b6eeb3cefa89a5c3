"""Env files as Symfony's Dotenv reads them; where compose, a shell or Coolify sees something else, that is a finding.

What which reader does was measured; see `facts.quoting` for what all of them read alike. No command is run.
"""

import re
from typing import TYPE_CHECKING

from mercure_deploy.errors import typed
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.bounds import Budget, Filled
from mercure_deploy.readers.places import EnvFile, Value

if TYPE_CHECKING:
    from mercure_deploy.findings import Level

# by far most lines: nothing in them that readers could take differently
_PLAIN = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*=[A-Za-z0-9_.:/@%+,=-]*(?:\n|\Z))+")
_COMMENT = re.compile(r"[ \t]*(#.*)?$", re.MULTILINE)
_BARE = re.compile(r"(?:\\['\"]|(?<![ \t])#|[^\n\"'#])*")
_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<gap>[ \t]*)=(?P<after>[ \t]*)")
# a line that begins like the next variable: the quote was not meant to go on (base64 has its = at its end)
_NEXT = re.compile(r"(export\s+)?[A-Z][A-Z0-9_]+=(?!=|\s*$)", re.MULTILINE)
# a key in PEM has some forty lines; a quote that is closed thousands of lines on is another one
_LONGEST = 100
_REFERENCE = re.compile(
    r"(?<!\\)(?P<slashes>(?:\\\\)*)\$(?:(?P<bare>_?[A-Za-z]\w*)"
    r"|\{(?P<name>_?[A-Za-z]\w*)(?::(?P<sign>[-=])(?P<default>[^}'\"{$]*))?\})"
)
# up to the quote that closes; behind a backslash it is a sign, unless another one stands before that
_SINGLE, _DOUBLE = re.compile(r"[^']*(?=')"), re.compile(r'(?:[^"]|(?<=\\)(?<!\\\\)")*+(?=")')
# a reference whose brace nobody closes
_OPEN = re.compile(r"(?<!\\)(?:\\\\)*\$\{(?!_?[A-Za-z]\w*(?::[-=][^}]*)?\})|\$\{\w+:[-=][^}]*['\"{$]")
# a $ that stays one, while references are looked for
_LITERAL = "\x00"
_COMMENTED = re.compile(r"[ \t]#")
_SECRET = re.compile(r"SECRET|KEY|PASS|TOKEN")
_ESCAPES = {"\\n": "\n", "\\r": "\r", '\\"': '"'}
_HINT = "put single quotes around the value, or use a key of letters and digits alone"


def read(path: str, text: str) -> EnvFile:
    """The variables of an env file."""
    found, budget = EnvFile(path), Budget()
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    position, number = 0, 0
    while position < len(text):
        number += 1
        plain = _PLAIN.match(text, position)
        if plain:
            for line in plain[0].splitlines():
                name, _, value = line.partition("=")
                found.variables[name] = Value(value, Place(path, number, len(name) + 2), value)
                number += 1
            number -= 1
            position = plain.end()
            continue
        end = _end(text, position)
        match = _NAME.match(text, position, end)
        following = end + 1
        if match:
            place = Place(path, number, match.end() - position + 1)
            if match["gap"] or (match["after"] and match.end() < end and text[match.end()] != "#"):
                hint = f"write {match['name']}=VALUE"
                what = "has blanks beside the =, which Symfony refuses"
                found.findings.append(Finding("key-quoting", "error", what, hint, place))
            following = _value(found, match["name"], text, match.end(), place, budget)
        elif text[position:end].strip() and not text[position:end].lstrip().startswith("#"):
            what = f"{typed(text[position:end].strip(), 30)} is no assignment, and Symfony refuses the whole file"
            where = Place(path, number, 1)
            found.refused.append(Finding("key-quoting", "error", what, "NAME=VALUE, or # before it", where))
        number += text.count("\n", position, following - 1)
        position = following
    found.findings += budget.findings()
    found.beyond = {name for name, value in found.variables.items() if value.place in budget.beyond}
    return found


def _end(text: str, position: int) -> int:
    """Where the line ends."""
    found = text.find("\n", position)
    return found if found >= 0 else len(text)


def _value(found: EnvFile, name: str, text: str, start: int, place: Place, budget: Budget) -> int:  # noqa: PLR0913, PLR0917
    """Take in the value that begins there; where the next line begins."""
    position, value, filled = start, "", Filled(budget, place)
    comment = _COMMENT.match(text, start)
    if comment:
        position = comment.end()
    # a # behind a quote is no comment, one behind a blank is
    while position < len(text) and text[position] != "\n" and not _COMMENTED.match(text, position - 1):
        if text[position] in "'\"":
            end = _closing(text, position)
            if end is None:
                what = f"the quote {text[position]} that opens here is not closed"
                hint = "close it, or leave it out where no blank is inside"
                found.findings.append(Finding("key-quoting", "error", what, hint, place))
                value, position = value + text[position + 1 : _end(text, position)], _end(text, position)
                break
            inner = text[position + 1 : end]
            single = text[position] == "'"
            value += inner.replace("\\", "\\\\").replace("$", _LITERAL) if single else _kept(_escaped(inner))
            position = end + 1
        else:
            plain = _BARE.match(text, position)
            position = plain.end() if plain else len(text)
            bare = re.sub(r"\\(['\"])", r"\1", plain[0] if plain else "").rstrip()
            _unquoted(found, name, bare, place)
            value += _kept(bare)
    end = _end(text, position)
    raw = text[start:end]
    if re.match(r".+['\"`]", raw) and raw[:1] not in "'\"" and _SECRET.search(name):
        what = "holds a quote in the middle, which readers take differently"
        found.findings.append(Finding("key-quoting", "error", what, _HINT, place))
    # references are looked for in the whole: what follows a quote belongs to the name before it
    resolved = _filled(value, found, filled).replace("\\\\", "\\").replace(_LITERAL, "$")
    found.variables[name] = Value(resolved, place, raw)
    return end + 1


def _closing(text: str, start: int) -> int | None:
    """Where the quote that opens there is closed, None where that is not in sight."""
    match = (_SINGLE if text[start] == "'" else _DOUBLE).match(text, start + 1)
    if match is None or match[0].count("\n") > _LONGEST:
        return None
    starts = (found.end() for found in re.finditer("\n", match[0]))
    return None if any(_NEXT.match(text, start + 1 + each) for each in starts) else match.end()


def _escaped(text: str) -> str:
    return re.sub(r'\\[nr"]', lambda found: _ESCAPES[found[0]], text)


def _filled(text: str, found: EnvFile, filled: Filled) -> str:
    """With the references to variables above it filled in; what is not in the file stays a reference."""

    def fill(match: "re.Match[str]") -> str:
        known = found.variables.get(match["bare"] or match["name"])
        if known is not None and (known.text or match["default"] is None):
            return match["slashes"] + filled.add(known, match[0][len(match["slashes"]) :])
        if match["sign"] == "=":
            # it is what the variable is from here on
            found.variables[match["name"]] = Value(match["default"], filled.place)
        return match["slashes"] + match["default"] if match["default"] is not None else match[0]

    if _OPEN.search(text):
        what = "a reference whose brace is not closed, and Symfony refuses the whole file"
        hint = "}, or single quotes around the value"
        found.refused.append(Finding("key-quoting", "error", what, hint, filled.place))
    return _REFERENCE.sub(fill, text)


def _kept(text: str) -> str:
    """With each $ that a backslash keeps from being a reference."""
    return re.sub(r"(?<!\\)\\+\$", lambda found: found[0] if len(found[0]) % 2 else f"{found[0][:-2]}{_LITERAL}", text)


def _unquoted(found: EnvFile, name: str, text: str, place: Place) -> None:
    """Where readers of a part without quotes go separate ways."""
    level: Level = "error" if _SECRET.search(name) else "warning"
    unknown = [each for each in re.finditer(r"\$(\w+)", text) if each[1] not in found.variables]
    if unknown:
        what = "holds a $ without quotes: readers expand, cut or keep it"
        found.findings.append(Finding("key-quoting", level, what, _HINT, place))
    elif re.search(r"\s", text) and "$" not in text:
        blank = Finding("key-quoting", "error", "holds a blank without quotes, which Symfony refuses", _HINT, place)
        (found.findings if _SECRET.search(name) else found.refused).append(blank)
