"""Proxies before a hub as people write them, right and wrong: many hosts of one program, generated.

Each host has a number; what stands behind them is a server that tells what arrived, in the place of the hub, and one
in the place of the app.
"""

import http.server
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATH = "/.well-known/mercure"
HUB, APP = 3000, 9000
CORS = "https://app.s{n}.test"
NGINX_PATHS = ["/", "/", PATH, PATH, "/.well-known/", "/.well-known", "/other", f"{PATH}/"]
NGINX_PATTERNS = [r"\.well-known", r"/\.", rf"^{PATH}", r"\.php$", r"^/(?!\.)", r"MERCURE"]
NGINX_LINES = [
    'proxy_set_header Authorization "";',
    'proxy_set_header Cookie "";',
    "proxy_set_header Host $host;",
    "proxy_set_header X-Forwarded-Proto https;",
    f"add_header Access-Control-Allow-Origin {CORS};",
    "auth_basic x; auth_basic_user_file /nowhere;",
    "auth_basic x;",
    "auth_basic off;",
    "limit_except GET { deny all; }",
    "limit_except GET POST OPTIONS { deny all; }",
    "proxy_http_version 1.1;",
    "proxy_buffering off;",
    "if ($request_method = OPTIONS) { return 204; }",
]
APACHE_PATHS = ["/", PATH, PATH, "/.well-known/", "/.well-known", "/other", f"{PATH}/"]
APACHE_LINES = [
    "RequestHeader unset Authorization",
    "RequestHeader unset Cookie",
    "RequestHeader set X-Forwarded-Proto https",
    "ProxyPreserveHost On",
    f"Header set Access-Control-Allow-Origin {CORS}",
    f"Header always set Access-Control-Allow-Origin {CORS}",
    "Header set Access-Control-Allow-Origin *",
    f"Header always add Access-Control-Allow-Origin {CORS}",
    "<Location /other>\nRequestHeader unset Authorization\n</Location>",
    f"<Location {PATH}>\nRequestHeader unset Cookie\n</Location>",
    "<Location />\nRequire all denied\n</Location>",
    '<LocationMatch "/\\.">\nRequire all denied\n</LocationMatch>',
    '<LocationMatch "\\.php$">\nRequire all denied\n</LocationMatch>',
]
CADDY_LINES = [
    "header Access-Control-Allow-Origin {cors}",
    "header >Access-Control-Allow-Origin {cors}",
    "header ?Access-Control-Allow-Origin {cors}",
    "header Access-Control-Allow-Origin *",
    "header X-Other y",
    "basic_auth {{\nme $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}}",
    "request_header -Authorization",
    "request_header -Cookie",
    "request_header X-Other y",
    f"uri strip_prefix {PATH}",
]
CADDY_INNER = [
    "header_up -Authorization",
    "header_up -Cookie",
    "header_down X-Other y",
    "header_down Access-Control-Allow-Origin *",
]
HAPROXY_LINES = [
    "http-request del-header Authorization",
    "http-request del-header Cookie",
    "http-request set-header X-Forwarded-Proto https",
    f"http-response add-header Access-Control-Allow-Origin {CORS}",
    "http-response set-header Access-Control-Allow-Origin *",
    "option forwardfor",
    "http-request auth realm x",
]


def nginx(number: int, rng: random.Random) -> str:
    """A server of nginx."""
    chosen: dict[str, str] = {}
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.25:
            head = f"{rng.choice(['~', '~*'])} {rng.choice(NGINX_PATTERNS)}"
        else:
            head = f"{rng.choice(['', '', '', '^~', '='])} {rng.choice(NGINX_PATHS)}".strip()
        chosen.setdefault(head.removeprefix("^~ "), head)
    blocks = [f"location {head} {{ {_handed(head, number, rng)} }}" for head in chosen.values()]
    lines = [rng.choice(NGINX_LINES[:7]).replace("{n}", str(number)) for _ in range(rng.randint(0, 1))]
    return f"server {{\nlisten 127.0.0.1:80;\nserver_name s{number}.test;\n" + "\n".join([*lines, *blocks]) + "\n}\n"


