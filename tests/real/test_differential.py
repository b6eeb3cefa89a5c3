"""Generated set-ups: what the simulation says that hub 0.24 does with them is what the real hub does.

N and SEED in the environment choose how many there are, and where they begin: `make differential N=5000`.
"""

import http.client
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import programs
import pytest
from setups import KEY, OTHER, Described, described

from mercure_deploy import lint
from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.readers import assembling
from mercure_deploy.readers.setup import Setup
from mercure_deploy.simulation.hub import hubs

if TYPE_CHECKING:
    import subprocess

pytestmark = [pytest.mark.real, pytest.mark.against("hub")]

N, SEED = int(os.environ.get("N", "300")), int(os.environ.get("SEED", "1"))
PARTS = 6
PAGE = "https://app.test"
PAGES = ["https://app.test", "http://app.test", "https://www.app.test", "https://app.test:8443", "null"]
Answers = dict[str, object]


def answers(files: list[tuple[str, str]]) -> Answers:
    """What the simulation says; None where it says that the files do not tell."""
    setup = Setup()
    assembling.assemble(setup, assembling.texts(files, lambda _: True))
    if any(finding.id == "directive-syntax" for file in setup.caddyfiles for finding in file.findings):
        return {"starts": False}
    [hub] = hubs(setup)
    if hub.refused():
        return {"starts": False}
    if hub.unseen:
        return {"starts": None}
    found: Answers = {"starts": True, "stranger": hub.anonymous}
    found |= {f"{role} {name}": hub.takes(role, key, "HS256") for role in ROLES for name, key in NAMED.items()}
    return found | {f"page {page}": hub.lets_in(page) for page in PAGES}


ROLES = {"publisher": "publish", "subscriber": "subscribe"}
NAMED = {"key": KEY, "other": OTHER}


def real(described: Described, scratch: Path) -> Answers:
    """What the real hub does, with the Caddyfile of its image or the one of the set-up."""
    found = programs.tools("hub", "image_caddyfile")
    config = Path("/etc/caddy/Caddyfile")
    if described.caddyfile is None:
        shutil.copy(found["image_caddyfile"], config)
    else:
        config.write_text(described.caddyfile)
    shutil.rmtree("/data", ignore_errors=True)
    Path("/data").mkdir()
    environment = {"HOME": "/config", "XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data", **described.variables}
    argv = [found["hub"], "run", "--config", str(config), "--adapter", "caddyfile"]
    with programs.process(argv, environment, scratch / "hub.log") as running:
        if not came_up(running):
            return {"starts": False}
        met: Answers = {"starts": True, "stranger": subscribes(None)}
        for name, key in NAMED.items():
            met[f"publisher {name}"] = publishes(key)
            met[f"subscriber {name}"] = subscribes(key)
        return met | {f"page {page}": allowed(page) for page in PAGES}


def came_up(running: "subprocess.Popen[bytes]") -> bool:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if running.poll() is not None:
            return False
        if programs.listens(80):
            return True
        time.sleep(0.02)
    raise AssertionError("neither up nor down")


def publishes(key: str) -> bool:
    token = programs.token((key, "HS256"), publish=["*"])
    return programs.publish(token, programs.topic(), "x") == http.client.OK


def subscribes(key: str | None) -> bool:
    headers = {"Authorization": f"Bearer {programs.token((key, 'HS256'), subscribe=['*'])}"} if key else {}
    return status(headers).status == http.client.OK


def allowed(page: str) -> bool:
    return status({"Origin": page}).getheader("Access-Control-Allow-Origin") is not None


def status(headers: dict[str, str]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=60)
    try:
        connection.request("GET", "/.well-known/mercure?topic=x", headers={"Host": "hub.test", **headers})
        return connection.getresponse()
    finally:
        connection.close()


