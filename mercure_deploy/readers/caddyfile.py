"""Caddyfiles as Caddy reads them: tokens, blocks, site addresses; `{$NAME:default}` is filled in from what is known."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.bounds import Budget, Filled
from mercure_deploy.readers.places import Caddyfile, Directive, Value

_VARIABLE = re.compile(r"\{\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<default>[^}]*))?\}")
_DEEPEST = 30
Line = list[Value]


def read(written: Value, known: Mapping[str, Value]) -> Caddyfile:
    """The sites and options in a Caddyfile, be it a file of its own or a part of another."""
    lines = list(_lines(written, known, budget := Budget()))
    found = Caddyfile(written.place.file, findings=budget.findings())
    found.findings += _unbalanced(lines)
    snippets: dict[str, tuple[Directive, ...]] = {}
    position = 0
    if lines and [token.text for token in lines[0]] == ["{"]:
        found.options, position = _block(lines, 1)
    while position < len(lines):
        line = lines[position]
        words = [token.text for token in line]
        if words[-1] == "{" and len(words) > 1:
            inner, position = _block(lines, position + 1)
            if re.fullmatch(r"\(.*\)", words[0]):
                snippets[words[0][1:-1]] = inner
            else:
                found.sites.append((tuple(line[:-1]), inner))
            continue
        if words == ["}"]:
            position += 1
            continue
        # without braces all that follows is one site
        addresses = [*line]
        position += 1
        while addresses[-1].text.endswith(",") and position < len(lines):
            addresses += lines[position]
            position += 1
        directives = []
        while position < len(lines):
            directive, position = _directive(lines, position, 0)
            directives.append(directive)
        found.sites.append((tuple(addresses), tuple(directives)))
    found.sites = [
        (tuple(_addresses(addresses)), tuple(_imported(inner, snippets))) for addresses, inner in found.sites
    ]
    return found


def _unbalanced(lines: list[Line]) -> Iterator[Finding]:
    """Braces that Caddy refuses: with something behind it on its line, never closed, or never opened."""
    opened = []
    for line in lines:
        words = [token.text for token in line]
        if "{" in words[:-1]:
            where = line[words.index("{")]
            what = "opens a block, and something follows on its line: the hub does not start"
            yield Finding(
                "directive-syntax", "error", what, "a line of its own for each directive, and for the }", where.place
            )
        elif words[-1] == "{":
            opened.append(line[-1])
        elif words == ["}"] and opened:
            opened.pop()
        elif words == ["}"]:
            yield Finding(
                "directive-syntax", "error", "closes a block that was never opened", "remove it", line[0].place
            )
    for where in opened[-1:]:
        yield Finding(
            "directive-syntax",
            "error",
            "opens a block that is never closed: the hub does not start",
            "add }",
            where.place,
        )


def lines_of(written: Value) -> tuple[Directive, ...]:
    """Directives that a variable pastes into a mercure block."""
    directives: list[Directive] = []
    lines = list(_lines(written, {}, Budget()))
    position = 0
    while position < len(lines):
        directive, position = _directive(lines, position, 0)
        directives.append(directive)
    return tuple(directives)


def _imported(
    directives: tuple[Directive, ...], snippets: Mapping[str, tuple[Directive, ...]], depth: int = 0
) -> Iterator[Directive]:
    """The directives, with those of a snippet of the same file in place of its import."""
    for each in directives:
        name = each.arguments[0].text if each.name == "import" and each.arguments else ""
        if name in snippets and depth < _DEEPEST:
            yield from _imported(snippets[name], snippets, depth + 1)
        else:
            yield replace(each, block=tuple(_imported(each.block, snippets, depth + 1)))


def _addresses(tokens: tuple[Value, ...]) -> Iterator[Value]:
    for token in tokens:
        for part in token.text.split(","):
            if part.strip():
                yield Value(part.strip(), token.place)


def _block(lines: list[Line], position: int, depth: int = 0) -> tuple[tuple[Directive, ...], int]:
    directives: list[Directive] = []
    while position < len(lines):
        if lines[position][0].text == "}":
            return tuple(directives), position + 1
        directive, position = _directive(lines, position, depth)
        directives.append(directive)
    return tuple(directives), position


def _directive(lines: list[Line], position: int, depth: int) -> tuple[Directive, int]:
    line = lines[position]
    name, *rest = line
    if rest and rest[-1].text == "{" and depth < _DEEPEST:
        inner, following = _block(lines, position + 1, depth + 1)
        return Directive(name.text, name.place, tuple(rest[:-1]), inner, opened=True), following
    return Directive(name.text, name.place, tuple(rest)), position + 1


def _lines(written: Value, known: Mapping[str, Value], budget: Budget) -> Iterator[Line]:
    """The tokens, line by line; a quoted one may go over several."""

    def fill(found: "re.Match[str]") -> str:
        value = known.get(found["name"])
        if value is not None:
            return filled.add(value, found[0])
        # without a default it may hold anything
        return found["default"] if found["default"] is not None else found[0]

    line: Line = []
    text, (path, number, column) = written.text, written.start
    position, size, margin = 0, len(text), written.indent + 1
    while position < size:
        character = text[position]
        if character == "\n":
            if line:
                yield line
            line, number, column, position = [], number + 1, margin, position + 1
        elif character.isspace():
            position, column = position + 1, column + 1
        elif character == "#":
            position = next((end for end in [text.find("\n", position)] if end >= 0), size)
        elif character == "\\" and text[position + 1 : position + 2] == "\n":
            number, column, position = number + 1, margin, position + 2
        else:
            token, end = _token(text, position)
            place = Place(path, number, column)
            filled = Filled(budget, place)
            pasted = _VARIABLE.sub(fill, token)
            raw = token if pasted != token else None
            # what a variable pastes may be several words, or none
            quoted = character in {'"', "`"}
            words = [pasted] if quoted else pasted.split()
            line += [Value(word, place, raw) for word in words]
            breaks = text.count("\n", position, end)
            column = column + end - position if not breaks else end - text.rfind("\n", 0, end)
            number, position = number + breaks, end
    if line:
        yield line


def _token(text: str, start: int) -> tuple[str, int]:
    """The token that begins there, without its quotes, and where it ends."""
    quote = text[start]
    if quote in {'"', "`"}:
        position, found = start + 1, ""
        while position < len(text):
            if quote == '"' and text[position] == "\\" and text[position + 1 : position + 2] == '"':
                found, position = found + '"', position + 2
                continue
            if text[position] == quote:
                return found, position + 1
            found += text[position]
            position += 1
        return found, position
    position = start
    while position < len(text) and not text[position].isspace():
        # a variable may have a blank in its default
        if text.startswith("{$", position):
            position = max(text.find("}", position), position + 1)
        position += 1
    return text[start:position], position
