"""The stamp never gives an answer that the full way would not give, and gives it without the heavy imports."""

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from conftest import MINIMAL, Run, Said
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mercure_deploy.disk import stamp

SECOND = MINIMAL + "      second:\n        url: https://second.example.com\n"
COMPOSE = MINIMAL.replace("  production:", "  production:\n    platform: compose")
SPECS = [MINIMAL, MINIMAL + "# a comment\n", SECOND, COMPOSE, MINIMAL.replace("https://app", "http://app"), "x"]
SPECS += [MINIMAL.replace("  production:", "  production:\n    keys: {max_age: 1d}")]
FILES = ["keys.json", "manifest.json", "app.env", "hub.env", "Caddyfile", "README.md", "docker-compose.yaml"]


def answered(folder: Path, run: Run) -> Said:
    return run("render", "-f", f"{folder}/mercure.yaml", "-o", f"{folder}/deploy")


def checked(folder: Path, run: Run, *words: str) -> Said:
    return run("check", *words, "-f", f"{folder}/mercure.yaml", "-o", f"{folder}/deploy")


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {".stamp", ".lock"}
    }


def change(deploy: Path, what: str, which: str) -> None:
    path = deploy / "production" / which
    match what:
        case "append" if path.is_file():
            path.write_bytes(path.read_bytes() + b"# by hand\n")
        case "remove" if which not in {"keys.json", "manifest.json"}:
            path.unlink(missing_ok=True)
        case "lose":
            path.unlink(missing_ok=True)
        case "loosen" if path.is_file():
            path.chmod(0o644)
        case "leave":
            deploy.joinpath(f"production/.mercure-deploy-{which}").write_text("left by a killed run")
        case "former":
            shutil.copytree(deploy / "production", deploy / "former", dirs_exist_ok=True)
        case "ignore":
            deploy.joinpath(".gitignore").write_text(which)
        case "stamp":
            deploy.joinpath(".stamp").write_text(which)


def expose(deploy: Path, what: str, which: str) -> None:
    path = deploy / "production" / which
    if what == "copy" and path.is_file():
        shutil.copy(path, deploy / f"{which}.bak")
    elif what == "dockerfile":
        deploy.parent.joinpath("Dockerfile").write_text("FROM scratch\nCOPY . .\n")
    elif what == "track":
        subprocess.run(["git", "init", "-q"], cwd=deploy.parent, check=True)
        subprocess.run(["git", "add", "-f", f"deploy/production/{which}"], cwd=deploy.parent, check=False)


# as long as a key may live by default, and for one more
MOMENTS = [f"{year}-01-30T00:00:00Z" for year in (2027, 2030, 2050)]
CHANGES = "append remove lose loosen leave former ignore stamp".split()
EXPOSURES = "copy dockerfile track".split()
STEPS = st.one_of(
    st.tuples(st.just("spec"), st.sampled_from(SPECS)),
    st.tuples(
        st.sampled_from(CHANGES + EXPOSURES),
        st.sampled_from(FILES),
    ),
    st.tuples(st.just("version"), st.sampled_from(["0.1.0", "0.2.0"])),
    st.tuples(st.just("rotate"), st.sampled_from(["--now --yes", ""])),
    st.tuples(st.just("time"), st.sampled_from(MOMENTS)),
    st.tuples(st.just("nothing"), st.just("")),
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=5))
def test_the_answer_is_that_of_the_full_way(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, str]]
):
    here, other = tmp_path / "here", tmp_path / "other"
    for folder in (here, other):
        shutil.rmtree(folder, ignore_errors=True)
    here.mkdir()
    (here / "mercure.yaml").write_text(MINIMAL)
    answered(here, run)
    for what, which in [*steps, ("nothing", "")]:
        if what == "spec":
            (here / "mercure.yaml").write_text(which)
        elif what == "version":
            monkeypatch.setattr(stamp, "__version__", which)
        elif what == "rotate":
            run("rotate-keys", "production", *which.split(), "-f", f"{here}/mercure.yaml", "-o", f"{here}/deploy")
        elif what == "time":
            moment = datetime.fromisoformat(which)
            monkeypatch.setattr("mercure_deploy.cli.check.now", lambda it=moment: it)
        elif what in EXPOSURES:
            expose(here / "deploy", what, which)
        else:
            change(here / "deploy", what, which)
        # beside it the same without a stamp
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(here, other, symlinks=True)
        (other / "deploy/.stamp").unlink(missing_ok=True)
        for words in ((), ("--format", "json"), ("--strict",)):
            fast, full = (checked(folder, run, *words) for folder in (here, other))
            assert (fast.code, fast.out.replace(str(here), "")) == (full.code, full.out.replace(str(other), ""))
        fast, full = answered(here, run), answered(other, run)
        assert (fast.code, fast.out) == (full.code, full.out)
        assert fast.err.replace(str(here), "") == full.err.replace(str(other), "")
        # but for a key that was made at random, where there was none
        assert tree(here).keys() == tree(other).keys()
        if "created production/keys.json" not in full.lines:
            assert tree(here) == tree(other)


