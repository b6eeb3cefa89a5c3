"""The README and docs/ are true: each command in them says what it shows, each snippet is the file it claims to be."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import logs
import pytest
from conftest import MINIMAL, Run
from ruamel.yaml import YAML

from mercure_deploy import __version__
from mercure_deploy.cli.main import TABLE
from mercure_deploy.spec import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
# as somebody reads them, one after the other
PAGES = "files the-spec your-app lint import doctor audit coolify compose rotation hub-1.0 ci proofs spec".split()
PAGES.append("where-your-hub-lives")
DOCUMENTS = {
    "README.md": README,
    **{f"docs/{page}.md": (ROOT / f"docs/{page}.md").read_text() for page in PAGES},
    "CONTRIBUTING.md": (ROOT / "CONTRIBUTING.md").read_text(),
}
# a manifest as in docs/lint.md
CLUSTER = """\
apiVersion: v1
kind: Secret
metadata: {name: mercure-keys}
stringData:
  key: 9b7e4c1f9b7e4c1f9b7e4c1f9b7e4c1f9b7e4c1f9b7e4c1f9b7e4c1f9b7e4c1f
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hub}
spec:
  strategy: {type: Recreate}
  template:
    metadata: {labels: {app: hub}}
    spec:
      containers:
        - name: mercure
          image: dunglas/mercure:v0.24.2
          env:
            - {name: SERVER_NAME, value: ":80"}
            - name: MERCURE_PUBLISHER_JWT_KEY
              valueFrom:
                secretKeyRef: {name: mercure-keys, key: jwt}
