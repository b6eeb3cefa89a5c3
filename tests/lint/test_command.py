"""`lint` as its user meets it: in folders of other people, with all that lies about there."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import Run

from mercure_deploy import lint
from mercure_deploy.disk import searching
from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.findings import Finding, Place
from mercure_deploy.report import files as reported
from mercure_deploy.spec import load

KEY, OTHER = "ab" * 32, "cd" * 32
APP = f"MERCURE_JWT_SECRET={KEY}\nMERCURE_URL=http://hub/.well-known/mercure\n"
HUB = f"MERCURE_PUBLISHER_JWT_KEY={KEY}\nMERCURE_SUBSCRIBER_JWT_KEY={KEY}\nSERVER_NAME=:80\n"
GOLDEN = Path(__file__).parent.parent / "targets/golden"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


FINE = "nothing is wrong that files can tell"
WAY = (
    "not told: the way from app to hub, the origins of the pages (--app-url), where MERCURE_PUBLIC_URL is set,"
    " the proxy before the hub"
)


def put(**files: str) -> None:
    for name, text in files.items():
        path = Path(name.replace("__", "/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(f"{path}.env").write_text(text)


def test_two_sides_that_agree(run: Run):
    put(app=APP, hub=HUB)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in Path().rglob("*")}
    said = run("lint")
    assert (said.code, said.out, said.err) == (0, f"2 files: {FINE}; {WAY}\n", "")
    assert {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in Path().rglob("*")} == before
    assert run("lint", "-q").out == ""


def test_a_mismatch_is_located_and_no_key_shown(run: Run):
    put(app=APP, hub=HUB.replace(KEY, OTHER))
    said = run("lint")
    assert said.code == 1
    assert said.lines[0].startswith("hub.env:1:27: error: MERCURE_JWT_SECRET (")
    assert said.lines[0].endswith(") differ [key-mismatch]")
    assert KEY not in said.out + said.err
    assert OTHER not in said.out + said.err
    row = json.loads(run("lint", "--format", "json").out)
    assert row["files"] == [{"path": "app.env", "kind": "dotenv"}, {"path": "hub.env", "kind": "dotenv"}]
    assert (row["version"], row["errors"], row["warnings"]) == (1, 1, 0)
    assert [(each["id"], each["line"], each["column"]) for each in row["findings"]] == [("key-mismatch", 1, 27)]
    assert run("lint", "--format", "github").out.startswith("::error file=hub.env,line=1,col=27,title=key-mismatch::")


def test_strict_counts_warnings(run: Run):
    put(app=APP)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "-f", "app.env"], check=True)
    assert run("lint").code == 0
    said = run("lint", "--strict")
    assert said.code == 1
    assert "app.env:1:20: warning: git tracks this file" in said.out


def test_what_no_file_says_is_told(run: Run):
    put(app=APP, hub=HUB)
    words = ["--app-url", "https://app.example.com/page", "--hub-url", "https://hub.example.com/.well-known/mercure"]
    assert "[cors-origin-missing]" in run("lint", *words).out
    assert "[cors-origin-missing]" not in run("lint", *words, "--hub-version", "v0.24.2", "app.env").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--app-url", "app.example.com"], "--app-url must begin with https://"),
        (["--hub-url", "https://*"], "--hub-url * is not an origin"),
        (["--hub-version", "new"], "--hub-version is none"),
        (["none.env"], "none.env cannot be read"),
        (["pipe"], "pipe is no file"),
        (["large.env"], "large.env is larger than 1024 KiB"),
        (["empty"], "there is nothing here that lint knows"),
        (["--format", "xml"], "invalid value for '--format'"),
    ],
)
def test_trouble(run: Run, words: list[str], message: str):
    put(app=APP, large="A=b\n" * 300_000)
    os.mkfifo("pipe")
    Path("empty").mkdir()
    said = run("lint", *words)
    assert said.code == 2
    assert message in said.err
    assert said.out == ""


def test_all_named_files_that_cannot_be_read_are_told_at_once(run: Run):
    assert run("lint", "a.env", "b.env").err.count("cannot be read") == 2


def test_a_named_file_is_read_whatever_it_is_called(run: Run):
    for name, text in {
        "vars": APP,
        "web": f":80 {{\n mercure {{\n publisher_jwt {OTHER}\n anonymous\n}}\n}}\n",
    }.items():
        Path(name).write_text(text)
    Path("stack").write_text("services:\n  mercure:\n    image: dunglas/mercure\n")
    Path("bundle").write_text("mercure:\n  hubs:\n    default: {}\n")
    Path("notes").write_text("nothing of ours\n")
    Path("void").write_text("# nothing\n")
    row = json.loads(run("lint", "vars", "web", "stack", "bundle", "notes", "void", "--format", "json").out)
    assert {each["path"]: each["kind"] for each in row["files"]} == {
        "vars": "dotenv",
        "web": "caddyfile",
        "stack": "compose",
        "bundle": "symfony",
    }
    assert "key-mismatch" in {each["id"] for each in row["findings"]}
    assert run("lint").code == 2, "a folder is searched by name"


def test_a_folder_is_searched_within_bounds(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(app=APP, vendor__x=APP, a__b__c__d__e__f__deep=APP, a__b__c__d__e__f__g__deeper=APP, large="A=b\n" * 300_000)
    Path(".env.dist").write_text(APP)
    Path("out.env").symlink_to("/etc/hostname")
    Path("in.env").symlink_to("app.env")
    Path("loop").symlink_to(tmp_path)
    Path("self.env").symlink_to("self.env")
    os.mkfifo("pipe.env")
    said = run("lint", "--format", "json")
    assert [each["path"] for each in json.loads(said.out)["files"]] == ["a/b/c/d/e/f/deep.env", "app.env"]
    assert said.err == "mercure-deploy: left out: large.env is larger than 1024 KiB\n"
    monkeypatch.setattr(searching, "MOST", 1)
    assert "app.env and what follows: more than 1 files" in run("lint").err
    monkeypatch.setattr(searching, "_ENTRIES", 3)
    assert ".: more than 3 entries" in run("lint").err


def test_a_file_that_is_named_twice_is_read_once(run: Run):
    put(app=APP)
    assert run("lint", "app.env", ".", "./app.env").out.startswith("1 file: ")


def test_what_is_rendered_is_left_to_check(run: Run):
    assert run("init", "--app", "https://app.example.com", "--hub", "https://hub.example.com").code == 0
    assert run("lint").code == 2
    put(app=APP)
    Path("other").mkdir()
    Path("other/manifest.json").write_text('{"version": 1, "files": 7, "keys": []}')
    put(other__hub=HUB)
    assert [each["path"] for each in json.loads(run("lint", "--format", "json").out)["files"]] == [
        "app.env",
        "other/hub.env",
    ]
    folder = Path("deploy/production")
    files = [str(path) for path in sorted(folder.rglob("*")) if path.is_file()]
    said = run(
        "lint", *files, "--app-url", "https://app.example.com", "--hub-url", "https://hub.example.com", "--strict"
    )
    assert said.code == 0, said.out


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(GOLDEN.glob("*/expected/*/")), ids=lambda path: path.parts[-3])
def test_our_own_files_have_no_error(folder: Path):
    files = [
        (path.relative_to(folder).as_posix(), path.read_text()) for path in sorted(folder.rglob("*")) if path.is_file()
    ]
    spec = load((folder.parents[1] / "mercure.yaml").read_bytes(), "mercure.yaml").spec.environments[folder.name]
    pages = tuple(origin for each in spec.apps.values() if each.subscribe for origin in [parse_origin(str(each.url))])
    told = lint.Told(pages, parse_origin(str(spec.hub.url)))
    found = lint.examine(files, told, lambda _: False).findings
    assert [each for each in found if each.level == "error"] == []


def test_staging_and_production_are_two_setups(run: Run):
    put(staging__app=APP, staging__hub=HUB)
    put(production__app__vars=APP.replace(KEY, OTHER), production__hub__vars=HUB.replace(KEY, OTHER))
    said = run("lint")
    assert (said.code, said.lines) == (0, [f"4 files: {FINE}; {WAY}"])
    put(production__hub__vars=HUB)
    assert [line.split(":")[0] for line in run("lint").lines if "[key-mismatch]" in line] == ["production/hub/vars.env"]


def test_the_files_of_other_environments_of_symfony_do_not_count(run: Run):
    put(hub=HUB)
    Path(".env").write_text(APP.replace(KEY, "!ChangeMe!"))
    Path(".env.test").write_text("MERCURE_JWT_SECRET=short\nMERCURE_URL=\n")
    Path(".env.prod").write_text("MERCURE_JWT_SECRET=wrong\n")
    Path(".env.prod.local").write_text(f"MERCURE_JWT_SECRET={KEY}\n")
    assert run("lint").lines == [f"5 files: {FINE}; {WAY}"]


def test_names_of_files_cannot_move_a_cursor(run: Run):
    Path("a\x1b[2J.env").write_text(APP.replace(KEY, "!ChangeMe!"))
    said = run("lint")
    assert "\x1b" not in said.out
    assert "a\ufffd[2J.env:1:20: error" in said.out


def test_github_gets_its_characters_escaped():
    found = Finding("anonymous", "note", "50 %\nof", "x", Place("a,b:c.env", 1, 2))
    assert list(reported.lint_github((), [found])) == [
        "::notice file=a%2Cb%3Ac.env,line=1,col=2,title=anonymous::50 %25%0Aof; x"
    ]


def test_a_manifest_that_is_a_pipe_is_not_waited_for(run: Run):
    put(app=APP)
    os.mkfifo("manifest.json")
    assert run("lint").lines[0].startswith(f"1 file: {FINE}; not told: the settings of one hub 0.24")


def test_folders_that_cannot_be_read_or_are_too_full_are_said(run: Run, monkeypatch: pytest.MonkeyPatch):
    Path("app.env").write_text(f"MERCURE_JWT_SECRET={'ab' * 32}\n")
    Path("full").mkdir()
    for number in range(4):
        Path("full", f"{number}.env").write_text("A=b\n")
    monkeypatch.setattr(searching, "_ENTRIES", 3)
    said = run("lint", ".")
    assert (said.code, "full" in said.err) == (0, True), said.err

    def refused(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(searching.os, "scandir", refused)
    said = run("lint", ".")
    assert (said.code, "left out: .: permission denied" in said.err) == (2, True), said.err


def test_what_our_manifest_names_is_left_alone_and_another_manifest_is_nobodys(run: Run):
    Path("app.env").write_text("MERCURE_JWT_SECRET=!ChangeMe!\n")
    for text in ("nothing", "[]", '{"version": 2, "keys": [], "files": {"app.env": ""}}', '{"version": 1}'):
        Path("manifest.json").write_text(text)
        assert run("lint").code == 1, text
    Path("manifest.json").write_text('{"version": 1, "keys": [], "files": {"app.env": ""}}')
    assert run("lint").code == 2


def test_what_nobody_reads_here_is_named_beside_nothing_is_wrong(run: Run, project: Path):
    (project / "app.env").write_text("MERCURE_PUBLIC_URL=https://hub.example.com/.well-known/mercure\n")
    (project / "traefik.yml").write_text("entryPoints: {}\n")
    (project / "fly.toml").write_text("app = 'x'\n")
    said = run("lint")
    assert said.code == 0
    assert said.lines[-1].endswith("not read: fly.toml, traefik.yml")
    # alone they are nothing that lint knows
    (project / "app.env").unlink()
    assert run("lint").code == 2


REFERENCES = """\
services:
  mercure:
    image: dunglas/mercure:v0.24.2
    environment:
      SERVER_NAME: ${SERVER_NAME}
      MERCURE_PUBLISHER_JWT_KEY: ${SECRET:?}
      MERCURE_SUBSCRIBER_JWT_KEY: $SECRET
      MERCURE_EXTRA_DIRECTIVES: ${EXTRA}
  app:
    image: registry.example/app:1
    environment:
      - MERCURE_URL=https://${HUB}/.well-known/mercure
      - MERCURE_PUBLIC_URL=${PUBLIC_URL}
      - MERCURE_JWT_SECRET=${SECRET}
