"""Chromium, Firefox and WebKitGTK by one set of words: open a page, ask it something, go back, take its picture."""

import base64
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import httpx
import programs
import stack
from playwright.sync_api import Error, sync_playwright

NAMES = ("chromium", "firefox", "webkit")
# where a page has to be loaded anew, or a script is asked while it is being left
_GONE = ("context was destroyed", "navigation", "unloaded", "javascript error", "stale", "no such window")


class Browser(Protocol):
    """A browser with one page."""

    def goto(self, url: str) -> None:
        """Open that page."""

    def ask(self, script: str) -> Any:
        """What the script returns, as JSON; it may be sent while a page comes or goes."""

    def back(self) -> None:
        """The back button."""

    def picture(self, path: Path) -> None:
        """A screenshot."""


class Chromium:
    """By playwright, which drives Debian's."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def goto(self, url: str) -> None:
        self.page.goto(url, wait_until="load")

    def ask(self, script: str) -> Any:
        return _patiently(lambda: self.page.evaluate(f"() => {{ {script} }}"), Error)

    def back(self) -> None:
        self.page.go_back(wait_until="load")

    def picture(self, path: Path) -> None:
        self.page.screenshot(path=path)


class Remote:
    """By the protocol of WebDriver, as `send(command, values)` speaks it."""

    def __init__(self, send: Any) -> None:
        self.send = send

    def goto(self, url: str) -> None:
        self.send("Navigate", {"url": url})

    def ask(self, script: str) -> Any:
        return _patiently(lambda: self.send("ExecuteScript", {"script": script, "args": []}), RemoteError)

    def back(self) -> None:
        self.send("Back", {})

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("TakeScreenshot", {"full": False})))


class RemoteError(Exception):
    """What a driver refused."""


def _patiently(ask: Any, kind: type[Exception]) -> Any:
    end = time.monotonic() + 30
    while True:
        try:
            return ask()
        except kind as error:
            if time.monotonic() > end or not any(word in str(error).lower() for word in _GONE):
                raise
            time.sleep(0.1)


@contextmanager
def browser(name: str, home: Path, roots: Sequence[Path]) -> Iterator[Browser]:
    """That browser, with a profile of its own that trusts these authorities and nothing more than usual."""
    home.mkdir(parents=True, exist_ok=True)
    with {"chromium": _chromium, "firefox": _firefox, "webkit": _webkit}[name](home, roots) as started:
        yield started


@contextmanager
def _chromium(home: Path, roots: Sequence[Path]) -> Iterator[Browser]:
    found = programs.tools("chromium")
    _trusted(home / ".pki/nssdb", roots)
    environment: dict[str, str | float | bool] = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": tempfile.gettempdir(),
    }
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found["chromium"], args=stack.CHROMIUM, env=environment)
        try:
            yield Chromium(started.new_context(viewport={"width": 1000, "height": 700}).new_page())
        finally:
            started.close()


def _trusted(store: Path, roots: Sequence[Path]) -> None:
    """A store of certificates, as Chromium and Firefox have it, with these authorities."""
    store.mkdir(parents=True)
    certutil = [programs.tools("certutil")["certutil"], "-d", f"sql:{store}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True, capture_output=True)
    for number, root in enumerate(roots):
        add = ["-A", "-t", "C,,", "-n", f"root-{number}", "-i", str(root)]
        subprocess.run([*certutil, *add], check=True, capture_output=True)


@contextmanager
def _firefox(home: Path, roots: Sequence[Path]) -> Iterator[Browser]:
    profile = home / "profile"
    _trusted(profile, roots)
    quiet = {
        "app.update.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "browser.startup.page": 0,
        "browser.download.useDownloadDir": True,
        "browser.download.folderList": 2,
        "browser.download.dir": str(home),
        "datareporting.policy.dataSubmissionEnabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "network.dns.disableIPv6": True,
        "network.trr.mode": 5,
        "services.settings.server": "data:,",
        "toolkit.telemetry.enabled": False,
        "marionette.port": 2828,
    }
    lines = (f'user_pref("{name}", {json.dumps(value)});\n' for name, value in quiet.items())
    (profile / "user.js").write_text("".join(lines))
    argv = [
        programs.tools("firefox")["firefox"],
        "--headless",
        "--marionette",
        "--no-remote",
        "--profile",
        str(profile),
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "MOZ_CRASHREPORTER_DISABLE": "1"}
    with programs.process(argv, environment, home / "firefox.log") as process:
        programs.wait(lambda: process.poll() is not None or programs.listens(2828), "Firefox listens", 120)
        with socket.create_connection(("127.0.0.1", 2828), 60) as connection:
            speak = _Marionette(connection)
            speak("NewSession", {"capabilities": {"alwaysMatch": {"pageLoadStrategy": "normal"}}})
            yield Remote(speak)
            with suppress(OSError, RemoteError):
                speak.call("Marionette:Quit", {"flags": ["eForceQuit"]})


class _Marionette:
    """Firefox's own protocol: `length:[0, id, command, values]`, and `length:[1, id, error, value]` back."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.number, self.rest = connection, 0, b""
        self._read()

    def __call__(self, command: str, values: dict[str, Any]) -> Any:
        return self.call(f"WebDriver:{command}", values)

    def call(self, command: str, values: dict[str, Any]) -> Any:
        self.number += 1
        text = json.dumps([0, self.number, command, values]).encode()
        self.connection.sendall(str(len(text)).encode() + b":" + text)
        _, _, error, value = self._read()
        if error:
            raise RemoteError(f"{error.get('error')}: {error.get('message')}")
        return value.get("value") if isinstance(value, dict) and "value" in value else value

    def _read(self) -> Any:
        while b":" not in self.rest:
            self.rest += self.connection.recv(65536)
        length, _, self.rest = self.rest.partition(b":")
        while len(self.rest) < int(length):
            self.rest += self.connection.recv(65536)
        text, self.rest = self.rest[: int(length)], self.rest[int(length) :]
        return json.loads(text)