def accuses(files: list[tuple[str, str]]) -> bool:
    """Whether `lint` says that this page is not let in; by a star everybody is, and that is another finding."""
    page, hub = parse_origin(PAGE), parse_origin("https://hub.test")
    found = lint.examine(files, lint.Told((page,), hub), lambda _: True).findings
    said = [each.what for each in found if each.level == "error"]
    ways = rf"page is {PAGE}$|pages of {PAGE} are|: {PAGE} is not let|no page of another origin|matches no page"
    return any(re.search(ways, each) for each in said)


@pytest.mark.proves("What the simulation says of a generated set-up is what the real hub does with it")
@pytest.mark.parametrize("part", range(PARTS))
def test_the_simulation_and_the_hub_agree(tmp_path: Path, part: int):
    programs.need_isolation()
    wrong, judged, known = [], 0, 0
    for seed in range(SEED + part, SEED + N, PARTS):
        each = described(seed)
        said, met = answers(each.files()), real(each, tmp_path)
        differing = {
            name: (said.get(name), met.get(name))
            for name in met.keys() | said.keys()
            if said.get(name) is not None and said.get(name) != met.get(name)
        }
        judged, known = judged + len(met), known + sum(said.get(name) is not None for name in met)
        # and what keeps it from starting is a finding
        errors = lint.examine(each.files(), lint.Told(), lambda _: True).findings
        if said["starts"] is False and not errors:
            differing["lint"] = ("nothing", "does not start")
        accused = accuses(each.files())
        if met["starts"] and said["starts"] and accused == met[f"page {PAGE}"]:
            differing["lint of the page"] = (f"accused: {accused}", f"let in: {met[f'page {PAGE}']}")
        if differing:
            wrong.append((seed, each.variables, each.caddyfile, differing, [f.what for f in errors]))
    assert not wrong, "\n".join(map(str, wrong[:20]))
    assert known >= 0.9 * judged


SITES = {
    "rewrite * /index.php": False,
    "rewrite /index.php": False,
    "rewrite /.well-known/* /index.php": False,
    "rewrite /api/* /index.php": True,
    "@php not file {path}\n\trewrite @php /index.php": False,
    "@php {\n\t\tnot path /.well-known/mercure*\n\t\tnot file {path}\n\t}\n\trewrite @php /index.php": True,
    "@php not path /.well-known/mercure*\n\trewrite @php /index.php": True,
    "@php path /.WELL-known/*\n\trewrite @php /index.php": False,
    "@php path_regexp ^/api\n\trewrite @php /index.php": True,
    "@php method POST\n\trewrite @php /index.php": True,
    "root * /scratch-site\n\ttry_files {path} /index.php": False,
    "root * /scratch-site\n\ttry_files {path} {path}/index.html": True,
    "handle /app/* {\n\t\trewrite * /index.php\n\t}": True,
    "route {\n\t\trewrite * /index.php\n\t}": True,
    "respond /healthz 200": True,
}


@pytest.mark.proves("What stands before the hub in its site takes its requests where `lint` says so")
@pytest.mark.parametrize("lines", SITES, ids=range(len(SITES)))
def test_a_rewrite_comes_before_the_hub(tmp_path: Path, lines: str):
    programs.need_isolation()
    Path("/scratch-site").mkdir(exist_ok=True)
    Path("/scratch-site/index.php").write_text("x")
    keys = "".join(f"\t\t{role}_jwt {KEY} HS256\n" for role in ("publisher", "subscriber"))
    text = f":80 {{\n\tmercure {{\n{keys}\t}}\n\t{lines}\n\trespond 404\n}}\n"
    files = [("Caddyfile", text)]
    found = lint.examine(files, lint.Told(), lambda _: True).findings
    config = tmp_path / "Caddyfile"
    config.write_text(text)
    argv = [programs.tools("hub")["hub"], "run", "--config", str(config), "--adapter", "caddyfile"]
    environment = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    with programs.process(argv, environment, tmp_path / "hub.log") as running:
        assert came_up(running), (tmp_path / "hub.log").read_text()[-500:]
        met = status({}).status == http.client.UNAUTHORIZED
    assert met == SITES[lines]
    assert ("proxy-not-routing" not in {each.id for each in found}) == met, found
