"""What `import` writes goes on with what was there, as its real readers and the real hub see both."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import programs
import pytest
from conftest import Run
from dotenv import dotenv_values
from ruamel.yaml import YAML
from test_readers import compose_reads, symfony

from mercure_deploy.keys import asymmetric

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "compose", "php", "symfony")]

CASES = Path(__file__).parent.parent / "lint/cases"
WITH_APP = [path.parent.name for path in sorted(CASES.glob("clean-*/app.env"))]
# every character that all readers hand on, in quotes
AWKWARD = 'a"b$c#d e\\f{g}`h&i;j<k>l(m)n|o~p[q]é!%' + "Qz7" * 7
RECIPE = Path(__file__).parent.parent / "php/recipe.mercure.yaml"
NAMES = ("MERCURE_JWT_SECRET", "MERCURE_PUBLIC_URL", "MERCURE_URL")
# of these the hub runs from its old files where no other machine is at hand
RUNNING = {
    "clean-two-resources-unquoted": 80,
    "clean-coolify-references": 80,
    "clean-plain-port-behind-nginx": 3000,
}


def imported(name: str, run: Run, platform: str) -> Path:
    """The folder with the new files, the old ones lie in old/."""
    said = YAML(typ="safe").load(CASES / name / "case.yaml")
    Path("old").mkdir()
    for path in (CASES / name).iterdir():
        if path.name != "case.yaml":
            Path("old", path.name).write_bytes(path.read_bytes())
    apps = said["domains"]["app"]
    app = apps[0] if isinstance(apps, list) else apps
    words = ("--app", app, "--hub", said["domains"]["hub"], "--platform", platform)
    assert run("import", "old", *words, "--yes").code == 0
    return Path("deploy/production")


@pytest.mark.proves("`import` keeps every value as each reader of env files sees it")
@pytest.mark.parametrize("platform", ["coolify", "compose"])
@pytest.mark.parametrize("name", WITH_APP)
def test_every_reader_sees_the_values_that_it_saw(project: Path, run: Run, name: str, platform: str):
    folder = imported(name, run, platform)
    spec = YAML(typ="safe").load(Path("mercure.yaml"))["environments"]["production"]
    for read in (read_by_symfony, dotenv_values, lambda file: compose_reads(file.absolute(), project / file.parts[0])):
        old, new = read(Path("old/app.env")), read(folder / "app.env")
        # where another way to the hub is not to be had on that platform, that was said
        kept = NAMES if "internal_url" in spec["hub"] or old["MERCURE_URL"] == old["MERCURE_PUBLIC_URL"] else NAMES[:2]
        assert {word: new[word] for word in kept} == {word: old[word] for word in kept}


def read_by_symfony(file: Path) -> dict[str, str]:
    values: dict[str, str] = json.loads(symfony("symfony", "dump", file).stdout)
    return values


@contextmanager
def old_hub(scratch: Path) -> Iterator[None]:
    """The hub as the old files have it: their Caddyfile, else that of the image, and its variables."""
    found = programs.tools("hub", "image_caddyfile")
    own = Path("old/Caddyfile")
    caddyfile = own if own.exists() else Path(found["image_caddyfile"])
    environment = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"}
    environment |= {name: value or "" for name, value in dotenv_values("old/hub.env").items()}
    for leftover in Path("/data").glob("mercure.db*"):
        leftover.unlink()
    if Path("old/docker-compose.yaml").exists():
        said = YAML(typ="safe").load(Path("old/docker-compose.yaml"))["services"]["mercure"]["environment"]
        pairs = dict(each.split("=", 1) for each in said) if isinstance(said, list) else said
        environment |= {name: value for name, value in pairs.items() if not value.startswith("${")}
    text = re.sub(r"path /var/lib/mercure/\S+", f"path {scratch}/old.db", caddyfile.read_text())
    place = scratch / "Caddyfile.old"
    place.write_text(text)
    argv = [found["hub"], "run", "--config", str(place), "--adapter", "caddyfile"]
    with programs.process(argv, environment, scratch / "old.log"):
        yield


@pytest.mark.proves("After `import` the hub takes what the old app signs, and the old hub what the new files sign")
@pytest.mark.parametrize("platform", ["coolify", "compose"])
@pytest.mark.parametrize("name", RUNNING)
def test_old_and_new_understand_each_other(project: Path, run: Run, name: str, platform: str):
    folder = imported(name, run, platform)
    topic = programs.topic()
    tokens = {
        which: symfony("symfony", "token", file, RECIPE, topic).stdout
        for which, file in (("old", Path("old/app.env")), ("new", folder / "app.env"))
    }
    with programs.hub(folder, project) as hub:
        assert hub.publish(tokens["old"], topic).status == 200
        assert programs.Stream(topic, tokens["old"]).status == 200
    host = YAML(typ="safe").load(CASES / name / "case.yaml")["domains"]["hub"].removeprefix("https://")
    with old_hub(project):
        programs.wait(lambda: programs.listens(RUNNING[name]), "the old hub listens")
        answer = programs.publish(tokens["new"], topic, "x", port=RUNNING[name], name=host)
        assert answer == 200
        assert programs.publish(tokens["new"][:-4] + "AAAA", topic, "x", port=RUNNING[name], name=host) == 401


@pytest.mark.proves("A key of any characters that the readers hand on, imported, is the same for hub and app")
@pytest.mark.parametrize("platform", ["coolify", "compose"])
def test_an_awkward_key_is_the_same_for_hub_and_app(project: Path, run: Run, platform: str):
    Path("app.env").write_text(f"MERCURE_JWT_SECRET='{AWKWARD}'\n")
    Path("hub.env").write_text(f"MERCURE_PUBLISHER_JWT_KEY='{AWKWARD}'\nMERCURE_SUBSCRIBER_JWT_KEY='{AWKWARD}'\n")
    urls = ("--app", "https://app.example.com", "--hub", "https://hub.example.com", "--platform", platform)
    said = run("import", "app.env", "hub.env", *urls, "--yes")
    assert said.code == 0, said.err
    folder, topic = Path("deploy/production"), programs.topic()
    assert read_by_symfony(folder / "app.env")["MERCURE_JWT_SECRET"] == AWKWARD
    with programs.hub(folder, project) as hub:
        assert hub.publish(programs.token((AWKWARD, "HS256"), publish=["*"]), topic).status == 200
        assert hub.publish(programs.token((AWKWARD + "x", "HS256"), publish=["*"]), topic).status == 401


@pytest.mark.proves("A private key of the app, imported, signs what the hub takes")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("platform", ["coolify", "compose"])
def test_a_private_key_goes_on_signing(project: Path, run: Run, algorithm: str, platform: str):
    private = asymmetric.private_pem(algorithm)
    public = asymmetric.public_pem(private, algorithm)
    roles = "".join(f"{role}_jwt `{public}` {algorithm}\n" for role in ("publisher", "subscriber"))
    Path("Caddyfile").write_text(f":80 {{\nmercure {{\n{roles}}}\n}}\n")
    Path("app.env").write_text(f"MERCURE_JWT_SECRET='{private}'\n")
    urls = ("--app", "https://app.example.com", "--hub", "https://hub.example.com", "--platform", platform)
    assert run("import", "app.env", "Caddyfile", *urls, "--yes").code == 0
    with programs.hub(Path("deploy/production"), project) as hub:
        assert hub.publish(programs.token((private, algorithm), publish=["*"]), programs.topic()).status == 200


# reports with a 401 in them, and what their reporter is told to do: keep a key, or take a fresh one
REPORTS = {
    "mercure-602-synology-two-key-directives": ["import"],
    "mercure-103-jwtio-sample-token": ["import", "import --use app", "init"],
    "mercure-1039-coolify-401": ["import", "init"],
    "novosga-414-key-changed-on-hub-only": ["import", "init"],
    "mercure-539-api-platform-apache": ["import", "init"],
}


@pytest.mark.proves("Five public reports of a 401, from `lint` to a hub that takes what the app signs")
@pytest.mark.parametrize("name", REPORTS)
def test_from_a_report_to_a_hub_that_works(project: Path, run: Run, name: str):
    Path("theirs").mkdir()
    for path in (CASES / name).iterdir():
        if path.name != "case.yaml":
            Path("theirs", path.name).write_bytes(path.read_bytes())
    assert run("lint", "theirs", "--app-url", "https://app.example.com").code == 1
    urls = ["--app", "https://app.example.com", "--hub", "https://hub.example.com", "--platform", "coolify"]
    for step in REPORTS[name]:
        verb, *more = step.split()
        said = run(verb, *(["theirs", "--yes"] if verb == "import" else []), *more, *urls)
        last = step == REPORTS[name][-1]
        assert said.code == (0 if last else 1), said.err
        # the way on stands in what was said
        assert last or re.search("--use app|mercure-deploy init", said.err)
    topic = programs.topic()
    token = symfony("symfony", "token", Path("deploy/production/app.env"), RECIPE, topic).stdout
    with programs.hub(Path("deploy/production"), project) as hub:
        assert hub.publish(token, topic).status == 200
        assert programs.Stream(topic, token).status == 200
