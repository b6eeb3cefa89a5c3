"""The one exception that a user sees: what happened, where, and what to do; it never prints itself."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

# who knows secrets puts its own here; as long as no ring, token or password was read there is none
MASKS: list[Callable[[str], str]] = []
_USER = re.compile(r":/{1,2}([^/?#\s]*)@")
_LONG = re.compile(r"[A-Za-z0-9+/_.-]{20,}")
_HEX = re.compile(r"[0-9a-f]{32,}|[0-9A-F]{32,}")
_KINDS = re.compile(r"[A-Z]+|[a-z]+|[0-9]+")


class Problem(NamedTuple):
    """One thing that is wrong.

    `where` is `file:line:col` when the problem has a place in a file, `path` the word of the spec there; `what` says
    what happened (lower case, no full stop), `hint` what to do about it; `id` is a finding id where one fits.
    """

    what: str
    hint: str | None = None
    where: str | None = None
    path: str | None = None
    id: str | None = None

    def __str__(self) -> str:
        said = f"{self.path}: {self.what}" if self.path else self.what
        line = f"{self.where or 'mercure-deploy'}: {said}" + (f" [{self.id}]" if self.id else "")
        return f"{line}\n  hint: {self.hint}" if self.hint else line


class Trouble(Exception):  # noqa: N818 - the contract's own word for exit code 2
    """What was asked for cannot be done or decided; ends a command with exit code `code`, 2 unless said otherwise.

    Trouble("what happened", hint="what to do") or, for several problems at once, Trouble(*problems).
    """

    def __init__(self, *problems: str | Problem, hint: str | None = None, code: int = 2) -> None:
        self.problems = tuple(p if isinstance(p, Problem) else Problem(p, hint) for p in problems)
        self.code = code
        super().__init__("\n".join(map(str, self.problems)))


def masked(text: str) -> str:
    """The text without any secret that is known, and without the user of a URL.

    Everything that is printed goes through here, and before it is cut.
    """
    for mask in MASKS:
        text = mask(text)
    return _USER.sub("://<hidden>@", text) if "@" in text else text


def printable(text: str, most: int | None = None) -> str:
    """What somebody else wrote, without secrets, harmless for a terminal, at most that many characters of it."""
    return "".join(character if character.isprintable() else "\ufffd" for character in masked(text)[:most])


def many(number: int, what: str) -> str:
    """A number with its noun, as in "2 files"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}{'es' if what.endswith('sh') else 's'}"


def typed(text: str, most: int = 60) -> str:
    """What a user typed, as `printable`; a password in a URL, and what may be a key in the wrong place, are hidden."""
    return printable(hidden(text), most)


def hidden(text: str) -> str:
    """The text without words that look like a key or a token."""
    return _LONG.sub(lambda word: "<hidden>" if _random(word[0]) else word[0], text)


def random_words(text: str) -> list[str]:
    """The words in what was typed that look like a key or a token, and the user of a URL."""
    return [*(user[1] for user in _USER.finditer(text)), *(w.lstrip("-") for w in _LONG.findall(text) if _random(w))]


def _random(word: str) -> bool:
    """Whether nobody would type that word as a name: it is a token, hex, or changes all the time between A, a and 0."""
    plain = word.strip("-_.")
    if plain.startswith("eyJ") or _HEX.fullmatch(plain):
        return True
    kinds = _KINDS.findall(plain)
    return len(kinds) * 4 > len(plain) and any(map(str.isupper, kinds)) and any(map(str.islower, kinds))


def closest(word: str, known: Iterable[str], *, names: str = "known are") -> str:
    """What to do about an unknown word: the known one that it was meant to be, else all of them."""
    from difflib import get_close_matches  # noqa: PLC0415 - only when something is wrong

    words = list(known)
    # of short words half the letters agree by chance
    near = get_close_matches(word[:60], words, n=1, cutoff=0.65 if len(word) < 6 else 0.7)
    return f"did you mean {near[0]}?" if near else f"{names}: {', '.join(words[:20])}"
