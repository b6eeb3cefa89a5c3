"""What the commands do among files, keys and people that are not their own."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MINIMAL, Run

from mercure_deploy import disk
from mercure_deploy.cli import main
from mercure_deploy.disk import ownership

OPTIONS = ["--app", "https://app.example.com", "--hub", "https://hub.example.com"]
FOREIGN = {
    ".gitignore": b"mine\n",
    "production/docker-compose.yaml": b"services: {db: {}}\n",
    "production/app.env": b"DATABASE_URL=x\n",
    "production/README.md": b"# ours since 2019\n",
}
COMPOSE = MINIMAL.replace("  production:", "  production:\n    platform: compose")


def tree(folder: Path) -> dict[str, bytes | str]:
    """Every file below, and where links lead."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if (path.is_file() or path.is_symlink()) and path.name not in {".lock", ".stamp"}
    }


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def key_of(project: Path) -> str:
    ring = json.loads((project / "deploy/production/keys.json").read_text())
    return str(ring["keys"][-1]["secret"])


# --- files that are not ours -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["init", *OPTIONS], ["render"], ["render", "--dry-run"]])
def test_a_file_that_no_manifest_names_is_never_overwritten(run: Run, project: Path, command: list[str]):
    put(project / "deploy", FOREIGN)
    if command[0] != "init":
        (project / "mercure.yaml").write_text(MINIMAL)
    before = tree(project)
    said = run(*command)
    assert (said.code, said.out) == (2, "")
    for path in FOREIGN:
        assert f"deploy/{path} is not ours" in said.err
    assert "--replace" in said.err
    assert tree(project) == before


@pytest.mark.parametrize("command", [["init", *OPTIONS, "--replace"], ["render", "--replace"]])
def test_replace_keeps_what_was_there(run: Run, project: Path, command: list[str]):
    put(project / "deploy", FOREIGN)
    if command[0] != "init":
        (project / "mercure.yaml").write_text(MINIMAL)
    assert run(*command).code == 0
    for path, data in FOREIGN.items():
        kept = project / f"deploy/{path}.before-mercure-deploy"
        assert kept.read_bytes() == data
        assert kept.stat().st_mode & 0o777 == 0o600
    # of a .gitignore nothing is taken away
    assert (project / "deploy/.gitignore").read_text().startswith("mine\n")
    assert run("check").code == 0
    # and a second time what was kept is kept still
    (project / "deploy/production/manifest.json").unlink()
    (project / "deploy/production/README.md").write_bytes(b"# once more\n")
    assert run("render", "--replace").code == 0
    assert (project / "deploy/production/README.md.before-mercure-deploy").read_bytes() == FOREIGN[
        "production/README.md"
    ]
    assert (project / "deploy/production/README.md.before-mercure-deploy-2").read_bytes() == b"# once more\n"


def test_a_rotation_overwrites_nothing_either(run: Run, project: Path):
    run("render", spec=MINIMAL)
    put(project / "deploy", {"production/symfony/app.mercure.yaml": b"mine\n"})
    before = tree(project)
    es256 = MINIMAL + "    keys: {algorithm: ES256}\n"
    said = run("rotate-keys", "production", "--now", "--yes", spec=es256)
    assert (said.code, said.out) == (2, "")
    assert "deploy/production/symfony/app.mercure.yaml is not ours" in said.err
    assert {**tree(project), "mercure.yaml": b""} == {**before, "mercure.yaml": b""}
    assert run("rotate-keys", "production", "--now", "--yes", "--replace").code == 0
    kept = project / "deploy/production/symfony/app.mercure.yaml.before-mercure-deploy"
    assert kept.read_bytes() == b"mine\n"


