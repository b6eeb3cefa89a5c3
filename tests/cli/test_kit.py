"""`kit` as its user meets it: files that become theirs, stay as they changed them, and are brought up to date."""

import json
from pathlib import Path

import pytest
from conftest import MINIMAL, Run, Said

from mercure_deploy import kit
from mercure_deploy.targets import kit as files

STREAM, CONFIG = "assets/mercure_stream.js", "config/packages/mercure.yaml"


@pytest.fixture
def app(project: Path) -> Path:
    """A Symfony project with what the kit needs."""
    folder = project / "app"
    folder.mkdir()
    needed = ["symfony/mercure-bundle", "symfony/security-bundle", "symfony/stimulus-bundle"]
    (folder / "composer.json").write_text(json.dumps({"require": dict.fromkeys(needed, "*")}))
    return folder


def made(run: Run, *arguments: str, spec: str = MINIMAL) -> Said:
    return run("kit", "production", "app", "app", *arguments, spec=spec)


def written(app: Path) -> dict[str, bytes]:
    return {str(path.relative_to(app)): path.read_bytes() for path in sorted(app.rglob("*")) if path.is_file()}


def test_the_first_run_writes_all_and_the_second_changes_nothing(run: Run, app: Path):
    first = made(run)
    assert first.code == 0, first.err
    assert all(line.startswith("created ") for line in first.lines)
    assert {line.split()[1] for line in first.lines} == set(written(app)) - {"composer.json", kit.MANIFEST}
    before = written(app)
    second = made(run)
    assert all(line.startswith("unchanged ") for line in second.lines)
    assert written(app) == before
    assert b"https://app.example.com/users/" in before["src/Mercure/MercureTopicVoter.php"]
    assert b"default_cookie_lifetime: 3600" in before[CONFIG]


def test_a_dry_run_says_the_same_and_writes_nothing(run: Run, app: Path):
    before = written(app)
    dry = made(run, "--dry-run")
    assert written(app) == before
    assert dry.lines == made(run).lines
    (app / STREAM).write_text("mine")
    (app / kit.MANIFEST).unlink()
    assert made(run, "--dry-run").code == made(run).code == 2


def test_what_its_owner_changed_stays(run: Run, app: Path):
    made(run)
    (app / STREAM).write_text("mine")
    said = made(run)
    assert said.code == 0
    assert f"kept {STREAM}, which you changed" in said.lines
    assert (app / STREAM).read_text() == "mine"
    assert not said.err
    # deleted, it is written again; put back, it is one that nobody changed
    (app / STREAM).unlink()
    assert f"created {STREAM}" in made(run).lines


def test_an_upgrade_brings_up_to_date_what_was_left_alone_and_says_what_was_not(
    run: Run, app: Path, monkeypatch: pytest.MonkeyPatch
):
    made(run)
    (app / STREAM).write_text("mine")
    source = files.source
    monkeypatch.setattr(files, "source", lambda name: f"{source(name)}\n")
    said = made(run)
    assert said.code == 0
    assert "updated assets/controllers/mercure_controller.js" in said.lines
    assert f"kept {STREAM}, which you changed" in said.lines
    assert f"{STREAM} is yours, and this version writes it otherwise" in said.err
    # and again: it is still behind
    assert f"{STREAM} is yours" in made(run).err
    replaced = made(run, "--replace")
    assert f"updated {STREAM}" in replaced.lines
    assert (app / f"{STREAM}.before-mercure-deploy").read_text() == "mine"
    assert f"unchanged {STREAM}" in made(run).lines


def test_a_file_of_theirs_is_refused_before_anything_is_written(run: Run, app: Path):
    (app / "assets").mkdir()
    (app / STREAM).write_text("theirs")
    before = written(app)
    said = made(run)
    assert said.code == 2
    assert f"{STREAM} is not ours" in said.err
    assert written(app) == before
    assert made(run, "--replace").code == 0
    assert (app / f"{STREAM}.before-mercure-deploy").read_text() == "theirs"


def test_a_configuration_that_is_there_is_never_touched_and_what_belongs_into_it_is_said(run: Run, app: Path):
    (app / "config/packages").mkdir(parents=True)
    (app / CONFIG).write_text("mercure: {}\n")
    for arguments in ([], ["--replace"]):
        said = made(run, *arguments)
        assert said.code == 0, said.err
        assert (app / CONFIG).read_text() == "mercure: {}\n"
        assert f"to be merged into {CONFIG}:" in said.lines
        assert "        default_cookie_lifetime: 3600" in said.lines
    # one that the kit wrote, and that nobody changed, follows the spec
    (app / CONFIG).unlink()
    made(run)
    longer = MINIMAL + "    keys: {token_lifetime: 2h}\n"
    assert f"updated {CONFIG}" in made(run, spec=longer).lines


def test_each_bundle_has_its_own_words(run: Run, app: Path):
    spec = MINIMAL.replace("app.example.com", "app.example.com\n        bundle: '0.6'")
    made(run, spec=spec)
    assert "protocol_version: '0.x'" in (app / CONFIG).read_text()


def test_what_is_not_required_is_said(run: Run, app: Path):
    (app / "composer.json").write_text('{"require": {"symfony/mercure-bundle": "*"}}')
    said = made(run)
    assert "symfony/security-bundle is not required by composer.json" in said.out
    assert "symfony/mercure-bundle is" not in said.out
    for broken in ("[]", "{", "\xff", '{"require": []}'):
        (app / "composer.json").write_text(broken)
        assert "symfony/mercure-bundle is not required" in made(run).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["production", "app", "none"], "none is no Symfony project: there is no composer.json"),
        (["production", "shop", "app"], "production has no app shop\n  hint: known are: app"),
        (["staging", "app", "app"], "there is no environment staging"),
    ],
)
def test_what_is_wrong_is_said(run: Run, app: Path, arguments: list[str], said: str):
    del app
    found = run("kit", *arguments, spec=MINIMAL)
    assert (found.code, said in found.err) == (2, True), found.err


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2, "files": {}}', '{"version": 1, "files": {"a": 1}}'])
def test_a_manifest_that_cannot_be_read_is_said(run: Run, app: Path, text: str):
    made(run)
    (app / kit.MANIFEST).write_text(text)
    before = written(app)
    said = made(run)
    assert (said.code, "is damaged, or of a newer version" in said.err) == (2, True)
    assert written(app) == before


def test_no_key_is_in_any_file(run: Run, app: Path):
    made(run)
    run("render")
    made(run)
    ring = json.loads(Path("deploy/production/keys.json").read_text())["keys"]
    text = b"".join(written(app).values()).decode()
    assert not [key for key in ring if key["secret"] in text]
