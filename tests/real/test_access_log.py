"""`audit` over the access log of the real hub, with what goes wrong done to it by real requests."""

import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import logs
import programs
import pytest
import test_core
from cases import APPS, rendered
from conftest import Run

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "core")]
Line = dict[str, Any]
# the core of 1.0 has no log of its own: a Caddy before it writes what that of the hub would
FRONT = """\
{{
	admin off
	persist_config off
	auto_https off
}}
http://:80 {{
	log {{
		format json
	}}
	reverse_proxy 127.0.0.1:{port} {{
		flush_interval -1
	}}
}}
"""
TOPIC = "https://example.com/books/1"


@contextmanager
def front(scratch: Path) -> Iterator[Path]:
    """A Caddy before the core; the path of its log."""
    config, log = scratch / "front", scratch / "front.log"
    config.write_text(FRONT.format(port=test_core.PORT))
    argv = [programs.tools("hub")["hub"], "run", "--config", str(config), "--adapter", "caddyfile"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(scratch), "XDG_DATA_HOME": str(scratch)}
    with programs.process(argv, environment, log):
        programs.wait(lambda: programs.listens(80), "the front listens")
        yield log


class Traffic:
    """Requests to the hub at port 80, and the lines that its log has of them; `mint(lifetime, **what)` makes tokens."""

    def __init__(self, log: Path, word: str, cookie: str, mint: Callable[..., str]) -> None:
        self.log, self.word, self.cookie, self.mint = log, word, cookie, mint
        self.good, self.foreign, self.narrow = mint(600), mint(600, foreign=True), mint(600, topic="urn:other")
        self.mark = 0

    def lines(self) -> list[Line]:
        """The access lines so far."""
        # the last one may be half written
        *whole, _ = self.log.read_text().split("\n")
        found = (json.loads(line) for line in whole if line.startswith("{"))
        return [line for line in found if line.get("msg") == "handled request"]

    def ask(self, method: str, path: str, headers: dict[str, str], body: str = "", host: str = "127.0.0.1") -> int:
        """One request from that address of this machine; a stream is left at once. The status."""
        with closing(http.client.HTTPConnection("127.0.0.1", 80, timeout=60, source_address=(host, 0))) as connection:
            connection.request(method, path, body or None, {"Host": "hub.example.com", **headers})
            return connection.getresponse().status

    def publish(self, token: str | None, host: str = "127.0.0.1") -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        self.ask("POST", programs.HUB_PATH, headers, urlencode({"topic": TOPIC, "data": "x"}), host)

    def words(self, token: str | None, origin: str, by: str) -> tuple[str, dict[str, str]]:
        """Path and headers of a subscription."""
        headers = {"Origin": origin} if origin else {}
        path = f"{programs.HUB_PATH}?{urlencode({self.word: TOPIC})}"
        if token and by == "url":
            return f"{path}&authorization={token}", headers
        return path, headers | ({"Cookie": f"{self.cookie}={token}"} if token else {})

    def subscribe(
        self, token: str | None, host: str = "127.0.0.1", *, origin: str = "https://app.example.com", by: str = "cookie"
    ) -> None:
        """A stream that is left at once, or is refused."""
        path, headers = self.words(token, origin, by)
        self.ask("GET", path, headers, host=host)

    def watch(self, token: str, host: str, seconds: float) -> None:
        """A stream that stays so long, or until the hub ends it."""
        path, headers = self.words(token, "https://app.example.com", "cookie")
        with closing(
            http.client.HTTPConnection("127.0.0.1", 80, timeout=seconds, source_address=(host, 0))
        ) as connection:
            connection.request("GET", path, headers={"Host": "hub.example.com", **headers})
            with closing(connection.getresponse()) as answer, suppress(TimeoutError):
                while answer.readline():
                    pass

    def done(self, ask: Callable[[], object]) -> Line:
        """The line of something that ends at once."""
        before = len(self.lines())
        ask()
        programs.wait(lambda: len(self.lines()) > before, "the log has it")
        return self.lines()[before]

    def since(self, folder: Path, count: int) -> Path:
        """A log of the lines since the last time: so many access lines, and what the hub says between them."""
        begin = self.mark

        def complete() -> bool:
            text = self.log.read_bytes()[begin:]
            return text.count(b'"handled request"') >= count and text.endswith(b"\n")

        programs.wait(complete, f"{count} lines in the log")
        text = self.log.read_bytes()
        self.mark = len(text)
        place = folder / "part.log"
        place.write_bytes(text[begin:])
        return place


