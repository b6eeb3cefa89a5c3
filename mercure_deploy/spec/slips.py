"""What people type that YAML takes for something else: found in the text itself, with the place where it was typed.

A parser names the place where it could not go on, which is often lines away from the mistake, and in words of its own.
What is found here explains a text that could not be read; a text that can be read is nobody's business.
"""

import re
import unicodedata
from collections.abc import Iterator

from mercure_deploy.errors import Problem
from mercure_deploy.spec.models import App, Environment, Hub, Keys, Spec

_Found = tuple[int, str, str, str | None]  # column from 1, what, hint, id

# what looks like a blank, or like nothing at all
_BLANKS = re.compile("[\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]")
_CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_WORD = r"[a-z][a-z0-9_-]*"
_WORDS = frozenset(word for model in (Spec, Environment, Hub, App, Keys) for word in model.model_fields)
_STAR = re.compile(r"(?:\[|,|:|-)\s*(\*)\s*(?:[\],#]|$)")
_QUOTES = re.compile("[\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb]")
_TWO_KEYS = re.compile(rf"\s*(?:- +)?(?P<first>{_WORD}):\s+(?P<second>{_WORD}):(?:\s|$)")


def slips(text: str, name: str, line: int | None = None) -> list[Problem]:
    """Every slip in `text`, in file order; `line` is where the parser gave up, None when the text is YAML."""
    found = []
    lines = text.split("\n")
    for number, each in enumerate(lines, start=1):
        slip = next(_in_line(each), None)
        if slip:
            found.append((number, *slip))
    if line is not None and not any(number <= line for number, *_ in found):
        opened = _open_quote(lines, line)
        shifted = _shifted(lines, line)
        found += [each for each in (opened or shifted,) if each]
    return [
        Problem(what, hint, f"{name}:{number}:{column}", id=id_) for number, column, what, hint, id_ in sorted(found)
    ]


def _in_line(line: str) -> Iterator[_Found]:
    if _CONFLICT.match(line):
        yield 1, "is the mark of a merge conflict", "decide which side holds, and remove the marks", None
    code = _without_comment(line)
    blank = _BLANKS.search(code)
    if blank:
        named = unicodedata.name(blank[0], "a character").lower()
        what = f"U+{ord(blank[0]):04X} ({named}) looks like a blank and is none"
        yield blank.start() + 1, what, "type a plain blank instead", None
    glued = re.match(rf"(\s*(?:- +)?)({_WORD}):(?=[^\s:])(?!//)", code)
    if glued and glued[2] in _WORDS:
        column = glued.end() + 1
        yield column, f"a blank is missing after {glued[2]}:", f"write {glued[2]}: VALUE", None
    two = _TWO_KEYS.match(code)
    if two and two["first"] in _WORDS and two["second"] in _WORDS:
        first, second = two["first"], two["second"]
        yield two.start("second") + 1, f"{second} stands on the line of {first}", _below(first, second), None
    star = _STAR.search(code)
    if star:
        hint = "list the origins of your pages; with credentials browsers refuse *"
        yield star.start(1) + 1, "* is not an origin", hint, "cors-wildcard-credentials"


def _below(first: str, second: str) -> str:
    return f"write {second} on the next line, two blanks further in than {first}"


def _without_comment(line: str) -> str:
    """The line up to its comment, with what stands in quotes blanked out."""
    kept, quote = "", ""
    for position, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
            kept += "."
        elif character == "#" and (not position or line[position - 1].isspace()):
            break
        else:
            begins = not kept.strip() or kept.rstrip()[-1:] in {":", "-", "[", "{", ","}
            quote = character if character in "\"'" and begins else ""
            kept += character
    return kept


def _open_quote(lines: list[str], last: int) -> tuple[int, int, str, str, None] | None:
    """The first quote, up to the line where the parser gave up, that is not closed on its line."""
    for number, line in enumerate(lines[:last], start=1):
        found = re.match(rf"\s*(?:- +)?(?:{_WORD}:\s+)?(?P<quote>[\"'])(?P<rest>.*)$", line)
        if found and found["quote"] not in found["rest"]:
            column = found.start("quote") + 1
            return (
                number,
                column,
                f"the quote {found['quote']} that opens here is not closed",
                "close it on this line",
                None,
            )
    return None


def _shifted(lines: list[str], last: int) -> tuple[int, int, str, str, None] | None:
    """A line whose indentation is that of none of the blocks it may belong to."""
    levels: list[int] = []
    for number, line in enumerate(lines[:last], start=1):
        code = line.strip()
        if not code or code.startswith("#") or "\t" in line[: len(line) - len(line.lstrip())]:
            continue
        width = len(line) - len(line.lstrip(" "))
        above = levels[-1] if levels else 0
        opens = _opens(lines, number - 1)
        if width > above and levels and not opens:
            return number, width + 1, f"is indented by {width}, the line above by {above}", _straight(above), None
        while levels and levels[-1] > width:
            levels.pop()
        if levels and levels[-1] < width and not opens:
            return number, width + 1, f"is indented by {width}, its neighbours by {above}", _straight(above), None
        if not levels or levels[-1] < width:
            levels.append(width)
    return None


def _straight(width: int) -> str:
    return f"begin it in column {width + 1}, below its neighbours" if width else "begin it in column 1"


def _opens(lines: list[str], number: int) -> bool:
    """Whether the last line of code before that index opens a block, so that what follows may be further in."""
    for line in reversed(lines[:number]):
        code = _without_comment(line).rstrip()
        if code.strip():
            return code.endswith((":", "|", ">", "|-", ">-", "[", "{", ",")) or code.lstrip().startswith("- ")
    return True
