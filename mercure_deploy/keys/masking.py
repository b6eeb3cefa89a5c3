"""A key is known by its value, wherever it stands: as text, base64, base64url, hex, inside JSON and PEM.

Every key that is read or made is remembered here, so that whatever is printed can be searched for it, and any file.
Of a ring that is known from its manifest alone only fingerprints are remembered: they tell a word that is a key.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator

from mercure_deploy.errors import MASKS

_FINGERPRINT = b"mercure-deploy fingerprint v1"
# the first characters of what is looked for: enough to be rare, fewer than any piece of a key
_WINDOW = 16
# so many consecutive characters of a secret are not printed
PIECE = 12
# every piece of that length holds a whole gram that begins at a multiple of its own length
_GRAM = PIECE // 2
_WORD = re.compile(r"[A-Za-z0-9_./:@%+,=?!^*-]{32,}")
# characters of base64 that say what kind of key a PEM is
_OPENING = 64
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", re.DOTALL)


def fingerprint(text: str) -> str:
    """The first 8 hex digits of HMAC-SHA256 with the key's text as key; tells keys apart and tells nothing else."""
    return hmac.new(text.encode(errors="surrogatepass"), _FINGERPRINT, hashlib.sha256).hexdigest()[:8]


class Known:
    """Keys that can be found in any text; it never gives one away."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all of them: who runs several commands in one process begins anew."""
        self._texts: dict[str, str] = {}
        self._new: list[str] = []
        self._pieces: dict[str, list[tuple[str, str]]] = {}
        self._marks: set[str] = set()
        self._grams: dict[str, list[tuple[str, int, str]]] = {}
        self._ungrammed: list[tuple[str, str]] = []

    def add(self, text: str, mark: str) -> None:
        """Remember a key by its text; `mark` is its fingerprint."""
        if text not in self._texts and len(text) >= _WINDOW:
            self._texts[text] = mark
            self._new.append(text)
            self._ungrammed.append((text, mark))

    def add_mark(self, mark: str) -> None:
        """Remember a key of which only the fingerprint is known."""
        self._marks.add(mark)

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """(start, end, fingerprint) of each place in `text` that is a key, in order, without overlaps."""
        pieces = self._index()
        start, last = 0, len(text) - _WINDOW
        if pieces:
            while start <= last:
                for piece, mark in pieces.get(text[start : start + _WINDOW], ()):
                    if text.startswith(piece, start):
                        yield start, start + len(piece), mark
                        start += len(piece) - 1
                        break
                start += 1
        if self._marks:
            yield from self._words(text)

    def mask(self, text: str) -> str:
        """The same text with <key fingerprint> in the place of every key, and of every 12 or more characters of one."""
        for begin, end, mark in sorted(self.find(text), reverse=True):
            text = f"{text[:begin]}<key {mark}>{text[end:]}"
        for begin, end, mark in reversed(list(self._parts(text))):
            text = f"{text[:begin]}<part of key {mark}>{text[end:]}"
        return text

    def _parts(self, text: str) -> Iterator[tuple[int, int, str]]:
        """As `find`, of what is no whole key and yet too much of one."""
        grams, position = self._index_of_grams(), 0
        while grams and position + _GRAM <= len(text):
            spans = [
                (*_common(text, position, secret, offset), mark)
                for secret, offset, mark in grams.get(text[position : position + _GRAM], ())
            ]
            begin, end, mark = max(spans, key=lambda span: span[1] - span[0], default=(0, 0, ""))
            if end - begin >= PIECE:
                yield begin, end, mark
                position = end
            else:
                position += 1

    def _index_of_grams(self) -> dict[str, list[tuple[str, int, str]]]:
        for text, mark in self._ungrammed:
            for secret in _plain(text):
                for offset in range(0, len(secret) - _GRAM + 1, _GRAM):
                    self._grams.setdefault(secret[offset : offset + _GRAM], []).append((secret, offset, mark))
        self._ungrammed.clear()
        return self._grams

    def _words(self, text: str) -> Iterator[tuple[int, int, str]]:
        known = set(self._texts.values())
        for found in _WORD.finditer(text):
            # the word itself, what follows NAME= or a colon, and what either is in base64
            for offset in (0, found[0].find("=") + 1, found[0].rfind(":") + 1):
                word = found[0][offset:]
                mark = next((m for m in map(fingerprint, _readings(word)) if m in self._marks - known), None)
                if mark:
                    yield found.start() + offset, found.end(), mark
                    break

    def _index(self) -> dict[str, list[tuple[str, str]]]:
        for text in self._new:
            for piece in set(_pieces(text)):
                self._pieces.setdefault(piece[:_WINDOW], []).append((piece, self._texts[text]))
        self._new.clear()
        return self._pieces


def _common(text: str, place: int, secret: str, offset: int) -> tuple[int, int]:
    """Begin and end, in `text`, of what it has in common with the secret around these places."""
    back = 0
    while back < min(place, offset) and text[place - back - 1] == secret[offset - back - 1]:
        back += 1
    length, most = 0, min(len(text) - place, len(secret) - offset)
    while length < most and text[place + length] == secret[offset + length]:
        length += 1
    return place - back, place + length


def _plain(text: str) -> Iterator[str]:
    """The forms of a secret of which a piece is a secret, too: its text, and what env files and JWK Sets hold of it."""
    private = _PRIVATE.search(text)
    if private:
        # the first and the last characters are those of every key of its kind
        yield "".join(private[1].split())[_OPENING:]
    elif text.startswith("eyJ"):
        # a token: everybody knows its header, and the beginning of its claims
        yield text.rpartition(".")[2]
    else:
        yield text
        yield base64.b64encode(text.encode(errors="surrogatepass")).decode().rstrip("=")


def _readings(word: str) -> Iterator[str]:
    yield word
    try:
        plain = word.translate(str.maketrans("-_", "+/"))
        yield base64.b64decode(plain + "=" * (-len(word) % 4), validate=True).decode()
    except (ValueError, binascii.Error):
        return


def _pieces(text: str) -> Iterator[str]:
    """Every form in which a key may stand in one line."""
    forms: list[bytes] = [text.encode()]
    private = _PRIVATE.search(text)
    if private:
        lines = private[1].split()
        # each line, and all of them in one, as a value that must be one line has them
        yield from (line for line in lines if len(line) >= _WINDOW)
        yield "".join(lines)
        forms.append(base64.b64decode("".join(lines)))
    else:
        yield text
    for form in forms:
        yield form.hex()
        yield form.hex().upper()
        yield from _base64(form)


def _base64(form: bytes) -> Iterator[str]:
    """Base64 of the bytes wherever they begin in what was encoded, without what the neighbours decide."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + form).decode()
        core = whole[-(-before * 8 // 6) : (before + len(form)) * 8 // 6]
        yield core
        yield core.translate(str.maketrans("+/", "-_"))


KNOWN = Known()
MASKS.append(KNOWN.mask)