def test_a_gitignore_only_has_to_contain_our_lines(run: Run, project: Path):
    run("render", spec=MINIMAL)
    own = (project / "deploy/.gitignore").read_text()
    lines = "".join(line for line in own.splitlines(keepends=True) if not line.startswith("#"))
    (project / "deploy/.gitignore").write_text(f"*.log\n{lines}")
    assert run("check").code == 0
    assert "unchanged .gitignore" in run("render").lines
    assert (project / "deploy/.gitignore").read_text() == f"*.log\n{lines}"
    # one of ours that a version before wrote gets what is new, and keeps what somebody added
    head = own.splitlines(keepends=True)[0]
    (project / "deploy/.gitignore").write_text(f"{head}keys.json\nvendor/")
    assert "updated .gitignore" in run("render").lines
    assert (project / "deploy/.gitignore").read_text().startswith(f"{head}keys.json\nvendor/\n")
    assert run("check").code == 0


def test_a_killed_commit_knows_its_own_files_again(run: Run, project: Path):
    (project / "mercure.yaml").write_text(MINIMAL)
    # what a kill leaves: the claim, the ring and some of the files
    run("render", "-o", "whole")
    paths = sorted(tree(project / "whole"))
    put(project / "deploy", {name: (project / "whole" / name).read_bytes() for name in paths if "manifest" not in name})
    (project / "deploy/production/keys.json").chmod(0o600)
    put(project / "deploy", {ownership.CLAIM: json.dumps(paths).encode()})
    # with another spec its files would be others, and still they are ours
    said = run("render", spec=MINIMAL.replace("https://app.", "https://www."))
    assert said.code == 0, said.err
    assert "updated production/README.md" in said.lines
    assert not (project / "deploy" / ownership.CLAIM).exists()
    put(project / "deploy", {ownership.CLAIM: b"[1"})
    assert run("render").code == 0


def test_a_foreign_link_gives_way_and_what_it_leads_to_stays(run: Run, project: Path):
    put(project, {"theirs.env": b"SECRET=1\n", "deploy/production/x": b""})
    (project / "deploy/production/app.env").symlink_to("../../theirs.env")
    said = run("render", spec=MINIMAL)
    assert said.code == 2
    assert run("render", "--replace").code == 0
    assert (project / "theirs.env").read_bytes() == b"SECRET=1\n"
    assert not (project / "deploy/production/app.env").is_symlink()


@pytest.mark.parametrize("command", ["check", "diff", "render", "render --prune", "status"])
@pytest.mark.parametrize("name", ["x", "production/x"])
def test_a_foreign_link_that_leads_to_itself_is_let_be(run: Run, project: Path, name: str, command: str):
    assert run("render", spec=MINIMAL).code == 0
    (project / "deploy" / name).symlink_to("x")
    said = run(*command.split())
    assert said.code == 0, said.err
    assert (project / "deploy" / name).is_symlink()


@pytest.mark.parametrize(
    "command", [["render"], ["render", "--dry-run"], ["rotate-keys", "production", "--now", "--yes"]]
)
@pytest.mark.parametrize("name", ["app.env", "keys.json", "hub.env", "README.md", "hub/jwks.json", "hub/Caddyfile"])
def test_a_link_out_of_the_root_is_not_followed(run: Run, project: Path, name: str, command: list[str]):
    spec = MINIMAL if name == "hub.env" else MINIMAL + "    platform: compose\n"
    assert run("render", spec=spec).code == 0
    place = project / "deploy/production" / name
    ours = place.read_bytes()
    put(project, {"theirs": b"MERCURE_JWT_SECRET=somebody-elses-key-of-32-characters\n"})
    (project / "theirs").chmod(0o644)
    place.unlink()
    place.symlink_to("../" * (2 + name.count("/")) + "theirs")
    before = tree(project)
    said = run(*command, spec=spec.replace("https://app.", "https://www."))
    assert said.code == 2
    if name != "keys.json":
        assert f"deploy/production/{name} is a link to {project / 'theirs'}, which is not ours" in said.err
    assert tree(project) == {**before, "mercure.yaml": (project / "mercure.yaml").read_bytes()}
    assert (project / "theirs").stat().st_mode & 0o777 == 0o644
    assert ours