_PATHS = {
    "Navigate": ("POST", "url"),
    "ExecuteScript": ("POST", "execute/sync"),
    "Back": ("POST", "back"),
    "TakeScreenshot": ("GET", "screenshot"),
}


@contextmanager
def _webkit(home: Path, roots: Sequence[Path]) -> Iterator[Browser]:
    found = programs.tools("webkit", "minibrowser", "xvfb")
    _bound(home, roots)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "MERCURE_DEPLOY_ISOLATED") if name in os.environ},
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "DISPLAY": ":9",
        "GIO_USE_PROXY_RESOLVER": "dummy",
        "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
        "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    screen = [found["xvfb"], ":9", "-screen", "0", "1000x700x24", "-nolisten", "tcp"]
    with (
        programs.process(screen, environment, home / "xvfb.log"),
        programs.process([found["webkit"], "--port=4444"], environment, home / "webkit.log"),
        httpx.Client(base_url="http://127.0.0.1:4444", timeout=60, trust_env=False) as client,
    ):
        programs.wait(lambda: programs.listens(4444), "the driver of WebKit listens")
        options = {"binary": found["minibrowser"], "args": ["--automation"]}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        session = _value(client.post("/session", json=wanted))["sessionId"]

        def send(command: str, values: dict[str, Any]) -> Any:
            method, path = _PATHS[command]
            return _value(
                client.request(method, f"/session/{session}/{path}", json=values if method == "POST" else None)
            )

        yield Remote(send)


def _value(answer: httpx.Response) -> Any:
    said = answer.json()["value"]
    if answer.status_code != 200:
        raise RemoteError(f"{said.get('error')}: {said.get('message')}")
    return said


def _bound(home: Path, roots: Sequence[Path]) -> None:
    """The authorities over those of the system, in this namespace alone: WebKit has no store of its own."""
    programs.need_isolation()
    bundle = home / "bundle.crt"
    bundle.write_text("".join(root.read_text() for root in roots))
    system = Path("/etc/ssl/certs/ca-certificates.crt").resolve()
    subprocess.run(["mount", "--bind", str(bundle), str(system)], check=True)
