"""What `lint` reads in files of others is what their real consumers read: Symfony Dotenv, docker compose and Caddy."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import programs
import pytest
from test_readers import symfony

from mercure_deploy import lint
from mercure_deploy.findings import Place
from mercure_deploy.readers import caddyfile, compose, dotenv, yamlfile
from mercure_deploy.readers import symfony as symfony_reader
from mercure_deploy.readers.places import Directive, Service, Value
from mercure_deploy.readers.yamlfile import Node

pytestmark = pytest.mark.real

HERE = Path(__file__).parent.parent
KEY = "ab" * 32
FOLDERS = [*sorted((HERE / "lint/cases").iterdir()), *sorted((HERE / "targets/golden").glob("*/expected/*/"))]
# what people write, beside what stood in reports
WRITTEN = {
    "plain": "A=b\nexport B=c\n\n# C=d\nD=\nE=a#b\nF=a # b\n",
    "quotes": "A='b c'\nB=\"b\\nc\"\nC='$A'\nD=\"a\\\"b\"\nE='a\nb'\nF=''\nG=\"\"\n",
    "references": "A=b\nB=$A/c\nC=${A}c\nD=\"${A}\"\nE='${A}'\nF=${NONE:-e}\n",
    "windows": "A=b\r\nB='c'\r\n",
    "backslash": "A=b\\\\c\nB='b\\c'\n",
    "pem": "A='-----BEGIN KEY-----\nMIIB==\nAA=\n-----END KEY-----'\nB=c\n",
}


def named(pattern: str) -> list[Path]:
    return [path for folder in FOLDERS for path in sorted(folder.rglob(pattern)) if path.is_file()]


def name(path: Path) -> str:
    return "-".join(path.relative_to(HERE).parts[2:])


def compared(text: str, path: Path) -> None:
    read = dotenv.read("x.env", text)
    said = symfony("symfony", "dump", path, check=False)
    if said.returncode:
        # what Symfony refuses is told, at the line that it names
        assert read.findings or read.refused, said.stderr
        return
    expected = json.loads(said.stdout) or {}
    slipped = {finding.place for finding in read.findings}
    for variable, value in expected.items():
        if read.variables[variable].place not in slipped and "$" not in read.variables[variable].text:
            assert read.variables[variable].text == value, variable
    assert read.variables.keys() == expected.keys()


@pytest.mark.against("php", "symfony")
@pytest.mark.proves("`lint` reads env files of others as Symfony's Dotenv does, and tells what that refuses")
@pytest.mark.parametrize("path", named("*.env"), ids=name)
def test_dotenv(path: Path):
    compared(path.read_text(), path)


@pytest.mark.parametrize("kind", WRITTEN)
def test_dotenv_as_people_write_it(tmp_path: Path, kind: str):
    path = tmp_path / "x.env"
    path.write_bytes(WRITTEN[kind].encode())
    compared(path.read_bytes().decode(), path)


COMPOSED = """\
x-common: &common
  restart: always
  environment: &env
    A: b
    B: ${SET}
    C: ${UNSET:-c}
    D: ${EMPTY:-d}
    E: ${EMPTY-e}
    F: "a$$b"
    G: 5
    H: "it's"
    I: ${UNSET:-https://${SET:-x}:${PORT:-443}/${EMPTY:+y}z}
    J: ${SET:+set}
    K: ${UNSET-}$$SET
services:
  one:
    <<: *common
    image: example/one:${TAG:-1.2}
    container_name: c-${SET}
    hostname: h
    labels: {a.b: "${SET}", "c": 'd$$e'}
    ports: ["8080:80", "127.0.0.1:8443:443/tcp", "81"]
  two:
    image: example/two
    environment:
      - A=b
      - B='c'
      - C="d"
      - SET
      - D=${SET}=x
      - FROM_OUTSIDE
    labels:
      - traefik.http.routers.x.rule=Host(`a`) && PathPrefix(`/b=c`)
      - "q='quoted'"
    ports:
      - target: 80
        published: "8081"
    volumes: ["data:/data", "./x:/etc/x:ro"]
    deploy: {replicas: 2}
  three:
    image: example/three
    environment:
      <<: *env
      A: other
      FROM_OUTSIDE:
    networks:
      default: {aliases: [three-a, "three-${SET}"]}
      more:
volumes: {data: {}}
networks: {more: {}}
"""


# what is laid over a project of somebody's own needs its variables: see test_frankenphp.py
COMPOSE_FILES = [path for path in named("*compose*.y*ml") if path.name != "compose.mercure.yaml"]


@pytest.mark.against("compose")
@pytest.mark.proves("`lint` reads compose files of others as `docker compose config` does")
@pytest.mark.parametrize("path", [*COMPOSE_FILES, None], ids=lambda path: name(path) if path else "written")
def test_compose(tmp_path: Path, path: Path | None):
    text = path.read_text() if path else COMPOSED
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / ".env").write_text("" if path else "SET=s\nEMPTY=\n")
    document = yamlfile.read("compose.yaml", text)
    assert isinstance(document, Node)
    known = dotenv.read(".env", (tmp_path / ".env").read_text()).variables
    services = compose.services(document, known)
    for each in (value.text for service in services for value in service.env_files):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).touch()
    alike(services, composed(tmp_path, "compose.yaml"))


OVERRIDE = """\
services:
  one:
    image: example/other
    ports: ["9000:9000"]
  two:
    environment:
      - B=other
      - E=f
    labels: {q: other, r: s}
    volumes: ["more:/more"]
  three:
    networks:
      more: {aliases: [three-b]}
volumes: {more: {}}
"""


@pytest.mark.against("compose")
@pytest.mark.proves("`lint` lays an override over its base as `docker compose config` does")
def test_an_override(tmp_path: Path):
    files = {"compose.yaml": COMPOSED, "compose.override.yaml": OVERRIDE, ".env": "SET=s\nEMPTY=\n"}
    for each, text in files.items():
        (tmp_path / each).write_text(text)
    known = dotenv.read(".env", files.pop(".env")).variables
    documents = [yamlfile.read(each, text) for each, text in files.items()]
    services = [
        each for document in documents if isinstance(document, Node) for each in compose.services(document, known)
    ]
    alike(compose.merged(services), composed(tmp_path, *files))


def alike(services: list[Service], config: dict[str, Any]) -> None:
    """What we read is what docker compose reads."""
    assert {service.name for service in services} == config["services"].keys()
    for service in services:
        real = config["services"][service.name]
        expected = {key: (value or "").replace("$$", "$") for key, value in (real.get("environment") or {}).items()}
        assert {key: value.text for key, value in service.environment.items()} == {
            key: value for key, value in expected.items() if key in service.environment or value
        }
        assert service.passed == {key for key, value in (real.get("environment") or {}).items() if value is None}
        labels = {key: value.replace("$$", "$") for key, value in (real.get("labels") or {}).items()}
        assert {key: value.text for key, value in service.labels.items()} == labels
        aliases = {alias for each in real["networks"].values() if each for alias in each.get("aliases", [])}
        assert service.aliases == aliases | {real[word] for word in ("container_name", "hostname") if word in real}
        assert (service.image.text if service.image else None) == real.get("image")
        ports = {(int(each.get("published", 0)) or None, each["target"]) for each in real.get("ports", [])}
        assert {(host, container) for host, container, _ in service.ports} == ports
        assert {each["target"] for each in real.get("volumes", [])} == set(service.volumes)


def composed(folder: Path, *files: str) -> dict[str, Any]:
    """What docker compose makes of the file, which may be a fragment."""
    over = [word for file in files for word in ("-f", file)]
    argv = [programs.tools("compose")["compose"], *over, "config", "--no-consistency", "--format", "json"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    said = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    whole: dict[str, Any] = json.loads(said.stdout)
    return whole


CADDYFILE = """\
{
	# the global options
	admin off
}
(headers) {
	header X-A b
}
(origins) {
	import origins
}
hub.example.com, http://other.example.com:8080 {
	import headers
	route {
		mercure {
			transport bolt {
				path /data/a.db
				size 100
			}
			publisher_jwt "a key \\" with a quote" HS512
			subscriber_jwt `raw "key"` HS256
			cors_origins https://a.example.com \\
				https://b.example.com # and nobody else
			anonymous
		}
	}
	respond "not a # comment" 404
}
"""


@pytest.mark.against("hub")
@pytest.mark.proves("`lint` reads Caddyfiles of others as the hub's own Caddy does")
@pytest.mark.parametrize("path", [*named("Caddyfile"), None], ids=lambda path: name(path) if path else "written")
def test_caddyfile(tmp_path: Path, path: Path | None):
    text = path.read_text() if path else CADDYFILE
    (tmp_path / "Caddyfile").write_text(text)
    argv = [programs.tools("hub")["hub"], "adapt", "--config", "Caddyfile", "--adapter", "caddyfile"]
    variables = {"MERCURE_PUBLISHER_JWT_KEY": "ab" * 32, "MERCURE_SUBSCRIBER_JWT_KEY": "ab" * 32}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
    said = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    known = {key: Value(value, Place("hub.env", 1)) for key, value in variables.items()}
    read = caddyfile.read(Value(text, Place("Caddyfile", 1)), known)
    if said.returncode:
        findings = lint.examine([("Caddyfile", text)], lint.Told(), lambda _: True).findings
        assert not path or findings or "dunglas/mercure" not in said.stderr
        assert path, said.stderr
        return
    adapted = json.loads(said.stdout)
    real = [handler for handler in handlers(adapted) if handler.get("handler") == "mercure"]
    ours = [block for _, directives in read.sites for block in blocks(directives)]
    # a site of several schemes is served by several servers
    assert {json.dumps(facts(block)) for block in ours} == {json.dumps(adapted_facts(handler)) for handler in real}
    hosts = {host for match in found(adapted, "host") for host in match}
    # a variable that nobody has set is empty for Caddy, and unknown for whoever reads the file alone
    addresses = {value.text.replace("{$SERVER_NAME}", "") for addresses, _ in read.sites for value in addresses}
    assert hosts == {host for address in addresses if (host := host_of(address))}


def adapted_facts(handler: dict[str, Any]) -> dict[str, Any]:
    """What Caddy has of a mercure block, as `facts` has it."""
    return {
        "cors_origins": handler.get("cors_origins", []),
        "anonymous": handler.get("anonymous", False),
        "publisher_jwt": handler.get("publisher_jwt", {}).get("key"),
        "subscriber_jwt": handler.get("subscriber_jwt", {}).get("key"),
        "transport": handler.get("transport", {}).get("name"),
    }


def facts(block: Directive) -> dict[str, Any]:
    words = {each.name: [word.text for word in each.arguments] for each in block.block}
    return {
        "cors_origins": words.get("cors_origins", []),
        "anonymous": "anonymous" in words,
        "publisher_jwt": next(iter(words.get("publisher_jwt", [])), None),
        "subscriber_jwt": next(iter(words.get("subscriber_jwt", [])), None),
        "transport": next(iter(words.get("transport", [])), None),
    }


def host_of(address: str) -> str:
    return address.removeprefix("https://").removeprefix("http://").partition("/")[0].partition(":")[0]


def blocks(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    for each in directives:
        if each.name == "mercure":
            yield each
        yield from blocks(each.block)


def found(node: Any, key: str) -> Iterator[Any]:
    """Every value of that key, wherever it is."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    if isinstance(node, dict) and key in node:
        yield node[key]
    for each in inner:
        yield from found(each, key)