@pytest.mark.parametrize("folder", ["production", "production/hub"])
@pytest.mark.parametrize("words", [[], ["--replace"], ["--prune"], ["--dry-run"]], ids=str)
def test_a_folder_that_is_a_link_is_refused_with_both_paths(run: Run, project: Path, folder: str, words: list[str]):
    run("render", spec=MINIMAL + "    platform: compose\n")
    place, theirs = project / "deploy" / folder, project / "theirs"
    place.rename(theirs)
    place.symlink_to(theirs)
    theirs.chmod(0o755)
    before = tree(project)
    said = run("render", *words)
    assert said.code == 2
    assert f"deploy/{folder} is a link to {theirs}\n" in said.err
    assert tree(project) == before
    assert theirs.stat().st_mode & 0o777 == 0o755


def test_two_links_to_one_file_are_not_followed(run: Run, project: Path):
    run("render", spec=MINIMAL + STAGING)
    (project / "deploy/staging/app.env").unlink()
    (project / "deploy/staging/app.env").symlink_to("../production/app.env")
    before = tree(project)
    said = run("render")
    assert (said.code, tree(project)) == (2, before)
    assert "deploy/staging/app.env is a link to" in said.err


def test_a_ring_in_a_vault_stays_there(run: Run, project: Path):
    run("render", spec=MINIMAL)
    folder, vault = project / "deploy/production", project / "vault"
    vault.mkdir()
    for name in ("keys.json", "app.env"):
        (folder / name).rename(vault / name)
        (folder / name).symlink_to(f"../../vault/{name}")
    old = key_of(project)
    assert {line.split()[0] for line in run("render").lines} == {"unchanged"}
    (vault / ".mercure-deploy-left").write_text("of a killed run")
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    for name in ("keys.json", "app.env"):
        assert (folder / name).is_symlink()
        assert (vault / name).stat().st_mode & 0o777 == 0o600
        assert old not in (vault / name).read_text()
    assert sorted(path.name for path in vault.iterdir()) == ["app.env", "keys.json"]
    assert run("check").code == 0
    # a vault that is not there is a ring that is not there
    vault.rename(project / "unmounted")
    said = run("render")
    assert said.code == 2
    assert "production: the key ring is missing (key " in said.err
    assert not vault.exists()


# --- the only copy of a key ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["render"], ["render", "--replace"], ["render", "--dry-run"]])
def test_a_key_that_only_an_env_file_knows_is_not_replaced(run: Run, project: Path, command: list[str]):
    run("render", spec=MINIMAL)
    folder = project / "deploy/production"
    mark = json.loads((folder / "manifest.json").read_text())["keys"][0]["fingerprint"]
    for name in ("keys.json", "manifest.json"):
        (folder / name).unlink()
    before = tree(project)
    said = run(*command)
    assert (said.code, said.out) == (2, "")
    assert f"production: the key ring is missing (key {mark})" in said.err
    assert tree(project) == before
    # it is on purpose only with --now, and then the old one is kept
    assert run("rotate-keys", "production", "--now", "--yes").code == 2
    assert run("rotate-keys", "production", "--now", "--yes", "--replace").code == 0
    assert (folder / "app.env.before-mercure-deploy").read_bytes() == before["deploy/production/app.env"]


def test_a_placeholder_is_no_key(run: Run, project: Path):
    put(project / "deploy", {"production/app.env": b'MERCURE_JWT_SECRET="!ChangeThisMercureHubJWTSecretKey!"\n'})
    assert "is not ours" in run("render", spec=MINIMAL).err
    assert run("render", "--replace").code == 0


def test_now_keeps_a_ring_that_it_cannot_read(run: Run, project: Path):
    run("render", spec=MINIMAL)
    path = project / "deploy/production/keys.json"
    path.write_text("{not json")
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    assert (path.parent / "keys.json.before-mercure-deploy").read_text() == "{not json"


# --- a key is a key wherever it stands -------------------------------------------------------------------------------


def forms(key: str) -> list[str]:
    raw = key.encode()
    return [
        key,
        f'{{"secret": "{key}"}}',
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(b"MERCURE_JWT_SECRET=" + raw).decode(),
        raw.hex(),
        f"http://user:{key}@example.com",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["docker-compose.yaml", "Caddyfile", "README.md", "manifest.json"])
