"""The real readers of rendered files: Symfony, docker compose, python-dotenv and bash read the same values."""

import base64
import json
import os
import subprocess
from pathlib import Path

import programs
import pytest
from cases import ALGORITHMS, APPS, HUBS, rendered
from dotenv import dotenv_values
from ruamel.yaml import YAML

from mercure_deploy.facts import quoting

pytestmark = [pytest.mark.real, pytest.mark.against("compose", "php", "symfony", "symfony_newer", "bash", "dotenv")]

HERE = Path(__file__).parent.parent
SUITES = ["symfony", "symfony_newer"]


def symfony(
    suite: str, *arguments: str | Path, check: bool = True, script: str = "symfony", text: str = ""
) -> "subprocess.CompletedProcess[str]":
    """A script of tests/php with that suite of packages; `text` is its standard input."""
    found = programs.tools("php", suite)
    environment = {"PATH": os.environ["PATH"], "SYMFONY": found[suite]}
    command = [found["php"], str(HERE / f"php/{script}.php"), *map(str, arguments)]
    said = subprocess.run(
        command, env=environment, input=text, capture_output=True, text=True, check=False, timeout=120
    )
    assert not check or (said.returncode, said.stderr) == (0, "")
    return said


def bash(file: Path) -> dict[str, str]:
    """What bash sets, without what it sets itself."""
    script = 'set -a; . "$1"; env -0'
    run = ["env", "-i", "bash", "-c", script, "bash", str(file)]
    said = subprocess.run(run, capture_output=True, check=True)
    assert said.stderr == b""
    pairs = (line.split("=", 1) for line in said.stdout.decode().split("\0") if line)
    return {name: value for name, value in pairs if name.startswith("MERCURE_") or name == "SERVER_NAME"}


@pytest.mark.proves("All read the same values from every env file")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("delivery", HUBS)
def test_every_reader_of_env_files_reads_the_same(tmp_path: Path, delivery: str, algorithm: str):
    if delivery == "environment" and algorithm in {"RS256", "ES256"}:
        delivery = "caddyfile"
    folder = rendered(tmp_path, HUBS[delivery], APPS["three"], algorithm)
    files = sorted(folder.glob("*.env"))
    assert {file.name for file in files} >= {"app.env", "admin.env", "worker.env"}
    for file in files:
        read = dotenv_values(file)
        assert read
        assert bash(file) == read
        assert json.loads(symfony("symfony", "dump", file).stdout) == read
        assert json.loads(symfony("symfony_newer", "dump", file).stdout) == read
        assert compose_reads(file, tmp_path) == read


def compose_reads(file: Path, scratch: Path) -> dict[str, str]:
    folder = scratch / "compose" / file.stem
    folder.mkdir(parents=True)
    (folder / "docker-compose.yaml").write_text(
        f"services: {{mercure: {{image: x, env_file: [{json.dumps(str(file))}]}}}}\n"
    )
    service, _ = programs.compose_service(folder)
    return {name: value.replace("$$", "$") for name, value in service["environment"].items()}  # type: ignore[attr-defined]


def test_every_vector_is_read_back_by_symfony_and_compose(tmp_path: Path):
    rows = json.loads((HERE / "facts/vectors/env-quoting.json").read_text())["rows"]
    values = {f"V{number}": row["value"] for number, row in enumerate(rows) if "text" in row}
    file = tmp_path / "vectors.env"
    file.write_text("".join(f"{name}={quoting.dotenv(value)}\n" for name, value in values.items()))
    assert json.loads(symfony("symfony", "dump", file).stdout) == values
    assert json.loads(symfony("symfony_newer", "dump", file).stdout) == values
    assert compose_reads(file, tmp_path) == values


@pytest.mark.against("hub", "compose", "php", "symfony", "symfony_newer")
@pytest.mark.proves(
    "What Symfony signs with each of the five algorithms the hub accepts, and nothing that another key signed"
)
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_symfony_signs_the_hub_accepts(tmp_path: Path, suite: str, algorithm: str):
    Path("/etc/hosts").write_text("127.0.0.1 localhost hub-shop\n")
    folder = rendered(tmp_path, ("coolify", {"internal_url": "http://hub-shop"}), APPS["one"], algorithm)
    own = folder / "symfony/app.mercure.yaml"
    config = own if algorithm != "HS256" else HERE / "php/recipe.mercure.yaml"
    assert own.exists() == (algorithm != "HS256")
    topic = programs.topic()
    with programs.hub(folder, tmp_path):
        token = symfony(suite, "token", folder / "app.env", config, topic).stdout
        stream = programs.Stream(topic, token)
        assert stream.status == 200
        assert symfony(suite, "publish", folder / "app.env", config, topic).stdout.startswith("urn:uuid:")
        programs.wait(lambda: stream.events == ["from Symfony"], "the private update arrives")
        cookie = symfony(suite, "cookie", folder / "app.env", config, "https://app.example.com/", topic).stdout
        assert "domain=.example.com" in cookie
        assert "secure" in cookie
        other = rendered_elsewhere(tmp_path, algorithm)
        refused = symfony(suite, "publish", other / "app.env", config, topic, check=False)
        assert "401" in refused.stderr


def rendered_elsewhere(tmp_path: Path, algorithm: str) -> Path:
    (tmp_path / "other").mkdir()
    return rendered(tmp_path / "other", ("coolify", {"internal_url": "http://hub-shop"}), APPS["one"], algorithm)


@pytest.mark.proves("Compose, and Symfony's YAML as Coolify uses it, read the compose file alike")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("delivery", HUBS)
def test_compose_and_coolify_read_the_compose_file_alike(tmp_path: Path, delivery: str, algorithm: str):
    if delivery == "environment" and algorithm in {"RS256", "ES256"}:
        delivery = "caddyfile"
    folder = rendered(tmp_path, HUBS[delivery], APPS["three"], algorithm)
    text = (folder / "docker-compose.yaml").read_text()
    plain = YAML(typ="safe").load(text)
    # Coolify parses the pasted text with Symfony's YAML component
    assert json.loads(symfony("symfony", "yaml", folder / "docker-compose.yaml").stdout) == json.loads(
        json.dumps(plain).replace("{}", "[]")
    )
    service, configs = programs.compose_service(folder)
    if (folder / "Caddyfile").exists():
        content = configs["caddyfile"]["content"].replace("$$", "$")
        assert content == (folder / "Caddyfile").read_text()
    values = dotenv_values(folder / "hub.env") if (folder / "hub.env").exists() else {}
    environment = service.get("environment") or {}
    # a variable stands in hub.env or in the compose file, never in both
    assert set(environment) >= set(values)
    written = plain["services"]["mercure"].get("environment", {})
    assert {name for name, value in written.items() if value == f"${{{name}}}"} == set(values)
    for name in values:
        assert environment[name].replace("$$", "$") == values[name]  # type: ignore[index]
    for secret in (value for name, value in values.items() if name.endswith("_KEY")):
        assert secret not in text


def test_a_pem_survives_the_way_through_the_env_file(tmp_path: Path):
    folder = rendered(tmp_path, HUBS["caddyfile"], APPS["one"], "ES256")
    ring = json.loads((folder / "keys.json").read_text())
    value = dotenv_values(folder / "app.env")["MERCURE_JWT_KEY_B64"]
    assert base64.b64decode(value or "").decode() == ring["keys"][0]["secret"]
    assert not (folder / "hub.env").exists()
    assert "PRIVATE" not in (folder / "Caddyfile").read_text()
