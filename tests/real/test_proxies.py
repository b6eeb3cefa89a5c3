"""The snippets for proxies in the README of an environment, each in the real proxy, before the real hub."""

import http.client
import http.server
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import programs
import pytest
from cases import rendered
from ruamel.yaml import YAML

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "compose", "nginx", "apache")]

# what is not the hub's is the app's, in the place of which is a line of text
APP, PAGE = 8100, "the app's own page"
# hub, app and what else the spec says of the hub
LAYOUTS: dict[str, tuple[str, str, dict[str, object]]] = {
    "own-host": ("https://hub.example.com", "https://app.example.com", {}),
    "one-origin": ("https://example.com", "https://example.com", {}),
    "one-origin-another-path": ("https://example.com", "https://example.com", {"path": "/hub"}),
}
NGINX = """\
daemon off;
pid {here}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {snippet}
        {app}
    }}
}}
"""
APACHE = """\
ServerRoot {root}/usr/lib/apache2
{modules}
ServerName localhost
PidFile {here}/apache.pid
ErrorLog {here}/apache.log
Listen 127.0.0.1:{port}
{snippet}
{app}
"""
MODULES = "mpm_event authz_core proxy proxy_http headers".split()


@dataclass
class Place:
    """Where a proxy is started: its folder, the README whose snippet it gets, its port, and whether an app is there."""

    here: Path
    readme: Path
    port: int
    shared: bool

    def snippet(self, language: str) -> str:
        """What the README says for that proxy."""
        [text] = re.findall(rf"```{language}\n(.*?)```", self.readme.read_text(), re.DOTALL)
        return str(text)


@contextmanager
def started(place: Place, argv: list[str], **environment: str) -> Iterator[None]:
    with programs.process(argv, {"PATH": os.environ["PATH"], **environment}, place.here / "out") as process:

        def ready() -> bool:
            assert process.poll() is None, (place.here / "out").read_text()
            return programs.listens(place.port)

        programs.wait(ready, f"{argv[0]} listens")
        yield


def nginx(place: Place) -> AbstractContextManager[None]:
    app = f"location / {{ proxy_pass http://127.0.0.1:{APP}; }}" if place.shared else ""
    config = place.here / "nginx.conf"
    config.write_text(NGINX.format(here=place.here, port=place.port, snippet=place.snippet("nginx"), app=app))
    program = f"{programs.tools('proxies')['proxies']}/usr/sbin/nginx"
    return started(place, [program, "-p", str(place.here), "-e", str(place.here / "log"), "-c", str(config)])


def apache(place: Place) -> AbstractContextManager[None]:
    found = Path(programs.tools("proxies")["proxies"])
    modules = "\n".join(f"LoadModule {name}_module modules/mod_{name}.so" for name in MODULES)
    app = f'ProxyPass "/" "http://127.0.0.1:{APP}/"' if place.shared else ""
    config = place.here / "apache.conf"
    words = {"root": found, "modules": modules, "here": place.here, "port": place.port, "app": app}
    config.write_text(APACHE.format(**words, snippet=place.snippet("apache")))
    [libraries] = found.glob("usr/lib/*-linux-gnu")
    return started(place, [f"{found}/usr/sbin/apache2", "-X", "-f", str(config)], LD_LIBRARY_PATH=str(libraries))


def caddy(place: Place) -> AbstractContextManager[None]:
    text = place.snippet("caddyfile")
    # lines for the site of the app, or a site of its own; certificates are another test's business
    body = f"{text}\nreverse_proxy 127.0.0.1:{APP}" if place.shared else text.split("{", 1)[1].rsplit("}", 1)[0]
    config = place.here / "Caddyfile"
    config.write_text(f"{{\n\tadmin off\n}}\nhttp://:{place.port} {{\n\tbind 127.0.0.1\n{body}\n}}\n")
    argv = [programs.tools("hub")["hub"], "run", "--config", str(config), "--adapter", "caddyfile"]
    return started(place, argv, HOME=str(place.here), XDG_DATA_HOME=str(place.here))


PROXIES: dict[str, Callable[[Place], AbstractContextManager[None]]] = {
    "nginx": nginx,
    "apache": apache,
    "caddy": caddy,
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
        yield
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
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
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
        programs.wait(lambda: self.stream.events == list(events), f"{self.what}: {events[-1]} arrives", 5)


@pytest.mark.proves("nginx, Apache and Caddy with the snippets of the README: at once, and through 70 s of silence")
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