@pytest.mark.parametrize("number", range(6))
def test_a_key_in_a_public_file_is_named_and_never_shown(run: Run, project: Path, name: str, number: int):
    run("render", spec=MINIMAL)
    key, path = key_of(project), project / "deploy/production" / name
    shown = forms(key)[number]
    text = path.read_text()
    # in JSON as a further member
    member = f'{{\n"x": {json.dumps(shown)},\n'
    path.write_text(text.replace("{\n", member, 1) if name == "manifest.json" else f"{text}{shown}\n")
    for command in (["diff"], ["check"], ["check", "--format", "json"], ["status"], ["render", "--dry-run"]):
        said = run(*command)
        assert shown.strip('{}"') not in said.out + said.err, command
        assert key not in said.out + said.err
    said = run("check", "--format", "json")
    assert said.code == 1
    (finding,) = json.loads(said.out)["environments"]["production"]["findings"]
    assert (finding["id"], finding["level"], finding["file"]) == ("secret-exposure", "error", f"production/{name}")


@pytest.mark.parametrize("name", ["keys.json.bak", "production/keys.json~", "production/app.env.old", "notes/a/b.txt"])
def test_a_copy_of_a_key_is_an_error(run: Run, project: Path, name: str):
    run("render", spec=MINIMAL)
    assert run("check").code == 0
    ring = (project / "deploy/production/keys.json").read_bytes()
    put(project / "deploy", {name: ring})
    said = run("check")
    assert said.code == 1
    assert f"{name}: error: the key " in said.out
    assert "[secret-exposure]" in said.out


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_private_key_is_found_in_pieces_and_a_public_one_is_none(run: Run, project: Path, algorithm: str):
    run("render", spec=MINIMAL + f"    keys: {{algorithm: {algorithm}}}\n")
    assert run("check").code == 0
    key = key_of(project)
    line = key.splitlines()[2]
    for shown in (key, json.dumps(key), base64.b64encode(key.encode()).decode(), "".join(key.splitlines()[1:-1]), line):
        put(project / "deploy", {"pasted.txt": shown.encode()})
        assert run("check").code == 1, shown[:30]
        with (project / "deploy/production/Caddyfile").open("a") as file:
            file.write(f"# {shown}\n")
        assert line not in run("diff").out
        run("render")


def test_without_the_ring_a_key_is_known_by_its_fingerprint(run: Run, project: Path):
    run("render", spec=MINIMAL)
    key, folder = key_of(project), project / "deploy/production"
    for name in ("keys.json", "app.env", "hub.env"):
        (folder / name).unlink()
    assert run("check").code == 0
    with (folder / "docker-compose.yaml").open("a") as file:
        file.write(f"# MERCURE_JWT_SECRET={key}\n# {base64.b64encode(key.encode()).decode()}\n")
    said = run("check")
    assert "production/docker-compose.yaml: error: the key " in said.out
    shown = run("diff").out
    assert key not in shown
    assert base64.b64encode(key.encode()).decode() not in shown


def test_a_secret_of_somebody_else_in_a_public_file_is_hidden_too(run: Run, project: Path):
    run("render", spec=MINIMAL)
    pasted = {
        "docker-compose.yaml": (
            "      MERCURE_PUBLISHER_JWT_KEY: an-old-live-key-that-no-ring-knows\n      - DB_PASSWORD=hunter2hunter2\n"
        ),
        "Caddyfile": "publisher_jwt an-old-live-key-that-no-ring-knows HS256\n",
        "README.md": (
            "-----BEGIN PRIVATE KEY-----\nMIIabcdefgh\nsecondline\n-----END PRIVATE KEY-----\n"
            "eyJhbGciOiJIUzI1NiJ9.eyJtIjoxfQ.c2ln\n"
        ),
    }
    for name, text in pasted.items():
        with (project / "deploy/production" / name).open("a") as file:
            file.write(text)
    said = run("diff").out
    for secret in ("an-old-live-key", "hunter2", "MIIabcdefgh", "secondline", "eyJtIjoxfQ"):
        assert secret not in said
    # a reference to a variable is none
    assert "${MERCURE_PUBLISHER_JWT_KEY}" not in said
    assert run("render").code == 0


def git(folder: Path, *arguments: str, **environment: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "safe.directory=*"]
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return done.stdout


