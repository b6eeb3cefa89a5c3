"""The files of `kit` in a real Symfony project: PHPUnit runs its test, PHP finds no fault, the container compiles."""

import os
import subprocess
from pathlib import Path

import programs
import pytest
from conftest import MINIMAL, Run

pytestmark = [pytest.mark.real, pytest.mark.against("php", "symfony", "symfony_newer", "symfony_newest")]
PROJECT = Path(__file__).parent.parent / "kit"
SUITES = {"symfony": "0.3", "symfony_newer": "0.4", "symfony_newest": "0.6"}


def made(folder: Path, run: Run, bundle: str = "0.4", version: str = "0.24") -> Path:
    """A project with the kit in it, and the env file that was rendered for it."""
    project = folder / "project"
    project.mkdir()
    (project / "composer.json").write_text("{}")
    spec = MINIMAL.replace("app.example.com", f"app.example.com\n        bundle: '{bundle}'")
    spec = spec.replace("hub.example.com", f"hub.example.com\n      version: '{version}'")
    assert run("render", spec=spec).code == 0
    said = run("kit", "production", "app", str(project))
    assert said.code == 0, said.err
    (project / "app.env").write_bytes(Path("deploy/production/app.env").read_bytes())
    return project


def environment(project: Path, suite: str) -> dict[str, str]:
    """What the project's PHP is told."""
    return {
        "PATH": os.environ["PATH"],
        "SYMFONY": programs.tools(suite)[suite],
        "PROJECT": str(project),
        "APP_VAR": str(project / "var"),
    }


@pytest.mark.proves("The files of `kit` in a Symfony project: a stranger gets no cookie, a user what is granted alone")
@pytest.mark.parametrize("suite", SUITES)
def test_the_test_of_the_kit_passes(project: Path, run: Run, suite: str):
    found = programs.tools("php", "phpunit")
    there = made(project, run, SUITES[suite], "1.0" if suite == "symfony_newest" else "0.24")
    command = [found["php"], found["phpunit"], "--bootstrap", str(PROJECT / "project.php"), "--do-not-cache-result"]
    said = subprocess.run(
        [*command, str(there / "tests")],
        env={**environment(there, suite), "APP_ENV": "test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, "OK (6 tests" in said.stdout) == (0, True), said.stdout[-4000:] + said.stderr[-2000:]


def test_php_finds_no_fault(project: Path, run: Run):
    there = made(project, run)
    for path in there.rglob("*.php"):
        said = subprocess.run(
            [programs.tools("php")["php"], "-l", str(path)], capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stdout + said.stderr
