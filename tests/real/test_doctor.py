"""`doctor` before the real hub behind real proxies: each planted fault by its id, and nothing else."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import programs
import pytest
from cases import APPS, rendered
from conftest import Run
from dotenv import dotenv_values
from edges import HUB, NGINX_GOOD, Authority, Edge, started
from modern import core

pytestmark = [pytest.mark.real, pytest.mark.against("hub", "nginx", "apache", "haproxy", "traefik")]

PAGE = "https://app.example.com/"
PLACEHOLDER = "!ChangeThisMercureHubJWTSecretKey!"
OTHER = "an-other-key-than-that-of-the-ring-" + "x1" * 20
Change = Callable[[str, dict[str, str]], str]


def same(text: str, _variables: dict[str, str]) -> str:
    return text


def replaced(old: str, new: str) -> Change:
    """The hub's Caddyfile with something else in it."""

    def change(text: str, _variables: dict[str, str]) -> str:
        assert old in text, old
        return text.replace(old, new)

    return change


def keyed(value: str, *roles: str) -> Change:
    """The hub with another key."""

    def change(text: str, variables: dict[str, str]) -> str:
        for role in roles or ("PUBLISHER", "SUBSCRIBER"):
            variables[f"MERCURE_{role}_JWT_KEY"] = value
        return text

    return change


def quoted(form: str) -> Change:
    """The hub with its own key, with something around it."""

    def change(text: str, variables: dict[str, str]) -> str:
        for role in ("PUBLISHER", "SUBSCRIBER"):
            variables[f"MERCURE_{role}_JWT_KEY"] = form.format(variables[f"MERCURE_{role}_JWT_KEY"])
        return text

    return change


PUBLISHER_512 = "publisher_jwt {env.MERCURE_PUBLISHER_JWT_KEY} HS512"
CORS = "cors_origins https://app.example.com"
BOLT = "transport bolt {\n\t\t\tpath /data/mercure.db\n\t\t\tsize 10000\n\t\t}"


@dataclass(frozen=True)
class Fault:
    """What is wrong, and the id by which it is named; `hub` None: there is none."""

    id: str
    edge: Edge | None = field(default_factory=Edge)
    hub: Change | None = same
    arguments: tuple[str, ...] = ()
    level: str = "error"
    hosts: str = f"127.0.0.1 {HUB} app.example.com"
    page: str | None = None
    words: dict[str, object] = field(default_factory=dict)


def nginx(lines: str = NGINX_GOOD, **more: Any) -> Edge:
    return Edge("nginx", lines, **more)


def haproxy(lines: str = "", **more: Any) -> Edge:
    return Edge("haproxy", f"timeout server 1h\n{lines}" if "timeout" not in lines else lines, **more)


def traefik(lines: str = "", **more: Any) -> Edge:
    return Edge("traefik", lines, **more)


def location(inside: str) -> str:
    return f"location ^~ /.well-known/mercure {{ {inside} }}"