def every_kind(traffic: Traffic) -> dict[str, Line]:
    """One line of each kind, by its name in recorded.json."""
    preflight = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    asks: dict[str, Callable[[], object]] = {
        "published": lambda: traffic.publish(traffic.good),
        "publish-refused": lambda: traffic.publish(traffic.foreign),
        "publish-without-token": lambda: traffic.publish(None),
        "publish-elsewhere": lambda: traffic.publish(traffic.narrow),
        "stream": lambda: traffic.subscribe(traffic.good),
        "stream-of-a-stranger": lambda: traffic.subscribe(traffic.good, origin="https://stranger.example"),
        "stream-token-in-url": lambda: traffic.subscribe(traffic.good, by="url"),
        "subscription-refused": lambda: traffic.subscribe(traffic.foreign),
        "page-without-cookie": lambda: traffic.subscribe(None),
        "robot": lambda: traffic.subscribe(None, origin=""),
        "door": lambda: traffic.ask("GET", f"{programs.HUB_PATH}/ui/", {}),
        "probe": lambda: traffic.ask("GET", "/.env", {}),
        "preflight": lambda: traffic.ask("OPTIONS", programs.HUB_PATH, preflight),
    }
    return {name: traffic.done(ask) for name, ask in asks.items()}


@contextmanager
def hub_24(tmp_path: Path, **words: object) -> Iterator[Traffic]:
    """The hub 0.24 of a rendered environment."""
    hub = {name: value for name, value in words.items() if name != "accept"}
    folder = rendered(tmp_path, ("coolify", hub), APPS["one"], **{name: words[name] for name in set(words) - set(hub)})
    key = programs.signing(folder / "app.env", folder / "manifest.json")

    def mint(seconds: int, *, foreign: bool = False, topic: str = "*") -> str:
        claims = {"mercure": {"publish": [topic], "subscribe": [topic]}, "exp": int(time.time()) + seconds}
        return jwt.encode(claims, "z" * 64 if foreign else key[0], algorithm=key[1])

    with programs.hub(folder, tmp_path) as hub:
        yield Traffic(hub.log, "topic", "mercureAuthorization", mint)


@contextmanager
def hub_10(tmp_path: Path, run: Run) -> Iterator[Traffic]:
    """The core of 1.0 behind a Caddy."""
    folder = test_core.rendered(tmp_path, run)

    def mint(seconds: int, *, foreign: bool = False, topic: str = "*") -> str:
        claims = {**test_core.claims_of(folder), "exp": int(time.time()) + seconds}
        claims["authorization_details"][0]["topics"] = [{"match": topic}]
        if foreign:
            return jwt.encode(claims, "z" * 64, algorithm="HS256", headers={"typ": "at+jwt"})
        return test_core.signed(folder, claims)

    with front(tmp_path) as log, test_core.core(folder, tmp_path):
        yield Traffic(log, "match", "__Secure-mercure_access_token", mint)


def shape(line: object) -> object:
    """The fields of a line and the kinds of their values: what a made one must have, too."""
    if isinstance(line, dict):
        return {name: shape(value) for name, value in line.items() if name not in {"Date", "User-Agent"}}
    return type(line).__name__ if not isinstance(line, int | float) else "number"


def written(version: str) -> dict[str, Line]:
    """The lines that the fast tests make their logs of, but for those that are none of access."""
    return {name: line for name, line in logs.recorded(version).items() if "request" in line}


def test_the_recorded_lines_are_those_of_the_real_hubs(tmp_path: Path, run: Run):
    found = {}
    (tmp_path / "0.24").mkdir()
    for version, hub in (("0.24", hub_24(tmp_path / "0.24")), ("1.0", hub_10(tmp_path, run))):
        with hub as traffic:
            found[version] = every_kind(traffic)
    if os.environ.get("MERCURE_DEPLOY_RECORD"):
        record(found, tmp_path)
    for version, lines in found.items():
        assert {name: (shape(line), line["status"]) for name, line in lines.items()} == {
            name: (shape(line), line["status"]) for name, line in written(version).items()
        }


def record(found: dict[str, dict[str, Line]], tmp_path: Path) -> None:
    """Write recorded.json anew, with the other words of the hub."""
    said = [json.loads(line) for line in (tmp_path / "0.24/hub.log").read_text().splitlines() if line[:1] == "{"]
    kinds = {
        "new-subscriber": "New subscriber",
        "disconnected": "Subscriber disconnected",
        "restarted": "serving initial configuration",
    }
    for name, words in kinds.items():
        found["0.24"][name] = next(line for line in said if line["msg"] == words)
    logs.RECORDED.write_text(json.dumps(found, indent=1) + "\n")


def found_in(run: Run, log: Path, *arguments: str) -> dict[str, Line]:
    """What `audit` finds in a log, by id; each id once."""
    said = run("audit", *arguments, str(log), "--format", "json")
    assert said.code in {0, 1}, said.err
    findings: list[Line] = json.loads(said.out)["findings"]
    ids = [each["id"] for each in findings]
    assert len(set(ids)) == len(ids), findings
    return dict(zip(ids, findings, strict=True))


