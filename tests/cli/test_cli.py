"""Every command as its user meets it: words, files, exit codes."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MINIMAL, Run

FILES = ["keys.json", "Caddyfile", "README.md", "app.env", "docker-compose.yaml", "hub.env", "manifest.json"]
RENDERED = ["production/keys.json", ".gitignore", *(f"production/{name}" for name in FILES[1:])]
STAGING = """\
  staging:
    hub:
      url: https://hub.stage.example.com
    apps:
      app:
        url: https://app.stage.example.com
"""


def secrets(project: Path) -> set[str]:
    """Every secret text in the rings below."""
    rings = [json.loads(path.read_text()) for path in project.rglob("keys.json")]
    return {key["secret"] for ring in rings for key in ring["keys"]}


def test_render_creates_then_leaves_alone(run: Run, project: Path):
    said = run("render", spec=MINIMAL)
    assert said.code == 0
    assert said.err == ""
    assert said.lines == [f"created {path}" for path in RENDERED]
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    said = run("render")
    assert said.lines == [f"unchanged {path}" for path in RENDERED]
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_a_dry_run_says_the_same_and_writes_nothing(run: Run, project: Path):
    assert run("render", "--dry-run", spec=MINIMAL).lines == [f"would be created {path}" for path in RENDERED]
    assert not (project / "deploy").exists()
    run("render")
    (project / "deploy/production/app.env").chmod(0o644)
    (project / "deploy/production/Caddyfile").write_text("mine")
    expected = run("render", "--dry-run").lines
    assert {line for line in expected if "unchanged" not in line} == {
        "would be updated production/app.env",
        "would be updated production/Caddyfile",
    }
    assert [f"would be {line}" for line in run("render").lines] == expected


def test_both_sides_hold_the_same_key(run: Run, project: Path):
    run("render", spec=MINIMAL)
    (key,) = secrets(project)
    assert len(key) == 64
    folder = project / "deploy/production"
    assert f"MERCURE_JWT_SECRET={key}\n" in (folder / "app.env").read_text()
    hub = (folder / "hub.env").read_text()
    assert f"MERCURE_PUBLISHER_JWT_KEY={key}\n" in hub
    assert f"MERCURE_SUBSCRIBER_JWT_KEY={key}\n" in hub
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in FILES}
    secret = {"keys.json", "app.env", "hub.env"}
    assert modes == {name: 0o600 if name in secret else 0o644 for name in FILES}


def test_a_bad_spec_stops_every_command_and_writes_nothing(run: Run, project: Path):
    for command in (["render"], ["check"], ["diff"], ["status"], ["rotate-keys", "production", "--now", "--yes"]):
        said = run(*command, spec=MINIMAL.replace("https://hub", "http://hub"))
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith("mercure.yaml:5:12: environments.production.hub.url: must be an https origin")
    assert [path.name for path in project.iterdir()] == ["mercure.yaml"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["render"], 2, "mercure-deploy: mercure.yaml does not exist\n  hint: mercure-deploy init"),
        (["render", "-f", "."], 2, "mercure-deploy: . cannot be read: is a directory"),
        (["render", "--wrong"], 2, "mercure-deploy: no such option"),
        (["rotate-keys"], 2, "mercure-deploy: missing argument"),
        (["wrong"], 2, "mercure-deploy: no such command"),
        (["check", "--format", "xml"], 2, "mercure-deploy: invalid value"),
        (["--version"], 0, ""),
        (["--help"], 0, ""),
        (["-h"], 0, ""),
    ],
)
def test_usage(run: Run, arguments: list[str], code: int, said: str):
    answer = run(*arguments)
    assert answer.code == code
    assert answer.err.startswith(said)


def test_an_unknown_environment_names_the_closest(run: Run):
    said = run("render", "produktion", "x", spec=MINIMAL)
    assert said.code == 2
    assert "there is no environment produktion\n  hint: did you mean production?" in said.err
    assert "there is no environment x\n  hint: known are: production" in said.err


def test_several_environments_have_keys_of_their_own_and_can_be_chosen(run: Run, project: Path):
    assert run("render", "staging", spec=MINIMAL + STAGING).lines[0] == "created staging/keys.json"
    assert not (project / "deploy/production").exists()
    run("render")
    assert len(secrets(project)) == 2
    assert run("check", "production").code == 0


def test_a_file_of_ten_megabytes(run: Run):
    assert "larger than" in run("render", spec="x" * 10_000_000).err


def test_output_goes_where_it_is_told(run: Run, project: Path):
    (project / "specs").mkdir()
    (project / "specs/m.yaml").write_text(MINIMAL)
    assert run("render", "-f", "specs/m.yaml").code == 0
    assert (project / "specs/deploy/production/keys.json").exists()
    assert run("render", "-f", "specs/m.yaml", "-o", "out/here").code == 0
    assert (project / "out/here/production/keys.json").exists()


# --- the ring --------------------------------------------------------------------------------------------------------


def test_a_clone_without_the_ring_is_refused_and_gets_no_new_keys(run: Run, project: Path):
    run("render", spec=MINIMAL)
    ring = project / "deploy/production/keys.json"
    mark = json.loads((project / "deploy/production/manifest.json").read_text())["keys"][0]["fingerprint"]
    kept = ring.read_bytes()
    ring.unlink()
    for command in (["render"], ["render", "--dry-run"]):
        said = run(*command)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith(f"mercure-deploy: production: the key ring is missing (key {mark})\n  hint: copy ")
        assert "rotate-keys production --now" in said.err
    ring.write_bytes(kept)
    ring.chmod(0o600)
    assert run("render").code == 0
    # the ring of somebody else, and an old copy
    run("render", "-o", "other")
    foreign = (project / "other/production/keys.json").read_bytes()
    ring.write_bytes(foreign)
    assert "the key ring is missing" in run("render").err
    assert run("check").code == 2


def test_a_ring_ahead_of_its_manifest_is_a_killed_run(run: Run, project: Path):
    run("render", spec=MINIMAL)
    folder = project / "deploy/production"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    run("rotate-keys", "production", "--now", "--yes")
    new = (folder / "keys.json").read_bytes()
    for name, data in before.items():
        if name != "keys.json":
            (folder / name).write_bytes(data)
    said = run("render")
    assert said.code == 0
    assert "updated production/hub.env" in said.lines
    assert (folder / "keys.json").read_bytes() == new
    (folder / "manifest.json").unlink()
    assert run("render").lines[-1] == "created production/manifest.json"
    # the other way round it is an old copy, and the hub knows that key no more
    (folder / "keys.json").write_bytes(before["keys.json"])
    for command in (["render"], ["check"], ["status"], ["diff"], ["rotate-keys", "production", "--now", "--yes"]):
        said = run(*command)
        assert (said.code, said.out) == (2, "")
        assert "production: keys.json is older than manifest.json (key " in said.err
        assert "hint: copy deploy/production/keys.json from where your team keeps it; if nobody has a newer" in said.err
        assert "--now" not in said.err


def test_a_ring_that_others_can_read_is_refused(run: Run, project: Path):
    run("render", spec=MINIMAL)
    (project / "deploy/production/keys.json").chmod(0o644)
    for command in (["render"], ["diff"], ["status"]):
        said = run(*command)
        assert said.code == 2
        assert "keys.json can be read by others\n  hint: chmod 600 " in said.err
    said = run("check", "--format", "json")
    assert json.loads(said.out)["environments"]["production"]["drift"] == [
        {"path": "production/keys.json", "change": "mode"}
    ]


@pytest.mark.parametrize("text", ["", "{", '{"version": 1, "keys": []}'])
def test_a_damaged_ring_is_refused_until_it_is_replaced(run: Run, project: Path, text: str):
    run("render", spec=MINIMAL)
    (project / "deploy/production/keys.json").write_text(text)
    said = run("render")
    assert said.code == 2
    assert "rotate-keys --now" in said.err
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    assert run("render").code == 0


def test_files_of_a_newer_version_are_left_alone(run: Run, project: Path):
    run("render", spec=MINIMAL)
    for name in ("keys.json", "manifest.json"):
        path = project / "deploy/production" / name
        kept = path.read_bytes()
        path.write_text('{"version": 2}')
        for command in (["render"], ["rotate-keys", "production", "--now", "--yes"]):
            said = run(*command)
            assert said.code == 2
            assert "written for a newer mercure-deploy" in said.err
        assert path.read_text() == '{"version": 2}'
        path.write_bytes(kept)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"version": 1, "files": ["../x"], "keys": []}', '{"version": 1, "files": [1], "keys": []}']
)
def test_a_damaged_manifest_is_refused(run: Run, project: Path, text: str):
    run("render", spec=MINIMAL)
    (project / "deploy/production/manifest.json").write_text(text)
    assert "manifest.json is damaged" in run("render").err


def test_render_does_not_touch_a_ring_that_somebody_formatted(run: Run, project: Path):
    run("render", spec=MINIMAL)
    path = project / "deploy/production/keys.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert "unchanged production/keys.json" in run("render").lines


# --- rotate-keys --now -----------------------------------------------------------------------------------------------


def test_now_replaces_the_key_everywhere(run: Run, project: Path):
    run("render", spec=MINIMAL)
    (old,) = secrets(project)
    said = run("rotate-keys", "production", "--now", "--yes")
    assert said.code == 0
    (new,) = secrets(project)
    changed = {line for line in said.lines if line.startswith("updated")}
    assert changed == {
        f"updated production/{name}"
        for name in "keys.json README.md app.env hub.env manifest.json Caddyfile docker-compose.yaml".split()
    }
    assert [line for line in said.lines if line.startswith("next: ")]
    assert not [path for path in project.rglob("*") if path.is_file() and old in path.read_text()]
    assert new in (project / "deploy/production/app.env").read_text()


def test_now_makes_a_key_of_the_algorithm_of_the_spec(run: Run, project: Path):
    run("render", spec=MINIMAL)
    spec = MINIMAL + "    keys: {algorithm: ES256}\n"
    assert "[alg-mismatch]" in run("check", spec=spec).out
    said = run("rotate-keys", "production", "--now", "--yes")
    assert "created production/symfony/app.mercure.yaml" in said.lines
    assert "orphan production/hub.env" in said.lines
    assert "MERCURE_JWT_KEY_B64=" in (project / "deploy/production/app.env").read_text()
    assert "PUBLIC KEY" in (project / "deploy/production/Caddyfile").read_text()


def test_now_replaces_a_lost_ring(run: Run, project: Path):
    run("render", spec=MINIMAL)
    (project / "deploy/production/keys.json").unlink()
    assert run("rotate-keys", "production", "--now", "--yes").code == 0
    assert run("check").code == 0


def test_now_asks_and_needs_a_terminal_for_it(run: Run, project: Path):
    run("render", spec=MINIMAL)
    before = secrets(project)
    said = run("rotate-keys", "production", "--now")
    assert (said.code, said.out) == (2, "")
    assert "--yes" in said.err
    assert secrets(project) == before


# --- check, diff, status ---------------------------------------------------------------------------------------------


def test_check_finds_every_kind_of_drift(run: Run, project: Path):
    said = run("check", "--format", "json", spec=MINIMAL)
    assert said.code == 1
    drift = json.loads(said.out)["environments"]["production"]["drift"]
    assert {row["path"]: row["change"] for row in drift} == dict.fromkeys(RENDERED, "missing")
    run("render")
    assert run("check").lines == ["production: in line"]
    folder = project / "deploy/production"
    (folder / "hub.env").write_text((folder / "hub.env").read_text().replace("KEY=", "KEY=x"))
    (folder / "app.env").chmod(0o640)
    (folder / "Caddyfile").unlink()
    said = run("check")
    assert said.code == 1
    assert said.lines == [
        "missing production/Caddyfile",
        "mode production/app.env",
        "changed production/hub.env",
        "  hint: others may read it: chmod 600 deploy/production/app.env",
    ]
    assert run("check", "--format", "json").code == 1


def test_a_mode_of_a_public_file_is_no_drift(run: Run, project: Path):
    run("render", spec=MINIMAL)
    (project / "deploy/production/Caddyfile").chmod(0o666)
    (project / "deploy/production/app.env").chmod(0o400)
    assert run("check").code == 0


def test_orphans_are_reported_and_never_deleted(run: Run, project: Path):
    two = MINIMAL + "      second:\n        url: https://second.example.com\n"
    run("render", spec=two + STAGING)
    said = run("render", spec=MINIMAL)
    gone = ["production/second.env", *(f"staging/{name}" for name in FILES[:-1])]
    assert sorted(line for line in said.lines if line.startswith("orphan")) == sorted(f"orphan {path}" for path in gone)
    assert all((project / "deploy" / path).exists() for path in gone)
    manifest = json.loads((project / "deploy/production/manifest.json").read_text())
    assert "second.env" in manifest["files"]
    said = run("check", "--format", "json")
    assert said.code == 1
    answer = json.loads(said.out)["environments"]
    assert answer["production"]["drift"] == [{"path": "production/second.env", "change": "orphan"}]
    assert {row["path"] for row in answer["staging"]["drift"]} == {f"staging/{name}" for name in FILES[:-1]}
    for path in gone:
        (project / "deploy" / path).unlink()
    assert "updated production/manifest.json" in run("render").lines
    assert run("check").code == 0


@pytest.mark.slow
def test_in_ci_there_is_no_ring(run: Run, project: Path):
    for algorithm in ("HS256", "RS256"):
        spec = MINIMAL + f"    keys: {{algorithm: {algorithm}}}\n"
        run("render", "-o", algorithm, spec=spec)
        for name in ("keys.json", "app.env", "hub.env"):
            (project / algorithm / "production" / name).unlink(missing_ok=True)
        said = run("check", "-o", algorithm, "--format", "json")
        assert said.code == 0, said.out
        answer = json.loads(said.out)["environments"]["production"]
        assert answer["secrets_checked"] is False
        assert [finding["message"] for finding in answer["findings"]] == ["secrets not checked: no key ring here"]
        assert run("check", "-o", algorithm, "--strict").code == 0
        assert run("diff", "-o", algorithm).code == 0
        assert run("status", "-o", algorithm).code == 0
        (project / algorithm / "production/Caddyfile").write_text("mine\n")
        assert run("check", "-o", algorithm).code == 1
        assert run("diff", "-o", algorithm).code == 1
        assert run("render", "-o", algorithm).code == 2


def test_diff_shows_keys_by_their_fingerprints(run: Run, project: Path):
    said = run("diff", spec=MINIMAL)
    assert said.code == 1
    assert "+MERCURE_JWT_SECRET=<new key>" in said.lines
    assert "--- /dev/null" in said.lines
    run("render")
    assert (run("diff").code, run("diff").out) == (0, "")
    folder = project / "deploy/production"
    mark = json.loads((folder / "manifest.json").read_text())["keys"][0]["fingerprint"]
    hand_made = "aVeryLongSecretThatSomebodyMadeUpByHand0123456789"
    (folder / "app.env").write_text(f"MERCURE_JWT_SECRET={hand_made}\nexport DB=postgres://u:p4ss@db/x\n# note p4ss\n")
    said = run("diff")
    assert said.code == 1
    assert f"+MERCURE_JWT_SECRET=<key {mark}>" in said.lines
    assert "+MERCURE_URL=https://hub.example.com/.well-known/mercure" in said.lines
    assert hand_made not in said.out
    assert "p4ss" not in said.out


def test_status(run: Run, project: Path):
    said = run("status", "--format", "json", spec=MINIMAL)
    assert said.code == 0
    assert json.loads(said.out)["environments"]["production"] == {
        "keys": [],
        "rotation": None,
        "drift": True,
        "upgrading": False,
        "secrets_checked": True,
        "older_than_max_age": False,
    }
    assert "no keys yet" in run("status").out
    run("render")
    (row,) = json.loads(run("status", "--format", "json").out)["environments"]["production"]["keys"]
    assert set(row) == {"id", "fingerprint", "algorithm", "state", "created", "age_days"}
    assert (row["algorithm"], row["state"], row["age_days"]) == ("HS256", "current", 0)
    assert "production: in line" in run("status").lines
    (project / "deploy/production/app.env").unlink()
    assert json.loads(run("status", "--format", "json").out)["environments"]["production"]["drift"] is True


def test_old_keys_are_warned_about_and_can_be_accepted(run: Run, project: Path):
    run("render", spec=MINIMAL)
    path = project / "deploy/production/keys.json"
    row = json.loads(path.read_text())
    row["keys"][0] |= {"created": "2020-01-01T00:00:00Z", "since": "2020-01-01T00:00:00Z"}
    path.write_text(json.dumps(row))
    (project / "deploy/production/manifest.json").unlink()
    run("render", "--replace")
    said = run("check")
    assert said.code == 0
    assert "warning: the key is" in said.out
    assert "[key-age]" in said.out
    assert run("check", "--strict").code == 1
    assert run("check", "--strict", spec=MINIMAL + "    accept: [key-age]\n").code == 0
    assert "note: accepted: the key is" in run("check").out


def git(project: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)


def test_secret_files_in_git_are_an_error(run: Run, project: Path):
    run("render", spec=MINIMAL)
    git(project, "init", "-q")
    git(project, "add", "-A")
    assert run("check").code == 0
    git(project, "add", "-f", "deploy/production/app.env")
    said = run("check", "--format", "json")
    assert said.code == 1
    (finding,) = json.loads(said.out)["environments"]["production"]["findings"]
    assert (finding["id"], finding["level"], finding["file"]) == ("secret-exposure", "error", "production/app.env")
    assert run("check", spec=MINIMAL + "    accept: [secret-exposure]\n").code == 0


def test_the_gitignore_keeps_every_secret_out(run: Run, project: Path):
    compose = MINIMAL.replace("  production:", "  production:\n    platform: compose")
    run("render", spec=compose)
    (project / "deploy/production/.mercure-deploy-0123").write_text("left by a killed run")
    git(project, "init", "-q")
    git(project, "add", "-A")
    said = subprocess.run(["git", "ls-files"], cwd=project, check=True, capture_output=True, text=True).stdout.split()
    assert set(said) == {
        "mercure.yaml",
        "deploy/.gitignore",
        *(
            f"deploy/production/{name}"
            for name in ("README.md", "docker-compose.yaml", "hub/Caddyfile", "manifest.json")
        ),
    }


@pytest.mark.parametrize(
    ("ignore", "warned"),
    [
        (None, True),
        ("deploy\n", False),
        ("/deploy/**\n", False),
        ("*\n!src\n", False),
        ("# deploy\n", True),
        ("dep\n", True),
    ],
)
def test_a_build_context_that_takes_the_keys_in_is_warned_about(
    run: Run, project: Path, ignore: str | None, warned: bool
):
    run("render", spec=MINIMAL)
    assert "secret-exposure" not in run("check").out
    (project / "Dockerfile").write_text("FROM scratch\n")
    if ignore:
        (project / ".dockerignore").write_text(ignore)
    said = run("check")
    assert said.code == 0
    assert ("[secret-exposure]" in said.out) == warned


def test_schema(run: Run):
    said = run("schema")
    schema = json.loads(said.out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$defs"]["Keys"]["properties"]["max_age"]["default"] == "90d"
    described = [word for model in schema["$defs"].values() for word in model.get("properties", {}).values()]
    assert all(word.get("description") for word in described)


def test_an_upgrade_to_hub_1_0_shows_in_status(run: Run):
    spec = MINIMAL.replace("hub:\n", 'hub:\n      version: "1.0"\n      legacy_clients: true\n')
    assert run("render", spec=spec).code == 0
    assert "upgrade: the hub is 1.0 and accepts 0.x apps too" in run("status").out
    assert json.loads(run("status", "--format", "json").out)["environments"]["production"]["upgrading"] is True


# --- what must never happen ------------------------------------------------------------------------------------------


def test_no_secret_in_any_output(run: Run, project: Path):
    for algorithm in ("HS256", "ES256"):
        run("render", "-o", algorithm, spec=MINIMAL + f"    keys: {{algorithm: {algorithm}}}\n")
        (project / algorithm / "production/app.env").write_text(
            "MERCURE_JWT_SECRET=by-hand-0123456789-0123456789-012345\n"
        )
        words = secrets(project) | {"by-hand-0123456789"}
        commands = [
            ["check"],
            ["check", "--format", "json"],
            ["diff"],
            ["status"],
            ["status", "--format", "json"],
            ["render", "--dry-run"],
            ["render"],
            ["rotate-keys", "production", "--now", "--yes"],
        ]
        for command in commands:
            said = run(*command, "-o", algorithm)
            words |= secrets(project)
            for word in words:
                for piece in (word, *word.splitlines()[1:-1]):
                    assert piece not in said.out + said.err, command


def test_a_bug_shows_no_local_and_where_to_report(project: Path):
    program = (
        "import sys\nfrom mercure_deploy import cli, spec\n"
        "def broken(data, name): raise RuntimeError(f'secret {data}')\n"
        "spec.load = broken\nsys.exit(cli.main(['render']))"
    )
    (project / "mercure.yaml").write_text("version: hunter2\n")
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert said.returncode == 3
    assert "RuntimeError" in said.stderr
    assert "hunter2" not in said.stderr
    assert "report the lines above at https://" in said.stderr


def imported(*arguments: str) -> set[str]:
    """What a run of the command line imports."""
    program = (
        "import sys\nbefore = set(sys.modules)\nfrom mercure_deploy.cli import main\nmain(sys.argv[1:])\n"
        "sys.stderr.write(' '.join(set(sys.modules) - before))"
    )
    said = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert "click" in said.stderr.split()
    return set(said.stderr.split())


def test_help_imports_nothing_heavy():
    heavy = {"pydantic", "jinja2", "ruamel", "cryptography", "json", "subprocess", "pathlib", "dataclasses", "signal"}
    assert not heavy & imported("--help")


def test_default_keys_do_not_import_what_they_do_not_need(project: Path):
    (project / "mercure.yaml").write_text(MINIMAL)
    assert not {"cryptography", "publicsuffixlist", "idna", "difflib", "httpx", "jwt"} & imported("render")


def test_a_reader_that_goes_away_is_no_bug():
    command = [sys.executable, "-m", "mercure_deploy", "schema"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b"mercure-deploy: stdout cannot be written: broken pipe\n"
    process.stderr.close()
    assert process.wait(30) == 2


def test_interrupted(project: Path):
    program = (
        "import sys\nfrom mercure_deploy import cli, spec\n"
        "def stop(data, name): raise KeyboardInterrupt\n"
        "spec.load = stop\nsys.exit(cli.main(['render']))"
    )
    (project / "mercure.yaml").write_text(MINIMAL)
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr.lstrip()) == (130, "mercure-deploy: interrupted\n")


def test_colour_only_on_a_terminal(run: Run):
    assert "\x1b" not in run("render", spec=MINIMAL).out
    assert os.environ.get("FORCE_COLOR") is None


def test_what_is_wrong_and_what_differs_for_a_program(run: Run):
    bad = run("render", "--format", "json", spec=MINIMAL.replace("https://app", "app"))
    row = json.loads(bad.out)
    assert (bad.code, row["ok"], row["problems"][0]["path"]) == (2, False, "environments.production.apps.app.url")
    assert row["problems"][0]["line"] > 1
    assert run("render", spec=MINIMAL).code == 0
    assert json.loads(run("diff", "--format", "json").out) == {"version": 1, "ok": True, "files": []}
    Path("deploy/production/app.env").write_text("")
    said = run("diff", "--format", "json")
    assert (said.code, [each["path"] for each in json.loads(said.out)["files"]]) == (1, ["production/app.env"])


def test_no_help_reads_what_a_command_needs():
    """Each of these costs as much as all the rest of a start."""
    program = (
        "import contextlib, io, sys\nfrom mercure_deploy.cli.main import TABLE, main\n"
        "for name in sorted(TABLE):\n"
        "    with contextlib.redirect_stdout(io.StringIO()):\n        main([name, '--help'])\n"
        "    heavy = sys.modules.keys() & {'pydantic', 'jinja2', 'ruamel.yaml', 'cryptography', 'httpx', 'msgspec'}\n"
        "    assert not heavy, (name, heavy)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
