"""Golden cases: golden/<case>/mercure.yaml and keys/<environment>.json give golden/<case>/expected/, byte for byte.

To add one: write the spec, then `python tests/targets/test_golden.py`, read what it wrote under expected/, commit it.
"""

import shutil
import sys
from pathlib import Path

import pytest

from mercure_deploy.cli import main

HERE = Path(__file__).parent
CASES = sorted((HERE / "golden").iterdir())


def rendered(case: Path, scratch: Path) -> dict[str, bytes]:
    """Every file of the case, but for the rings, which were given."""
    for ring in sorted((case / "keys").glob("*.json")):
        folder = scratch / ring.stem
        folder.mkdir(parents=True)
        shutil.copy(ring, folder / "keys.json")
        (folder / "keys.json").chmod(0o600)
    assert main(["render", "-f", str(case / "mercure.yaml"), "-o", str(scratch)]) == 0
    files = {path.relative_to(scratch).as_posix(): path.read_bytes() for path in scratch.rglob("*") if path.is_file()}
    apart = ("keys.json", ".lock", ".stamp", ".gitignore")
    return {name: data for name, data in files.items() if not name.endswith(apart)}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case: Path, tmp_path: Path):
    expected = {
        path.relative_to(case / "expected").as_posix(): path.read_text()
        for path in (case / "expected").rglob("*")
        if path.is_file()
    }
    assert {name: data.decode() for name, data in rendered(case, tmp_path).items()} == expected


def update(case: Path, scratch: Path) -> None:
    shutil.rmtree(case / "expected", ignore_errors=True)
    files = rendered(case, scratch)
    (case / "keys").mkdir(exist_ok=True)
    for path in scratch.glob("*/keys.json"):
        shutil.copy(path, case / "keys" / f"{path.parent.name}.json")
    for name, data in files.items():
        path = case / "expected" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    import tempfile

    for each in CASES:
        with tempfile.TemporaryDirectory() as folder:
            update(each, Path(folder))
    sys.stdout.write(f"{len(CASES)} cases written; read the diff\n")
