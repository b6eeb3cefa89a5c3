"""`audit` as its user meets it: which log, which environment, what is printed, and what never is."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import MINIMAL, Run
from logs import Log

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJtZXJjdXJlIjp7fX0.c2lnbmF0dXJlc2lnbmF0dXJl"
HUB = "/.well-known/mercure"


def wrong() -> Log:
    """A log with publishes that are refused at the end, a token in a URL, a stranger's page."""
    log = Log().usual(1)
    for number in range(5):
        log.add("publish-refused", 6 * 3600 + 700 + number, "203.0.113.99")
    log.add("stream", 3600, "203.0.113.98", uri=f"{HUB}?topic=a&authorization={TOKEN}", duration=2)
    log.add("stream-of-a-stranger", 3700, "203.0.113.97", duration=2)
    return log


@pytest.fixture
def log(project: Path) -> Path:
    """The path of that log."""
    path = project / "access.log"
    path.write_bytes(wrong().text)
    return path


def test_text_says_the_whole_the_hours_and_what_is_wrong(run: Run, log: Path):
    said = run("audit", "access.log")
    assert said.code == 1
    assert said.lines[0].startswith("2026-11-18 ")
    assert [line.split()[0] for line in said.lines[1:6]] == "publishes subscriptions streams clients origins".split()
    assert sum(bool(re.match(r"2026-11-\d\d \d\d:00 ", line)) for line in said.lines) in {7, 8}
    errors = [line for line in said.lines if ": error: " in line]
    assert [re.search(r"\[(.+)\]$", line)[1] for line in errors] == [  # type: ignore[index]
        "secret-exposure",
        "cors-origin-mismatch",
        "key-mismatch",
    ]
    place = re.match(r"access.log:(\d+): error", errors[-1])
    assert place is not None
    first = log.read_bytes().splitlines()[int(place[1]) - 1]
    assert b'"status":401' in first
    assert said.lines[-1] == "3 errors, 0 warnings"


def test_a_quiet_log_has_nothing_and_exits_with_0(run: Run, project: Path):
    (project / "quiet.log").write_bytes(Log().usual(2).text)
    said = run("audit", "quiet.log")
    assert (said.code, said.lines[-1]) == (0, "nothing is out of the ordinary")
    assert run("audit", "-q", "quiet.log").out == ""


def test_warnings_count_with_strict(run: Run, project: Path):
    log = Log().usual(2)
    for number in range(4):
        log.add("page-without-cookie", number)
    (project / "a.log").write_bytes(log.text)
    assert run("audit", "a.log").code == 0
    assert run("audit", "--strict", "a.log").code == 1


def test_no_token_and_no_full_address_is_in_any_output(run: Run, log: Path, project: Path):
    outputs = [run("audit", "access.log"), run("audit", "access.log", "--format", "json")]
    assert run("audit", "access.log", "--html", "page.html").code == 1
    texts = [f"{each.out}{each.err}" for each in outputs] + [(project / "page.html").read_text()]
    for text in texts:
        assert TOKEN not in text
        assert TOKEN.rpartition(".")[2] not in text
        assert not re.search(r"203\.0\.113\.9\d", text)
        assert not re.search(r"198\.51\.100\.\d+(?!/24)\b(?!/)", text)
    del log


def test_addresses_in_full_when_asked_for(run: Run, project: Path):
    log = Log().usual(1)
    for number in range(30):
        log.add("robot", 100 + number, "203.0.113.99")
    (project / "a.log").write_bytes(log.text)
    assert "203.0.113.0/24" in run("audit", "a.log").out
    assert "203.0.113.99" in run("audit", "a.log", "--addresses").out


def test_json_has_the_numbers_and_the_findings(run: Run, log: Path):
    said = json.loads(run("audit", "access.log", "--format", "json").out)
    assert (said["version"], said["ok"], said["skipped"]) == (1, False, 0)
    assert said["lines"] == len(log.read_bytes().splitlines())
    total = said["total"]
    assert total["publishes"] == {"200": 360, "401": 5}
    assert total["subscriptions"] == {"200": 362}
    assert total["streams"]["count"] == 362
    assert sum(total["ends"].values()) == 362
    assert sum(each["publishes"].get("200", 0) for each in said["hours"]) == 360
    assert {"id", "level", "file", "line", "message", "hint", "count", "first", "last"} <= set(said["findings"][0])
    assert [each["count"] for each in said["findings"] if each["id"] == "key-mismatch"] == [5]


def test_the_environment_knows_origins_and_lifetime(run: Run, project: Path):
    log = Log().usual(3)
    (project / "a.log").write_bytes(log.text)
    assert run("audit", "production", "a.log", spec=MINIMAL).code == 0
    other = MINIMAL.replace("app.example.com", "shop.example.com")
    said = run("audit", "production", "a.log", spec=other)
    assert said.code == 1
    assert "[cors-origin-mismatch]" in said.out
    wild = MINIMAL + "        origins: ['https://*.example.com']\n"
    assert run("audit", "production", "a.log", spec=wild.replace("app.example.com", "shop.example.com")).code == 0
    # standard input, when nothing else is named
    assert run("audit", "production", stdin=log.text.decode(), spec=other).code == 1
    assert run("audit", "-", stdin=log.text.decode()).code == 0


def test_streams_that_live_as_long_as_a_token_are_told_from_the_rest(run: Run, project: Path):
    log = Log()
    for number in range(60):
        log.stream(number * 100, 3600 if number % 3 else 1800 + number, f"198.51.100.{number}")
    (project / "a.log").write_bytes(log.text)
    ends = json.loads(run("audit", "production", "a.log", "--format", "json", spec=MINIMAL).out)["total"]["ends"]
    assert ends["as long as a token lives"] == 40
    assert ends["ended by the page, the network or the hub"] == 20


