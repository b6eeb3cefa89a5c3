"""Env files of generated shapes: what Symfony's Dotenv makes of them, and `lint`."""

import json
import os
import random
from typing import Any

import pytest
from test_readers import symfony

from mercure_deploy.readers import dotenv

pytestmark = [pytest.mark.real, pytest.mark.against("php", "symfony", "symfony_newer")]

SEED, NUMBER = int(os.environ.get("SEED", "1")), int(os.environ.get("N", "300"))
NAMES = ["MERCURE_JWT_SECRET", "MERCURE_URL", "A", "B_2"]
# no command: Symfony would run it
WORDS = "ab12 https://app.example.com :80 # = $A ${A} ${B_2:-c} ${A:=d} $ ' ; * é ! % & ` $1 ${".split()
WORDS += ['"', '\\"', "\\\\", "\\n", "\\$A", "\\#", " ", "\t", "  ", "\\", "\n"]


def value(rng: random.Random) -> str:
    text = "".join(rng.choice(WORDS) for _ in range(rng.randint(0, 4)))
    quote = rng.choice(["", "", "'", '"', '"'])
    if not quote:
        return text.replace("\n", "")
    # of the same quote only what is meant to end it, but now and then
    inner = text if rng.random() < 0.1 else text.replace(quote, "")
    return f"{quote}{inner}{quote}{rng.choice(['', '', '', ' # comment', 'x', ' '])}"


def file(rng: random.Random) -> str:
    lines = []
    for _ in range(rng.randint(1, 4)):
        shape = rng.random()
        if shape < 0.15:
            lines.append(rng.choice(["# A=comment", "", "  ", "  # x", "export A", "2A=b"]))
            continue
        head = rng.choice(["", "", "", "export ", "  "])
        sign = rng.choice(["=", "=", "=", "=", " = ", "= "])
        lines.append(f"{head}{rng.choice(NAMES)}{sign}{value(rng)}")
    return rng.choice(["\n", "\n", "\n", "\r\n"]).join([*lines, ""])


def parsed(suite: str, texts: list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(symfony(suite, "dumps", text=json.dumps(texts)).stdout)
    return rows


@pytest.mark.proves("`lint` reads generated env files as Symfony's Dotenv does")
@pytest.mark.parametrize("suite", ["symfony", "symfony_newer"])
def test_what_is_read_is_what_symfony_reads(suite: str):
    rng = random.Random(SEED)
    texts = [file(rng) for _ in range(NUMBER)]
    wrong, taken = [], 0
    for text, real in zip(texts, parsed(suite, texts), strict=True):
        read = dotenv.read("x.env", text)
        values = {name: each.text for name, each in read.variables.items()}
        told = [each.what for each in (*read.findings, *read.refused)]
        if "refused" in real:
            if not told:
                wrong.append((text, real, values, told))
            continue
        taken += 1
        expected = real["values"]
        # a variable that no file has stays a reference here
        known = {name: each for name, each in values.items() if "$" not in each}
        if any("opens here is not closed" in each for each in told):
            # where the next line begins like a variable the quote is taken for a slip, and said to be one
            continue
        if values.keys() != expected.keys() or any(expected[name] != each for name, each in known.items()):
            wrong.append((text, real, values, told))
    assert taken > NUMBER / 4
    assert wrong == [], f"{len(wrong)} of {NUMBER}: {sorted(wrong, key=lambda row: len(row[0]))[:6]}"
