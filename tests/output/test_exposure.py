"""What the tool meets outside its own files: no git, file systems without modes or locks, other systems, terminals."""

import errno
from datetime import UTC, datetime
from pathlib import Path

import programs
import pytest
from conftest import MINIMAL, Run
from test_init import terminal

from mercure_deploy import disk
from mercure_deploy.cli import spec as specs
from mercure_deploy.disk import git, locking
from mercure_deploy.errors import Trouble
from mercure_deploy.output import exposure


def test_without_git_nothing_is_tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert git.tracked(tmp_path / "none") == set()
    assert git.tracked(tmp_path) == set()
    monkeypatch.setenv("PATH", "")
    assert git.tracked(tmp_path) == set()
    # a checkout that nobody can ask is another matter
    (tmp_path / ".git").mkdir()
    assert git.tracked(tmp_path) is None


def test_a_root_outside_the_build_context_is_no_business_of_dockerignore(tmp_path: Path):
    (tmp_path / "Dockerfile").write_text("")
    assert exposure.dockerignore_line(tmp_path / "mercure.yaml", tmp_path.parent / "elsewhere") is None


def test_where_modes_do_not_stick_nothing_is_refused_and_everybody_is_warned(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
):
    # such a file system cannot be had in a test: every file looks open, a new one too
    run("render", "--prune", spec=MINIMAL)
    monkeypatch.setattr(disk, "loose", lambda _: True)
    monkeypatch.setattr(disk, "modes_stick", lambda _: False)
    assert "[secret-exposure]" in run("render").err
    said = run("check")
    assert (said.code, said.lines[0]) == (
        0,
        "production/keys.json: warning: file modes do not stick here: others may read the keys [secret-exposure]",
    )
    assert project.exists()


def test_a_file_system_without_locks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locking.fcntl, "flock", no_locks)
    with pytest.raises(Trouble, match="cannot be locked: no locks available"), disk.lock(tmp_path):
        pass


def test_another_system_is_not_supported(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(specs.os, "name", "nt")
    with pytest.raises(Trouble, match="this system is not supported"):
        specs.supported()


@pytest.mark.slow
def test_a_terminal_is_asked_when_the_apps_went_out(tmp_path: Path):
    (tmp_path / "mercure.yaml").write_text(MINIMAL)
    for arguments in (["render"], ["rotate-keys", "production"], ["rotate-keys", "production", "--deployed"]):
        assert terminal(arguments, [], tmp_path)[0] == 0
    code, said = terminal(["rotate-keys", "production"], [f"{datetime.now(UTC).isoformat()}\n"], tmp_path)
    assert code == 1
    assert "When did the last app go out" in said
    assert "tokens of the old key may live for 1h" in said


@pytest.mark.slow
def test_a_fleet_says_on_a_terminal_that_it_takes_a_moment(tmp_path: Path):
    block = "  e{n}:\n    hub: {{url: https://hub.e{n}.example.com}}\n    apps: {{app: {{url: https://app.e{n}.example.com}}}}\n"
    text = "version: 1\nenvironments:\n" + "".join(block.format(n=n) for n in range(301))
    (tmp_path / "mercure.yaml").write_text(text)
    code, said = terminal(["render"], [], tmp_path)
    assert code == 0
    assert "rendering 301 environments" in said


def test_a_missing_prerequisite_of_a_test_is_a_failure_never_a_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(programs, "_CACHE", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="missing: hub, chromium; run scripts/prerequisites"):
        programs.tools("hub", "chromium")
    monkeypatch.delenv("MERCURE_DEPLOY_ISOLATED", raising=False)
    with pytest.raises(pytest.fail.Exception, match="need a network of their own"):
        programs.need_isolation()
