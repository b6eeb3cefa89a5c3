"""Apache's configuration: directives with their sections, as Apache takes lines apart."""

import re

from mercure_deploy.findings import Place
from mercure_deploy.readers.places import Directive, Value

WORDS = re.compile(r"^\s*(<VirtualHost\b|ProxyPass(Match)?\s|RewriteRule\s)", re.MULTILINE | re.IGNORECASE)
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


def read(path: str, text: str) -> tuple[Directive, ...]:
    """Its directives, names in lower case; a section is one with a block."""
    level: list[Directive] = []
    stack: list[tuple[str, Place, tuple[Value, ...], list[Directive]]] = []
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if begun else number
        if line.rstrip().endswith("\\"):
            begun += line.rstrip()[:-1] + " "
            continue
        whole, begun = begun + line, ""
        plain = whole.strip()
        if not plain or plain.startswith("#"):
            continue
        place = Place(path, first, whole.index(plain[0]) + 1)
        if plain.startswith("</"):
            if stack:
                name, where, arguments, above = stack.pop()
                above.append(Directive(name, where, arguments, tuple(level), opened=True))
                level = above
            continue
        words = _words(plain.strip("<>") if plain.startswith("<") else plain, place)
        if plain.startswith("<"):
            stack.append((words[0].text.lower(), place, tuple(words[1:]), level))
            level = []
        elif words:
            level.append(Directive(words[0].text.lower(), place, tuple(words[1:])))
    while stack:
        name, where, arguments, above = stack.pop()
        above.append(Directive(name, where, arguments, tuple(level), opened=True))
        level = above
    return tuple(level)


def _words(text: str, place: Place) -> list[Value]:
    return [
        Value(found[1] if found[1] is not None else found[2], place._replace(column=place.column + found.start()))
        for found in _WORD.finditer(text)
    ]
