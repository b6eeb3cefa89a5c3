"""`init`: options, a terminal that is asked, and what it refuses to touch."""

import contextlib
import os
import pty
import re
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import MINIMAL, Run
from ruamel.yaml import YAML

OPTIONS = ["--app", "https://app.example.com", "--hub", "https://hub.example.com"]


def test_init_writes_a_commented_spec_and_renders_it(run: Run, project: Path):
    said = run("init", *OPTIONS)
    assert said.code == 0
    assert "created production/keys.json" in said.lines
    text = (project / "mercure.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=")
    assert "image: dunglas/mercure:v0.24.2" in text
    assert run("check").code == 0
    assert {line.split()[0] for line in run("render").lines} == {"unchanged"}


def test_several_apps_platforms_and_names(run: Run, project: Path):
    apps = ["--app", "shop=https://shop.example.com", "--app", "admin=https://admin.example.com:8443"]
    words = ["--hub", "https://hub.example.com", "--env", "live", "--platform", "compose", "-f", "m.yaml", "-o", "out"]
    assert run("init", *apps, *words).code == 0
    spec = YAML(typ="safe", pure=True).load((project / "m.yaml").read_text())
    assert spec["environments"]["live"]["apps"] == {
        "shop": {"url": "https://shop.example.com"},
        "admin": {"url": "https://admin.example.com:8443"},
    }
    assert (project / "out/live/shop.env").exists()
    assert (project / "out/live/hub/jwks.json").exists()


def test_a_local_hub_is_a_development(run: Run, project: Path):
    assert run("init", "--app", "http://localhost:8000", "--hub", "http://localhost", "--env", "dev").code == 0
    assert "mode: development" in (project / "mercure.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--app and --hub are missing, and there is no terminal to ask on"),
        (["--app", "https://a.example.com"], "--hub is missing"),
        ([*OPTIONS, "--app", "https://b.example.com"], "several --app need a name each"),
        (
            ["--app", "a=https://a.example.com", "--app", "a=https://b.example.com", *OPTIONS[2:]],
            "two --app are named a",
        ),
        (["--app", "app.example.com", *OPTIONS[2:]], "environments.production.apps.app.url: must begin with https://"),
        (["--app", "https://app.example.org", *OPTIONS[2:]], "[cross-site-domain]"),
        ([*OPTIONS, "--env", "Live"], "environments.Live: must be"),
        (["--app", "https://x\n  y: 1", *OPTIONS[2:]], "must not contain blanks"),
        (["--app", "a: 1\n#=https://a.example.com", *OPTIONS[2:]], "has a #"),
        ([*OPTIONS, "--platform", "heroku"], "invalid value"),
    ],
)
def test_what_is_refused_writes_nothing(run: Run, project: Path, arguments: list[str], said: str):
    answer = run("init", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert answer.err.startswith("mercure-deploy: ")
    assert list(project.iterdir()) == []


def test_nothing_that_exists_is_touched(run: Run, project: Path):
    (project / "mercure.yaml").write_text("mine")
    assert "mercure.yaml:1:1: must be a mapping" in run("init", *OPTIONS).err
    assert (project / "mercure.yaml").read_text() == "mine"
    run("render", spec=MINIMAL)
    before = (project / "mercure.yaml").read_bytes()
    assert "mercure.yaml exists already and has an environment production" in run("init", *OPTIONS).err
    assert (project / "mercure.yaml").read_bytes() == before
    (project / "mercure.yaml").unlink()
    said = run("init", *OPTIONS)
    assert said.code == 2
    assert "keys.json exists already" in said.err
    assert not (project / "mercure.yaml").exists()


def test_a_spec_goes_again_when_it_cannot_be_rendered(run: Run, project: Path):
    (project / "deploy").write_text("a file where a folder belongs")
    said = run("init", *OPTIONS)
    assert said.code == 2
    assert not (project / "mercure.yaml").exists()


def test_a_dockerfile_gets_its_line(run: Run, project: Path):
    (project / "Dockerfile").write_text("FROM scratch\n")
    assert "add this line to .dockerignore: deploy\n" in run("init", *OPTIONS).err
    (project / ".dockerignore").write_text("deploy\n")
    assert run("check", "--strict").code == 0


# the new process makes its standard input its terminal, so that ^C reaches it as a signal
ON_A_TERMINAL = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, '-m', 'mercure_deploy', *sys.argv[1:]])"
)


