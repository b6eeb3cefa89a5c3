"""Characters that look like another one and are none: blanks, full-width marks, letters of another alphabet."""

import re
import unicodedata
from collections.abc import Container, Iterator

Found = tuple[int, str, str]  # column from 1, what, hint

# what looks like a blank, or like nothing at all
_BLANKS = re.compile("[\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]")
_WORD = re.compile(r"[^\W\d_]+")
# letters that are drawn as a Latin one (Unicode TR 39, confusables: Cyrillic and Greek, lower and upper case)
_DRAWN = dict(
    zip(
        "\u0430\u0441\u0501\u0435\u04bb\u0456\u0458\u043e\u0440\u051b\u0455\u051d\u0445\u0443\u04cf\u043a\u03bf\u03b1\u03bd\u03c1"
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7",
        "acdehijopqswxylkoavp" + "ABEKMHOPCTX" + "ABEHIKMNOPTX",
        strict=True,
    )
)

_LATIN = str.maketrans(_DRAWN)


def marks(code: str) -> Iterator[Found]:
    """Blanks and punctuation in a line that only look like those of YAML."""
    for position, character in enumerate(code):
        if character.isascii():
            continue
        if _BLANKS.match(character):
            yield position + 1, f"{named(character)} looks like a blank and is none", "type a plain blank instead"
        elif (plain := unicodedata.normalize("NFKC", character)) != character and plain in set(":#,[]{}-\"'"):
            yield position + 1, f"{named(character)} looks like {plain} and is none", f"type {plain} instead"


def letters(code: str, known: Container[str]) -> Iterator[Found]:
    """Words in which a letter of another alphabet stands for a Latin one that is drawn the same.

    So is every letter of a word that looks like one of `known`.
    """
    for word in _WORD.finditer(code):
        odd = 0 if not word[0].isascii() and word[0].translate(_LATIN) in known else odd_letter(word[0])
        odd = odd if odd is None or word[0][odd] in _DRAWN else odd_letter(word[0])
        if odd is not None:
            character = word[0][odd]
            hint = f"type the letter {_DRAWN[character]} again, with a Latin keyboard"
            yield word.start() + odd + 1, f"{named(character)} looks like {_DRAWN[character]} and is none", hint


def odd_letter(word: str) -> int | None:
    """Where in the word a letter of another alphabet stands for a Latin one; None where none does.

    A word wholly of another alphabet is a word of that language.
    """
    first = next((place for place, character in enumerate(word) if character in _DRAWN), None)
    if first is None:
        return None
    latin = any(character.isascii() or "LATIN" in unicodedata.name(character, "") for character in word)
    return first if latin else None


def named(character: str) -> str:
    """Code point and name, as in U+00A0 (no-break space)."""
    return f"U+{ord(character):04X} ({unicodedata.name(character, 'a character').lower()})"
