"""Dockerfiles of generated shapes: what `lint` reads of one, and what the engine makes of it."""

import json
import os
import random
import re
from pathlib import Path

import engine
import pytest

from mercure_deploy.readers import dockerfile

pytestmark = [pytest.mark.e2e, pytest.mark.against("engine")]

SEED, NUMBER = int(os.environ.get("SEED", "1")), int(os.environ.get("N_IMAGES", "60"))
NAMES = ["MERCURE_PUBLISHER_JWT_KEY", "SERVER_NAME", "A", "MERCURE_X"]
WORDS = ["ab12", "https://app.example.com", ":80", "x", "=", "#", ";", "*", "/", "$A", "${A}", "${B:-c d}", "$B", "%"]
SIGNS = ["\\\\", '\\"', "\\'", " ", "\t", "\\$A", "\\n", "\\ "]


def value(rng: random.Random) -> str:
    """One that a quote of its own may surround, without an end that is missing."""
    text = "".join(rng.choice(WORDS + SIGNS) for _ in range(rng.randint(0, 4)))
    quote = rng.choice(["", "", '"', "'"])
    if not quote:
        return re.sub(r"(?<!\\)[ \t]", "_", text)
    return f"{quote}{text if quote == chr(34) else text.replace(chr(39), '')}{quote}"


def instructions(rng: random.Random) -> list[str]:
    lines = []
    for _ in range(rng.randint(1, 4)):
        name = rng.choice(NAMES)
        pairs = [f"{rng.choice(NAMES)}={value(rng)}" for _ in range(rng.randint(1, 3))]
        lines += rng.choice(
            [
                [f"ENV {' '.join(pairs)}"],
                ["ENV " + " \\\n    ".join(pairs)],
                ["env " + " \\\n    # a comment\n\n    ".join(pairs)],
                [f"ENV {name} {value(rng)} and more"],
                [f"ARG {name}={value(rng)}"],
                ["ARG B"],
                ["# ENV A=comment", "", f'CMD ["mercure", "{rng.choice(["run", "a b", "--x=y"])}"]'],
                ["CMD mercure run"],
            ]
        )
    return lines


def text_of(rng: random.Random) -> str:
    first = ["ARG A=global", "FROM scratch AS base", *instructions(rng)]
    return "\n".join([*first, "FROM base", *instructions(rng), ""])


def made(docker: engine.Docker, folder: Path, text: str) -> tuple[dict[str, str], list[str] | None] | None:
    """Variables and command of the image that the engine builds; None where it refuses the file."""
    (folder / "Dockerfile").write_text(text)
    said = docker("build", "-q", "--network=none", "-t", "made", ".", cwd=folder, check=False)
    if not re.match(r"sha256:", said):
        return None
    row = json.loads(docker("image", "inspect", "made"))[0]["Config"]
    docker("image", "rm", "-f", "made")
    found = dict(each.split("=", 1) for each in row["Env"] or [])
    return {name: text for name, text in found.items() if name in NAMES}, row["Cmd"]


@pytest.mark.proves("`lint` reads Dockerfiles as the engine builds them, generated ones")
def test_what_is_read_is_what_is_built(tmp_path: Path):
    rng = random.Random(SEED)
    wrong, built, names, known = [], 0, 0, 0
    with engine.engine() as docker:
        docker.environment["DOCKER_BUILDKIT"] = "0"
        for _ in range(NUMBER):
            text = text_of(rng)
            real = made(docker, tmp_path, text)
            if real is None:
                continue
            image = dockerfile.read("Dockerfile", text)
            read = {name: each.text for name, each in image.environment.items() if name in NAMES}
            built, names, known = built + 1, names + len(real[0]), known + len(read)
            # what an ARG without a default holds is known to the build alone
            differing = {name for name, each in read.items() if real[0].get(name) != each}
            command = real[1] or []
            command = command[2:] if command[:2] == ["/bin/sh", "-c"] else command
            if differing or (image.command.text if image.command else "") != " ".join(command):
                wrong.append((text, real, read, image.command))
    assert built > NUMBER * 3 / 4
    assert known > names * 0.9
    assert wrong == [], f"{len(wrong)} of {built}: {sorted(wrong, key=lambda row: len(row[0]))[:3]}"
