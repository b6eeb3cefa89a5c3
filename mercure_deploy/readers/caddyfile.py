"""Caddyfiles as Caddy reads them: tokens, blocks, site addresses; `{$NAME:default}` is filled in from what is known."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from mercure_deploy.findings import Finding
from mercure_deploy.readers import caddytokens
from mercure_deploy.readers.bounds import Budget
from mercure_deploy.readers.caddytokens import Line
from mercure_deploy.readers.places import Caddyfile, Directive, Value

_DEEPEST = 30
# words of a site that are no address of one
_DIRECTIVES = frozenset(
    "mercure rewrite respond header reverse_proxy handle handle_path route encode log uri redir php php_server"
    " php_fastcgi file_server root vulcain tls basic_auth basicauth request_header try_files vars map".split()
)
# what an import gives to its snippet
_ARGUMENT = re.compile(r"\{args(?:\[(?P<number>\d+)\]|\.(?P<old>\d+))\}")
_LISTED = re.compile(r"\{args\[(?P<begin>\d*):(?P<end>\d*)\]\}")


def read(written: Value, known: Mapping[str, Value]) -> Caddyfile:
    """The sites and options in a Caddyfile, be it a file of its own or a part of another."""
    lines = list(caddytokens.lines(written, known, budget := Budget()))
    found = Caddyfile(written.place.file, findings=budget.findings())
    found.findings += _unbalanced(lines)
    snippets: dict[str, tuple[Directive, ...]] = {}
    position = 0
    if lines and [token.text for token in lines[0]] == ["{"]:
        found.options, position = _block(lines, 1)
    if _is_part(written.place.file, lines[position:]):
        found.sites.append(((), tuple(_imported(_body(lines, position), snippets))))
        return found
    while position < len(lines):
        line = lines[position]
        # behind a comma the addresses go on
        while line[-1].text.endswith(",") and position + 1 < len(lines):
            position += 1
            line = [*line, *lines[position]]
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
        found.sites.append((tuple(line), _body(lines, position + 1)))
        break
    found.sites = [
        (tuple(_addresses(addresses)), tuple(_imported(inner, snippets))) for addresses, inner in found.sites
    ]
    return found


def _is_part(path: str, lines: list[Line]) -> bool:
    """Whether a file is the inner part of a site, which another one imports: it begins with what no address is."""
    name = path.rpartition("/")[2]
    if not lines or "Caddyfile" in name:
        return False
    first = lines[0][0].text
    return first.startswith("@") or first in _DIRECTIVES


def _body(lines: list[Line], position: int) -> tuple[Directive, ...]:
    """The directives from there to the end."""
    directives = []
    while position < len(lines):
        directive, position = _directive(lines, position, 0)
        directives.append(directive)
    return tuple(directives)


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
    lines = list(caddytokens.lines(written, {}, Budget()))
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
            given = [_given(inner, each.arguments[1:]) for inner in snippets[name]]
            yield from _imported(tuple(given), snippets, depth + 1)
        else:
            yield replace(each, block=tuple(_imported(each.block, snippets, depth + 1)))


def _given(each: Directive, arguments: tuple[Value, ...]) -> Directive:
    """A directive of a snippet, with what its import gives in the place of {args[0]} and its like."""
    words: list[Value] = []
    for word in each.arguments:
        listed = _LISTED.fullmatch(word.text)
        if listed is not None:
            begin, end = listed["begin"], listed["end"]
            words += arguments[int(begin) if begin else None : int(end) if end else None]
        else:
            words.append(replace(word, text=_ARGUMENT.sub(lambda found: _argument(found, arguments), word.text)))
    return replace(each, arguments=tuple(words), block=tuple(_given(inner, arguments) for inner in each.block))


def _argument(found: "re.Match[str]", arguments: tuple[Value, ...]) -> str:
    number = int(found["old"] or found["number"])
    return arguments[number].text if number < len(arguments) else found[0]


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
