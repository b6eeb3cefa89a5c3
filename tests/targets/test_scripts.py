"""Shell scripts: those that are rendered, and our own, as shellcheck sees them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
RENDERED = sorted((ROOT / "tests/targets/golden").rglob("*.sh"))
OWN = [
    ROOT / "scripts/prerequisites",
    ROOT / "scripts/isolated",
    ROOT / ".ci/run",
    *sorted((ROOT / "findings").iterdir()),
]
# prerequisites names its variables when it writes them
UNUSED = "SC2034"


def shellcheck(path: Path, *options: str) -> str:
    program = Path(sys.executable).parent / "shellcheck"
    said = subprocess.run([program, *options, path], capture_output=True, text=True, check=False)
    return said.stdout + said.stderr


@pytest.mark.parametrize("path", RENDERED, ids=lambda path: path.parents[2].name)
def test_a_rendered_script_is_a_posix_one_without_a_warning(path: Path):
    assert path.read_text().startswith("#!/bin/sh\n")
    assert shellcheck(path, "--shell=sh") == ""


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_our_own_scripts_have_no_warning(path: Path):
    assert shellcheck(path, "--severity=warning", f"--exclude={UNUSED}") == ""
