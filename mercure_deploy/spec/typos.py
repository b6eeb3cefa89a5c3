"""What people type that YAML takes for something else: found in the text itself, with the place where it was typed.

A parser names the place where it could not go on, which is often lines away from the mistake, and in words of its own.
What is found here explains a text that could not be read; a text that can be read is nobody's business.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mercure_deploy.errors import Problem
from mercure_deploy.facts import lookalikes
from mercure_deploy.spec.shapes import all_words, together

_Found = tuple[int, str, str, str | None]  # column from 1, what, hint, id
_Located = tuple[int, int, str, str, None]  # line and column from 1, what, hint, no id

_CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_WORD = r"[a-z][a-z0-9_-]*"
_WORDS = all_words()
_STAR = re.compile(r"(?:\[|,|:|-)\s*(\*)\s*(?:[\],#]|$)")
_QUOTES = re.compile("[\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb]")
_TWO_KEYS = re.compile(rf"\s*(?:- +)?(?P<first>{_WORD}):\s+(?P<second>{_WORD}):(?:\s|$)")
_GLUED = re.compile(rf"(\s*(?:- +)?)({_WORD}):(?=[^\s:])(?!//)")
_NO_COLON = re.compile(rf"\s*(?P<word>{_WORD})(?P<rest>\s+\S.*|\s*)$")
# what YAML keeps for itself, or reads as a mapping, at the beginning of a value
_RESERVED = re.compile(r"(?:^\s*|[:\-\[,]\s+)(?P<sign>%|@|`|\{\{)")
_SLASHES = re.compile(r"(?:^|\s)(?P<sign>//)(?:\s|$)")
_BLOCK = re.compile(r"(?:[:-]|^)\s*[|>][-+0-9]*\s*(?:#.*)?$")


def slips(text: str, name: str, line: int | None = None) -> list[Problem]:
    """Every slip in `text`, in file order; `line` is where the parser gave up, None when the text is YAML."""
    found: list[tuple[int, int, str, str, str | None]] = []
    lines = text.split("\n")
    literal = _literal(lines)
    for number, each in enumerate(lines, start=1):
        deeper = number < len(lines) and _width(lines, number) > len(each) - len(each.lstrip())
        slip = None if number in literal else next(_in_line(each, deeper=deeper), None)
        if slip:
            found.append((number, *slip))
    if line is not None and not any(number <= line for number, *_ in found):
        spread = _open_quote(lines, line) or _open_bracket(lines, line) or _shifted(lines, line)
        found += [spread] if spread else []
    return [
        Problem(what, hint, f"{name}:{number}:{column}", id=id_) for number, column, what, hint, id_ in sorted(found)
    ]


def _literal(lines: Sequence[str]) -> set[int]:
    """The numbers of the lines of block scalars, whose text is nobody's business."""
    found: set[int] = set()
    inside: int | None = None
    for number, line in enumerate(lines, start=1):
        width = len(line) - len(line.lstrip())
        if inside is not None and (not line.strip() or width > inside):
            found.add(number)
            continue
        inside = width if _BLOCK.search(line) else None
    return found


def _width(lines: Sequence[str], number: int) -> int:
    """The indentation of the first line of code from that index on, 0 at the end."""
    following = (line for line in lines[number:] if line.strip() and not line.lstrip().startswith("#"))
    return next((len(line) - len(line.lstrip()) for line in following), 0)