"""
CHINESE = (ROOT / "README.zh-CN.md").read_text()


def blocks(kind: str, *documents: str) -> list[str]:
    """The fenced blocks of a kind, of all documents or of these texts."""
    texts = "\n".join(documents or DOCUMENTS.values())
    return [
        text for found, text in re.findall(r"^```(\w+)\n(.*?)^```", texts, re.DOTALL | re.MULTILINE) if found == kind
    ]


def normal(text: str) -> str:
    """Without what differs from run to run: fingerprints and moments."""
    text = re.sub(r"\b[0-9a-f]{8}\b", "FINGERPRINT", text)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "MOMENT", text)


@pytest.mark.slow
@pytest.mark.parametrize("documents", [tuple(DOCUMENTS.values()), (CHINESE,)], ids=["english", "chinese"])
def test_the_console_shows_what_happens(tmp_path: Path, documents: tuple[str, ...]):
    hub = "      url: https://hub.example.com\n"
    broken = MINIMAL.replace(hub, f"{hub}      image: dunglas/mercure:latest\n")
    (tmp_path / "broken.yaml").write_text(broken.replace("https://app.example.com", "https://app.example.net"))
    theirs, keys = tmp_path / "theirs", ["ab" * 32, "cd" * 32]
    theirs.mkdir()
    public = "https://hub.example.com/.well-known/mercure"
    (theirs / "app.env").write_text(f"MERCURE_JWT_SECRET={keys[0]}\nMERCURE_PUBLIC_URL={public}\n")
    roles = "".join(f"MERCURE_{role}_JWT_KEY={keys[1]}\n" for role in ("PUBLISHER", "SUBSCRIBER"))
    extra = "SERVER_NAME=:80\nMERCURE_EXTRA_DIRECTIVES='cors_origins http://app.example.com'\n"
    (theirs / "hub.env").write_text(roles + extra)
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster/hub.yaml").write_text(CLUSTER)
    (tmp_path / "access.log").write_bytes(logs.half_way().text)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    shown = "".join(blocks("console", *documents))
    said = ""
    for line in shown.splitlines():
        if line.startswith("$ "):
            said += f"{line}\n"
            run = ["bash", "-c", f"{line[2:]} 2>&1"]
            said += subprocess.run(
                run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            ).stdout
    assert normal(said) == normal(shown)


def test_the_page_is_the_file_that_the_tests_open():
    assert (ROOT / "examples/page.html.twig").read_text() in blocks("twig")


def test_the_table_of_proofs_has_what_the_tests_prove():
    tests = "".join(path.read_text() for path in sorted((ROOT / "tests").rglob("test_*.py")))
    claims = re.findall(r'@pytest\.mark\.proves\(\s*"(.*?)"\s*\)', tests)
    [table] = re.findall(r"<!-- proved -->\n(.*?)<!-- end -->", DOCUMENTS["docs/proofs.md"], re.DOTALL)
    shown = "<br>".join(re.findall(r"^\| .* \| (.*) \|$", table, re.MULTILINE)[1:])
    assert sorted(re.sub(r" \(\d+ tests\)", "", shown).split("<br>")) == sorted(claims)
    # with versions, which a run has asked for
    assert len(re.findall(r"\b\d+\.\d+", table)) >= len(set(re.findall(r"against\((.*?)\)", tests)))


def test_every_document_is_read_here_and_every_link_leads_to_a_file():
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} == set(PAGES)
    for name, text in {**DOCUMENTS, "README.zh-CN.md": CHINESE}.items():
        for link in re.findall(r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)", text):
            assert not link or ((ROOT / name).parent / link).exists(), (name, link)


def test_the_readme_stays_short_and_its_doors_are_the_same_in_chinese():
    assert len(README.encode()) <= 9 * 1024
    assert 3 <= len(blocks("console", CHINESE) + blocks("sh", CHINESE)) <= 5
    assert set(blocks("console", CHINESE)) <= set(blocks("console", README))


@pytest.mark.parametrize("text", [text for text in blocks("yaml") if text.startswith("version:")])
def test_the_specs_are_specs(text: str):
    assert load(text.encode(), "README.md").findings == ()


def test_the_words_of_coolify_are_words_of_a_spec():
    [text] = [text for text in blocks("yaml") if text.lstrip().startswith("coolify:")]
    assert load(f"{MINIMAL}{text}".encode(), "README.md").spec.environments["production"].coolify


def test_the_example_is_a_spec():
    assert load((ROOT / "examples/mercure.yaml").read_bytes(), "mercure.yaml").findings == ()


def test_every_command_has_its_row_and_every_row_its_command():
    rows = set(re.findall(r"^\| `mercure-deploy ([a-z-]+)", README, re.MULTILINE))
    assert rows == set(TABLE)


def test_the_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = {name for text in DOCUMENTS.values() for name in re.findall(r"(?:`|^)make ([a-z]+)\b", text, re.MULTILINE)}
    assert {"demo", "test"} <= named
    for name in named:
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), name


def test_the_changelog_begins_with_this_version():
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == __version__
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.slow
def test_the_reference_of_the_spec_is_that_of_the_schema():
    run = [sys.executable, str(ROOT / "scripts/reference"), "--check"]
    assert subprocess.run(run, check=False).returncode == 0, "make readme"


# words of other files: of compose, Kubernetes, a workflow, Symfony, a Caddyfile, JavaScript, and what a hub says
OTHERS = set(
    "private network env_file replicas publish environment image services credentials bolt claims secret strategy"
    " stringData build ports".split()
)
FINDINGS = {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "docs/findings").glob("*.md"))}


def test_each_word_of_the_spec_in_prose_is_one_of_the_schema(run: Run):
    schema = json.loads(run("schema").out)
    words: dict[str, list[object]] = {}
    for place in (schema, *schema["$defs"].values()):
        for name, said in place.get("properties", {}).items():
            words.setdefault(name, []).append(said)
    # an example shows what it is about, not what is required besides
    defined = {name: {**said, "required": []} for name, said in schema["$defs"].items()}
    seen = 0
    for document, text in {**DOCUMENTS, **FINDINGS}.items():
        for span, name in re.findall(r"`(([a-z_]+):(?: [^`]+)?)`", text):
            if name in OTHERS - words.keys():
                continue
            value = YAML(typ="safe").load(span.replace("…", "null"))[name]
            # a gap for the reader to fill may hold anything, and is left to the word around it
            gap = "…" in span or value is None
            known = ({**each, "$defs": defined} for each in words.get(name, []))
            of_ours = any(gap or jsonschema.Draft202012Validator(each).is_valid(value) for each in known)
            assert of_ours or name in OTHERS, f"{document}: `{span}`"
            seen += of_ours
    assert seen > 15


def test_the_hooks_for_pre_commit_are_commands_of_ours():
    for hook in YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        program, *words = hook["entry"].split()
        assert program == "mercure-deploy"
        assert words[0] in TABLE
        assert re.search(hook["files"], "deploy/production/Caddyfile")
    assert re.search(hook["files"], "mercure.yaml")


def test_what_the_readme_has_for_ci_is_what_there_is():
    others = [text for text in blocks("yaml") if not text.startswith("version:") and "coolify:" not in text]
    workflow, hooks = map(YAML(typ="safe").load, others)
    [*_, own, install, step] = workflow["jobs"]["mercure"]["steps"]
    assert step["run"].split()[1] in TABLE
    # nothing is published: the copy that was checked out is installed
    assert install["run"].split()[-1] == f"./{own['with']['path']}"
    offered = YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {hook["id"] for hook in hooks["repos"][0]["hooks"]} <= {hook["id"] for hook in offered}
    assert hooks["repos"][0]["rev"] == f"v{__version__}"


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_environments(tmp_path: Path, shell: str):
    (tmp_path / "mercure.yaml").write_text(MINIMAL)
    program = [str(Path(sys.executable).parent / "mercure-deploy")]
    environment = {**os.environ, "_MERCURE_DEPLOY_COMPLETE": f"{shell}_source"}
    source = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert "_MERCURE_DEPLOY_COMPLETE" in source.stdout
    environment |= {
        "_MERCURE_DEPLOY_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "mercure-deploy rotate-keys pro",
        "COMP_CWORD": "2" if shell != "fish" else "pro",
    }
    said = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "production" in said.stdout
    # a spec that is wrong completes nothing, in silence
    (tmp_path / "mercure.yaml").write_text("x")
    said = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (said.stdout.strip(), said.stderr) == ("", "")