def terminal(arguments: list[str], answers: list[str], folder: Path) -> tuple[int, str]:
    """(exit code, what is on the screen) of a run on a terminal of its own, with these answers."""
    screen, theirs = pty.openpty()
    command = [sys.executable, "-c", ON_A_TERMINAL, *arguments]
    process = subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said, waiting = b"", list(answers)
    end, again = time.monotonic() + 30, 0.0
    while time.monotonic() < end:
        if again and time.monotonic() > again and process.poll() is None:
            # readline, which sets itself up just after the question, may swallow the first one
            os.write(screen, b"\x03")
            again = time.monotonic() + 1
        if select.select([screen], [], [], 0.1)[0]:
            try:
                piece = os.read(screen, 4096)
            except OSError:
                break
            if not piece:
                break
            said += piece
            if waiting and said.rstrip().endswith((b":", b"]:")):
                os.write(screen, waiting[0].encode())
                again = time.monotonic() + 1 if waiting.pop(0) == "\x03" else 0.0
                said += b"\n"
    os.close(screen)
    return process.wait(10), said.decode(errors="replace")


@pytest.mark.slow
def test_a_terminal_is_asked_for_what_is_missing(project: Path):
    answers = ["https://app.example.com\n", "\n", "\n", "https://hub.example.com\n", "\n"]
    code, said = terminal(["init"], answers, project)
    assert code == 0, said
    assert "Origin of the app" in said
    assert "created production/keys.json" in said
    assert "\x1b[32mcreated" in said
    assert (project / "deploy/production/app.env").exists()


