"""The script of `doctor --write-probe` in the real PHP with Symfony's Dotenv, and what is made of its answer."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import programs
import pytest
from cases import APPS, rendered
from conftest import Run
from edges import HUB, Authority, Edge, started
from modern import core
from test_doctor import examined, hub, same

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "php", "symfony")]

PUBLIC = f"https://{HUB}/.well-known/mercure"
OTHER = "an-other-key-than-that-of-the-ring-" + "x1" * 20
HERE = Path(__file__).parent.parent


@dataclass(frozen=True)
class App:
    """What the app's process has: variables, env files, and what `dump-env` froze; KEY stands for that of the ring."""

    id: str | None
    process: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    trusting: bool = True
    edge: Edge = field(default_factory=Edge)


RIGHT = {"MERCURE_URL": PUBLIC, "MERCURE_PUBLIC_URL": PUBLIC, "MERCURE_JWT_SECRET": "KEY"}
LINES = f"MERCURE_URL={PUBLIC}\nMERCURE_PUBLIC_URL={PUBLIC}\nMERCURE_JWT_SECRET=KEY\n"
OLD = f"<?php return ['APP_ENV' => 'prod', 'MERCURE_URL' => '{PUBLIC}', 'MERCURE_JWT_SECRET' => '{OTHER}'];"
APPS_INSIDE: dict[str, App] = {
    "the container's environment": App(None, RIGHT),
    ".env.local": App(None, files={".env": "MERCURE_JWT_SECRET=!ChangeMe!\n", ".env.local": LINES}),
    ".env.prod.local": App(None, {"APP_ENV": "prod"}, {".env": "A=b\n", ".env.prod.local": LINES}),
    "dump-env": App(None, files={".env.local.php": OLD.replace(OTHER, "KEY")}),
    "an old dump-env": App("tooling-override", files={".env.local": LINES, ".env.local.php": OLD}),
    "an old variable of the container": App(
        "tooling-override", {**RIGHT, "MERCURE_JWT_SECRET": OTHER}, {".env.local": LINES}
    ),
    "a key in quotes": App("key-quoting", {**RIGHT, "MERCURE_JWT_SECRET": "'KEY'"}),
    "a key with a line break": App("key-quoting", {**RIGHT, "MERCURE_JWT_SECRET": "KEY\n"}),
    "another key": App("key-mismatch", {**RIGHT, "MERCURE_JWT_SECRET": OTHER}),
    "no key": App("key-missing", {"MERCURE_URL": PUBLIC}),
    "an empty key": App("key-missing", {**RIGHT, "MERCURE_JWT_SECRET": ""}),
    "no URL": App("internal-url-wrong", {"MERCURE_JWT_SECRET": "KEY"}),
    "a name that nobody knows": App(
        "internal-url-wrong", {**RIGHT, "MERCURE_URL": "http://nobody/.well-known/mercure"}
    ),
    "nobody there": App("internal-url-wrong", {**RIGHT, "MERCURE_URL": "http://localhost:4444/.well-known/mercure"}),
    "another hub": App("internal-url-wrong", {**RIGHT, "MERCURE_URL": "http://localhost/.well-known/mercure"}),
    "a certificate that PHP does not know": App("tls-untrusted-publish", RIGHT, trusting=False),
    "another clock": App("token-lifecycle", RIGHT, edge=Edge(lines='header >Date "Tue, 01 Jan 2036 00:00:00 GMT"')),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def answer(app: App, script: Path, folder: Path, authority: Authority, key: str) -> str:
    """What the script prints in an app's folder, from stdin as in `docker compose exec -T app php < probe.php`."""
    (folder / "vendor").mkdir(parents=True)
    (folder / "vendor/autoload.php").write_text(f"<?php require '{HERE}/php/packages.php';\n")
    for name, text in app.files.items():
        (folder / name).write_text(text.replace("KEY", key))
    found = programs.tools("php", "symfony")
    trust = ["-d", f"openssl.cafile={authority.root}"] if app.trusting else []
    variables = {name: value.replace("KEY", key) for name, value in app.process.items()}
    environment = {"PATH": os.environ["PATH"], "SYMFONY": found["symfony"], **variables}
    with script.open() as text:
        said = subprocess.run(
            [found["php"], *trust], stdin=text, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
    assert said.stderr == ""
    assert said.stdout.count("\n") == 1
    return said.stdout


@pytest.mark.proves("What the app's process sees: variables, env files, its way to the hub (`doctor --write-probe`)")
@pytest.mark.parametrize("name", APPS_INSIDE)
def test_what_the_process_sees(project: Path, run: Run, authority: Authority, name: str):
    app = APPS_INSIDE[name]
    folder = rendered(project, ("coolify", {}), APPS["one"])
    key, _ = programs.signing(folder / "app.env", folder / "manifest.json")
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.0.1 {HUB} app.example.com\n")
    assert run("doctor", "production", "--write-probe", "probe.php").code == 0
    assert key not in Path("probe.php").read_text()
    with hub(folder, project, same), started(app.edge, project, authority):
        said = answer(app, project / "probe.php", project / "app", authority, key)
        assert key not in said
        assert OTHER not in said
        # whatever else its terminal prints
        Path("answer").write_text(f"Warning: something\n$ {said}bye\n")
        _, found, printed = examined(run, authority, "production", "--probe-answer", "answer")
    assert [each["id"] for each in found["findings"]] == ([app.id] if app.id else []), (said, found["findings"])
    assert key not in printed
    if app.id is None:
        assert json.loads(said)["publish"] == {"status": 200, "id": True}


@pytest.mark.against("core")
@pytest.mark.parametrize(
    ("algorithm", "version"), [("RS256", "0.24"), ("ES256", "0.24"), ("HS512", "0.24"), ("HS256", "1.0")]
)
def test_the_script_signs_as_the_app_does(project: Path, run: Run, authority: Authority, algorithm: str, version: str):
    words: dict[str, object] = {"version": version, "history": 0}
    folder = rendered(project, ("coolify", words), APPS["one"], algorithm)
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.0.1 {HUB} app.example.com\n")
    assert run("doctor", "--write-probe", "probe.php").code == 0
    variables = dict(line.split("=", 1) for line in (folder / "app.env").read_text().splitlines() if "=" in line)
    edge = Edge(target="127.0.0.1:8123" if version == "1.0" else "http://127.0.0.1:80")
    running = core(folder, project) if version == "1.0" else hub(folder, project, same)
    with running, started(edge, project, authority):
        # ES256 has signatures of several lengths
        for number in range(8 if algorithm == "ES256" else 1):
            app = project / f"app{number}"
            said = answer(App(None, variables), project / "probe.php", app, authority, "")
            assert json.loads(said)["publish"] == {"status": 200, "id": True}, said
        Path("answer").write_text(said)
        _, found, _ = examined(run, authority, "--probe-answer", "answer")
    assert found["findings"] == []


@pytest.mark.proves("The lines about `doctor` in the README, one after the other")
def test_the_lines_of_the_readme(project: Path, authority: Authority):
    folder = rendered(project, ("coolify", {}), APPS["one"])
    Path("app.env").write_bytes((folder / "app.env").read_bytes())
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.0.1 {HUB} app.example.com\n")
    text = "".join((HERE.parent / name).read_text() for name in ("README.md", "docs/import.md"))
    lines = [
        line
        for line in text.splitlines()
        if re.match(r"(mercure-deploy|docker compose.*) doctor |docker compose exec", line)
    ]
    assert len(lines) == 5
    found = programs.tools("php", "symfony")
    php = f"{found['php']} -d openssl.cafile={authority.root}"
    variables = dict(line.split("=", 1) for line in (folder / "app.env").read_text().splitlines() if "=" in line)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # whose authority a shell would be told once
    environment = {"PATH": path, "SSL_CERT_FILE": str(authority.root), **variables}
    with hub(folder, project, same), started(Edge(), project, authority):
        for line in lines:
            told = line.replace("docker compose exec -T app php", php)
            said = subprocess.run(
                ["bash", "-o", "pipefail", "-c", told], env=environment, capture_output=True, text=True, check=False
            )
            assert said.returncode == 0, (line, said.stdout, said.stderr)
    assert Path("report.html").exists()
