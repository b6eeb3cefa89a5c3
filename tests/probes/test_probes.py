"""Each answer that a probe may get, from a server that says it: which finding, and what is left out because of it."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from answering import answering
from conftest import Run
from strangers import ID, KEY, MARK, RING, SPEC, URL, target

from mercure_deploy.facts.origins import parse_origin
from mercure_deploy.hub.fetch import FetchError
from mercure_deploy.probes import app, cors, network
from mercure_deploy.probes.engine import Asking
from mercure_deploy.readers.tokens import parse
from mercure_deploy.spec import Hub

STREAM = {"Content-Type": "text/event-stream"}
Answer = tuple[int, Mapping[str, str], str]
UNAUTHORIZED: Answer = (401, {"Content-Type": "text/plain"}, "Unauthorized\n")


class Handler(BaseHTTPRequestHandler):
    """A hub that knows every token, but for what `said` says of a request: (method, has a token, by cookie)."""

    said: ClassVar[Callable[[str, bool, bool], Answer | None]]
    streams: ClassVar[list[Any]]
    protocol_version = "HTTP/1.0"
    wbufsize = 65_536

    def _do(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = [self.headers.get(name) or "" for name in ("Cookie", "Authorization")]
        cookie, header = (_right(text) for text in sent)
        token = cookie or header
        answer = type(self).said(self.command, token, cookie) or self._usual(token=token)
        status, headers, body = answer
        self.send_response(status)
        if "Date" in headers:
            self._headers_buffer = [each for each in self._headers_buffer if not each.startswith(b"Date")]  # type: ignore[has-type]
        for name, value in headers.items():
            self.send_header(name, value)
        if headers is STREAM:
            self.end_headers()
            # who sees the headers is to get what comes then
            self.streams.append(self.wfile)
            self.wfile.flush()
            threading.Event().wait(5)
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def _usual(self, *, token: bool) -> Answer:
        if self.command == "OPTIONS":
            return 204, {}, ""
        if not token:
            return UNAUTHORIZED
        if self.command == "GET":
            return 200, STREAM, ""
        for stream in list(self.streams):
            try:
                stream.write(f"id: {ID}\ndata: mercure-deploy\n\n".encode())
                stream.flush()
            except (OSError, ValueError):
                # who listened has gone
                continue
        return 200, {"Content-Type": "text/plain"}, ID

    do_GET = do_POST = do_OPTIONS = _do  # noqa: N815 - the names of the library

    def log_message(self, *_: object) -> None:
        return


def _right(text: str) -> bool:
    """Whether a token of the right key is in that header."""
    found = re.search(r"eyJ\S+", text)
    token = parse(found[0]) if found else None
    return token is not None and token.signed_by(KEY)


@contextmanager
def hub(said: Callable[[str, bool, bool], Answer | None] = lambda *_: None) -> Iterator[str]:
    handler = type("Said", (Handler,), {"said": staticmethod(said), "streams": []})
    with answering(handler) as port:
        yield f"http://localhost:{port}"


def asked(run: Run, url: str, *arguments: str, seconds: int = 4) -> dict[str, Any]:
    Path("app.env").write_text(f"MERCURE_JWT_SECRET={KEY}\n")
    said = run(
        "doctor", "--hub", url, "--env-file", "app.env", "--timeout", f"{seconds}s", "--format", "json", *arguments
    )
    assert said.code in {0, 1}, said.err
    found: dict[str, Any] = json.loads(said.out)["environments"]["-"]
    assert not [each for each in found["probes"] if "could not be asked" in each["evidence"]], found["probes"]
    # who has no spec is told nothing of one
    texts = [text for row in (*found["probes"], *found["findings"]) for text in row.values() if isinstance(text, str)]
    assert not [text for text in texts if re.search(r"\bspec\b|render|rotate-keys|\bENV\b", text)]
    return found


def only(method: str, answer: Answer, *, token: bool | None = None, cookie: bool | None = None) -> Any:
    def said(verb: str, has: bool, by_cookie: bool) -> Answer | None:
        right = verb == method and token in {None, has} and cookie in {None, by_cookie}
        return answer if right else None

    return said


def _sometimes(number: int, answer: Answer) -> Any:
    """That answer to so many of the requests with a token, after one of them."""
    seen: list[str] = []

    def said(verb: str, has: bool, _cookie: bool) -> Answer | None:
        seen.extend([verb] if has else [])
        return answer if has and 1 < len(seen) <= 1 + number else None

    return said


PLAIN = {"Content-Type": "text/plain"}
HTML = {"Content-Type": "text/html"}
LATE = format_datetime(datetime(2036, 1, 1, tzinfo=UTC), usegmt=True)
SAID: dict[str, tuple[Any, list[str]]] = {
    "as it should be": (lambda *_: None, []),
    "anybody publishes": (only("POST", (200, PLAIN, ID), token=False), ["anonymous"]),
    "anybody with any key": (only("POST", (200, PLAIN, ID)), ["anonymous", "proxy-timeout-buffering"]),
    "publishing is refused": (only("POST", UNAUTHORIZED), ["key-mismatch"]),
    "subscribing is refused": (only("GET", UNAUTHORIZED), ["key-mismatch"]),
    "by cookie alone": (only("GET", UNAUTHORIZED, token=True, cookie=False), ["credentials-not-sent"]),
    "not by cookie": (only("GET", UNAUTHORIZED, cookie=True), ["credentials-not-sent"]),
    "an error for updates": (only("POST", (500, HTML, "oops")), ["proxy-not-routing"]),
    "a page for updates": (only("POST", (200, HTML, "<h1>")), ["proxy-not-routing"]),
    "nothing for updates": (only("POST", (200, PLAIN, "")), ["server-name-mismatch"]),
    "too large": (only("POST", (413, HTML, "")), ["proxy-not-routing"]),
    "a strange status": (only("GET", (418, PLAIN, "")), []),
    "misdirected": (lambda *_: (421, PLAIN, ""), ["server-name-mismatch"]),
    "another guard": (lambda *_: (401, {"WWW-Authenticate": 'Basic realm="x"'}, ""), ["proxy-not-routing"]),
    "a page instead of a 401": (lambda *_: (401, HTML, "<h1>"), ["proxy-not-routing"]),
    "forbidden": (lambda *_: (403, HTML, "<h1>"), ["proxy-not-routing"]),
    "a hub 1.0 without a guard": (only("GET", (400, PLAIN, 'Missing "match" parameter'), token=False), []),
    "another clock": (only("GET", (401, {**PLAIN, "Date": LATE}, "Unauthorized\n"), token=False), ["token-lifecycle"]),
    "no clock": (only("GET", (401, {**PLAIN, "Date": "yesterday"}, "Unauthorized\n"), token=False), []),
    "a day without a zone": (
        only("GET", (401, {**PLAIN, "Date": "Tue, 01 Jan 2036 00:00:00"}, "Unauthorized\n"), token=False),
        ["token-lifecycle"],
    ),
    "compressed and never sent": (
        only("GET", (200, {**STREAM, "Content-Encoding": "gzip"}, ""), token=True, cookie=False),
        ["proxy-timeout-buffering"],
    ),
    "a rate limit that passes": (_sometimes(2, (429, {**PLAIN, "Retry-After": "0"}, "")), []),
    "a rate limit from the first on": (lambda *_: (429, PLAIN, ""), []),
    "a stream for who forwards": (only("GET", (302, {"Location": "/login"}, ""), token=True), ["proxy-not-routing"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAID)
def test_an_answer_has_its_finding(run: Run, name: str):
    said, ids = SAID[name]
    with hub(said) as url:
        found = asked(run, url, seconds=2 if "proxy-timeout-buffering" in ids else 4)
    assert [each["id"] for each in found["findings"]] == ids, found


@pytest.mark.slow
def test_a_stream_that_is_held_back_for_strangers_too(run: Run):
    def held(method: str, token: bool, _cookie: bool) -> Answer | None:
        if method == "GET" and not token:
            threading.Event().wait(5)
        return None

    with hub(held) as url:
        found = asked(run, url, seconds=2)
    assert [each["id"] for each in found["findings"]] == ["proxy-timeout-buffering"]


def test_with_a_proxy_of_the_environment_what_is_below_http_is_not_asked(run: Run, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    found = asked(run, "https://hub.example.com", "--app", "https://app.example.com")
    outcomes = {each["name"]: each["outcome"] for each in found["probes"]}
    assert [outcomes[name] for name in ("resolve", "connect", "certificate", "redirect")] == ["skip"] * 3 + ["fail"]
    assert outcomes["hub"] == "skip"


PAGES = ((parse_origin("https://app.example.com"), "x"), (parse_origin("https://*.example.com", wildcard=True), "x"))


@pytest.mark.parametrize(
    ("addresses", "page", "said"),
    [
        (["93.184.216.34"], ["93.184.216.34"], None),
        (["127.0.0.1"], ["93.184.216.34"], "the visitor's own machine"),
        (["10.0.0.5"], ["93.184.216.34"], "cannot reach"),
        (["10.0.0.5"], ["10.0.0.6"], None),
        (["10.0.0.5"], None, None),
        (["10.0.0.5", "93.184.216.34"], ["93.184.216.34"], None),
        (["fe80::1%eth0"], ["2606:2800:220:1:248:1893:25c8:1946"], "cannot reach"),
    ],
)
def test_an_address_that_visitors_do_not_reach(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], page: list[str] | None, said: str | None
):
    def found(origin: object) -> list[str]:
        if "hub" in str(origin):
            return addresses
        if page is None:
            raise FetchError("resolve", "the name does not resolve")
        return page

    monkeypatch.setattr(network, "_addresses", found)
    monkeypatch.setattr(network, "_by_hand", lambda _host: False)
    seen = network.resolve(Asking(target(pages=PAGES)), None)
    assert seen.outcome == ("pass" if said is None else "fail")
    assert said is None or said in seen.findings[0].what
    # a list of this machine's own says that it is meant so
    monkeypatch.setattr(network, "_by_hand", lambda _host: True)
    assert network.resolve(Asking(target(pages=PAGES)), None).outcome == "pass"


def test_a_hub_of_this_machine_is_none_for_pages_elsewhere(monkeypatch: pytest.MonkeyPatch):
    local = Hub.model_validate({"url": "http://localhost:3000"})
    monkeypatch.setattr(network, "_addresses", lambda _origin: ["127.0.0.1"])
    seen = network.resolve(Asking(target(hub=local, pages=PAGES)), None)
    assert seen.findings[0].id == "public-url-wrong"
    assert network.resolve(Asking(target(hub=local)), None).outcome == "pass"
    monkeypatch.undo()
    monkeypatch.setattr(network, "_HOSTS", Path("/none"))
    assert not network._by_hand("hub.example.com")
    monkeypatch.setattr(network, "_HOSTS", Path(__file__))
    assert network._by_hand("# hub.example.com") is False


def test_what_people_write_instead_of_an_origin():
    near = cors.neighbours(parse_origin("http://localhost:8000"))
    assert "http://127.0.0.1:8000" in near
    assert "https://localhost:8000" in near
    assert "http://localhost:8000" not in near
    assert "https://example.com" in cors.neighbours(parse_origin("https://www.example.com"))
    assert "http://localhost" in cors.neighbours(parse_origin("http://127.0.0.1"))


def answer(**changed: Any) -> dict[str, Any]:
    secret = {"fingerprint": MARK, "length": 64, "odd": [], "bare": MARK, "file": "", "edited": ""}
    variables = {"MERCURE_URL": {"value": URL}, "MERCURE_JWT_SECRET": secret}
    right = {"resolve": "ok", "connect": "ok", "tls": "ok"}
    said = {"variables": variables, "network": right, "publish": {"status": 200}, "time": 100, "hub_time": 100}
    return {"mercure_deploy_probe": 1, "versions": {"php": "8.3"}, **said, **changed}


INSIDE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "right": (answer(), []),
    "refused": (answer(publish={"status": 401}), ["key-mismatch"]),
    "clock": (answer(time=4000), ["token-lifecycle"]),
    "behind": (answer(hub_time=4000), ["token-lifecycle"]),
    "nothing": (answer(variables={}), ["key-missing", "internal-url-wrong"]),
    "kinds": (
        answer(variables=[1], network="x", publish=None, time="now", versions=[]),
        ["key-missing", "internal-url-wrong"],
    ),
    "another path": (
        answer(variables={**answer()["variables"], "MERCURE_URL": {"value": "https://hub.example.com/hub"}}),
        ["internal-url-wrong"],
    ),
    "no URL": (
        answer(variables={**answer()["variables"], "MERCURE_URL": {"value": "hub/.well-known/mercure"}}),
        ["internal-url-wrong"],
    ),
    "short": (
        answer(
            variables={**answer()["variables"], "MERCURE_JWT_SECRET": {"fingerprint": MARK, "length": 10, "odd": []}}
        ),
        ["key-too-short"],
    ),
}


@pytest.mark.parametrize("name", INSIDE)
def test_what_the_process_says_is_held_against_the_ring(name: str):
    said, ids = INSIDE[name]
    env = SPEC.environments["production"]
    asking = Asking(target(env=env, hub=env.hub, keys=RING.keys, answer=app.read(json.dumps(said).encode())))
    assert [each.id for each in app.app(asking, None).findings] == ids


@pytest.mark.parametrize("text", ["", "nothing", '{"mercure_deploy_probe": 2}', '{"mercure_deploy_probe"', "[1]"])
def test_what_is_no_answer_is_told(run: Run, text: str):
    Path("answer").write_text(text)
    Path("mercure.yaml").write_text(
        "version: 1\nenvironments:\n  production:\n    hub: {url: 'https://hub.example.com'}\n"
        "    apps: {app: {url: 'https://app.example.com'}}\n"
    )
    said = run("doctor", "--probe-answer", "answer")
    assert (said.code, "is no answer of the probe" in said.err) == (2, True)


USAGE = {
    "a hub and an environment": (["production", "--hub", "https://x"], "no spec speaks"),
    "an app without a hub": (["--app", "https://x"], "no spec speaks"),
    "no URL": (["--hub", "nonsense"], "is no URL of a hub"),
    "no origin": (["--hub", "https://hub.example.com", "--app", "x"], "--app"),
    "no time": (["--hub", "https://hub.example.com", "--timeout", "10"], "--timeout must be a number"),
    "no page": (["--hub", "https://hub.example.com", "--page", "x"], "--page"),
    "no file": (["--hub", "https://hub.example.com", "--env-file", "none"], "none does not exist"),
    "no answer": (["--probe-answer", "none"], "none does not exist"),
    "no key": (["--hub", "https://hub.example.com", "--env-file", "empty.env"], "no key stands in that file"),
    "no good key": (["--hub", "https://hub.example.com", "--env-file", "bad.env"], "this tool can sign with"),
}


@pytest.mark.parametrize("name", USAGE)
def test_what_is_said_wrong(run: Run, name: str):
    arguments, words = USAGE[name]
    Path("empty.env").write_text("A=b\n")
    Path("bad.env").write_text("MERCURE_JWT_KEY_B64=%%%\n")
    Path("mercure.yaml").write_text("version: 1\n")
    said = run("doctor", *arguments)
    assert (said.code, words in said.err) == (2, True), said.err


def test_several_environments_need_a_name_for_what_is_of_one(run: Run):
    env = "    hub: {{url: 'https://hub.{0}.example.com'}}\n    apps: {{app: {{url: 'https://app.{0}.example.com'}}}}\n"
    text = "".join(f"  {name}:\n{env.format(name)}" for name in ("one", "two"))
    Path("mercure.yaml").write_text(f"version: 1\nenvironments:\n{text}")
    Path("answer").write_text(json.dumps(answer()))
    assert "name it: one, two" in run("doctor", "--write-probe", "x.php").err
    assert "name it: one, two" in run("doctor", "--probe-answer", "answer").err
    assert run("doctor", "one", "--write-probe", "x.php").code == 0
    text = Path("x.php").read_text()
    assert re.search(r"\$algorithm = 'HS256';\n\$claims = json_decode\('\{\}', true\);", text)
    Path("x.php").write_text("<?php // mine\n")
    assert "is not ours" in run("doctor", "one", "--write-probe", "x.php").err