def test_git_is_asked_whoever_owns_the_checkout(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch):
    run("render", spec=MINIMAL)
    git(project, "init", "-q")
    git(project, "add", "-f", "deploy/production/keys.json")
    # git takes the checkout for that of another owner
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    # and a hook runs with the variables of its own repository
    monkeypatch.setenv("GIT_DIR", str(project / "elsewhere"))
    said = run("check")
    assert said.code == 1
    assert "git tracks production/keys.json" in said.out


def test_where_git_cannot_be_asked_that_is_said(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch):
    run("render", spec=MINIMAL)
    monkeypatch.setenv("PATH", "")
    assert "was not checked" not in run("check").out
    (project / ".git").mkdir()
    said = run("check")
    assert said.code == 0
    assert "note: whether git tracks a secret file was not checked" in said.out


def test_the_gitignore_keeps_copies_out_too(run: Run, project: Path):
    run("render", "--replace", spec=COMPOSE)
    for name in (
        "keys.json.bak",
        "keys.json~",
        "keys (copy).json",
        "app.env.old",
        "app.env~",
        "hub/jwks.json.orig",
        "x.before-mercure-deploy",
    ):
        put(project / "deploy/production", {name: b"x"})
    git(project, "init", "-q")
    git(project, "add", "-A")
    tracked = git(project, "ls-files").split("\n")
    assert [name for name in tracked if "copy" in name or name.endswith(("bak", "~", "old", "orig", "deploy"))] == []


# --- orphans ---------------------------------------------------------------------------------------------------------


def test_an_orphan_says_what_it_holds_and_prune_deletes_it(run: Run, project: Path):
    second = MINIMAL + "      second:\n        url: https://second.example.com\n"
    staging = "  staging:\n    hub: {url: https://hub.stage.example.com}\n    apps: {app: {url: https://app.stage.example.com}}\n"
    run("render", spec=second + staging)
    mark = json.loads((project / "deploy/production/manifest.json").read_text())["keys"][0]["fingerprint"]
    (project / "deploy/staging/notes.txt").write_text("mine")
    said = run("render", spec=MINIMAL)
    assert "orphan production/second.env" in said.lines
    assert f"production/second.env is no longer rendered and still holds the key {mark}" in said.err
    assert "render --prune deletes" in said.err
    assert "hint: an orphan is no longer rendered, render --prune deletes it" in run("check").out
    preview = run("render", "--prune", "--dry-run")
    assert "would be deleted staging/app.env" in preview.lines
    assert (project / "deploy/staging/keys.json").exists()
    # of one environment only its own go
    assert "deleted production/second.env" in run("render", "production", "--prune").lines
    assert (project / "deploy/staging/keys.json").exists()
    said = run("render", "--prune")
    assert "deleted staging/app.env" in said.lines
    assert "orphan staging/keys.json" in said.lines
    assert "hint: staging is not in the spec: render --prune-keys staging deletes its key" in run("check").out
    assert "deleted staging/keys.json" in run("render", "--prune-keys", "staging", "--yes").lines
    # what is not ours stays, and its folder with it
    assert [path.name for path in (project / "deploy/staging").iterdir()] == ["notes.txt"]
    assert run("check").code == 0
    assert "second.env" not in (project / "deploy/production/manifest.json").read_text()


STAGING = (
    "  staging:\n    hub: {url: https://hub.stage.example.com}\n    apps: {app: {url: https://app.stage.example.com}}\n"
)