"""


def test_what_the_shell_alone_may_have_is_no_finding(run: Run, project: Path):
    (project / "compose.yaml").write_text(REFERENCES)
    said = run("lint", "--app-url", "https://app.example.com", "--hub-url", "https://hub.example.com")
    assert said.code == 0, said.out
    assert "not told: " in said.lines[-1]
    # where the .env is there that compose fills from, and has it not, it is blank: one mistake, one finding
    (project / ".env").write_text("SECRET=\nSERVER_NAME=:80\nEXTRA=cors_origins https://app.example.com\n")
    (project / "compose.yaml").write_text(REFERENCES.partition("  app:")[0])
    said = run("lint")
    [line] = [line for line in said.lines if "[key-missing]" in line]
    assert line.startswith("compose.yaml:2:3: error: no key, neither for publishers nor for subscribers")


HUB_SERVICE = f"""\
services:
  mercure:
    image: dunglas/mercure:v0.24.2
    environment:
      SERVER_NAME: ':80'
      MERCURE_PUBLISHER_JWT_KEY: {"ab" * 32}
      MERCURE_SUBSCRIBER_JWT_KEY: {"ab" * 32}
      MERCURE_EXTRA_DIRECTIVES: cors_origins https://app.example.com
"""
BUNDLE = """\
mercure:
  hubs:
    default:
      url: '%env(MERCURE_URL)%'
      public_url: '%env(MERCURE_PUBLIC_URL)%'
      jwt:
        secret: '%env(MERCURE_JWT_SECRET)%'
        publish: '*'