def plant(  # noqa: C901 - one thing after the other
    traffic: Traffic, folder: Path, run: Run
) -> Iterator[tuple[str, dict[str, Line]]]:
    """One fault after the other, and what is found in the part of the log that has it alone."""

    def part(count: int) -> dict[str, Line]:
        return found_in(run, traffic.since(folder, count))

    for _ in range(8):
        traffic.publish(traffic.good)
        traffic.subscribe(traffic.good)
    yield "nothing", part(16)
    for token in [traffic.good] * 3 + [traffic.foreign] * 4:
        traffic.publish(token)
    yield "key-mismatch", part(7)
    for token in [traffic.good, traffic.foreign, traffic.good] * 3:
        traffic.publish(token, "127.0.0.2" if token == traffic.foreign else "127.0.0.3")
    yield "key-mismatch", part(9)
    hosts = [f"127.0.1.{number}" for number in range(1, 5)]
    # shorter than the 5 s of dispatch_timeout, and 0.24 ends the stream at once
    token, expiry = traffic.mint(8), time.time() + 8
    watching = [threading.Thread(target=traffic.watch, args=(token, host, 20)) for host in hosts]
    for thread in watching:
        thread.start()
    for thread in watching:
        thread.join()
    time.sleep(max(0, expiry + 1 - time.time()))
    for host in hosts:
        traffic.subscribe(token, host)
    yield "token-lifecycle", part(8)
    for _ in range(25):
        traffic.subscribe(None, "127.0.2.1", origin="")
    yield "anonymous-off", part(25)
    for _ in range(3):
        traffic.subscribe(None)
    yield "credentials-not-sent", part(3)
    traffic.subscribe(traffic.good, origin="https://stranger.example")
    yield "cors-origin-mismatch", part(1)
    traffic.subscribe(traffic.good, by="url")
    yield "secret-exposure", part(1)
    for path in ("/.well-known/mercure/ui/", "/.env", "/wp-login.php", "/.git/config"):
        traffic.ask("GET", path, {})
    yield "anonymous", part(4)
    cut = [threading.Thread(target=traffic.watch, args=(traffic.good, "127.0.0.1", 10)) for _ in range(6)]
    for thread in cut:
        thread.start()
    for number in range(12):
        traffic.watch(traffic.good, "127.0.0.1", 0.3 + number / 9)
    for thread in cut:
        thread.join()
    found = part(18)
    # the Caddy before the core writes 0 where who watched has left: no length, and no finding
    yield ("proxy-timeout-buffering" if traffic.word == "topic" else "nothing"), found


@pytest.mark.proves("`audit` finds what is done wrong to a real hub in its log, and nothing where nothing is")
@pytest.mark.parametrize("version", ["0.24", "1.0"])
def test_what_is_done_to_a_hub_is_found_in_its_log(tmp_path: Path, run: Run, version: str):
    with hub_24(tmp_path) if version == "0.24" else hub_10(tmp_path, run) as traffic:
        traffic.mark = traffic.log.stat().st_size
        for wanted, found in plant(traffic, tmp_path, run):
            assert set(found) == ({wanted} if wanted != "nothing" else set()), (wanted, found)
        text = (tmp_path / "part.log").read_bytes()
        quiet, log = [json.loads(line) for line in text.splitlines()], tmp_path / "silent.log"
        # two hours cannot be waited for: the second half of these lines is moved
        later = [{**line, "ts": line["ts"] + 7200} for line in quiet * 10]
        log.write_text("".join(json.dumps(line) + "\n" for line in quiet * 10 + later))
        assert "proxy-not-routing" in found_in(run, log)


def test_a_hub_that_stands_open_or_is_down_is_found_in_its_log(tmp_path: Path, run: Run):
    (tmp_path / "24").mkdir()
    with hub_24(tmp_path / "24", anonymous=True, accept=["anonymous"]) as traffic:
        traffic.mark = traffic.log.stat().st_size
        traffic.subscribe(None)
        log = traffic.since(tmp_path, 1)
        assert {name: each["level"] for name, each in found_in(run, log).items()} == {"anonymous": "warning"}
        spec = str(tmp_path / "24/mercure.yaml")
        assert {each["level"] for each in found_in(run, log, "production", "-f", spec).values()} == {"note"}
    with hub_10(tmp_path, run) as traffic:
        traffic.mark = traffic.log.stat().st_size
        traffic.publish(traffic.narrow)
        assert set(found_in(run, traffic.since(tmp_path, 1))) == {"topic-claim-mismatch"}
    with front(tmp_path) as log:
        traffic.log, traffic.mark = log, log.stat().st_size
        for _ in range(3):
            traffic.publish(traffic.good)
        found = found_in(run, traffic.since(tmp_path, 3))
        assert {name: each["level"] for name, each in found.items()} == {"proxy-not-routing": "error"}
