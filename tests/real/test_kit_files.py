"""The files of `kit` in a real Symfony project: PHPUnit runs its test, PHP finds no fault, the container compiles."""

import json
import os
import random
import re
import subprocess
from pathlib import Path

import programs
import pytest
from conftest import MINIMAL, Run

pytestmark = [pytest.mark.real, pytest.mark.against("php", "symfony", "symfony_newer", "symfony_newest", "phpunit")]
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
    assert (said.returncode, "OK (7 tests" in said.stdout) == (0, True), said.stdout[-4000:] + said.stderr[-2000:]


def test_php_finds_no_fault(project: Path, run: Run):
    there = made(project, run)
    for path in there.rglob("*.php"):
        said = subprocess.run(
            [programs.tools("php")["php"], "-l", str(path)], capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.against("eslint")
def test_the_scripts_have_nothing_that_eslint_recommends_against(project: Path, run: Run):
    there = made(project, run)
    eslint = Path(programs.tools("eslint")["eslint"])
    # its configuration imports what lies beside it
    config = eslint.parents[2] / "eslint.config.mjs"
    command = [str(eslint), "--config", str(config), "--max-warnings", "0", str(there / "assets")]
    said = subprocess.run(command, cwd=there, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, ""), said.stdout + said.stderr
    (there / "assets/wrong.js").write_text("let unused = 1;\nundefinedName();\n")
    said = subprocess.run(command, cwd=there, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "no-undef" in said.stdout


def a_template(chance: random.Random) -> str:
    """Calls of mercure(), with and without a cookie, in what Twig has around them."""
    parts = []
    for number in range(chance.randint(0, 3)):
        topic = f"https://example.com/{number}"
        hub = chance.choice(["", "", ", hub: 'default'", ', "hub": "default"', ", hub: null"])
        ask = f"{{subscribe: '{topic}'{hub}}}" if chance.random() < 0.8 else "{}"
        call = f"mercure('{topic}', {ask})"
        around = ["{{ %s }}", "{%% set url = %s %%}", '<p data-url="{{ %s }}">', "{# {{ %s }} #}"]
        around += ["{%% if false %%}{{ %s }}{%% endif %%}", "{{ false ? %s : '' }}"]
        around += ["{%% for one in [] %%}{{ %s }}{%% endfor %%}", "{%% if false %%}x{%% endif %%}{{ %s }}"]
        parts.append(chance.choice(around) % call)
    if chance.random() < 0.5:
        return "{% block body %}\n" + "\n".join(parts) + "\n{% endblock %}"
    return "\n".join(parts)


@pytest.mark.proves(
    "A template that asks for its cookie twice: `lint` says what the bundle makes of it, generated ones"
)
@pytest.mark.parametrize("suite", ["symfony", "symfony_newer"])
def test_lint_says_of_templates_what_the_bundle_makes_of_them(project: Path, run: Run, suite: str):
    there = made(project, run, SUITES[suite])
    chance, texts = random.Random(suite), {}
    (there / "templates/generated").mkdir()
    for number in range(150):
        texts[f"{number}.html.twig"] = text = a_template(chance)
        (there / f"templates/generated/{number}.html.twig").write_text(text)
    command = [programs.tools("php")["php"], str(PROJECT / "ask.php")]
    said = subprocess.run(command, env=environment(there, suite), capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in said.stdout.splitlines()]
    assert len(rows) == len(texts), said.stdout[-2000:] + said.stderr[-2000:]
    wrong = 0
    for name, status, topics in rows:
        (project / "one").mkdir(exist_ok=True)
        (project / "one/page.html.twig").write_text(texts[name])
        found = json.loads(run("lint", "one", "--format", "json").out or '{"findings": []}')["findings"]
        messages = [each["message"] for each in found if "asks for the cookie" in each["message"]]
        asked = re.findall(r"subscribe: '(\S+?)'", texts[name])
        if status == 500:
            assert any("throws" in each for each in messages), (name, texts[name])
        elif messages:
            assert any("replaces" in each for each in messages), (name, texts[name])
            assert len(topics) == 1 < len(asked), (name, texts[name], topics)
        wrong += bool(messages)
    assert 10 < wrong < 120