GOOD = f"proxy_pass http://127.0.0.1:80; {NGINX_GOOD}"
HTML = 'default_type text/html; return 200 "<h1>the app</h1>";'
FAULTS: dict[str, Fault] = {
    # keys and roles
    "another key": Fault("key-mismatch", hub=keyed(OTHER)),
    "another key, nginx": Fault("key-mismatch", nginx(), keyed(OTHER)),
    "another publisher's key": Fault("key-mismatch", hub=keyed(OTHER, "PUBLISHER")),
    "another subscriber's key": Fault("key-mismatch", hub=keyed(OTHER, "SUBSCRIBER")),
    "another algorithm": Fault("alg-mismatch", hub=replaced("HS256", "HS512")),
    "another algorithm of a longer hash": Fault("alg-mismatch", nginx(), replaced("HS256", "HS384")),
    "a placeholder": Fault("key-placeholder", hub=keyed(PLACEHOLDER)),
    "a placeholder, nginx": Fault("key-placeholder", nginx(), keyed("!ChangeMe!")),
    # whom the hub lets in
    "anonymous": Fault("anonymous", hub=replaced(CORS, f"{CORS}\n\t\tanonymous")),
    "no origins": Fault("cors-origin-missing", hub=replaced(CORS, "")),
    "another origin": Fault("cors-origin-missing", hub=replaced(CORS, "cors_origins https://else.example.org")),
    "http for https": Fault("cors-origin-mismatch", hub=replaced(CORS, "cors_origins http://app.example.com")),
    "www": Fault("cors-origin-mismatch", hub=replaced(CORS, "cors_origins https://www.app.example.com")),
    "a port": Fault("cors-origin-mismatch", hub=replaced(CORS, "cors_origins https://app.example.com:8443")),
    "a star": Fault("cors-wildcard-credentials", hub=replaced(CORS, "cors_origins *")),
    # names and TLS
    "a site of another name": Fault("server-name-mismatch", hub=replaced(":80 {", "http://other.example.com {")),
    "a hub that redirects to https": Fault(
        "tls-mode-mismatch", hub=replaced(":80 {", ":80 {\n\tredir https://{host}{uri} 308")
    ),
    "a proxy that redirects to http": Fault("tls-mode-mismatch", nginx(whole="return 301 http://$host$request_uri;")),
    "a proxy that redirects to www": Fault(
        "tls-mode-mismatch", nginx(whole="return 301 https://www.example.com$request_uri;")
    ),
    "a login": Fault("proxy-not-routing", nginx(whole="return 302 https://hub.example.com/login;")),
    "a login elsewhere": Fault("proxy-not-routing", nginx(whole="return 302 https://sso.example.com/auth?rd=$uri;")),
    "plain http on 443": Fault("tls-mode-mismatch", nginx(listen="443")),
    "http to a hub that speaks https": Fault(
        "tls-mode-mismatch",
        nginx(target="http://127.0.0.1:8443"),
        replaced(":80 {", "https://hub.example.com:8443 {\n\ttls internal"),
    ),
    "http to nginx that speaks https": Fault(
        "tls-mode-mismatch", nginx(), arguments=("--via", "http://hub.example.com:443")
    ),
    "http to Apache that speaks https": Fault(
        "tls-mode-mismatch", Edge("apache"), arguments=("--via", "http://hub.example.com:443")
    ),
    "no certificate for the name": Fault("server-name-mismatch", Edge(listen="https://else.example.org")),
    "an expired certificate": Fault("tls-untrusted-publish", Edge(certificate="expired")),
    "a certificate that expires soon": Fault("tls-untrusted-publish", Edge(certificate="soon"), level="warning"),
    "a certificate of another name": Fault("tls-untrusted-publish", nginx(certificate="other")),
    "a certificate without names": Fault("tls-untrusted-publish", nginx(certificate="nameless")),
    "a self-signed certificate": Fault("tls-untrusted-publish", nginx(certificate="self-signed")),
    "an incomplete chain": Fault("tls-untrusted-publish", nginx(certificate="incomplete")),
    "the default certificate of Traefik": Fault("tls-untrusted-publish", nginx(certificate="traefik")),
    "only HTTP/1.1": Fault("http1-connection-limit", nginx(listen="443 ssl"), level="warning"),
    "a name that nobody knows": Fault("public-url-wrong", hosts="127.0.0.1 app.example.com"),
    "nobody there": Fault("proxy-not-routing", None),
    # the way through the proxy
    "no hub behind the proxy": Fault("proxy-not-routing", hub=None),
    "no hub behind nginx": Fault("proxy-not-routing", nginx(), None),
    "no hub behind Apache": Fault("proxy-not-routing", Edge("apache"), None),
    "https to a hub that speaks http": Fault("proxy-not-routing", nginx(target="https://127.0.0.1:80")),
    "the path is lost": Fault("proxy-not-routing", nginx(target="http://127.0.0.1:80/")),
    "hidden paths are refused": Fault("proxy-not-routing", nginx(whole=r"location ~ /\. { deny all; }")),
    "certbot's folder": Fault("proxy-not-routing", nginx(whole="location /.well-known/ { root /var/empty; }")),
    "the front controller": Fault("proxy-not-routing", nginx(whole=location(HTML))),
    "the front controller of Apache": Fault("proxy-not-routing", Edge("apache", whole="FallbackResource /index.html")),
    "POST is for the app": Fault(
        "proxy-not-routing", nginx(whole=location(f"if ($request_method = POST) {{ return 405; }} {GOOD}"))
    ),
    "a password": Fault(
        "proxy-not-routing", nginx(f'{NGINX_GOOD} auth_basic "private"; auth_basic_user_file /dev/null;')
    ),
    "GET alone": Fault("proxy-not-routing", nginx(f"{NGINX_GOOD} limit_except GET {{ deny all; }}")),
    "small bodies": Fault("proxy-not-routing", nginx(f"{NGINX_GOOD} client_max_body_size 1k;")),
    "nothing at all": Fault("server-name-mismatch", nginx(whole=location('return 200 "";'))),
    "no Host, and a site of its own name": Fault(
        "server-name-mismatch",
        nginx("proxy_http_version 1.1; proxy_buffering off;"),
        replaced(":80 {", "http://hub.example.com {"),
    ),
    # what a proxy drops or adds
    "Authorization is dropped": Fault(
        "credentials-not-sent", nginx(f'{NGINX_GOOD} proxy_set_header Authorization "";')
    ),
    "Cookie is dropped": Fault("credentials-not-sent", nginx(f'{NGINX_GOOD} proxy_set_header Cookie "";')),
    "Cookie is dropped where pages alone are let in": Fault(
        "credentials-not-sent",
        nginx(f'{NGINX_GOOD} proxy_set_header Cookie ""; limit_except GET OPTIONS {{ deny all; }}'),
        words={"internal_url": "http://hub-shop"},
    ),
    "Cookie is dropped by Apache": Fault("credentials-not-sent", Edge("apache", site="RequestHeader unset Cookie")),
    "CORS twice": Fault(
        "cors-origin-mismatch",
        nginx(f"{NGINX_GOOD} add_header Access-Control-Allow-Origin https://app.example.com always;"),
    ),
    "a star from Apache": Fault(
        "cors-wildcard-credentials",
        Edge(
            "apache",
            site='Header set Access-Control-Allow-Origin "*"',
        ),
    ),
    "every origin from nginx": Fault(
        "cors-wildcard-credentials",
        nginx(
            f"{NGINX_GOOD} proxy_hide_header Access-Control-Allow-Origin;"
            " add_header Access-Control-Allow-Origin $http_origin always;"
        ),
    ),
    "the preflight is nginx's": Fault(
        "cors-origin-mismatch", nginx(f"{NGINX_GOOD} if ($request_method = OPTIONS) {{ return 204; }}")
    ),
    # the stream
    "a buffer": Fault(
        "proxy-timeout-buffering",
        nginx(NGINX_GOOD.replace("proxy_buffering off", "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering")),
        arguments=("--timeout", "3s"),
    ),
    "a cache": Fault(
        "proxy-timeout-buffering",
        nginx(
            NGINX_GOOD.replace(
                "proxy_buffering off", "proxy_cache all; proxy_ignore_headers X-Accel-Buffering; proxy_cache_valid 1m"
            )
        ),
        arguments=("--timeout", "3s"),
    ),
    "compression": Fault(
        "proxy-timeout-buffering",
        nginx(f"{NGINX_GOOD} gzip on; gzip_proxied any; gzip_types text/event-stream; gzip_min_length 0;"),
        level="warning",
    ),
    "compression by Apache": Fault(
        "proxy-timeout-buffering",
        Edge("apache", site="AddOutputFilterByType DEFLATE text/event-stream"),
        level="warning",
    ),
    "a time-out of nginx": Fault(
        "proxy-timeout-buffering", nginx(NGINX_GOOD.replace("1h", "3s")), arguments=("--idle", "6s")
    ),
    "a time-out of Apache": Fault("proxy-timeout-buffering", Edge("apache", "timeout=3"), arguments=("--idle", "6s")),
    "no history": Fault("storage-permissions", hub=replaced(BOLT, "transport local")),
    "another clock": Fault("token-lifecycle", Edge(lines='header >Date "Tue, 01 Jan 2036 00:00:00 GMT"')),
    # half of what was there
    "another algorithm for publishers alone": Fault(
        "alg-mismatch", hub=replaced("publisher_jwt {env.MERCURE_PUBLISHER_JWT_KEY} HS256", PUBLISHER_512)
    ),
    "a key in quotes": Fault("key-quoting", hub=quoted('"{}"')),
    "a key with a line break": Fault("key-quoting", hub=quoted("{}\n")),
    # whose answer it is
    "JSON of a gateway": Fault(
        "proxy-not-routing",
        nginx(whole=location('default_type application/json; return 401 \'{"message":"Unauthorized"}\';')),
    ),
    "a 401 of nobody": Fault("proxy-not-routing", nginx(whole=location("return 401;"))),
    "the query is dropped": Fault(
        "proxy-not-routing", nginx(whole=location(f"rewrite ^ /.well-known/mercure? break; {GOOD}"))
    ),
    "CORS twice on streams alone": Fault(
        "cors-origin-mismatch", nginx(f"{NGINX_GOOD} add_header Access-Control-Allow-Origin https://app.example.com;")
    ),
    # HAProxy
    "HAProxy drops Authorization": Fault("credentials-not-sent", haproxy("http-request del-header Authorization")),
    "HAProxy drops Cookie": Fault("credentials-not-sent", haproxy("http-request del-header Cookie")),
    "HAProxy adds CORS": Fault(
        "cors-origin-mismatch", haproxy("http-response add-header Access-Control-Allow-Origin https://app.example.com")
    ),
    "HAProxy says a star": Fault(
        "cors-wildcard-credentials", haproxy("http-response set-header Access-Control-Allow-Origin *")
    ),
    "HAProxy asks for a password": Fault("proxy-not-routing", haproxy("http-request auth realm x")),
    "HAProxy refuses": Fault("proxy-not-routing", haproxy("http-request deny deny_status 403")),
    "HAProxy refuses updates": Fault("proxy-not-routing", haproxy("http-request deny if METH_POST")),
    "HAProxy cuts": Fault("proxy-timeout-buffering", haproxy("timeout server 3s"), arguments=("--idle", "6s")),
    "HAProxy compresses": Fault(
        "proxy-timeout-buffering",
        haproxy("compression algo gzip\ncompression type text/event-stream"),
        level="warning",
    ),
    "HAProxy finds no hub": Fault("proxy-not-routing", haproxy(), None),
    "HAProxy's check gets a 401": Fault("proxy-not-routing", haproxy("option httpchk GET /.well-known/mercure")),
    "HAProxy redirects": Fault(
        "tls-mode-mismatch", haproxy(site="http-request redirect code 301 location https://www.example.com%[path]")
    ),
    "HAProxy takes the path away": Fault(
        "proxy-not-routing", haproxy("http-request replace-path /.well-known/mercure(.*) /hub\\1")
    ),
    "HAProxy takes the query away": Fault("proxy-not-routing", haproxy("http-request set-uri %[path]")),
    # Traefik
    "Traefik buffers": Fault(
        "proxy-timeout-buffering",
        traefik("it: {buffering: {maxRequestBodyBytes: 10000}}"),
        arguments=("--timeout", "3s"),
    ),
    "Traefik compresses": Fault("proxy-timeout-buffering", traefik("it: {compress: {}}"), level="warning"),
    "Traefik strips": Fault("proxy-not-routing", traefik('it: {stripPrefix: {prefixes: ["/.well-known/mercure"]}}')),
    "Traefik asks for a password": Fault(
        "proxy-not-routing", traefik('it: {basicAuth: {users: ["a:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"]}}')
    ),
    "Traefik lets some addresses in": Fault(
        "proxy-not-routing", traefik('it: {ipAllowList: {sourceRange: ["192.0.2.0/24"]}}')
    ),
    "Traefik drops Authorization": Fault(
        "credentials-not-sent", traefik('it: {headers: {customRequestHeaders: {Authorization: ""}}}')
    ),
    "Traefik drops Cookie": Fault(
        "credentials-not-sent", traefik('it: {headers: {customRequestHeaders: {Cookie: ""}}}')
    ),
    "Traefik's own CORS": Fault(
        "cors-origin-mismatch",
        traefik(
            'it: {headers: {accessControlAllowMethods: ["GET"], accessControlAllowOriginList: ["https://a.example"]}}'
        ),
    ),
    "Traefik has no certificate": Fault("tls-untrusted-publish", traefik(certificate="none")),
    "Traefik has no router for it": Fault("proxy-not-routing", traefik(site="Host(`else.example.com`)")),
    "Traefik finds no server": Fault("healthcheck-broken", traefik(whole="")),
    "Traefik finds no hub": Fault("proxy-not-routing", traefik(), None),
    "Traefik sends away": Fault(
        "proxy-not-routing",
        traefik('it: {redirectRegex: {regex: "^https://[^/]+/.*", replacement: "https://sso.example.com/login"}}'),
    ),
    # Traefik's answers, byte for byte as measured: for these only
    "Traefik has no router": Fault(
        "proxy-not-routing", nginx(whole='location / { default_type text/plain; return 404 "404 page not found\n"; }')
    ),
    "Traefik has no server": Fault(
        "healthcheck-broken", nginx(whole='location / { default_type text/plain; return 503 "no available server\n"; }')
    ),
    "Traefik's buffering middleware": Fault(
        "proxy-timeout-buffering",
        nginx(NGINX_GOOD.replace("proxy_buffering off", "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering")),
        arguments=("--timeout", "3s"),
    ),
}