@pytest.mark.slow
def test_a_terminal_with_a_token_is_asked_where_coolify_is(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COOLIFY_TOKEN", "1|not-shown-anywhere-0123456789")
    answers = ["https://app.example.com\n", "\n", "\n", "https://hub.example.com\n", "\n"]
    answers += ["https://coolify.example.com\n", "Shop\n", "\n", "shop\n"]
    code, said = terminal(["init"], answers, project)
    assert code == 0, said
    words = YAML(typ="safe").load((project / "mercure.yaml").read_text())["environments"]["production"]["coolify"]
    assert words == {
        "url": "https://coolify.example.com",
        "project": "Shop",
        "service": "mercure-production",
        "apps": {"app": "shop"},
    }
    assert "not-shown" not in said
    assert "mercure-deploy push production" in (project / "deploy/production/README.md").read_text()


@pytest.mark.slow
def test_a_terminal_shows_what_it_understood_and_asks_again(project: Path):
    answers = [
        "app .acme.dev\n",  # no origin
        "app.acme.dev\n",
        "\n",
        "admin\n",  # no name of its own
        "admin=admin.acme.dev\n",
        "\n",
        "hub.acme.example\n",  # another site: what it makes is refused, and all is asked for once more
        "compose\n",
        "proxy\n",
        "\n",
        "app.acme.dev\n",
        "\n",
        "\n",
        "hub.acme.dev\n",
        "\n",  # as it was answered before
        "proxy\n",
        "80 81\n",
        "8081\n",
    ]
    code, said = terminal(["init"], answers, project)
    assert code == 0, said
    assert "Error: a port is a number from 1 to 65535" in said
    assert "must not contain blanks" in said
    assert "taken for https://app.acme.dev" in said
    assert "a name of its own, = and its origin" in said
    assert "[cross-site-domain]" in said
    spec = YAML(typ="safe", pure=True).load((project / "mercure.yaml").read_text())["environments"]["production"]
    assert spec["hub"]["url"] == "https://hub.acme.dev"
    assert (spec["platform"], spec["hub"]["tls"], spec["hub"]["port"]) == ("compose", "proxy", 8081)
    assert list(spec["apps"]) == ["app"]


@pytest.mark.slow
def test_the_first_app_has_a_name_and_what_was_answered_before_is_proposed(project: Path):
    answers = ["shop=shop.acme.dev\n", "\n", "hub.acme.dev\n", "compose\n", "proxy\n", "8080\n"]
    code, said = terminal(["init"], answers, project)
    assert code == 0, said
    assert (project / "deploy/production/shop.env").exists()
    with socket.socket() as busy:
        with contextlib.suppress(OSError):
            busy.bind(("127.0.0.1", 8081))
            busy.listen()
        answers = ["shop.stage.acme.dev\n", "shop\n", "\n", "hub.stage.acme.dev\n", "\n", "proxy\n", "\n"]
        code, said = terminal(["init", "--env", "staging"], answers, project)
    assert code == 0, said
    assert re.search(r"Where the hub runs \(coolify, compose, .*\) \[compose\]", said)
    # 8080 is that of production, 8081 is in use
    assert re.search(r"Loopback port for the proxy \[80(8[2-9]|9[0-9])\]", said)
    assert (project / "deploy/staging/shop.env").exists()


def test_a_port_that_is_none_is_refused_in_a_sentence(run: Run):
    said = run("init", *OPTIONS, "--platform", "compose", "--tls", "proxy", "--port", "127.0.0.1:8080")
    assert said.code == 2
    assert "a port is a number from 1 to 65535" in said.err


@pytest.mark.slow
def test_this_machine_is_completed_to_http(project: Path):
    answers = ["localhost:8000\n", "\n", "\n", "localhost:8080\n", "compose\n", "proxy\n", "8080\n"]
    code, said = terminal(["init", "--env", "dev"], answers, project)
    assert code == 0, said
    text = (project / "mercure.yaml").read_text()
    assert "mode: development" in text
    assert "url: http://localhost:8000" in text


def test_interrupt_at_a_question_leaves_nothing(project: Path):
    code, said = terminal(["init"], ["\x03"], project)
    assert code == 130, said
    assert list(project.iterdir()) == []


@pytest.mark.slow
def test_no_colour_is_respected(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    code, said = terminal(["init", *OPTIONS], [], project)
    assert code == 0
    assert "created production/keys.json" in said
    assert "\x1b[3" not in said


@pytest.mark.slow
def test_now_is_confirmed_on_a_terminal(project: Path):
    (project / "mercure.yaml").write_text(MINIMAL)
    terminal(["render"], [], project)
    before = (project / "deploy/production/keys.json").read_bytes()
    assert terminal(["rotate-keys", "production", "--now"], ["n\n"], project)[0] == 1
    assert (project / "deploy/production/keys.json").read_bytes() == before
    assert terminal(["rotate-keys", "production", "--now"], ["y\n"], project)[0] == 0
    assert (project / "deploy/production/keys.json").read_bytes() != before


SPECS = {
    "at the end": ("version: 1\nenvironments:\n  production: # live\n{block}", ""),
    "wide": (
        "environments:   # all\n\n    production:\n{wide}    # the last word\n\n# how it is read\nversion: 1\n",
        "",
    ),
    "no end of line": ("version: 1\nenvironments:\n  production:\n{block}", "\n"),
}
BLOCK = "    hub: {url: https://hub.example.com}\n    apps: {app: {url: https://app.example.com}}\n"


@pytest.mark.parametrize("name", SPECS)
def test_an_environment_is_added_and_every_comment_kept(run: Run, project: Path, name: str):
    template, cut = SPECS[name]
    wide = "".join(f"    {line}\n" for line in BLOCK.splitlines())
    text = template.format(block=BLOCK, wide=wide).removesuffix(cut)
    (project / "mercure.yaml").write_text(text)
    (project / "mercure.yaml").chmod(0o640)
    run("render")
    options = ["--app", "https://app.stage.example.com", "--hub", "https://hub.stage.example.com", "--env", "staging"]
    said = run("init", *options)
    assert said.code == 0, said.err
    assert "added staging to mercure.yaml" in said.err
    # a warning of the spec is said here, too
    assert "[cookie-scope]" in said.err
    after = (project / "mercure.yaml").read_text()
    assert [line for line in text.splitlines() if line not in after.splitlines()] == []
    assert (project / "mercure.yaml").stat().st_mode & 0o777 == 0o640
    assert run("check").code == 0
    spec = YAML(typ="safe", pure=True).load(after)
    assert list(spec["environments"]) == ["production", "staging"]
    assert run("init", *options).code == 2
    assert (project / "mercure.yaml").read_text() == after


def test_an_environment_that_cannot_be_added_changes_nothing(run: Run, project: Path):
    flow = "version: 1\nenvironments: {production: {hub: {url: https://h.example.com}, apps: {app: {url: https://a.example.com}}}}\n"
    (project / "mercure.yaml").write_text(flow)
    options = ["--app", "https://app.example.com", "--hub", "https://hub.example.com", "--env", "staging"]
    said = run("init", *options)
    assert said.code == 2
    assert "stand in one line" in said.err
    assert (project / "mercure.yaml").read_text() == flow
    # nor does one whose files are in the way
    (project / "mercure.yaml").write_text(MINIMAL)
    (project / "deploy/staging").mkdir(parents=True)
    (project / "deploy/staging/README.md").write_text("mine")
    assert run("init", *options).code == 2
    assert (project / "mercure.yaml").read_text() == MINIMAL


def test_the_options_of_init_reach_the_spec(run: Run, project: Path):
    options = [*OPTIONS, "--platform", "compose", "--tls", "proxy", "--port", "8080", "--mode", "development"]
    assert run("init", *options).code == 0
    spec = YAML(typ="safe", pure=True).load((project / "mercure.yaml").read_text())["environments"]["production"]
    assert (spec["mode"], spec["hub"]["tls"], spec["hub"]["port"]) == ("development", "proxy", 8080)


def test_the_schema_lies_where_the_spec_tells_an_editor_to_look(run: Run, project: Path):
    run("init", *OPTIONS)
    line = (project / "mercure.yaml").read_text().splitlines()[0]
    name = line.removeprefix("# yaml-language-server: $schema=")
    assert (project / name).read_text() == run("schema").out
    (project / name).write_text("mine")
    run("init", *OPTIONS, "--env", "other", "-o", "elsewhere")
    assert (project / name).read_text() == "mine"
