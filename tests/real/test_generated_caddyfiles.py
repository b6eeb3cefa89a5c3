"""Caddyfiles of generated shapes: what the hub's own Caddy makes of them, and `lint`."""

import json
import os
import random
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import programs
import pytest
from test_foreign_files import adapted_facts, blocks, facts, found, handlers, host_of

from mercure_deploy.findings import Place
from mercure_deploy.readers import caddyfile
from mercure_deploy.readers.block import split
from mercure_deploy.readers.places import Value

pytestmark = [pytest.mark.real, pytest.mark.against("hub")]

SEED, NUMBER = int(os.environ.get("SEED", "1")), int(os.environ.get("N_CADDYFILES", "150"))
VARIABLES = {"KEY": "ab12", "TWO": "ab cd", "QUOTED": '"x y"', "HOST": "hub.example.com", "EMPTY": ""}
WORDS = ["ab12", "\\", "#", "a#b", "{$KEY}", "{$NONE:d}", "{env.KEY}", "x", "=", ":", "é", "$", "%", "{$EMPTY}z", "'"]
WORDS += ["<", "/"]
HEADS = ["hub.example.com", "{$HOST}", ":80", "http://hub.example.com:3000", "{$NONE::8080}", "a.example.com, b.test"]
INSIDE = [*WORDS, " ", "\\\\", "\n", '\\"', "`", "{$TWO}", "\t", "\\n"]


def token(rng: random.Random) -> str:
    """One word, as somebody may write it."""
    shape = rng.random()
    if shape < 0.4:
        text = "".join(rng.choice(WORDS) for _ in range(rng.randint(1, 3)))
        # a backslash alone goes over to the word behind the blank
        return f"x{text}" if text.startswith("#") or not text.strip("\\") else text
    inner = "".join(rng.choice(INSIDE) for _ in range(rng.randint(0, 4)))
    if shape < 0.75:
        return f'"{inner}"'
    if shape < 0.9:
        return "`" + inner.replace("`", "") + "`"
    return rng.choice(["{$TWO}", "{$QUOTED}", "{$KEY}", "{$NONE:a}", "<<END\n\t\ta key\n\t\tEND"])


def origins(rng: random.Random) -> str:
    listed = [rng.choice(["https://a.example.com", "*", "http://localhost:{$NONE:8000}", '"https://b.example.com"'])]
    listed += ["https://c.example.com"] if rng.random() < 0.5 else []
    return rng.choice([" ", "  ", " \\\n\t\t\t"]).join(listed)


def hub(rng: random.Random, snippet: str | None) -> str:
    lines = [f"publisher_jwt {token(rng)}{rng.choice(['', '', ' HS512'])}", f"subscriber_jwt {token(rng)}"]
    lines += [f"cors_origins {origins(rng)}"] if rng.random() < 0.7 else []
    lines += [rng.choice(["anonymous", "# anonymous", "anonymous # for all", "transport local"])]
    lines += [f"import {snippet}"] if snippet else []
    rng.shuffle(lines)
    inner = "".join(f"\t\t{line}\n" for line in lines)
    return f"\tmercure {{\n{inner}\t}}\n"


def file(rng: random.Random) -> str:
    parts, snippet = [], None
    if rng.random() < 0.3:
        parts.append("{\n\tadmin off # the socket\n}\n")
    if rng.random() < 0.4:
        arguments = rng.choice(["", " https://d.example.com", " https://d.example.com https://e.example.com"])
        word = (
            rng.choice(["{args[0]}", "{args.0}", "{args[:]}", "https://f.example.com"])
            if arguments
            else "https://f.example.com"
        )
        parts.append(f"(more) {{\n\tcors_origins {word}\n\theartbeat 30s\n}}\n")
        snippet = f"more{arguments}"
    head = rng.choice(HEADS)
    head = rng.choice([head, head, f"{head},\nlocalhost"])
    body = hub(rng, snippet)
    wrapped = rng.choice([body, body, f"\troute {{\n{body}\t}}\n", f"\thandle /.well-known/* {{\n{body}\t}}\n"])
    if len(parts) == 0 and rng.random() < 0.15:
        return f"{head}\n\n{wrapped}\trespond 404\n"
    return "".join([*parts, f'{head} {{\n{wrapped}\trespond "none" 404\n}}\n'])


def adapted(folder: Path, text: str) -> Any:
    """Its JSON, None where Caddy refuses it."""
    (folder / "Caddyfile").write_text(text)
    argv = [programs.tools("hub")["hub"], "adapt", "--config", "Caddyfile", "--adapter", "caddyfile"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **VARIABLES}
    said = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return json.loads(said.stdout) if said.returncode == 0 else None


@pytest.mark.proves("`lint` reads generated Caddyfiles as the hub's own Caddy does")
def test_what_is_read_is_what_caddy_adapts(tmp_path: Path):
    rng = random.Random(SEED)
    known = {name: Value(value, Place("hub.env", 1)) for name, value in VARIABLES.items()}
    wrong, taken = [], 0
    for _ in range(NUMBER):
        text = file(rng)
        real = adapted(tmp_path, text)
        if real is None:
            continue
        taken += 1
        read = caddyfile.read(Value(text, Place("Caddyfile", 1)), known)
        found_blocks = [block for _, directives in read.sites for block in blocks(directives)]
        # a directive needs no line of its own
        ours = [facts(replace(block, block=tuple(split(block.block)))) for block in found_blocks]
        # an empty key is none in its JSON
        ours = [{name: each or (None if "jwt" in name else each) for name, each in row.items()} for row in ours]
        expected = [adapted_facts(each) for each in handlers(real) if each.get("handler") == "mercure"]
        hosts = {host for match in found(real, "host") for host in match}
        addresses = {host for listed, _ in read.sites for each in listed if (host := host_of(each.text))}
        if {*map(json.dumps, ours)} != {*map(json.dumps, expected)} or hosts != addresses:
            wrong.append((text, expected[:1], ours[:1], hosts ^ addresses))
    assert taken > NUMBER / 2
    assert wrong == [], f"{len(wrong)} of {taken}: {sorted(wrong, key=lambda row: len(row[0]))[:5]}"