def test_a_ring_is_deleted_by_nothing_but_its_own_word(run: Run, project: Path):
    run("render", spec=MINIMAL + STAGING)
    ring = project / "deploy/staging/keys.json"
    text = ring.read_bytes()
    for words in (["--prune"], ["--prune", "--yes"], ["production", "--prune"], ["--replace", "--prune"]):
        assert run("render", *words, spec=MINIMAL).code == 0
        assert ring.read_bytes() == text
    # nobody is there to be asked
    said = run("render", "--prune-keys", "staging")
    assert (said.code, ring.read_bytes()) == (2, text)
    assert "the only copy of its keys, and there is no terminal to ask on\n  hint: say --yes" in said.err
    said = run("render", "--prune-keys", "production", "--prune-keys", "stagin", "--yes")
    assert said.code == 2
    assert "production is in the spec, and its key in use\n  hint: rotate-keys production --now" in said.err
    assert "there is no key ring of an environment stagin\n  hint: did you mean staging?" in said.err
    assert "would be deleted staging/keys.json" in run("render", "--prune-keys", "staging", "--dry-run").lines
    assert ring.read_bytes() == text
    assert "deleted staging/keys.json" in run("render", "--prune-keys", "staging", "--yes").lines
    assert not ring.exists()
    assert run("check").code == 0


def test_a_renamed_environment_is_told_how_to_keep_its_key(run: Run, project: Path):
    run("render", spec=MINIMAL)
    key = json.loads((project / "deploy/production/keys.json").read_text())["keys"][0]["secret"]
    said = run("render", spec=MINIMAL.replace("production", "live"))
    told = re.search(r"it can keep that key: (rm -r \S+) && (mv \S+ \S+), then render", said.err)
    assert told
    for command in told.groups():
        subprocess.run(command.split(), check=True)
    assert run("render", "--prune").code == 0
    assert json.loads((project / "deploy/live/keys.json").read_text())["keys"][0]["secret"] == key
    assert run("check").code == 0
    assert not (project / "deploy/production").exists()


def test_modes_that_are_open_are_told_with_the_command(run: Run, project: Path):
    run("render", spec=MINIMAL)
    (project / "deploy/production/app.env").chmod(0o644)
    said = run("check")
    assert "mode production/app.env" in said.lines
    assert "  hint: others may read it: chmod 600 deploy/production/app.env" in said.lines


def test_a_rotation_to_another_algorithm_says_what_is_left(run: Run):
    run("render", spec=MINIMAL)
    said = run("rotate-keys", "production", "--now", "--yes", spec=MINIMAL + "    keys: {algorithm: ES256}\n")
    assert "orphan production/hub.env" in said.lines
    assert "render --prune deletes" in said.err
    assert run("check").code == 1
    assert "deleted production/hub.env" in run("render", "--prune").lines
    assert run("check").code == 0


def test_a_prune_that_fails_takes_nothing_away(tmp_path: Path):
    root = tmp_path / "deploy"
    put(root, {"p/a": b"1", "p/b": b"2"})

    def full(_path: str) -> None:
        raise OSError(28, "No space left on device")

    count = iter(range(10))

    def second(path: str) -> None:
        os.unlink(path) if next(count) < 1 else full(path)  # noqa: PTH108

    with pytest.raises(disk_trouble()):
        disk.commit(root, [], remove=["p/a", "p/b"], calls=disk.Calls(unlink=second))
    assert {name: data for name, data in tree(root).items() if name in {"p/a", "p/b"}} == {"p/a": b"1", "p/b": b"2"}


def disk_trouble() -> type[Exception]:
    from mercure_deploy.errors import Trouble  # noqa: PLC0415

    return Trouble


# --- who reads what we say -------------------------------------------------------------------------------------------

COMMANDS = [
    ["render"],
    ["check"],
    ["diff"],
    ["status"],
    ["schema"],
    ["--help"],
    ["--version"],
    ["rotate-keys", "production"],
]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("target", ["closed", "full", "gone"])
def test_a_stdout_that_takes_nothing_is_trouble_in_one_line(run: Run, project: Path, command: list[str], target: str):
    program = [sys.executable, "-m", "mercure_deploy"]
    run("render", spec=MINIMAL)
    if command[0] == "diff":
        (project / "deploy/production/Caddyfile").write_text("mine\n")
    shell = {
        "closed": '"$@" >&-',
        "full": '"$@" > /dev/full',
        # a reader that has gone before anything was written
        "gone": '{ sleep 0.05; "$@"; echo $? >&2; } | true',
    }[target]
    said = subprocess.run(["bash", "-c", shell, "x", *program, *command], capture_output=True, text=True, check=False)
    code, lines = said.returncode, said.stderr.splitlines()
    if target == "gone":
        code = int(lines.pop())
    assert code == 2, said.stderr
    assert lines[0].startswith("mercure-deploy: stdout cannot be written: ")
    assert [line for line in lines[1:] if not line.startswith("  hint: ")] == []
    if command[0] == "rotate-keys":
        # the step is done, and the files are those of a step that is done
        assert "what was asked for is done" in lines[1] or target == "closed"
        state = json.loads(run("status", "--format", "json").out)["environments"]["production"]
        assert (state["rotation"]["state"], state["drift"]) == ("staged", False)