def claims(**more: object) -> dict[str, object]:
    return {"mercure": {"subscribe": ["https://example.com/1"]}, "exp": int(time.time()) + 600, **more}


def cookie(
    value: str, name: str = "mercureAuthorization", more: str = "Domain=.example.com; Path=/.well-known/mercure; Secure"
) -> str:
    return f'header Set-Cookie "{name}={value}; {more}"\nrespond page\n'


# the page of an app, by the key of the ring: what its cookie is like
PAGES: dict[str, tuple[str | None, Callable[[str], str]]] = {
    "as it should be": (None, lambda key: cookie(jwt.encode(claims(), key))),
    "no cookie": ("credentials-not-sent", lambda _key: "respond page\n"),
    "another cookie": ("credentials-not-sent", lambda key: cookie(jwt.encode(claims(), key), "mercure_access_token")),
    "another domain": (
        "cookie-scope",
        lambda key: cookie(jwt.encode(claims(), key), more="Domain=app.example.com; Path=/"),
    ),
    "no domain": ("cookie-scope", lambda key: cookie(jwt.encode(claims(), key), more="Path=/; Secure")),
    "another path": (
        "cookie-scope",
        lambda key: cookie(jwt.encode(claims(), key), more="Domain=example.com; Path=/admin"),
    ),
    "SameSite=None without Secure": (
        "cookie-scope",
        lambda key: cookie(jwt.encode(claims(), key), more="Domain=example.com; Path=/; SameSite=None"),
    ),
    "another key": ("key-mismatch", lambda _key: cookie(jwt.encode(claims(), OTHER))),
    "another algorithm": ("alg-mismatch", lambda key: cookie(jwt.encode(claims(), key, algorithm="HS512"))),
    "ended": ("token-lifecycle", lambda key: cookie(jwt.encode(claims(exp=1_700_000_000), key))),
    "no topic": (
        "topic-claim-mismatch",
        lambda key: cookie(jwt.encode({"mercure": {"publish": ["*"]}, "exp": 4e9}, key)),
    ),
    "no token": ("jwt-key-confusion", lambda _key: cookie("not-a-token")),
    "a claim under its long name": (
        None,
        lambda key: cookie(jwt.encode({"https://mercure.rocks/": {"subscribe": ["*"]}, "exp": 4e9}, key)),
    ),
    "not valid yet": ("token-lifecycle", lambda key: cookie(jwt.encode(claims(nbf=int(time.time()) + 300), key))),
    "a part of the hub's path": (
        "cookie-scope",
        lambda key: cookie(jwt.encode(claims(), key), more="Domain=example.com; Path=/.well-kno; Secure"),
    ),
    "too large": (
        "cookie-scope",
        lambda key: cookie(jwt.encode(claims(pad="x" * 4000), key)),
    ),
    "cleared": (
        "credentials-not-sent",
        lambda _key: cookie("x", more="Domain=.example.com; Path=/.well-known/mercure; Max-Age=0"),
    ),
    "set, and cleared again": (
        "credentials-not-sent",
        lambda key: (
            'header +Set-Cookie "mercureAuthorization=; Domain=.example.com; Path=/.well-known/mercure"\n'
            + cookie(jwt.encode(claims(), key)).replace("header Set", "header +Set").replace("respond page\n", "")
            + 'header +Set-Cookie "mercureAuthorization=deleted; Domain=.example.com; Path=/.well-known/mercure;'
            ' Expires=Thu, 01 Jan 1970 00:00:00 GMT"\nrespond page\n'
        ),
    ),
    "another hub in the page": (
        "public-url-wrong",
        lambda key: cookie(jwt.encode(claims(), key)).replace(
            "respond page", "respond \"new EventSource('https://old.example.com/.well-known/mercure?topic=x')\""
        ),
    ),
    "the hub by http": (
        "public-url-wrong",
        lambda key: cookie(jwt.encode(claims(), key)).replace(
            "respond page", 'respond "data-url=http://hub.example.com/.well-known/mercure"'
        ),
    ),
    "a stream without its cookie": (
        "credentials-not-sent",
        lambda key: cookie(jwt.encode(claims(), key)).replace("respond page", 'respond "new EventSource(url)"'),
    ),
    "a stream with its cookie": (
        None,
        lambda key: cookie(jwt.encode(claims(), key)).replace(
            "respond page", 'respond "new EventSource(url, {withCredentials: true})"'
        ),
    ),
}


