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
# what may be passed over, or be shown several times or elsewhere
_BRANCH = re.compile(r"\{%[-~]?\s*((?:end)?(?:if|for|macro|embed|apply|cache))\b")
_BLOCK = re.compile(r"\{%[-~]?\s*(?:block\s+(\w+)\s*[-~]?%\}|endblock\b)")
_UNKNOWN = "?"
_PAIRS = {"(": ")", "[": "]", "{": "}"}
# a call that is longer is not taken apart
_LONGEST = 4000
Credentials = Literal["with", "without", "unknown"]


@dataclass(frozen=True)
class Template:
    """Where a template calls `mercure()`, each with whether it asks for a cookie, and where it opens streams.

    `always` are the calls that ask for a cookie whenever what they stand in is shown, each with the block of Twig that
    it stands in and the hub that it names.
    """

    path: str
    calls: tuple[tuple[Place, bool], ...]
    always: tuple[tuple[Place, str, str | None], ...]
    streams: tuple[tuple[Place, Credentials], ...]


def read(path: str, text: str) -> Template:
    """The calls and streams of a template; what is commented out is left out."""
    plain = _COMMENTS.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    found = list(_found(_CALL, path, plain))
    calls = tuple((place, "subscribe" in "".join(words)) for place, words in found)
    starts = [each.start() for each in _CALL.finditer(plain)]
    asked = ((start, place, words[1]) for start, (place, words) in zip(starts, found, strict=True) if len(words) == 2)
    always = tuple(
        (place, _block(plain[:start]), hub)
        for start, place, options in asked
        if "subscribe" in options and _is_always(plain[:start]) and (hub := _hub(options)) != _UNKNOWN
    )
    streams = tuple((place, _credentials(words)) for place, words in _found(_OPENS, path, plain))
    return Template(path, calls, always, streams)


def _is_always(before: str) -> bool:
    """Whether nothing around that place keeps it from being shown: a condition, a loop, a macro, another template."""
    inside = sum(-1 if word.startswith("end") else 1 for word in _BRANCH.findall(before))
    # between braces or in a tag of its own, and not in one that has a condition
    tag = before[before.rfind("{{") :] if before.rfind("{{") > before.rfind("{%") else before[before.rfind("{%") :]
    return not inside and not any(sign in tag for sign in ("?", " if ", " and ", " or ", "=>"))


def _block(before: str) -> str:
    """The innermost block around that place, "" outside of all."""
    blocks = [""]
    for found in _BLOCK.finditer(before):
        if found[1]:
            blocks.append(found[1])
        elif len(blocks) > 1:
            blocks.pop()
    return blocks[-1]


def _hub(options: str) -> str | None:
    """The hub that the options name, None where they name none, _UNKNOWN where nobody can tell."""
    found = re.search(r"['\"]?\bhub['\"]?\s*:\s*(.*?)\s*(?:,\s*['\"]?\w+['\"]?\s*:|\}\s*$)", options, re.DOTALL)
    if not options.lstrip().startswith("{"):
        return _UNKNOWN
    if not found:
        return None
    name = found[1]
    quoted = len(name) > 1 and name[0] in "'\"" and name[-1] == name[0]
    return name[1:-1] if quoted else None if name == "null" else _UNKNOWN


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