@pytest.mark.slow
def test_a_closed_stderr_ends_nothing(project: Path):
    (project / "mercure.yaml").write_text(MINIMAL.replace("https://app", "https://hub"))
    run = ["bash", "-c", '"$@" 2>&-', "x", sys.executable, "-m", "mercure_deploy", "render"]
    said = subprocess.run(run, capture_output=True, text=True, check=False)
    assert said.returncode == 0
    assert "created production/keys.json" in said.stdout


@pytest.mark.slow
def test_all_descriptors_closed_and_no_file_takes_their_place(project: Path):
    (project / "mercure.yaml").write_text(MINIMAL)
    run = ["bash", "-c", '"$@" <&- >&- 2>&-', "x", sys.executable, "-m", "mercure_deploy", "render"]
    assert subprocess.run(run, check=False).returncode == 2
    assert (project / "deploy/.lock").read_bytes() == b""
    check = [sys.executable, "-m", "mercure_deploy", "check"]
    assert subprocess.run(check, check=False, capture_output=True).returncode == 0


ASKING = {
    "init": ("stdin", [], ["init", "--env", "x"]),
    "import": ("stdin", [], ["import", "old.env", "--env", "x"]),
    "a new key": ("stdin", [], ["rotate-keys", "production", "--now"]),
    "a token": ("stdin", [], ["token", "inspect", "-"]),
    "an answer": ("stdin", [], ["doctor", "--probe-answer", "-"]),
    "a retirement": ("stdin", [[], ["--deployed"]], ["rotate-keys", "production"]),
    "a promotion": ("stderr", [[]], ["rotate-keys", "production", "--cacert", "none.pem"]),
    "a hub": ("stderr", [], ["doctor", "--hub", "http://127.0.0.1:9"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ASKING)
def test_who_would_ask_knows_that_nobody_is_there(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    closed, before, command = ASKING[name]
    assert run("render", spec=MINIMAL).code == 0
    for step in before:
        assert run("rotate-keys", "production", *step).code == 0
    (project / "old.env").write_text(f"MERCURE_JWT_SECRET={'ab' * 32}\n")
    monkeypatch.setattr(sys, closed, None)
    # with a hub that is away the rest is trouble; 3 is a bug
    assert main(command) in {1, 2}


def test_a_stamp_that_is_a_pipe_is_not_waited_for(run: Run, project: Path):
    assert run("render", spec=MINIMAL).code == 0
    (project / "deploy/.stamp").unlink()
    os.mkfifo(project / "deploy/.stamp")
    assert run("render").code == 0


@pytest.mark.parametrize(
    "path", ["production/app.env", "production/keys.json", "production/manifest.json", ".gitignore"]
)
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(run: Run, project: Path, path: str):
    assert run("render", spec=MINIMAL).code == 0
    (project / "deploy" / path).unlink()
    os.mkfifo(project / "deploy" / path, 0o600)
    for command in ("check", "render", "diff", "status"):
        said = run(command)
        assert said.code == 2, command
        assert f"{path} cannot be read: it is a pipe, not a file" in said.err


@pytest.mark.parametrize("name", [".gitignore", "production/README.md", ".lock", "production/notes"])
def test_a_key_that_was_pasted_into_any_file_below_the_root_is_found(run: Run, project: Path, name: str):
    run("render", spec=MINIMAL)
    place = project / "deploy" / name
    place.write_text((place.read_text() if place.exists() else "") + f"# {key_of(project)}\n")
    said = run("check")
    assert said.code == 1
    assert f"{name}: error: the key" in said.out
    assert key_of(project) not in said.out + said.err
