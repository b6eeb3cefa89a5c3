"""Small inputs, one of a kind, cut down from public set-ups: `class` is what must be named, `clean` has no error."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from ruamel.yaml import YAML
from test_cases import told

from mercure_deploy import lint

SMALL = Path(__file__).parent / "small"


def read(name: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    folder = SMALL / name
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "case.yaml"]
    said = YAML(typ="safe").load(folder / "case.yaml")
    return said, [(str(path.relative_to(folder)), path.read_text()) for path in files]


NAMES = [path.name for path in sorted(SMALL.iterdir())]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("import-")])
def test_a_small_input(name: str):
    said, files = read(name)
    version = said["hub_version"] if said["hub_version"] != "unknown" else None
    given = told(said, given=True)
    found = lint.examine(files, lint.Told(given.pages, given.hub, version), lambda _: True).findings
    errors = {each.id for each in found if each.level == "error"}
    if said["class"] == "clean":
        assert errors == set(), found
    else:
        assert said["class"] in {each.id for each in found}, found
        # one cause; a cookie that is not read stands beside an audience that is not taken
        assert errors <= {said["class"], *said.get("also", []), *BESIDE.get(name, ())}, found


BESIDE = {"v1-cookie-name-on-one-side": {"audience-mismatch"}}
IMPORTED = {
    "import-issuer-of-1.0": ("platform: compose, as the hub's port is published on the machine, as 3000", ""),
    "import-labels-and-limits": ("platform: compose", "labels networks mem_limit"),
    "import-without-a-port": ("platform: coolify, as no port of the hub is published", ""),
}


@pytest.mark.parametrize("name", IMPORTED)
def test_a_small_import(name: str, run: Run, project: Path):
    reason, left = IMPORTED[name]
    for path, text in read(name)[1]:
        (project / path).write_text(text)
    said = run("import", ".", "--app", "https://app.example.com", "--hub", "https://hub.example.com", "--yes")
    assert said.code == 0, said.err
    assert reason in said.err
    for word in left.split():
        assert f"not carried over: {word} of mercure" in said.out + said.err
    issuer = "issuer: https://id.example.com" in (project / "mercure.yaml").read_text()
    assert issuer == (name == "import-issuer-of-1.0")


def test_a_hub_inside_an_app_is_refused_with_the_reason(run: Run, project: Path):
    for path, text in read("import-app-with-the-hub-inside")[1]:
        (project / path).write_text(text)
    said = run("import", ".", "--app", "https://app.example.com", "--hub", "https://hub.example.com", "--yes")
    assert said.code == 2
    assert "compose.yaml:2:3: the hub runs inside registry.example.com/club/app:5.1.0" in said.err
    assert not (project / "mercure.yaml").exists()