def _handed(head: str, number: int, rng: random.Random) -> str:
    if rng.random() < 0.2:
        return rng.choice(["deny all;", "return 404;", "root /nowhere;", f"proxy_pass http://127.0.0.1:{APP};"])
    ends = [""] if head.startswith("~") else ["", "", "", "/", PATH, "/x/"]
    lines = rng.sample(NGINX_LINES, rng.choice([0, 0, 1, 1, 2]))
    kept = {line.split()[0] if "proxy_set" not in line else line: line for line in lines}
    return " ".join([f"proxy_pass http://127.0.0.1:{HUB}{rng.choice(ends)};", *kept.values()]).replace(
        "{n}", str(number)
    )


def apache(number: int, rng: random.Random) -> str:
    """A virtual host of Apache."""
    lines = [_passed(rng) for _ in range(rng.randint(1, 3))]
    lines += rng.sample(APACHE_LINES, rng.choice([0, 0, 1, 1, 2]))
    text = "\n".join(line.format(n=number) for line in lines)
    return f"<VirtualHost 127.0.0.1:80>\nServerName s{number}.test\n{text}\n</VirtualHost>\n"


def _passed(rng: random.Random) -> str:
    path = rng.choice(APACHE_PATHS)
    if rng.random() < 0.2:
        return f"ProxyPass {path} {rng.choice(['!', f'http://127.0.0.1:{APP}/'])}"
    end = rng.choice([path, path, path, "/", ""])
    if rng.random() < 0.2:
        return f"<Location {path}>\nProxyPass http://127.0.0.1:{HUB}{end}\n</Location>"
    return f"ProxyPass {path} http://127.0.0.1:{HUB}{end}"


def caddy(number: int, rng: random.Random) -> str:
    """A site of Caddy."""
    lines = [line.format(cors=CORS.format(n=number)) for line in rng.sample(CADDY_LINES, rng.choice([0, 0, 1]))]
    up = rng.choice([[], [], *([line] for line in CADDY_INNER)])
    inner = "\n".join([*up, *rng.choice([[], [f"header_down +Access-Control-Allow-Origin {CORS.format(n=number)}"]])])
    proxy = f"reverse_proxy 127.0.0.1:{HUB} {{\n{inner}\n}}"
    form = rng.choice(["plain", "matched", "handle", "handle_path", "app", "other"])
    body = {
        "plain": proxy,
        "matched": proxy.replace("reverse_proxy ", f"reverse_proxy {PATH}* "),
        "handle": f"handle {PATH}* {{\n{proxy}\n}}\nhandle {{\nreverse_proxy 127.0.0.1:{APP}\n}}",
        "handle_path": f"handle_path {PATH}* {{\n{proxy}\n}}",
        "app": f"handle {{\nreverse_proxy 127.0.0.1:{APP}\n}}\nhandle {PATH}* {{\n{proxy}\n}}",
        "other": f"handle_path /other* {{\nreverse_proxy 127.0.0.1:{APP}\n}}\nhandle {{\n{proxy}\n}}",
    }[form]
    return f"http://s{number}.test {{\nbind 127.0.0.1\n" + "\n".join([*lines, body]) + "\n}\n"


def haproxy(number: int, rng: random.Random) -> str:
    """A backend of HAProxy; the frontend leads to it by the host."""
    lines = rng.sample(HAPROXY_LINES, rng.choice([0, 0, 1, 1, 2]))
    text = "".join(f"    {line.format(n=number)}\n" for line in lines)
    return f"backend mercure{number}\n{text}    server hub 127.0.0.1:{HUB}\n"


class _Hub(http.server.BaseHTTPRequestHandler):
    """Tells what arrived, and has the header of CORS that a hub has."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(size)
        said = {"path": self.path, **{name.lower(): value for name, value in self.headers.items()}}
        data = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("X-Hub", "1")
        host = self.headers.get("X-Page")
        if host:
            self.send_header("Access-Control-Allow-Origin", host)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_OPTIONS = do_GET  # noqa: N815 - the names of the library

    def log_message(self, *_: object) -> None:
        return


class _App(_Hub):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_OPTIONS = do_GET  # noqa: N815


@contextmanager
def behind() -> Iterator[None]:
    """The two servers, on loopback."""
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", port), kind) for port, kind in ((HUB, _Hub), (APP, _App))]
    threads = [threading.Thread(target=each.serve_forever, args=(0.05,)) for each in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for each in servers:
            each.shutdown()
            each.server_close()
        for thread in threads:
            thread.join()
