#!/usr/bin/env bash
# msgspec 0.22.0: Decoder.decode_lines, "decode a list of items from newline-delimited JSON", knows no lines. Documents
# that follow each other on one line are all taken, one that goes over two lines is one, and empty lines are none: the
# length of what it returns says nothing about the number of lines, and item 7 need not be of line 7. Seen 2026-11-28.
#
# What one would guess: an item a line, and an error for `{"a":1}{"a":2}`, as of a log whose writers got in each other's
# way. decode() of the same line refuses it.
#
# Exits with 1 when that is no longer so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check msgspec==0.22.0
"$place/venv/bin/python" - << 'PYTHON'
import msgspec

print("msgspec", msgspec.__version__)
decoder, wrong = msgspec.json.Decoder(), 0
cases = {
    b'{"a":1}{"a":2}\n': [{"a": 1}, {"a": 2}],
    b"1 2 3\n": [1, 2, 3],
    b'{"a":\n1}\n{"a":2}\n': [{"a": 1}, {"a": 2}],
    b'{"a":1}\n\n\n{"a":2}\n': [{"a": 1}, {"a": 2}],
}
for text, expected in cases.items():
    found = decoder.decode_lines(text)
    print(f"{text!r}: {text.count(10)} ends of lines, {len(found)} items")
    wrong += found != expected
try:
    decoder.decode(b'{"a":1}{"a":2}\n')
    wrong += 1
except msgspec.DecodeError as error:
    print(f"decode of the first: {error}")
raise SystemExit(1 if wrong else 0)
PYTHON
