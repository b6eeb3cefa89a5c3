"""Variables of services in generated shapes: what docker compose makes of them, and `lint`."""

import json
import os
import random
from pathlib import Path

import pytest
from test_foreign_files import composed

from mercure_deploy.readers import compose, dotenv, yamlfile

pytestmark = [pytest.mark.real, pytest.mark.against("compose")]

SEED, NUMBER = int(os.environ.get("SEED", "1")), int(os.environ.get("N", "300"))
NAMES = ["MERCURE_PUBLISHER_JWT_KEY", "SERVER_NAME", "A", "B_2", "MERCURE_EXTRA_DIRECTIVES"]
DOTENV = "SET=s\nEMPTY=\nKEY='a$$b'\nDOLLAR='$x'\n"
WORDS = "ab12 https://app.example.com :80 x $$ $$SET ${SET} $SET ${EMPTY} ${NONE:-d} ${NONE-d} ${EMPTY:-e}".split()
WORDS += "${EMPTY-e} ${SET:+r} ${EMPTY:+r} ${SET+r} ${NONE:-${SET}} ${NONE:-a:b} ${NONE:-} ${SET:?no} ${KEY}".split()
WORDS += "${DOLLAR} = # ; * é % ' \" \\".split()
WORDS += [" ", "\n", "\\n", "${NONE:-a b}", "${NONE:-${EMPTY:-z}}y", "}", "{"]
PLAIN = ["80", "1.50", "abc", "0x1F", "1e3", "012", "''", '""', "on", "~", "", "2026-11-28", "https://x/y#z", "a b"]
PLAIN += [
    "-0",
    "+1",
    ".5",
    "5.",
    "1_000",
    "0o17",
    "0b11",
    "1e21",
    "1e20",
    "0.00001",
    "1234567890" * 3,
    "5e12",
    "08",
    "1:30",
]


def scalar(rng: random.Random) -> str:
    text = "".join(rng.choice(WORDS) for _ in range(rng.randint(0, 4)))
    shape = rng.random()
    if shape < 0.2:
        return rng.choice(PLAIN)
    if shape < 0.6:
        return json.dumps(text, ensure_ascii=False)
    return "'" + text.replace("'", "''").replace("\n", " ") + "'"


def service(rng: random.Random, number: int) -> str:
    lines = [f"  s{number}:", "    image: example/x", "    environment:"]
    names = rng.sample(NAMES, rng.randint(1, len(NAMES)))
    if rng.random() < 0.5:
        return "\n".join([*lines, *(f"      {name}: {scalar(rng)}" for name in names)])
    for name in names:
        text = "".join(rng.choice(WORDS) for _ in range(rng.randint(0, 4)))
        # now and then one that comes from outside
        whole = name if rng.random() < 0.1 else f"{name}={text}"
        lines.append(f"      - {json.dumps(whole, ensure_ascii=False)}")
    return "\n".join(lines)


@pytest.mark.proves("`lint` reads variables of generated services as `docker compose config` does")
def test_what_is_read_is_what_compose_reads(tmp_path: Path):
    rng = random.Random(SEED)
    text = "services:\n" + "\n".join(service(rng, number) for number in range(NUMBER)) + "\n"
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / ".env").write_text(DOTENV)
    config = composed(tmp_path, "compose.yaml")["services"]
    document = yamlfile.read("compose.yaml", text)
    assert isinstance(document, yamlfile.Node)
    wrong = []
    for each in compose.services(document, dotenv.read(".env", DOTENV).variables):
        real = config[each.name]["environment"]
        expected = {name: value.replace("$$", "$") for name, value in real.items() if value is not None}
        read = {name: value.text for name, value in each.environment.items()}
        passed = {name for name, value in real.items() if value is None}
        if read != expected or each.passed != passed:
            names = {name for name in {*expected, *read} if expected.get(name) != read.get(name)}
            differing = {name: (expected.get(name), read.get(name)) for name in names}
            wrong.append((each.name, differing, each.passed ^ passed))
    assert wrong == [], f"{len(wrong)} of {NUMBER}: {wrong[:6]}"
