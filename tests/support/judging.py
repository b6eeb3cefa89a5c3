"""What lint says of a folder, as the ids of its findings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Run


def judged(run: "Run", folder: Path, *words: str) -> set[str]:
    """The ids of all findings, warnings too."""
    said = run("lint", str(folder), *words, "--format", "json")
    assert said.code in {0, 1}, said.err
    return {each["id"] for each in json.loads(said.out)["findings"]}
