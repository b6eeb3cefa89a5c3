"""Variables of containers in manifests: what `lint` reads, and what kubectl and the kubelet make of them."""

import json
import os
import random
import subprocess
from typing import Any

import programs
import pytest

from mercure_deploy.readers import kubernetes, yamlfile

pytestmark = [pytest.mark.real, pytest.mark.against("kubernetes")]

SEED, NUMBER = int(os.environ.get("SEED", "1")), int(os.environ.get("N", "300"))
NAMES = ["MERCURE_PUBLISHER_JWT_KEY", "SERVER_NAME", "A", "a.b-c"]
WORDS = "$(A) $$(A) $(B) $A $$ $ $( $(SERVER_NAME) $(a.b-c) ) ab12 :80 x $(A)$(A) $$$(A) $(A".split()
SCALARS = (
    "80 :80 012 08 0o17 1e3 1.50 yes on y n NO No nO ~ 1_000 0x1F 1:30 2026-11-28 .5 5. +1 -0 1e400 0.1e-7 true True"
    " tRue .inf +.Inf .nan 0b11 0b12 = 1_ 0 00 -0x1f 1e 5e123 e5 12ab 1.2.3 - off"
    f" {'1234567890' * 3} 0x{'f' * 16} 0x{'f' * 17}"
).split()


def document(rng: random.Random) -> str:
    lines = ["env:"]
    for _ in range(rng.randint(1, 5)):
        text = "".join(rng.choice(WORDS) for _ in range(rng.randint(0, 4)))
        value = rng.choice([json.dumps(text), json.dumps(text), rng.choice(SCALARS), f"'{text}'"])
        lines.append(f"  - name: {rng.choice(NAMES)}\n    value: {value}")
    return "\n".join([*lines, ""])


def asked(documents: list[str]) -> list[dict[str, Any]]:
    argv = [programs.tools("kubernetes")["kubernetes"]]
    said = subprocess.run(argv, input=json.dumps(documents), capture_output=True, text=True, check=True, timeout=120)
    found: list[dict[str, Any]] = json.loads(said.stdout)
    return found


def read(text: str) -> tuple[dict[str, str], list[str]]:
    """The variables of the container, and the values that are refused."""
    container = "\n".join(f"          {line}" for line in text.splitlines())
    whole = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  containers:\n        - name: y\n{container}\n"
    documents = yamlfile.read_all("pod.yaml", whole)
    if not isinstance(documents, list):
        return {}, [documents.what]
    cluster = kubernetes.read(documents)
    refused = [each.what for each in cluster.findings if each.id == "directive-syntax"]
    return {name: value.text for name, value in cluster.services[0].environment.items()}, refused


@pytest.mark.proves("`lint` reads variables of manifests as kubectl and the kubelet do, of generated ones")
def test_what_is_read_is_what_a_container_gets():
    rng = random.Random(SEED)
    documents = [document(rng) for _ in range(NUMBER)]
    documents += [f"env:\n  - name: A\n    value: {scalar}\n" for scalar in SCALARS]
    wrong = []
    for text, real in zip(documents, asked(documents), strict=True):
        known, refused = read(text)
        # a reference that nothing stands for is a finding, and its value unknown
        got = real["env"] or {}
        differing = {name: value for name, value in known.items() if got.get(name) != value}
        if bool(real["refused"]) != bool(refused) or (not refused and differing):
            wrong.append((text, real, known, refused))
    assert wrong == [], f"{len(wrong)} of {len(documents)}: {sorted(wrong, key=lambda row: len(row[0]))[:4]}"