@contextmanager
def hub(folder: Path, scratch: Path, change: Change) -> Iterator[None]:
    """The hub of the rendered files, with a change."""
    programs.need_isolation()
    variables = {name: value or "" for name, value in dotenv_values(folder / "hub.env").items()}
    for leftover in Path("/data").glob("mercure.db*"):
        leftover.unlink()
    place = scratch / "Caddyfile.hub"
    place.write_text(
        change((folder / "Caddyfile").read_text().replace("{\n\tgrace", "{\n\tauto_https off\n\tgrace"), variables)
    )
    environment = {"PATH": os.environ["PATH"], "HOME": "/config", "XDG_DATA_HOME": "/data", **variables}
    argv = [programs.tools("hub")["hub"], "run", "--config", str(place), "--adapter", "caddyfile"]
    log = scratch / "hub.log"
    with programs.process(argv, environment, log) as process:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return programs.listens(8443 if ":8443 {" in place.read_text() else 80)

        programs.wait(ready, "the hub listens")
        yield


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def planted(fault: Fault, folder: Path, scratch: Path, authority: Authority) -> ExitStack:
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n{fault.hosts}\n")
    with ExitStack() as stack:
        if fault.hub:
            stack.enter_context(hub(folder, scratch, fault.hub))
        if fault.edge:
            stack.enter_context(started(fault.edge, scratch, authority))
        return stack.pop_all()