def test_several_logs_are_one_and_each_line_is_told_by_its_own(run: Run, project: Path):
    log = wrong()
    lines = log.text.splitlines(keepends=True)
    (project / "one.log.gz").write_bytes(gzip.compress(b"".join(lines[:400])))
    (project / "two.log").write_bytes(b"".join(lines[400:]))
    said = json.loads(run("audit", "one.log.gz", "two.log", "--format", "json").out)
    assert said["lines"] == len(lines)
    mismatch = next(each for each in said["findings"] if each["id"] == "key-mismatch")
    assert (mismatch["file"], mismatch["line"]) == ("two.log", len(lines) - 400 - 4)


def test_since_and_until_limit_what_is_looked_at(run: Run, log: Path):
    del log
    part = run("audit", "access.log", "--since", "2026-11-18T12:00Z", "--until", "2026-11-18 13:00", "--format", "json")
    assert [each["hour"] for each in json.loads(part.out)["hours"]] == ["2026-11-18T12:00:00Z"]
    assert run("audit", "access.log", "--since", "3650d").code == 1
    assert "none of them is" in run("audit", "access.log", "--until", "2020-01-01").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.log"], "none.log does not exist"),
        (["access.log", "none.log"], "none.log does not exist"),
        (["production"], "production is no file, and there is no mercure.yaml with an environment of that name"),
        (["production", "-f", "spec.yaml"], "there is no environment production\n  hint: did you mean produktion?"),
        (["access.log", "--since", "yesterday"], "--since yesterday is no time"),
        (["access.log", "--from-coolify"], "--from-coolify is for an environment of the spec, and no files"),
        (["access.log", "other.log", "--follow"], "--follow is for one log"),
        (["folder/"], "folder/ cannot be read: is a directory"),
        (["packed.zst"], "packed.zst is packed"),
    ],
)
def test_what_is_wrong_is_said_and_exits_with_2(run: Run, log: Path, project: Path, arguments: list[str], said: str):
    (project / "other.log").write_bytes(log.read_bytes())
    (project / "folder").mkdir()
    (project / "packed.zst").write_bytes(b"\x28\xb5\x2f\xfd....")
    (project / "spec.yaml").write_text(MINIMAL.replace("production", "produktion"))
    result = run("audit", *arguments)
    assert result.code == 2
    assert said in result.err
    assert not result.out


def test_what_is_no_log_of_a_hub_is_said(run: Run, project: Path):
    (project / "a.log").write_text("hello\nworld\n")
    said = run("audit", "a.log")
    assert (said.code, said.lines) == (0, ["2 lines: none of them is an access line of a hub"])
    assert json.loads(run("audit", "a.log", "--format", "json").out)["total"]["streams"]["count"] == 0
    assert run("audit", "a.log", "--html", "a.html").code == 0


def test_what_others_wrote_is_harmless_for_a_terminal(run: Run, project: Path):
    log = Log().usual(1)
    for number in range(3):
        log.add("stream-of-a-stranger", number, duration=1, origin="https://\x1b[31mevil\r\n.example")
        log.add("probe", number, uri="/\x1b]0;title\x07" + "a" * 5000)
    (project / "a.log").write_bytes(log.text)
    said = run("audit", "a.log")
    assert said.code == 1
    assert "\x1b" not in said.out
    assert max(map(len, said.lines)) < 700
    assert run("audit", "a.log", "--html", "a.html").code == 1
    assert "\x1b" not in (project / "a.html").read_text()


def test_the_page_is_ours_and_nobody_elses_is_written_over(run: Run, log: Path, project: Path):
    del log
    (project / "page.html").write_text("<p>mine")
    assert run("audit", "access.log", "--html", "page.html").code == 2
    assert (project / "page.html").read_text() == "<p>mine"
    assert run("audit", "access.log", "--html", "new.html").code == 1
    assert run("audit", "access.log", "--html", "new.html").code == 1
    page = (project / "new.html").read_text()
    assert "key-mismatch" in page
    assert page.count("<svg") == 3
    assert page.count("<rect") >= 18


def test_follow_says_each_finding_once_as_it_comes_and_ends_with_the_whole(project: Path):
    log = wrong()
    lines = log.text.splitlines(keepends=True)
    path = project / "live.log"
    path.write_bytes(b"".join(lines[:300]))
    command = [sys.executable, "-m", "mercure_deploy", "audit", "--follow", str(path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        said = b""

        def until(words: bytes) -> None:
            nonlocal said
            end = time.monotonic() + 60
            while words not in said:
                assert time.monotonic() < end, said
                said += process.stdout.read() or b""  # type: ignore[union-attr]
                time.sleep(0.05)

        until(b"[cors-origin-mismatch]")
        assert b"[key-mismatch]" not in said
        path.rename(project / "live.log.1")
        path.write_bytes(b"".join(lines[300:]))
        until(b"[key-mismatch]")
        before = said
        process.send_signal(signal.SIGINT)
        os.set_blocking(process.stdout.fileno(), True)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert before.count(b"[key-mismatch]") == before.count(b"[cors-origin-mismatch]") == 1
    assert f"{len(lines)} lines, 0 not readable".encode() in rest
    assert errors.decode() == "mercure-deploy: ends\n"


def test_a_pipe_is_read_as_it_comes(project: Path):
    log = wrong()
    command = [sys.executable, "-m", "mercure_deploy", "audit", "-", "--format", "json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=project) as process:
        assert process.stdin is not None
        for line in log.text.splitlines(keepends=True):
            process.stdin.write(line)
            process.stdin.flush()
        process.stdin.close()
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["lines"] == len(log.lines)
    assert process.returncode == 1