def handlers(adapted: Any) -> Iterator[dict[str, Any]]:
    for handle in found(adapted, "handle"):
        yield from handle


ENCODED = base64.b64encode(KEY.encode()).decode()
VALUES = {
    "plain": f"A={KEY}\n",
    "blanks": f"A=' {KEY}  '\n",
    "base64": f"A={ENCODED}\n",
    "url": f"A={base64.urlsafe_b64encode(bytes(range(60, 127))).decode()}\n",
    "no padding": f"A={ENCODED.rstrip('=')}\n",
}


@pytest.mark.against("php", "symfony")
@pytest.mark.proves("`lint` fills `%env()%` in the bundle's configuration as Symfony's own processors do")
@pytest.mark.parametrize(
    "text", ["x", *(f"%env({word}A)%" for word in ("", "string:", "trim:", "base64:", "trim:base64:"))]
)
@pytest.mark.parametrize("kind", VALUES)
def test_values_of_the_configuration(tmp_path: Path, kind: str, text: str):
    path = tmp_path / "x.env"
    path.write_text(VALUES[kind])
    read = symfony_reader.filled(Value(text, Place("mercure.yaml", 1)), dotenv.read("x.env", VALUES[kind]).variables)
    said = symfony("symfony", "value", path, text, check=False)
    if read is None:
        # bytes that are no text, which JSON cannot say either
        assert said.returncode == 1
    else:
        assert read.text == json.loads(said.stdout)
