"""What a run has proved, and against which versions: artifacts/proved.json, the source of README's table.

A test says what it proves with @pytest.mark.proves("..."), and against what with @pytest.mark.against("hub", ...).
The file gathers the claims of several runs; one that did not hold in its last run is not in it.
"""

import fcntl
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import programs
import pytest

HERE = Path(__file__).parent.parent
FILE = HERE.parent / "artifacts/proved.json"
# what a program is called, its version in what it prints, and how it is asked: `engine` is a folder of programs
ASKED = {
    "engine": ("Docker Engine", r"version ([\d.]+)", "dockerd --version"),
    "compose": ("Docker Compose", r"([\d.]+)", "compose version --short"),
    "php": ("PHP", r"PHP ([\d.]+)", "php --version"),
    "chromium": ("Chromium", r"Chromium ([\d.]+)", "chromium --version"),
    "firefox": ("Firefox", r"Firefox ([\d.]+)", "firefox-esr --version"),
    "phpunit": ("PHPUnit", r"PHPUnit ([\d.]+)", "phpunit --version"),
    "eslint": ("ESLint", r"v([\d.]+)", "eslint --version"),
    "traefik": ("Traefik", r"Version:\s+([\d.]+)", "traefik version"),
    "frankenphp": ("FrankenPHP with Caddy", r"v([\d.]+)", "frankenphp version"),
    "kubectl": ("kubectl", r"Client Version: v([\d.]+)", "kubectl version --client"),
    "helm": ("Helm", r'Version:"v([\d.]+)"', "helm version"),
    "systemd": ("systemd", r"systemd (\d+)", "systemd --version"),
    "bash": ("bash", r"version ([\d.]+)", "bash --version"),
}
# what it is called, and the package that it is unpacked from
UNPACKED = {
    "nginx": ("nginx", "nginx"),
    "apache": ("Apache", "apache2-bin"),
    "rsync": ("rsync", "rsync"),
    "haproxy": ("HAProxy", "haproxy"),
    "redis": ("Redis", "redis-server"),
}
# what it is called, and the Go module that it is built from
PINNED = {
    "core": ("the core of Mercure", "hub-1.0", "dunglas/mercure"),
    "kubernetes": ("Kubernetes", "kubernetes", "k8s.io/kubernetes"),
}


def frontends() -> str:
    packages = (Path(programs.tools("frontends")["frontends"]) / "PACKAGES").read_text()
    each = {"lighttpd": "lighttpd", "Varnish": "varnish", "Squid": "squid"}
    return "<br>".join(f"{label} " + found(rf"(?m)^{word}_([\d.]*\d)", packages) for label, word in each.items())


# what no program says of itself
UNASKED = {
    "frontends": frontends,
    "dotenv": lambda: f"python-dotenv {version('python-dotenv')}",
    "webkit": lambda: (
        "WebKitGTK " + found(r"([\d.]+)", printed(*"dpkg-query -W -f ${Version} webkit2gtk-driver".split()))
    ),
}
PASSED, FAILED = pytest.StashKey[set[str]](), pytest.StashKey[set[str]]()


@cache
def program(name: str) -> str:
    """A program of a mark `against`, with its version."""
    if name in UNASKED:
        return UNASKED[name]()
    if name in PINNED:
        label, folder, module = PINNED[name]
        return f"{label} " + found(rf"{module} v(\S+)", (HERE / folder / "go.mod").read_text())
    if name == "hub":
        binary = programs.tools("hub")["hub"]
        module = found(r"http\.handlers\.mercure v([\d.]+)", printed(binary, "list-modules", "--versions"))
        return f"Mercure {module} on Caddy " + found(r"v([\d.]+)", printed(binary, "version"))
    if name.startswith("symfony"):
        packages = (Path(programs.tools(name)[name]).parents[2] / "PACKAGES").read_text()
        bundles = [found(rf"php-symfony-{each}-bundle_([\d.]*\d)", packages) for each in ("framework", "mercure")]
        return f"Symfony {bundles[0]} with MercureBundle {bundles[1]}"
    if name in UNPACKED:
        label, package = UNPACKED[name]
        place = name if name in {"haproxy", "redis"} else "proxies"
        packages = (Path(programs.tools(place)[place]) / "PACKAGES").read_text()
        return f"{label} " + found(rf"{package}_(?:\d%3a)?([\d.]*\d)", packages)
    label, pattern, command = ASKED[name]
    own, *words = command.split()
    place = own if name == "bash" else programs.tools(name)[name]
    return f"{label} " + found(pattern, printed(f"{place}/{own}" if name == "engine" else place, *words))


def printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def found(pattern: str, text: str) -> str:
    matched = re.search(pattern, text)
    assert matched, f"no {pattern} in {text}"
    return matched[1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call" and report.outcome == "passed":
        item.config.stash.setdefault(PASSED, set()).add(item.nodeid)
    elif report.outcome != "passed":
        item.config.stash.setdefault(FAILED, set()).add(item.nodeid)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep what held; a run of chosen tests says nothing of a whole claim."""
    claims: dict[str, list[pytest.Item]] = {}
    for item in session.items:
        for mark in item.iter_markers("proves"):
            claims.setdefault(mark.args[0], []).append(item)
    chosen = session.config.option.keyword or any("::" in argument for argument in session.config.args)
    if not claims or chosen:
        return
    FILE.parent.mkdir(exist_ok=True)
    with (FILE.parent / ".proved").open("w") as lock:
        # several runs may end at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        _keep(session.config.stash, claims)


def _keep(stash: pytest.Stash, claims: dict[str, list[pytest.Item]]) -> None:
    held = stash.get(PASSED, set()) - stash.get(FAILED, set())
    rows = json.loads(FILE.read_text()) if FILE.exists() else {}
    for claim, items in claims.items():
        rows.pop(claim, None)
        if all(item.nodeid in held for item in items):
            mark = items[0].get_closest_marker("against")
            assert mark, f"{items[0].nodeid} does not say against what"
            rows[claim] = {"against": list(map(program, mark.args)), "tests": len(items)}
    FILE.write_text(json.dumps(rows, indent=1) + "\n")
