"""The one exception that a user sees: what happened, where, and what to do; it never prints itself."""

from collections.abc import Iterable
from typing import NamedTuple


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


def printable(text: str, most: int | None = None) -> str:
    """What somebody else wrote, harmless for a terminal, at most that many characters of it."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text[:most])


def closest(word: str, known: Iterable[str], *, names: str = "known are") -> str:
    """What to do about an unknown word: the known one that it was meant to be, else all of them."""
    from difflib import get_close_matches  # noqa: PLC0415 - only when something is wrong

    words = list(known)
    # of short words half the letters agree by chance
    near = get_close_matches(word[:60], words, n=1, cutoff=0.65 if len(word) < 6 else 0.7)
    return f"did you mean {near[0]}?" if near else f"{names}: {', '.join(words[:20])}"
