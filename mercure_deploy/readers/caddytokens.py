"""The tokens of a Caddyfile, line by line, as Caddy's lexer takes them; `{$NAME:default}` is filled in before."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mercure_deploy.findings import Place
from mercure_deploy.readers.bounds import Budget, Filled
from mercure_deploy.readers.places import Value

_VARIABLE = re.compile(r"\{\$(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<default>[^}]*))?\}")
_MARKER = re.compile(r"<<(?P<marker>[A-Za-z0-9_-]+)\r?\n")
# a word without quotes, and what stands between double ones
_WORD, _INSIDE = re.compile(r"(?:\\\S|[^\s\\])*"), re.compile(r'(?:\\.|[^"\\]|\\\Z)*', re.DOTALL)
_CONTINUED = re.compile(r"\\\r?\n")
Line = list[Value]


@dataclass
class _Source:
    """The text with its variables filled in, and where each sign of it stands in the file.

    `pasted` are (begin in the file, end in the file) of each variable, `begins` where each begins in the text.
    """

    text: str
    written: Value
    origins: list[int] = field(default_factory=list)
    pasted: list[tuple[int, int]] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", self.written.text))]

    def place(self, position: int) -> Place:
        """Where in the file the sign at that position stands."""
        return self.at(self.origins[position] if self.origins else position)

    def at(self, offset: int) -> Place:
        """The place of a sign of the file, by its number."""
        row = bisect_right(self._starts, offset) - 1
        path, number, column = self.written.start
        first = column if row == 0 else self.written.indent + 1
        return Place(path, number + row, first + offset - self._starts[row])

    def raw(self, begin: int, end: int) -> str | None:
        """How the token between two positions is written, None where no variable is in it."""
        inside = self.pasted[bisect_left(self.begins, begin) : bisect_right(self.begins, end)]
        if not inside:
            return None
        # a sign of the file before and behind the variables belongs to the token where it is no blank
        text = self.written.text
        first, last = inside[0][0], inside[-1][1]
        while first > 0 and not text[first - 1].isspace() and text[first - 1] not in '"`':
            first -= 1
        while last < len(text) and not text[last].isspace() and text[last] not in '"`':
            last += 1
        return text[first:last]


def lines(written: Value, known: Mapping[str, Value], budget: Budget) -> Iterator[Line]:
    """The tokens, line by line; a quoted one and a heredoc may go over several."""
    source = _filled(written, known, budget)
    text, position = source.text, 0
    line: Line = []
    while position < len(text):
        sign = text[position]
        if sign == "\n":
            if line:
                yield line
            line, position = [], position + 1
        elif sign.isspace():
            position += 1
        elif sign == "#":
            position = next((end for end in [text.find("\n", position)] if end >= 0), len(text))
        elif (skipped := _CONTINUED.match(text, position)) is not None:
            position = skipped.end()
        else:
            token, end = _token(text, position)
            if token is not None:
                line.append(Value(token, source.place(position), source.raw(position, end)))
            position = end
    if line:
        yield line


def _filled(written: Value, known: Mapping[str, Value], budget: Budget) -> _Source:
    """With its variables filled in, where they are known or have a default; a variable may stand for several words."""
    text, source = written.text, _Source("", written)
    pieces: list[str] = []
    length, position = 0, 0
    for found in _VARIABLE.finditer(text):
        value, default = known.get(found["name"]), found["default"]
        filled = Filled(budget, source.at(found.start()))
        # without a default it may hold anything
        pasted = filled.add(value, found[0]) if value is not None else default if default is not None else found[0]
        before = text[position : found.start()]
        pieces += [before, pasted]
        source.origins += [*range(position, found.start()), *[found.start()] * len(pasted)]
        length += len(before)
        source.pasted.append(found.span())
        source.begins.append(length)
        length, position = length + len(pasted), found.end()
    if not pieces:
        source.text = text
        return source
    source.origins += range(position, len(text) + 1)
    source.text = "".join([*pieces, text[position:]])
    return source


def _token(text: str, start: int) -> tuple[str | None, int]:
    """The token that begins there, without its quotes, and where it ends; None for a backslash alone."""
    if text[start] == '"':
        return _quoted(text, start + 1)
    if text[start] == "`":
        end = text.find("`", start + 1)
        return (text[start + 1 : end], end + 1) if end >= 0 else (text[start + 1 :], len(text))
    heredoc = _MARKER.match(text, start)
    if heredoc is not None:
        return _heredoc(text, heredoc)
    word = _WORD.match(text, start)
    position = word.end() if word else start
    # a backslash keeps a < from beginning a heredoc, and is itself before all else
    token = re.sub(r"\\(\S)", lambda each: "<" if each[1] == "<" else each[0], text[start:position])
    if text[position : position + 1] == "\\":
        # before a blank it is nothing, and the end of a line is a blank
        position += 2 if text[position + 1 : position + 2] == "\n" else 1
    return token or None, position


def _quoted(text: str, start: int) -> tuple[str, int]:
    inner = _INSIDE.match(text, start)
    end = inner.end() if inner else start
    return re.sub(r"\\(.)", lambda each: '"' if each[1] == '"' else each[0], text[start:end], flags=re.DOTALL), end + 1


def _heredoc(text: str, begun: re.Match[str]) -> tuple[str, int]:
    """The text up to its marker, without what the line of the marker has before it."""
    marker = begun["marker"]
    end = text.find(marker, begun.end())
    if end < 0:
        return text[begun.start() : begun.end()].strip(), begun.end()
    *listed, padding = text[begun.end() : end].split("\n")
    return "\n".join(each.removeprefix(padding) for each in listed), end + len(marker)
