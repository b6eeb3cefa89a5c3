"""Whatever answers, or stands between: an exchange ends within its time and its memory, and a proxy is named."""

import gzip
import time
import tracemalloc
from http.server import BaseHTTPRequestHandler

import pytest
from answering import answering
from conftest import MINIMAL, Run

from mercure_deploy.coolify import client as api
from mercure_deploy.facts.origins import Origin
from mercure_deploy.hub import fetch
from mercure_deploy.hub.fetch import FetchError, Way

LARGE = b'"' + b"x" * (33 * 1024 * 1024) + b'"'
CLOCK = api.Clock(time.monotonic, lambda _: None)
PROXIES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"]


class Quiet(BaseHTTPRequestHandler):
    headers_sent: tuple[tuple[str, str], ...] = ()
    body = b"{}"

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in self.headers_sent:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


class Packed(Quiet):
    headers_sent = (("Content-Encoding", "gzip"),)
    body = gzip.compress(b'{"uuid": "x"}')


class PackedLarge(Packed):
    body = gzip.compress(LARGE)


class PackedTwice(Quiet):
    headers_sent = (("Content-Encoding", "gzip, gzip"),)
    body = gzip.compress(gzip.compress(LARGE))


class Dripping(Quiet):
    def do_GET(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(200):
            self.wfile.write(b"x")
            time.sleep(0.05)


def asked(port: int) -> api.Client:
    return api.Client(Origin("http", "127.0.0.1", port), "1|token-of-the-test-of-40-characters-here", Way(), CLOCK)


def test_what_a_proxy_packed_is_unpacked():
    with answering(Packed) as port, asked(port) as client:
        assert client.record("x") == {"uuid": "x"}


@pytest.mark.parametrize("handler", [PackedLarge, PackedTwice])
def test_what_is_packed_and_large_is_refused_before_it_is_large(handler: type[Quiet]):
    with answering(handler) as port, asked(port) as client:
        tracemalloc.start()
        try:
            with pytest.raises(api.NotDoneError):
                client.send("GET", "x", again=False)
            assert tracemalloc.get_traced_memory()[1] < 100 * 1024 * 1024
        finally:
            tracemalloc.stop()


@pytest.mark.slow
def test_headers_that_drip_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api, "_PATIENCE", 1.0)
    with answering(Dripping) as port, asked(port) as client:
        with pytest.raises(api.LostError, match="it has no end"):
            client.send("GET", "x", again=False)
        with pytest.raises(FetchError, match="timed out"):
            fetch.fetch("GET", f"http://127.0.0.1:{port}/", None, Way(seconds=0.5))


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("socks5://me:hunter22@127.0.0.1:1", "socks5://127.0.0.1:1, is not an http one"),
        ("garbage://", "is no URL of one"),
        ("http://[", "is no URL of one"),
        ("http://me:hunter22@127.0.0.1:1", "asking the proxy http://127.0.0.1:1 of the environment"),
        ("127.0.0.1:1", "asking the proxy http://127.0.0.1:1 of the environment"),
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used_or_refused_by_name(
    name: str, said: str, told: str, proxy: pytest.MonkeyPatch, run: Run
):
    proxy.setenv(name, said)
    with pytest.raises(FetchError) as caught:
        fetch.fetch("GET", "https://hub.example.com/", None, Way(seconds=5))
    assert told in str(caught.value)
    assert caught.value.part == "connect"
    # and as its user meets it
    doctor = run("doctor", "--hub", "https://hub.example.com", "--timeout", "5s")
    assert doctor.code == 1
    instance = "    coolify: {url: https://coolify.example.com, project: Shop}\n"
    proxy.setenv("COOLIFY_TOKEN", "1|token-of-the-test-of-40-characters-here")
    proxy.setattr(api, "_PATIENCE", 0.0)
    assert run("render", spec=MINIMAL + instance).code == 0
    push = run("push", "production", "--dry-run")
    assert push.code == 2
    for output in (doctor, push):
        assert "hunter22" not in output.out + output.err
        assert "this is a bug" not in output.err
    assert told.partition(",")[0].removeprefix("asking the proxy ") in doctor.out
