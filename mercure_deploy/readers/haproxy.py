"""HAProxy's configuration: sections, each with its lines."""

import re
import shlex

from mercure_deploy.findings import Place
from mercure_deploy.readers.places import Directive, Value

WORDS = re.compile(r"^\s*(backend|listen|frontend)\s+\S+.*$", re.MULTILINE)
_SECTIONS = frozenset("global defaults frontend backend listen userlist resolvers peers cache program".split())


def read(path: str, text: str) -> tuple[Directive, ...]:
    """The sections, their lines as directives in their block."""
    found: list[tuple[str, Place, tuple[Value, ...], list[Directive]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = _words(line, path, number)
        if not words:
            continue
        name, *arguments = words
        if name.text in _SECTIONS:
            found.append((name.text, name.place, tuple(arguments), []))
        elif found:
            found[-1][3].append(Directive(name.text, name.place, tuple(arguments)))
    return tuple(Directive(name, place, words, tuple(lines), opened=True) for name, place, words, lines in found)


def _words(line: str, path: str, number: int) -> list[Value]:
    try:
        texts = shlex.split(line, comments=True)
    except ValueError:
        texts = line.partition("#")[0].split()
    found, column = [], 0
    for text in texts:
        column = max(line.find(text, column), column)
        found.append(Value(text, Place(path, number, column + 1)))
    return found
