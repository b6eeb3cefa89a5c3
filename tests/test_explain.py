"""A page for every finding id, and every command on it a command that there is."""

import json
import re
from pathlib import Path

import pytest
from conftest import Run

from mercure_deploy.findings import IDS, Finding
from mercure_deploy.probes import PROBES
from mercure_deploy.report import findings as shown

PAGES = Path(__file__).parent.parent / "docs/findings"
SECTIONS = ["You see", "Why", "For example", "To be sure", "The cure"]


def test_every_id_has_its_page_and_every_page_its_id():
    assert {path.stem for path in PAGES.glob("*")} == IDS


@pytest.mark.parametrize("id_", sorted(IDS))
def test_a_page(id_: str, run: Run):
    text = (PAGES / f"{id_}.md").read_text()
    assert text.startswith(f"# {id_}\n\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert max(len(line) for line in text.splitlines() if not line.startswith("eyJ")) <= 120
    assert re.search(r"^More: <https://\S+>$", text, re.MULTILINE)
    assert run("explain", id_).out == text


@pytest.mark.parametrize("id_", sorted(IDS))
def test_what_is_wrong_in_the_example_of_a_page_has_its_id_alone(id_: str, run: Run, tmp_path: Path):
    example = (PAGES / f"{id_}.md").read_text().partition("## For example\n")[2].partition("\n## ")[0]
    files = re.findall(r"in `(\S+)`(?:, for pages of `(\S+)`)?:\n\n```\w+\n(.*?)```", example, re.DOTALL)
    if not files:
        # asked of a hub that runs, or of what was rendered: tests of those plant it
        probe = re.search(r"by its probe `([\w-]+)`", example)
        assert "`check` finds it" in example or (probe and probe[1] in {each.name for each in PROBES})
        return
    for name, _, text in files:
        (tmp_path / name).write_text(text)
    pages = [word for _, page, _ in files if page for word in ("--app-url", page)]
    said = run("lint", str(tmp_path), *pages, "--format", "json")
    assert {each["id"] for each in json.loads(said.out)["findings"]} == {id_}


def test_every_id_of_lint_has_a_rule_or_a_reader_that_says_it():
    said = "\n".join(path.read_text() for path in (PAGES.parent.parent / "mercure_deploy").rglob("*.py"))
    assert [each for each in sorted(IDS) if f'"{each}"' not in said] == []


def test_the_commands_of_the_pages_are_commands(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert run("init", "--app", "https://app.example.com", "--hub", "https://hub.example.com").code == 0
    (tmp_path / "app.env").write_text("MERCURE_URL=https://hub.example.com/.well-known/mercure\n")
    found = [re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL) for path in PAGES.glob("*")]
    assert all(len(commands) == 1 for commands in found)
    for line in {line for [commands] in found for line in commands.splitlines()}:
        program, *words = line.split()
        # those of curl run against a hub, in tests/e2e
        assert program == "curl" or (program == "mercure-deploy" and run(*words).code == 0), line


def test_all_are_listed_with_a_line_each(run: Run):
    said = run("explain")
    assert said.code == 0
    assert [line.split()[0] for line in said.lines] == sorted(IDS)
    assert "key-mismatch               What signs the tokens is not what the hub verifies with." in said.lines


def test_an_unknown_id_gets_the_closest(run: Run):
    said = run("explain", "key-mismach\x1b")
    assert said.code == 2
    assert "there is no finding key-mismach\ufffd\n  hint: did you mean key-mismatch?" in said.err
    assert "hint: known are: alg-mismatch, " in run("explain", "zzzzzzzzz").err


def test_a_finding_on_a_terminal_names_its_page():
    lines = list(shown.finding_text(Finding("key-age", "warning", "old", "rotate"), more=True))
    assert lines == ["warning: old [key-age]", "  hint: rotate", "  more: mercure-deploy explain key-age"]