def examined(run: Run, authority: Authority, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, what is said of the environment, and all that was printed."""
    said = run("doctor", *arguments, "--cacert", str(authority.root), "--format", "json")
    assert said.code in {0, 1}, said.err
    [found] = json.loads(said.out)["environments"].values()
    return said.code, found, said.out + said.err


@pytest.mark.proves(
    "`doctor` names planted faults on the real hub behind Caddy, nginx, Apache, HAProxy and Traefik by their id alone"
)
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named(project: Path, run: Run, authority: Authority, name: str):
    fault = FAULTS[name]
    folder = rendered(project, ("coolify", fault.words), APPS["one"])
    key, _ = programs.signing(folder / "app.env", folder / "manifest.json")
    with planted(fault, folder, project, authority):
        code, found, printed = examined(run, authority, *fault.arguments)
    findings = [(each["id"], each["level"]) for each in found["findings"]]
    assert findings == [(fault.id, fault.level)], json.dumps(found, indent=1)
    assert code == (1 if fault.level == "error" else 0)
    assert key not in printed
    assert re.search(r"eyJ[\w-]+\.eyJ", printed) is None


BUFFER = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering"


@pytest.mark.proves("`doctor` says over which protocol a proxy keeps a stream back")
@pytest.mark.parametrize(("upstream", "at_once"), [("1.1", True), ("1.0", False)])
def test_a_buffer_for_one_protocol_is_told(project: Path, run: Run, authority: Authority, upstream: str, at_once: bool):
    lines = NGINX_GOOD.replace("proxy_buffering off", BUFFER).replace("http_version 1.1", f"http_version {upstream}")
    fault = Fault("proxy-timeout-buffering", nginx(lines))
    folder = rendered(project, ("coolify", {}), APPS["one"])
    with planted(fault, folder, project, authority):
        _, found, _ = examined(run, authority, "--timeout", "3s")
    [finding] = found["findings"]
    assert finding["id"] == "proxy-timeout-buffering"
    assert ("over HTTP/2 it arrives at once" in json.dumps(found)) == at_once, found


# what nobody can tell who has no spec: a hub that keeps no history, one with a key of nobody that he knows, one at
# whose public name nobody is meant to publish
UNTOLD = {"no history", "Cookie is dropped where pages alone are let in", "a placeholder", "a placeholder, nginx"}


# the app's env file with something else in it, by what is said; the hub has the key of the ring
ENV_FILES: dict[str, tuple[str, str, str]] = {
    "a token in the key's place": (
        "jwt-key-confusion",
        r"SECRET=.*",
        "SECRET=eyJhbGciOiJIUzI1NiJ9.eyJtZXJjdXJlIjp7fX0.c2ln",
    ),
    "a key that lcobucci refuses": ("key-too-short", r"SECRET=.*", "SECRET=sesame"),
    "a public URL without its path": ("public-url-wrong", r"(PUBLIC_URL=.*?)/\.well-known/mercure", r"\1"),
    "an internal URL without its path": ("internal-url-wrong", r"(_URL=.*?)/\.well-known/mercure", r"\1"),
    "the public URL of another host": ("public-url-wrong", r"PUBLIC_URL=(.?)https://hub", r"PUBLIC_URL=\1https://old"),
}


@pytest.mark.proves("`doctor --env-file` says what Symfony would do with that file")
@pytest.mark.parametrize("name", ENV_FILES)
def test_an_env_file_is_judged(project: Path, run: Run, authority: Authority, name: str):
    id_, before, after = ENV_FILES[name]
    folder = rendered(project, ("coolify", {"internal_url": "http://hub-shop"}), APPS["one"])
    (project / "mercure.yaml").unlink()
    text = (folder / "app.env").read_text()
    changed = re.sub(before, after, text, count=1)
    assert changed != text
    (project / "theirs.env").write_text(changed)
    words = ["--hub", f"https://{HUB}", "--app", "https://app.example.com", "--env-file", str(project / "theirs.env")]
    with planted(Fault(""), folder, project, authority):
        _, found, printed = examined(run, authority, *words)
    assert {each["id"] for each in found["findings"]} == {id_}, json.dumps(found, indent=1)
    assert "eyJ" not in printed


@pytest.mark.proves("`doctor --hub` names the same faults to who has an env file of the app, and no spec")
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in UNTOLD])
def test_a_planted_fault_is_named_to_who_has_no_spec(project: Path, run: Run, authority: Authority, name: str):
    fault = FAULTS[name]
    folder = rendered(project, ("coolify", fault.words), APPS["one"])
    (project / "mercure.yaml").unlink()
    words = ["--hub", f"https://{HUB}/.well-known/mercure", "--app", "https://app.example.com"]
    words += ["--env-file", str(folder / "app.env")]
    with planted(fault, folder, project, authority):
        _, found, _ = examined(run, authority, *words, *fault.arguments)
    ids = {each["id"] for each in found["findings"]}
    assert ids == {fault.id}, json.dumps(found, indent=1)


@pytest.mark.proves("`doctor --page` tells why the cookie of an app's page does not open a stream")
@pytest.mark.parametrize("name", PAGES)
def test_the_cookie_of_a_page(project: Path, run: Run, authority: Authority, name: str):
    id_, page = PAGES[name]
    folder = rendered(project, ("coolify", {}), APPS["one"])
    key, _ = programs.signing(folder / "app.env", folder / "manifest.json")
    (project / "page.caddy").write_text(page(key))
    with planted(Fault(""), folder, project, authority):
        _, found, printed = examined(run, authority, "--page", PAGE)
    assert [each["id"] for each in found["findings"]] == ([id_] if id_ else []), json.dumps(found["findings"])
    assert key not in printed
    assert re.search(r"eyJ[\w-]+\.eyJ", printed) is None


@pytest.mark.proves("Two hubs behind one proxy, each with its own updates, are told apart from a slow one")
def test_two_hubs_that_share_nothing(project: Path, run: Run, authority: Authority):
    folder = rendered(project, ("coolify", {}), APPS["one"])
    edge = Edge(target="127.0.0.1:80 127.0.0.1:8081 {\nlb_policy round_robin\n}")
    second = project / "second"
    second.mkdir()
    with planted(Fault("", edge), folder, project, authority):
        variables = {name: value or "" for name, value in dotenv_values(folder / "hub.env").items()}
        text = (folder / "Caddyfile").read_text().replace(":80 {", ":8081 {").replace(BOLT, "transport local")
        (second / "Caddyfile").write_text(text.replace("{\n\tgrace", "{\n\tadmin off\n\tgrace"))
        argv = [programs.tools("hub")["hub"], "run", "--config", str(second / "Caddyfile"), "--adapter", "caddyfile"]
        environment = {"PATH": os.environ["PATH"], "XDG_DATA_HOME": str(second), **variables}
        with programs.process(argv, environment, second / "log"):
            programs.wait(lambda: programs.listens(8081), "the second hub listens")
            # all that is sent may reach one of them by chance: then nothing is named, and never anything else
            runs = [examined(run, authority)[1] for _ in range(4)]
    ids = [{each["id"] for each in found["findings"]} for found in runs]
    assert set().union(*ids) == {"transport-not-shared"}, json.dumps(runs, indent=1)


@dataclass(frozen=True)
class Healthy:
    """A set-up in which nothing is wrong."""

    environment: dict[str, object]
    edge: Edge | None = field(default_factory=Edge)
    steps: int = 0
    core: bool = False
    hosts: str = f"127.0.0.1 {HUB} app.example.com admin.example.com example.com"


def environment(
    platform: str = "coolify", algorithm: str = "HS256", apps: str = "one", **hub: object
) -> dict[str, object]:
    words = {"url": f"https://{HUB}", **hub}
    return {"platform": platform, "hub": words, "apps": APPS[apps], "keys": {"algorithm": algorithm}}


COMPOSE = {"tls": "proxy", "port": 8080}
INTERCEPT = f"{NGINX_GOOD} proxy_intercept_errors on; error_page 401 /401.html;"
LIMIT = f"{NGINX_GOOD} limit_req zone=each burst=19 nodelay; limit_req_status 429;"
HEALTHY: dict[str, Healthy] = {
    "Caddy": Healthy(environment()),
    "nginx": Healthy(environment(), nginx()),
    "Apache": Healthy(environment(), Edge("apache")),
    "error pages of nginx": Healthy(
        environment(), nginx(INTERCEPT, site="location = /401.html { internal; default_type text/html; return 401; }")
    ),
    "pages alone at the public name": Healthy(
        environment(internal_url="http://hub-shop"), nginx(f"{NGINX_GOOD} limit_except GET OPTIONS {{ deny all; }}")
    ),
    "a certificate of six days": Healthy(environment(), nginx(certificate="short")),
    "HAProxy": Healthy(environment(), haproxy()),
    "Traefik": Healthy(environment(), traefik()),
    "HTTP/2 alone": Healthy(environment(), traefik(listen="h2")),
    "Traefik that tries again": Healthy(environment(), traefik("it: {retry: {attempts: 10, initialInterval: 500ms}}")),
    "a rate limit": Healthy(environment(), nginx(LIMIT)),
    "compose": Healthy(environment("compose", **COMPOSE), nginx()),
    "the image's own Caddyfile": Healthy(environment(delivery="environment")),
    "HS512, three apps": Healthy(environment(algorithm="HS512", apps="three")),
    "RS256": Healthy(environment(algorithm="RS256")),
    "ES256": Healthy(environment("compose", "ES256", **COMPOSE)),
    "a chain of certificates": Healthy(environment(), nginx(certificate="chained")),
    "a rotation that is begun": Healthy(environment("compose", **COMPOSE), steps=1),
    "a rotation that is promoted": Healthy(environment("compose", **COMPOSE), steps=2),
    "a rotation on Coolify": Healthy(environment(), nginx(), steps=1),
    "anonymous, as the spec says": Healthy({**environment(anonymous=True), "accept": ["anonymous"]}),
    "one origin": Healthy({**environment(url="https://example.com"), "apps": {"app": {"url": "https://example.com"}}}),
    "another path": Healthy(environment(path="/hub")),
    "a name of its own for an app": Healthy(
        {
            **environment(),
            "apps": {
                "app": {"url": "https://app.example.com"},
                "other": {"url": "https://other.example.com", "hub_url": "https://hub.other.example.com"},
            },
        },
        hosts=f"127.0.0.1 {HUB} hub.other.example.com",
    ),
    "development without TLS": Healthy(
        {
            **environment("compose", url="http://localhost", tls="proxy", port=80),
            "mode": "development",
            "apps": {"app": {"url": "http://localhost:8000"}},
        },
        None,
    ),
    "hub 1.0": Healthy(environment(version="1.0", history=0), Edge(target="127.0.0.1:8123"), core=True),
    "hub 1.0 that knows 0.x": Healthy(
        environment(version="1.0", legacy_clients=True, history=0), Edge(target="127.0.0.1:8123"), core=True
    ),
}


@pytest.mark.against("core")
@pytest.mark.proves("`doctor` says nothing of set-ups in which nothing is wrong")
@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_setup_has_no_finding(project: Path, run: Run, authority: Authority, name: str):
    healthy = HEALTHY[name]
    programs.spec_text({"version": 1, "environments": {"production": healthy.environment}}, project / "mercure.yaml")
    assert run("render").code == 0
    for _ in range(healthy.steps):
        assert run("rotate-keys", "production", *(["--deployed"] if _ else [])).code == 0
    folder = project / "deploy/production"
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n{healthy.hosts}\n")
    with ExitStack() as stack:
        stack.enter_context(core(folder, project) if healthy.core else programs.hub(folder, project))
        if healthy.edge:
            stack.enter_context(started(healthy.edge, project, authority))
        said = run("doctor", "--cacert", str(authority.root), "--strict")
    assert said.code == 0, said.out
    assert said.lines[-1].endswith("nothing is wrong")
    assert "FAIL" not in said.out


GENERATIONS: dict[str, tuple[str, dict[str, object], str, str]] = {
    # what the spec says, and what the hub that runs was told
    "a hub 1.0 where the spec says 0.24": ("hub-upgrade-break", {}, "", ""),
    "another audience": (
        "audience-mismatch",
        {"version": "1.0"},
        "resource_identifier https",
        "resource_identifier http",
    ),
    "another issuer": (
        "audience-mismatch",
        {"version": "1.0"},
        "issuer https://hub.example.com",
        "issuer https://app.example.com",
    ),
    "another key": ("key-mismatch", {"version": "1.0", "history": 0}, "", ""),
}


@pytest.mark.against("core")
@pytest.mark.proves("`doctor` tells key, audience, issuer and generation of a hub 1.0 apart")
@pytest.mark.parametrize("name", GENERATIONS)
def test_a_hub_of_the_next_generation(project: Path, run: Run, authority: Authority, name: str):
    id_, words, old, new = GENERATIONS[name]
    other = project / "other"
    other.mkdir()
    told = rendered(other, ("coolify", {"version": "1.0"}), APPS["one"])
    folder = rendered(project, ("coolify", words), APPS["one"])
    if name != "another key" and words:
        (told / "app.env").write_bytes((folder / "app.env").read_bytes())
    text = (told / "Caddyfile").read_text()
    assert old in text
    (told / "Caddyfile").write_text(text.replace(old, new) if old else text)
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.0.1 {HUB} app.example.com\n")
    with core(told, project), started(Edge(target="127.0.0.1:8123"), project, authority):
        _, found, _ = examined(run, authority)
    assert [each["id"] for each in found["findings"]] == [id_], json.dumps(found, indent=1)


STRANGERS: dict[str, tuple[Fault, list[str]]] = {
    "nothing": (Fault(""), []),
    "another key": (Fault("", hub=keyed(OTHER)), ["key-mismatch"]),
    "no origins": (Fault("", hub=replaced(CORS, "")), ["cors-origin-missing"]),
    "a buffer": (FAULTS["a buffer"], ["proxy-timeout-buffering"]),
    "anonymous": (FAULTS["anonymous"], ["anonymous"]),
    "a placeholder on both sides": (Fault("", hub=keyed(PLACEHOLDER)), ["key-placeholder"]),
}


@pytest.mark.proves("`doctor --hub` needs no spec: an env file of the app is enough")
@pytest.mark.parametrize("name", STRANGERS)
def test_a_hub_of_which_no_spec_speaks(project: Path, run: Run, authority: Authority, name: str):
    fault, ids = STRANGERS[name]
    folder = rendered(project, ("coolify", {}), APPS["one"])
    env = project / "theirs.env"
    text = (folder / "app.env").read_text()
    env.write_text(re.sub("SECRET=.*", f"SECRET={PLACEHOLDER}", text) if "placeholder" in name else text)
    (project / "mercure.yaml").unlink()
    arguments = [
        "--hub",
        f"https://{HUB}/.well-known/mercure",
        "--app",
        "https://app.example.com",
        "--env-file",
        str(env),
    ]
    with planted(fault, folder, project, authority):
        code, found, printed = examined(run, authority, *arguments, *fault.arguments)
        assert [each["id"] for each in found["findings"]] == ids, json.dumps(found, indent=1)
        assert found["hub"] == f"https://{HUB}/.well-known/mercure"
        without = run("doctor", "--hub", f"https://{HUB}", "--cacert", str(authority.root), "--timeout", "3s")
    assert re.search(r"^skip .*\bkey\b", without.out, re.MULTILINE)
    assert code == (1 if ids and ids != ["anonymous"] else 0)
    assert programs.signing(folder / "app.env", folder / "manifest.json")[0] not in printed
