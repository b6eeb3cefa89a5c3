"""However the tests end, nothing that they started is left: no process, mount, interface, namespace, control group."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from itertools import chain
from pathlib import Path

import programs
import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parent.parent.parent
# what the tests are told, by a signal or by a word
ENDS: dict[str, signal.Signals | str] = {
    "success": "end\n",
    "failure": "fail\n",
    "^C": signal.SIGINT,
    "a kill of the tests": signal.SIGKILL,
}


def processes() -> dict[int, str]:
    """Id and command line of everything that runs here; what is dead and only waits to be counted has none."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if words:
            found[int(path.name)] = words
    return found


def namespaces() -> set[str]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/*"):
        with suppress(OSError):
            found.add(str(path.readlink()))
    return found


def traces() -> dict[str, set[str]]:
    """What a run could leave behind, as one who stands outside of it sees it."""
    interfaces = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    groups = Path("/sys/fs/cgroup").rglob(f"{os.environ['MERCURE_DEPLOY_ISOLATED']}*")
    files = [Path(tempfile.gettempdir()).glob("*"), Path("/tmp").glob("*chrom*"), Path("/tmp").glob("*playwright*")]  # noqa: S108
    return {
        "processes": {f"{number} {words}" for number, words in processes().items()},
        "mounts": set(Path("/proc/self/mountinfo").read_text().splitlines()),
        "interfaces": {line.split()[0] for line in interfaces.splitlines()},
        "namespaces": namespaces(),
        "control groups": set(map(str, groups)),
        "temporary files": set(map(str, chain(*files))),
    }


@pytest.mark.parametrize("name", ["data", "config", "scratch"])
def test_a_folder_that_the_tests_empty_is_never_that_of_the_machine(name: str):
    programs.need_isolation()
    kept = Path(f"/{name}/kept")
    kept.write_text("of the machine")
    run = [str(ROOT / "scripts/isolated"), "sh", "-c", f"ls /{name} && touch /{name}/made && rm -rf /{name}/*"]
    said = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert kept.read_text() == "of the machine"
    kept.unlink()


def test_it_needs_no_root():
    programs.need_isolation()
    place = Path(tempfile.mkdtemp())
    place.chmod(0o777)
    script = shutil.copy(ROOT / "scripts/isolated", place)
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups".split()
    words = "id -u; cat /etc/hosts; touch /etc/mercure/made /data/made; ip -brief link | cut -d' ' -f1"
    run = [*nobody, "env", f"TMPDIR={place}", script, "sh", "-c", words]
    said = subprocess.run(run, cwd="/", capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "0\n127.0.0.1 localhost\nlo\n", "")
    shutil.rmtree(place)


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_left(end: str):
    programs.need_isolation()
    before = traces()
    sent = ENDS[end]
    script = str(ROOT / "tests/support/standing.py")
    pipe = subprocess.PIPE
    run = [str(ROOT / "scripts/isolated"), sys.executable, script]
    with subprocess.Popen(run, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        try:
            assert "standing\n" in iter(started.stdout.readline, "")
            running = " ".join(processes().values())
            assert all(program in running for program in ("dockerd", "chromium", "php -S", "caddy run")), running
            if isinstance(sent, str):
                started.stdin.write(sent)
                started.stdin.flush()
            elif sent == signal.SIGINT:  # a terminal sends it to all that run in its foreground
                os.killpg(started.pid, sent)
            else:
                [tests] = [pid for pid, line in processes().items() if line.startswith(f"{sys.executable} {script}")]
                os.kill(tests, sent)
            started.wait(60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
    assert (started.returncode == 0) == (end == "success")
    with suppress(AssertionError):
        programs.wait(lambda: traces() == before, "everything is as before")
    after = traces()
    assert {kind: after[kind] ^ before[kind] for kind in after if after[kind] != before[kind]} == {}
