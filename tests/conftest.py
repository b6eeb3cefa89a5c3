"""What several test modules need: the command line as its user meets it."""

import io
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mercure_deploy.cli import main
from mercure_deploy.keys import KNOWN

if TYPE_CHECKING:
    import engine

MINIMAL = """\
version: 1
environments:
  production:
    hub:
      url: https://hub.example.com
    apps:
      app:
        url: https://app.example.com
"""


def pytest_configure(config: pytest.Config) -> None:
    import proved  # noqa: PLC0415 - hooks, not names

    config.pluginmanager.register(proved)
    # who runs in the background ignores ^C, and so would all that the tests start
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Said]


@pytest.fixture(scope="session")
def docker() -> "Iterator[engine.Docker]":
    """The engine, started for the first test that needs it."""
    from engine import engine  # noqa: PLC0415 - not for those that need none

    with engine() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one, outside any checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    return tmp_path


@pytest.fixture
def run(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """run("render", "--dry-run") in that folder; spec="..." writes the spec first, stdin="..." is what it reads."""

    def call(*arguments: str, spec: str | None = None, stdin: str = "") -> Said:
        sys.stdin = io.StringIO(stdin)
        if spec is not None:
            (project / "mercure.yaml").write_text(spec)
        capsys.readouterr()
        # a command of its own knows only what it reads itself
        KNOWN.clear()
        code = main(list(arguments))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call
