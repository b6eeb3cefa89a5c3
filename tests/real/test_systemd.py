"""Units and environment files of generated shapes, read by systemd itself and by `lint`."""

import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import programs
import pytest

from mercure_deploy.readers import systemd

pytestmark = [pytest.mark.real, pytest.mark.against("systemd")]

SEED, NUMBER = int(os.environ.get("SEED", "1")), int(os.environ.get("N", "300"))
GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
NOBODY = 65534
NAMES = ["MERCURE_PUBLISHER_JWT_KEY", "SERVER_NAME", "A", "MERCURE_X"]
WORDS = ["ab12", "https://app.example.com", ":80", "x", "a b", "=", "#", ";", "é", "*", "/", "-----BEGIN KEY-----"]
SIGNS = ["\\", '"', "'", "\\n", "\\t", '\\"', "\\'", "\\\\", " ", "\t", "%%", "\\x41", "\\s", "\\$", "`"]
SIGNS += ["\u00a0", "\\xc3\\xa9", "\\a", "\\101"]


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that everybody may read: systemd does not show units to root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def pieces(rng: random.Random, signs: list[str]) -> str:
    text = "".join(rng.choice(WORDS + signs) for _ in range(rng.randint(0, 5)))
    quote = rng.choice(["", "", '"', "'"])
    return f"{quote}{text}{quote}"


def unit(rng: random.Random) -> str:
    lines = ["[Unit]", "Description=x", "[Service]", "ExecStart=/bin/true"]
    for _ in range(rng.randint(1, 5)):
        kind = rng.random()
        if kind < 0.1:
            lines.append(rng.choice(["Environment=", "# Environment=A=comment", "; x", "", "Environment = A=5"]))
            continue
        words = []
        for _ in range(rng.randint(1, 3)):
            name, value = rng.choice(NAMES), pieces(rng, SIGNS)
            words.append(rng.choice([f"{name}={value}", f'"{name}={value}"', f"'{name}={value}'", value]))
        joined = rng.choice([" ", "  ", " \\\n  "]).join(words)
        lines.append(f"Environment={joined}")
    return "\n".join([*lines, "", ""])


def shown(folder: Path) -> dict[str, dict[str, str]]:
    """The variables of each unit, as systemd shows them."""
    (folder / "default.target").write_text("[Unit]\nWants=" + " ".join(path.name for path in folder.glob("u*")) + "\n")
    argv = [programs.tools("systemd")["systemd"], "--test", "--system", "--unit=default.target"]
    if os.geteuid() == 0:
        argv = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", *argv]
    said = subprocess.run(argv, env={"SYSTEMD_UNIT_PATH": str(folder)}, capture_output=True, check=False, timeout=120)
    found: dict[str, dict[str, str]] = {}
    for block in re.split(r"^\t?-> Unit ", said.stdout.decode(), flags=re.MULTILINE)[1:]:
        name = block.partition(":\n")[0]
        # a line break in a value is one in what is shown
        rows = re.findall(r"^\t\tEnvironment: (.*?)\n(?=\t\t[A-Z]\w+|\t->)", block, re.DOTALL | re.MULTILINE)
        found[name] = dict(row.split("=", 1) for row in rows)
    return found


@pytest.mark.proves("`lint` reads Environment= of units as systemd itself does, of generated ones")
def test_assignments_of_a_unit(readable: Path):
    rng = random.Random(SEED)
    texts = {f"u{number}.service": unit(rng) for number in range(NUMBER)}
    for name, text in texts.items():
        (readable / name).write_text(text)
    real = shown(readable)
    wrong = {}
    for name, text in texts.items():
        read = {key: value.text for key, value in systemd.read(name, text, {}).service.environment.items()}
        if read != real.get(name, {}):
            wrong[name] = (text, real.get(name), read)
    assert len(real) >= NUMBER
    assert wrong == {}, f"{len(wrong)} of {NUMBER}, {sorted(wrong.values(), key=lambda row: len(row[0]))[:4]}"


def file(rng: random.Random) -> str:
    lines = []
    signs = [sign for sign in SIGNS if "$" not in sign]
    # the program that shows them passes over an empty value, where a service takes it in the place of one before
    for name in rng.sample(NAMES, rng.randint(1, len(NAMES))):
        kind = rng.random()
        if kind < 0.15:
            lines.append(rng.choice(["# A=comment", "; A=comment", "", "  ", "export A=1", "no assignment"]))
            continue
        many = "".join(pieces(rng, [*signs, "\n", "\\\n"]) for _ in range(rng.randint(1, 3)))
        lines.append(f"{rng.choice(['', ' '])}{name}{rng.choice(['=', '=', ' = '])}{many}")
    return "\n".join([*lines, ""])


def taken(folder: Path, text: str) -> dict[str, str]:
    """What systemd takes from an environment file, by the program that has the same reader and prints it."""
    (folder / "environment.d").mkdir(exist_ok=True)
    (folder / "environment.d/a.conf").write_text(text)
    environment = {"XDG_CONFIG_HOME": str(folder), "HOME": "/nonexistent"}
    said = subprocess.run([GENERATOR], env=environment, capture_output=True, check=True, timeout=60)
    found = {}
    for line in said.stdout.decode().splitlines():
        name, _, value = line.partition("=")
        if value.startswith('"'):
            value = re.sub(r"\\(.)", lambda at: {"n": "\n", "t": "\t"}.get(at[1], at[1]), value[1:-1])
        found[name] = value
    return {name: value for name, value in found.items() if name in NAMES}


@pytest.mark.proves("`lint` reads environment files as systemd itself does, of generated ones")
def test_values_of_an_environment_file(tmp_path: Path):
    rng = random.Random(SEED)
    wrong = []
    for _ in range(NUMBER):
        text = file(rng)
        real = taken(tmp_path, text)
        read = {name: value.text for name, value in systemd.variables_of("a.env", text)[0].items() if name in NAMES}
        # the program leaves most empty ones out
        if {name: value for name, value in read.items() if value or name in real} != real:
            wrong.append((text, real, read))
    assert wrong == [], f"{len(wrong)} of {NUMBER}, the first: {min(wrong, key=lambda row: len(row[0]))}"
