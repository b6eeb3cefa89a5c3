"""The real consumers: where they are, and a hub started from rendered files as they are."""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

import jwt
import pytest
from dotenv import dotenv_values
from ruamel.yaml import YAML

from mercure_deploy.cli import main

HUB_PATH = "/.well-known/mercure"
_CACHE = os.environ.get("MERCURE_DEPLOY_CACHE") or (
    (os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")) + "/mercure-deploy"
)


def tools(*names: str) -> dict[str, str]:
    """The paths of these programs; the test fails, never skips, when one is not there."""
    found = there()
    absent = [name for name in names if name not in found]
    if absent:
        pytest.fail(f"missing: {', '.join(absent)}; run scripts/prerequisites", pytrace=False)
    return {name: found[name] for name in names}


def there() -> dict[str, str]:
    """What scripts/prerequisites has brought, and where it is."""
    paths = Path(_CACHE) / "paths"
    lines = paths.read_text().splitlines() if paths.exists() else []
    found = dict(line.split("=", 1) for line in lines)
    return {name: path for name, path in found.items() if Path(path).exists()}


def need_isolation() -> None:
    """Fail unless this runs where ports 80 and 443 are the test's own."""
    if not os.environ.get("MERCURE_DEPLOY_ISOLATED"):
        pytest.fail("these tests need a network of their own; run them with scripts/isolated", pytrace=False)


def run(*arguments: str) -> None:
    """The command line, which has to succeed."""
    assert main(list(arguments)) == 0


def compose_config(folder: Path) -> dict[str, object]:
    """What docker compose itself makes of the rendered file; it must have nothing to say about it."""
    command = [tools("compose")["compose"], "-f", "docker-compose.yaml"]
    if (folder / "hub.env").exists():
        command += ["--env-file", "hub.env"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    said = subprocess.run(
        [*command, "config", "--format", "json"], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert (said.returncode, said.stderr.decode()) == (0, "")
    config: dict[str, object] = json.loads(said.stdout)
    return config


class Hub:
    """A running hub."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, argv: list[str]) -> None:
        self.process, self.log, self.argv = process, log, argv

    def request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
    ) -> "Answer":
        return request(method, path, headers=headers, form=form)

    def reload(self) -> None:
        """The forced reload of the environment's README; a plain one would do nothing, and say so to nobody."""
        place = self.argv[self.argv.index("--config") :]
        subprocess.run([self.argv[0], "reload", "--force", *place], check=True, capture_output=True, timeout=120)

    def publish(self, token: str | None, topic: str, data: str = "hello", *, private: bool = True) -> "Answer":
        form = {"topic": topic, "data": data, **({"private": "on"} if private else {})}
        return self.request("POST", HUB_PATH, headers={"Authorization": f"Bearer {token}"} if token else {}, form=form)


def request(
    method: str, path: str, *, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
) -> "Answer":
    body = urlencode(form) if form else None
    sent = {"Host": "hub.example.com", **(headers or {})}
    if form:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    with closing(http.client.HTTPConnection("127.0.0.1", 80, timeout=60)) as connection:
        connection.request(method, path, body, sent)
        with closing(connection.getresponse()) as answer:
            stream = answer.getheader("Content-Type", "").startswith("text/event-stream")
            text = "" if stream else answer.read().decode()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)


def publish(
    token: str, topic: str, data: str, *, host: str = "127.0.0.1", port: int = 80, name: str = "hub.example.com"
) -> int:
    """Publish as a PHP app does, over a connection of its own, to the hub of that `name`; the status of the answer."""
    headers = {
        "Host": name,
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    with closing(http.client.HTTPConnection(host, port, timeout=60)) as connection:
        connection.request("POST", HUB_PATH, urlencode({"topic": topic, "data": data, "private": "on"}), headers)
        with closing(connection.getresponse()) as answer:
            answer.read()
            return answer.status


class Answer:
    """Status, headers by lower-case name, body (empty for a stream)."""

    def __init__(self, status: int, headers: dict[str, str], text: str) -> None:
        self.status, self.headers, self.text = status, headers, text


class Stream:
    """A subscription as a browser opens it: by cookie, with an Origin; its data lines arrive in `events`."""

    opened: ClassVar[list["Stream"]] = []

    def __init__(
        self, topic: str, token: str | None, *, origin: str = "https://app.example.com", last: str | None = None
    ) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=60)
        connection.connect()
        self.sock: socket.socket = connection.sock
        headers = {"Host": "hub.example.com", "Origin": origin}
        if token:
            headers["Cookie"] = f"mercureAuthorization={token}"
        words = {"topic": topic, **({"lastEventID": last} if last else {})}
        connection.request("GET", f"{HUB_PATH}?{urlencode(words)}", headers=headers)
        self._listen(connection)

    @classmethod
    def opened_by(cls, connection: http.client.HTTPConnection) -> "Stream":
        """The stream that was asked for over that connection."""
        stream = cls.__new__(cls)
        stream.sock = connection.sock
        stream._listen(connection)
        return stream

    def _listen(self, connection: http.client.HTTPConnection) -> None:
        self.connection, self.answer = connection, connection.getresponse()
        self.status = self.answer.status
        self.events: list[str] = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self.opened.append(self)

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            while line := self.answer.readline():
                if line.startswith(b"data: "):
                    self.events.append(line[6:].strip().decode())

    def close(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.answer.close()
        self.connection.close()


def _config(argv: list[str]) -> str:
    """The text of the Caddyfile that a hub is started with."""
    return Path(argv[argv.index("--config") + 1]).read_text()


def wait(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Until the condition holds; a test may be slow on a busy machine, and does not fail for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


@contextmanager
def hub(folder: Path, scratch: Path) -> Iterator[Hub]:
    """The hub, from the rendered files of an environment exactly as its platform would hand them to the container."""
    need_isolation()
    binary = tools("hub", "image_caddyfile")
    service, configs = compose_service(folder)
    # compose doubles every $ in what it prints, and undoes that when it starts the container
    variables = {str(k): str(v).replace("$$", "$") for k, v in service.get("environment", {}).items()}
    shutil.copy(binary["image_caddyfile"], "/etc/caddy/Caddyfile")
    for place in Path("/etc/mercure").iterdir():
        place.unlink()
    for config in service.get("configs", []):
        Path(config["target"]).write_text(configs[config["source"]]["content"].replace("$$", "$"))
    if (folder / "hub").is_dir():
        for file in (folder / "hub").iterdir():
            shutil.copy(file, Path("/etc/mercure") / file.name)
    command = service.get("command") or "caddy run --config /etc/caddy/Caddyfile --adapter caddyfile".split()
    argv = [binary["hub"], *command[1:]]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/config",
        "XDG_CONFIG_HOME": "/config",
        "XDG_DATA_HOME": "/data",
    }
    for leftover in Path("/data").iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    checked_caddyfile(argv, {**environment, **variables})
    log = scratch / "hub.log"
    with process(argv, {**environment, **variables}, log) as started:
        running = Hub(started, log, argv)
        wait(lambda: _ready(running), "the hub is ready")
        # at a busy moment the admin endpoint says so before the sites listen
        asked = [80, 443] if re.search(r"^https://|^[a-z][^:/ ]*( |,).*\{$", _config(argv), re.MULTILINE) else [80]
        wait(lambda: running.process.poll() is not None or all(map(listens, asked)), f"the hub listens at {asked}")
        try:
            yield running
        finally:
            while Stream.opened:
                Stream.opened.pop().close()


@contextmanager
def process(argv: list[str], environment: dict[str, str], log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A program that is ended again, by its id. A session of its own: ^C in the terminal is for the tests alone."""
    with log.open("ab") as sink:
        started = subprocess.Popen(argv, env=environment, stdout=sink, stderr=sink, start_new_session=True)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        # what it started itself, such as workers, is of its session
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)


def listens(port: int) -> bool:
    """Whether something takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def compose_service(folder: Path) -> tuple[dict[str, object], dict[str, dict[str, str]]]:
    config = compose_config(folder)
    return config["services"]["mercure"], config.get("configs", {})  # type: ignore[index,return-value,call-overload]


def checked_caddyfile(argv: list[str], environment: dict[str, str]) -> None:
    path = argv[argv.index("--config") + 1]
    own = "generated by mercure-deploy" in Path(path).read_text()
    validate = [argv[0], "validate", "--config", path, "--adapter", "caddyfile"]
    said = subprocess.run(validate, env=environment, capture_output=True, check=False)
    assert said.returncode == 0, said.stderr.decode()
    if own:
        formatted = subprocess.run([argv[0], "fmt", "--diff", path], env=environment, capture_output=True, check=False)
        assert formatted.returncode == 0, formatted.stdout.decode()
    for leftover in Path("/data").glob("mercure.db*"):
        leftover.unlink()


def _ready(running: Hub) -> bool:
    assert running.process.poll() is None, running.log.read_text()
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", 2019, timeout=2)) as connection:
            connection.request("GET", "/mercure/health/ready")
            with closing(connection.getresponse()) as answer:
                return answer.status == 200
    except OSError:
        return False


def signing(app_env: Path, manifest: Path) -> tuple[str, str]:
    """(key, JWA algorithm) with which the app signs, read as python-dotenv reads it."""
    values = dotenv_values(app_env)
    rows = json.loads(manifest.read_text())["keys"]
    algorithm = next(row["algorithm"] for row in rows if row["state"] == "current")
    if "MERCURE_JWT_KEY_B64" in values:
        return base64.b64decode(values["MERCURE_JWT_KEY_B64"] or "").decode(), algorithm
    return values["MERCURE_JWT_SECRET"] or "", algorithm


def token(key: tuple[str, str], *, publish: list[str] | None = None, subscribe: list[str] | None = None) -> str:
    """A token as Symfony's factory makes it: no `kid`, a claim `mercure`."""
    roles = {"publish": publish, "subscribe": subscribe}
    claims = {role: topics for role, topics in roles.items() if topics is not None}
    return jwt.encode({"mercure": claims, "exp": int(time.time()) + 600}, key[0], algorithm=key[1])


def topic() -> str:
    return f"https://example.com/{uuid.uuid4()}"


def spec_text(data: dict[str, object], path: Path) -> Path:
    with path.open("w") as file:
        YAML().dump(data, file)
    return path
