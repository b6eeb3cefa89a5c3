"""The snippets for proxies in the README of an environment, each in the real proxy, before the real hub."""

import http.client
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import programs
import pytest
from cases import rendered
from proxies import APP, PROXIES, Place
from ruamel.yaml import YAML

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "compose", "nginx", "apache", "haproxy", "frontends")]

# what is not the hub's is the app's, in the place of which is a line of text
PAGE = "the app's own page"
# hub, app and what else the spec says of the hub
LAYOUTS: dict[str, tuple[str, str, dict[str, object]]] = {
    "own-host": ("https://hub.example.com", "https://app.example.com", {}),
    "one-origin": ("https://example.com", "https://example.com", {}),
    "one-origin-another-path": ("https://example.com", "https://example.com", {"path": "/hub"}),
}


class Page(http.server.BaseHTTPRequestHandler):
    """What the app answers to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def app() -> Iterator[None]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", APP), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Client:
    """A browser and an app on the other side of a proxy, and the stream that the browser holds open."""

    what: str
    port: int
    host: str
    path: str

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
        sent = {"Host": self.host, **headers}
        if body:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, sent)
            with closing(connection.getresponse()) as answer:
                return answer.status, answer.read().decode()

    def publish(self, token: str, data: str) -> None:
        form = f"topic={self.topic}&data={data}&private=on"
        assert self.ask("POST", self.path, form, Authorization=f"Bearer {token}")[0] == 200, self.what

    def subscribe(self, key: tuple[str, str]) -> None:
        self.topic = programs.topic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        cookie = f"mercureAuthorization={programs.token(key, subscribe=[self.topic])}"
        # as a browser asks, which would take a compressed stream
        headers = {"Host": self.host, "Cookie": cookie, "Accept-Encoding": "gzip, br"}
        connection.request("GET", f"{self.path}?topic={self.topic}", headers=headers)
        self.stream = programs.Stream.opened_by(connection)
        assert self.stream.status == 200, self.what

    def shows(self, *events: str) -> None:
        programs.wait(lambda: self.stream.events == list(events), f"{self.what}: {events[-1]} arrives")


@pytest.mark.proves("Seven proxies with the snippets of the README: each stream at once, and through 70 s of silence")
def test_streams_arrive_at_once_and_survive_a_silence(tmp_path: Path):
    with ExitStack() as stack:
        folders = {}
        for layout, (hub, page, words) in LAYOUTS.items():
            here = tmp_path / layout
            here.mkdir()
            said = {"url": hub, "tls": "proxy", "port": 80, **words}
            folders[layout] = rendered(here, ("compose", said), {"app": {"url": page}})
        # one hub for all: that of the last layout knows its other path besides its own
        key = programs.signing(folders[layout] / "app.env", folders[layout] / "manifest.json")
        stack.enter_context(programs.hub(folders[layout], tmp_path))
        stack.enter_context(app())
        clients = []
        for name, start in PROXIES.items():
            for layout, folder in folders.items():
                here = tmp_path / layout / name
                here.mkdir()
                place = Place(here, folder / "README.md", APP + 1 + len(clients), shared="one-origin" in layout)
                stack.enter_context(start(place))
                host = LAYOUTS[layout][0].removeprefix("https://")
                path = "/hub" if "path" in layout else programs.HUB_PATH
                clients.append(Client(f"{name}, {layout}", place.port, host, path))
                clients[-1].subscribe(key)
        token = programs.token(key, publish=["*"])
        for client in clients:
            client.publish(token, "first")
            client.shows("first")
            # what is refused is refused by the hub, and the app keeps what is its own
            assert client.ask("POST", client.path, "topic=x", Authorization="Bearer x")[0] == 401
            assert client.ask("GET", f"{client.path}?topic=x")[0] == 401
            if "one-origin" in client.what:
                assert client.ask("GET", "/") == client.ask("GET", "/.well-known/other") == (200, PAGE), client.what
        time.sleep(70)
        for client in clients:
            client.publish(token, "second")
            client.shows("first", "second")
        # a proxy that is to end would wait for them
        while programs.Stream.opened:
            programs.Stream.opened.pop().close()


def test_the_snippet_for_traefik_says_what_was_measured(tmp_path: Path):
    words: dict[str, object] = {"tls": "proxy", "port": 8080}
    folder = rendered(tmp_path, ("compose", words), {"app": {"url": "https://app.example.com"}})
    text = Place(tmp_path, folder / "README.md", 0, shared=False).snippet("yaml")
    router = {
        "rule": "Host(`hub.example.com`)",
        "entryPoints": ["websecure"],
        "service": "mercure-production",
        "tls": {},
    }
    backend = {"loadBalancer": {"servers": [{"url": "http://127.0.0.1:8080"}]}}
    assert YAML(typ="safe").load(text) == {
        "http": {"routers": {"mercure-production": router}, "services": {"mercure-production": backend}}
    }