def _in_line(line: str, *, deeper: bool) -> Iterator[_Found]:
    """What is wrong with a line; `deeper` is whether the next one is further in."""
    if _CONFLICT.match(line):
        yield 1, "is the mark of a merge conflict", "decide which side holds, and remove the marks", None
    code = _without_comment(line)
    for look_alike in (*lookalikes.marks(code), *lookalikes.letters(code, _WORDS)):
        yield *look_alike, None
    slashes = _SLASHES.search(code)
    if slashes:
        yield slashes.start("sign") + 1, "// begins no comment in YAML", "a comment begins with #, after a blank", None
    reserved = _RESERVED.search(code)
    if reserved:
        what = f"a value cannot begin with {reserved['sign']} in YAML"
        yield reserved.start("sign") + 1, what, _written_out(code[reserved.start("sign") :]), None
    glued = _GLUED.match(code)
    if glued and glued[2] in _WORDS:
        column = glued.end() + 1
        yield column, f"a blank is missing after {glued[2]}:", f"write {glued[2]}: VALUE", None
    bare = _NO_COLON.match(code)
    if bare and bare["word"] in _WORDS and (deeper or bare["rest"].strip()):
        value = " VALUE" if bare["rest"].strip() else ""
        hint = f"write {bare['word']}:{value}"
        yield bare.end("word") + 1, f"a colon is missing after {bare['word']}", hint, None
    two = _TWO_KEYS.match(code)
    if two and two["first"] in _WORDS and two["second"] in _WORDS:
        first, second = two["first"], two["second"]
        yield two.start("second") + 1, f"{second} stands on the line of {first}", _below(first, second), None
    star = _STAR.search(code)
    if star:
        hint = "list the origins of your pages; with credentials browsers refuse *"
        yield star.start(1) + 1, "* is not an origin", hint, "cors-wildcard-credentials"


def _written_out(value: str) -> str:
    if value.startswith(("%env(", "{{")):
        return "the spec is read as it is, nothing is filled in: write the value itself"
    return "write the value itself, without it"


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


def _open_quote(lines: Sequence[str], last: int) -> _Located | None:
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


def _open_bracket(lines: Sequence[str], last: int) -> _Located | None:
    """The innermost bracket that was opened on a line before the one where the parser gave up, and not closed there."""
    opened: list[tuple[int, int, str]] = []
    for number, line in enumerate(lines[: last - 1], start=1):
        for column, character in enumerate(_without_comment(line), start=1):
            if character in "{[":
                opened.append((number, column, character))
            elif character in "}]" and opened:
                opened.pop()
    if not opened:
        return None
    number, column, character = opened[-1]
    closing = "}" if character == "{" else "]"
    return (
        number,
        column,
        f"the {character} that opens here is not closed",
        f"close it with {closing} on this line",
        None,
    )


@dataclass
class _Level:
    """Lines of one indentation: `width` blanks, and the words that stand there."""

    width: int
    words: list[str]


def _shifted(lines: Sequence[str], last: int) -> _Located | None:
    """A line whose indentation is that of none of the blocks it may belong to."""
    levels: list[_Level] = []
    for number, line in enumerate(lines[:last], start=1):
        code = line.strip()
        if not code or code.startswith("#") or "\t" in line[: len(line) - len(line.lstrip())]:
            continue
        width, word = len(line) - len(line.lstrip(" ")), code.partition(":")[0]
        above = levels[-1].width if levels else 0
        opens = _opens(lines, number - 1)
        before = list(levels)
        while levels and levels[-1].width > width:
            levels.pop()
        if levels and levels[-1].width < width and not opens:
            kind = "the line above" if width > above else "its neighbours"
            home = _home(word, before) if width < above else before[-1]
            return number, width + 1, f"is indented by {width}, {kind} by {home.width}", _straight(home.width), None
        if not levels or levels[-1].width < width:
            levels.append(_Level(width, [word]))
        else:
            levels[-1].words.append(word)
    return None


def _home(word: str, levels: Sequence[_Level]) -> _Level:
    """The level whose words that one stands beside in a spec; the innermost where none is known."""
    return next((each for each in reversed(levels) if together(word, each.words)), levels[-1])


def _straight(width: int) -> str:
    return f"begin it in column {width + 1}, below its neighbours" if width else "begin it in column 1"


def _opens(lines: Sequence[str], number: int) -> bool:
    """Whether the last line of code before that index opens a block, so that what follows may be further in."""
    for line in reversed(lines[:number]):
        code = _without_comment(line).rstrip()
        if code.strip():
            return code.endswith((":", "|", ">", "|-", ">-", "[", "{", ",")) or code.lstrip().startswith("- ")
    return True