"""
PATH = "/.well-known/mercure"
INSIDE, OUTSIDE = f"http://mercure{PATH}", f"https://hub.example.com{PATH}"


@pytest.mark.parametrize(
    ("inside", "outside", "bundle", "id_"),
    [
        (INSIDE, OUTSIDE, BUNDLE, None),
        (INSIDE, f"{OUTSIDE}?topic=x", BUNDLE, None),
        (f"{INSIDE}/", OUTSIDE, BUNDLE, "internal-url-wrong"),
        (f"http://mercure/{PATH}", OUTSIDE, BUNDLE, "internal-url-wrong"),
        ("http://mercure/mercure", OUTSIDE, BUNDLE, "internal-url-wrong"),
        ("http://mercure/.well-know/mercure", OUTSIDE, BUNDLE, "internal-url-wrong"),
        (f"https://mercure{PATH}", OUTSIDE, BUNDLE, "internal-url-wrong"),
        (INSIDE, f"{OUTSIDE}/", BUNDLE, "public-url-wrong"),
        (INSIDE, f"{OUTSIDE}/ui/", BUNDLE, "public-url-wrong"),
        (INSIDE, "https://hub.example.com/well-known/mercure", BUNDLE, "public-url-wrong"),
        (INSIDE, OUTSIDE.replace("https", "wss"), BUNDLE, "public-url-wrong"),
        # a proxy may give it any other
        (INSIDE, "https://hub.example.com/live", BUNDLE, None),
        (INSIDE, OUTSIDE, BUNDLE.replace("        publish: '*'\n", ""), "topic-claim-mismatch"),
        (INSIDE, OUTSIDE, BUNDLE.replace("publish: '*'", "publish: ['*']"), None),
        (INSIDE, OUTSIDE, f"{BUNDLE}        algorithm: HS256\n", "alg-mismatch"),
        (INSIDE, OUTSIDE, f"{BUNDLE}        algorithm: hmac.sha256\n", None),
        (INSIDE, OUTSIDE, f"{BUNDLE}      cookie_name: other\n", None),
        (INSIDE, OUTSIDE, f"{BUNDLE}        factory: App\\Factory\n        algorithm: HS256\n", None),
    ],
)
def test_an_app_and_its_hub(  # noqa: PLR0917 - the columns of the table
    run: Run, project: Path, inside: str, outside: str, bundle: str, id_: str | None
):
    (project / "compose.yaml").write_text(HUB_SERVICE)
    (project / ".env").write_text(
        f"MERCURE_URL={inside}\nMERCURE_PUBLIC_URL={outside}\nMERCURE_JWT_SECRET={'ab' * 32}\n"
    )
    (project / "config/packages").mkdir(parents=True)
    (project / "config/packages/mercure.yaml").write_text(bundle)
    said = run(
        "lint", "--app-url", "https://app.example.com", "--hub-url", "https://hub.example.com", "--format", "json"
    )
    assert [each["id"] for each in json.loads(said.out)["findings"]] == ([id_] if id_ else [])
