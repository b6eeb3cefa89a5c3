"""Configurations of nginx as its parser reads them: directives with their blocks; nothing is included."""

import os
import tempfile
from collections.abc import Iterator
from itertools import islice

from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.places import Directive, Value

Token = tuple[str, int, bool]
# far beyond any configuration; what comes after is not looked at
_MOST = 100_000


def read(path: str, text: str) -> tuple[tuple[Directive, ...], list[Finding]]:
    """The directives at the top, and what nginx would refuse."""
    # only for who has such a file
    import crossplane  # noqa: PLC0415
    from crossplane.errors import NgxParserSyntaxError  # noqa: PLC0415

    tokens: list[Token] = []
    findings = []
    with tempfile.TemporaryFile() as file:
        # its lexer reads files alone, and takes a descriptor for one
        file.write(text.encode())
        file.seek(0)
        try:
            tokens.extend(islice(crossplane.lex(os.dup(file.fileno())), _MOST))
        except NgxParserSyntaxError as error:
            place = Place(path, error.lineno or 1)
            findings.append(Finding("directive-syntax", "error", error.strerror, "one } for each {", place))
    columns = _columns(path, text, tokens)
    return tuple(_block(columns)), findings


def _columns(path: str, text: str, tokens: list[Token]) -> Iterator[tuple[Value, bool]]:
    """The tokens with their places, comments left out, and whether each was in quotes."""
    lines = text.split("\n")
    line, column = 0, 0
    for token, number, quoted in tokens:
        if token.startswith("#") and not quoted:
            continue
        if number != line:
            line, column = number, 0
        found = lines[number - 1].find(token, column) if 0 < number <= len(lines) else -1
        column = max(found, column)
        yield Value(token, Place(path, number, column + 1)), quoted
        column += len(token)


def _block(tokens: Iterator[tuple[Value, bool]]) -> Iterator[Directive]:
    """The directives up to the end of the block; a block within is read to its own end before it is handed out."""
    open_: list[tuple[list[Value], list[Directive]]] = [([], [])]
    words: list[Value] = []
    for value, quoted in tokens:
        if quoted or value.text not in {";", "{", "}"}:
            words.append(value)
        elif value.text == ";" and words:
            open_[-1][1].append(_directive(words, (), opened=False))
            words = []
        elif value.text == "{":
            open_.append((words, []))
            words = []
        elif value.text == "}" and len(open_) > 1:
            head, inner = open_.pop()
            words = []
            if head:
                open_[-1][1].append(_directive(head, tuple(inner), opened=True))
    while len(open_) > 1:
        head, inner = open_.pop()
        if head:
            open_[-1][1].append(_directive(head, tuple(inner), opened=True))
    yield from open_[0][1]


def _directive(words: list[Value], block: tuple[Directive, ...], *, opened: bool) -> Directive:
    return Directive(words[0].text, words[0].place, tuple(words[1:]), block, opened)