def heavy(folder: Path, *arguments: str) -> set[str]:
    """Which of the costly libraries a run imports."""
    program = (
        "import sys\nfrom mercure_deploy.cli import main\nassert main(sys.argv[1:]) == 0\n"
        "sys.stderr.write(' '.join(set(sys.modules) & {'pydantic', 'jinja2', 'ruamel', 'cryptography', 'secrets'}))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(said.stderr.split())


@pytest.mark.slow
def test_nothing_to_do_needs_no_heavy_import(run: Run, project: Path):
    run("render", spec=MINIMAL)
    assert heavy(project, "render") == set()
    assert heavy(project, "render", "-q") == set()
    assert heavy(project, "render", "--format", "json") == set()
    # others are asked the full way
    assert heavy(project, "render", "production") == {"pydantic", "jinja2", "ruamel", "secrets"}
    assert "pydantic" in heavy(project, "render", "--dry-run")


def test_the_warnings_of_the_spec_are_said_again(run: Run, project: Path):
    first = run("render", spec=SECOND)
    assert "[cookie-scope]" in first.err
    assert run("render").err == run("render").err == first.err
    assert "unchanged production/app.env" in run("render").lines
    assert heavy(project, "render", "-q")  # what is on stderr are words of the warning, no module


def test_the_stamp_is_private_and_no_secret_is_in_it(run: Run, project: Path):
    run("render", spec=MINIMAL)
    path = project / "deploy/.stamp"
    assert path.stat().st_mode & 0o777 == 0o600
    assert ".stamp" in (project / "deploy/.gitignore").read_text().splitlines()
    key = (project / "deploy/production/app.env").read_text().partition("SECRET=")[2].strip()
    assert key
    assert key not in path.read_text()


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(run: Run, project: Path):
    run("render", spec=MINIMAL)
    path = project / "deploy/production/README.md"
    path.unlink()
    os.mkfifo(path)
    assert stamp.find(project / "deploy", stamp.key("mercure.yaml", MINIMAL.encode(), ())) is None


@pytest.mark.parametrize("what", EXPOSURES)
def test_a_check_sees_who_else_has_the_keys(run: Run, project: Path, what: str):
    (project / "mercure.yaml").write_text(MINIMAL)
    answered(project, run)
    assert checked(project, run).out == "production: in line\n"
    expose(project / "deploy", what, "keys.json")
    assert "[secret-exposure]" in checked(project, run).out


def test_a_check_of_what_was_just_rendered_needs_no_heavy_import(run: Run, project: Path):
    run("render", spec=MINIMAL)
    assert heavy(project, "check") == set()
    assert heavy(project, "check", "--format", "json") == set()
    assert "jinja2" in heavy(project, "check", "production")
