"""What render writes plays through, and each value of it that is broken fails one step, by the id of that value."""

import os
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from specs import environment, setups

from mercure_deploy.cli import main
from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.lint import Examined, Told, examine

SEED, NUMBER = int(os.environ.get("SEED", "1")), int(os.environ.get("N_SPECS", "500"))
Files = Sequence[tuple[str, str]]


def examined(files: Files, env: dict[str, Any], name: str) -> Examined:
    app = env["apps"][name]
    pages = (parse_origin(app["url"]),) if app.get("subscribe", True) else ()
    return examine(files, Told(pages, parse_origin(env["hub"]["url"])), lambda _: True)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict[str, Any], Path]]:
    folder = tmp_path_factory.mktemp("own")
    rng = random.Random(SEED)
    environments = {f"env-{number}": environment(number, rng) for number in range(NUMBER)}
    with (folder / "mercure.yaml").open("w") as file:
        YAML(typ="safe").dump({"version": 1, "environments": environments}, file)
    assert main(["render", "-q", "-f", str(folder / "mercure.yaml"), "-o", str(folder / "out")]) == 0
    return {name: (env, folder / "out" / name) for name, env in environments.items()}


@pytest.mark.slow
@pytest.mark.usefixtures("capsys")
def test_what_is_rendered_plays_through(rendered: dict[str, tuple[dict[str, Any], Path]]):
    wrong = []
    for name, (env, folder) in rendered.items():
        for app, files in setups(folder, list(env["apps"])).items():
            found = examined(files, env, app)
            bad = [(each.id, each.level, each.what, each.place) for each in found.findings]
            fails = [(each.step, each.because) for each in found.play if each.outcome == "fails"]
            if bad or fails:
                wrong.append((name, app, env, bad, fails))
    assert not wrong, f"{len(wrong)}\n" + "\n".join(map(str, wrong[:5]))


# what is broken, in which files, how, and the ids one of which is said
KEY = r"[A-Za-z0-9_-]{40,}"
BREAKS: dict[str, tuple[str, str, str, str]] = {
    "another key of the app": (r".*\.env", rf"(?m)^(MERCURE_JWT_SECRET=)({KEY})$", r"\g<1>0f\g<2>", "key-mismatch"),
    "another key of the hub": (
        r"hub\.env|Caddyfile",
        rf"(?m)^(MERCURE_PUBLISHER_JWT_KEY=)({KEY})$|(publisher_jwt )({KEY})",
        r"\1\g<3>0f\2\4",
        "key-mismatch",
    ),
    "a placeholder": (
        r"(?!hub).*\.env",
        rf"(?m)^(MERCURE_JWT_SECRET=){KEY}$",
        r'\g<1>"!ChangeThisMercureHubJWTSecretKey!"',
        "key-mismatch key-placeholder",
    ),
    "a short key": (r".*\.env", rf"(?m)^(MERCURE_JWT_SECRET=)({KEY})$", r"\g<1>abc", "key-mismatch key-too-short"),
    "a token as the key": (
        r".*\.env",
        rf"(?m)^(MERCURE_JWT_SECRET=){KEY}$",
        r"\g<1>eyJhbGciOiJIUzI1NiJ9.eyJtZXJjdXJlIjp7fX0.c2ln",
        "jwt-key-confusion key-mismatch",
    ),
    "no key of the app": (r".*\.env", rf"(?m)^(MERCURE_JWT_SECRET=){KEY}$", r"\g<1>", "key-missing"),
    "a public URL of another host": (
        r".*\.env",
        r"(?m)^(MERCURE_PUBLIC_URL=.?https://)hub\.",
        r"\g<1>live.",
        "public-url-wrong",
    ),
    "a public URL on this machine": (
        r".*\.env",
        r"(?m)^(MERCURE_PUBLIC_URL=.?)https://hub[^/]*",
        r"\g<1>https://localhost",
        "public-url-wrong",
    ),
    "a public URL without its path": (
        r".*\.env",
        r"(?m)^(MERCURE_PUBLIC_URL=.?https://hub[^/]*)/\.well-known/mercure",
        r"\1",
        "public-url-wrong",
    ),
    "an internal URL without its path": (
        r".*\.env",
        r"(?m)^(MERCURE_URL=.?https?://hub[^/]*)/\.well-known/mercure",
        r"\1",
        "internal-url-wrong",
    ),
    "no internal URL": (r".*\.env", r"(?m)^(MERCURE_URL=).*$", r"\1", "internal-url-wrong"),
    "another scheme of an origin": (
        r"Caddyfile|hub\.env|.*compose\.yaml",
        r"(cors_origins[^\n]*?)https://(app|admin|shop)\.",
        r"\1http://\2.",
        "cors-origin-mismatch",
    ),
    "an origin with a path": (
        r"Caddyfile|hub\.env|.*compose\.yaml",
        r"(cors_origins[^\n]*?https://(?:app|admin|shop)\.[a-z0-9.]+)",
        r"\1/shop",
        "directive-syntax",
    ),
    "a star": (
        r"Caddyfile|hub\.env|.*compose\.yaml",
        r"cors_origins (?:https://[a-z0-9.*-]+ ?)+",
        "cors_origins *",
        "cors-wildcard-credentials",
    ),
    "a floating image": (r".*compose\.yaml", r"(dunglas/mercure):v[0-9.]+", r"\1:latest", "hub-upgrade-break"),
}


@pytest.mark.slow
@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("name", BREAKS)
def test_a_value_that_is_broken_has_its_id(rendered: dict[str, tuple[dict[str, Any], Path]], name: str):
    pattern, before, after, wanted = BREAKS[name]
    wrong, tried = [], 0
    # of several apps another one's value may be the one that is broken
    for env, folder in [each for each in rendered.values() if len(each[0]["apps"]) == 1][:40]:
        for app, files in setups(folder, list(env["apps"])).items():
            broken = [(path, re.sub(before, after, text) if re.search(pattern, path) else text) for path, text in files]
            # what a JWK Set holds is in no file that lint reads
            if broken == files or ("key of" in name and any("jwks" in text for _, text in files)):
                continue
            tried += 1
            ids = {each.id for each in examined(broken, env, app).findings}
            if not ids & set(wanted.split()) or ids - set(wanted.split()):
                wrong.append((app, env, sorted(ids)))
    assert tried > 3
    assert not wrong, f"{len(wrong)} of {tried}\n" + "\n".join(map(str, wrong[:3]))
