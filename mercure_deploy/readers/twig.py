"""Twig templates, as far as they speak of a hub: calls of `mercure()`, and streams that a script in them opens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mercure_deploy.findings import Place

WORDS = re.compile(r"\bmercure\s*\(|new\s+EventSource\s*\(")
_CALL = re.compile(r"\bmercure\s*\(")
_OPENS = re.compile(r"\bnew\s+(?:window\.)?EventSource\s*\(")
_COMMENTS = re.compile(r"\{#.*?#\}|<!--.*?-->|(?<![:'\"])//[^\n]*", re.DOTALL)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
# a call that is longer is not taken apart
_LONGEST = 4000
Credentials = Literal["with", "without", "unknown"]


@dataclass(frozen=True)
class Template:
    """Where a template calls `mercure()`, each with whether it asks for a cookie, and where it opens streams."""

    path: str
    calls: tuple[tuple[Place, bool], ...]
    streams: tuple[tuple[Place, Credentials], ...]


def read(path: str, text: str) -> Template:
    """The calls and streams of a template; what is commented out is left out."""
    plain = _COMMENTS.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    calls = tuple((place, "subscribe" in "".join(words)) for place, words in _found(_CALL, path, plain))
    streams = tuple((place, _credentials(words)) for place, words in _found(_OPENS, path, plain))
    return Template(path, calls, streams)


def _credentials(words: list[str]) -> Credentials:
    if len(words) < 2:
        return "without"
    options = words[1].strip()
    if not options.startswith("{"):
        return "unknown"
    found = re.search(r"withCredentials['\"]?\s*:\s*(\S+?)\s*[,}]", options)
    if not found:
        return "unknown" if "..." in options else "without"
    return {"true": "with", "!0": "with", "false": "without", "!1": "without"}.get(found[1], "unknown")  # type: ignore[return-value]


def _found(pattern: re.Pattern[str], path: str, text: str) -> Iterator[tuple[Place, list[str]]]:
    for found in pattern.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Place(path, line, found.start() - text.rfind("\n", 0, found.start())), _arguments(text, found.end())


def _arguments(text: str, start: int) -> list[str]:
    """The arguments of a call whose bracket has just been opened."""
    words, open_, quote = [""], [")"], ""
    for sign in text[start : start + _LONGEST]:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"`":
            quote = sign
        elif sign in _PAIRS:
            open_.append(_PAIRS[sign])
        elif sign == open_[-1]:
            open_.pop()
            if not open_:
                break
        elif sign == "," and len(open_) == 1:
            words.append("")
            continue
        words[-1] += sign
    return [word for word in words if word.strip()]
