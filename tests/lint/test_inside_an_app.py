"""A hub inside the server of an app, as the template has it: a key that comes from the shell alone, or from nowhere."""

from pathlib import Path

import franken
import pytest
from conftest import Run

KEY = "c2VjcmV0LW9mLWEtcHJvamVjdC10aGF0LXJ1bnM0NTY3ODkw"


@pytest.mark.parametrize("said", [False, True])
def test_a_key_that_compose_leaves_blank(run: Run, project: Path, said: bool):
    franken.project(project)
    with (project / ".env").open("a") as file:
        file.write(f"SERVER_NAME=shop.example.com\n{f'CADDY_MERCURE_JWT_SECRET={KEY}' if said else ''}\n")
    found = run("lint")
    assert (
        "without it in the shell the hub starts, and answers updates with 405 [key-missing]" in found.out
    ) is not said
    # nobody knows what the shell has
    assert "error" not in found.out.replace("0 errors", "")


def test_a_variable_that_compose_does_not_hand_on(run: Run, project: Path):
    franken.project(project)
    with (project / ".env").open("a") as file:
        file.write(f"SERVER_NAME=shop.example.com\nCADDY_MERCURE_JWT_SECRET={KEY}\n")
        file.write("MERCURE_EXTRA_DIRECTIVES='cors_origins https://www.shop.example.com'\n")
    found = run("lint")
    assert "MERCURE_EXTRA_DIRECTIVES never reaches php" in found.out
    assert "[tooling-override]" in found.out
    forwarded = franken.PRODUCTION + "      MERCURE_EXTRA_DIRECTIVES: ${MERCURE_EXTRA_DIRECTIVES}\n"
    (project / "compose.prod.yaml").write_text(forwarded)
    assert "never reaches" not in run("lint").out
