"""A TLS proxy before a hub as people have one: Caddy, nginx or Apache on port 443, with a certificate of any kind."""

import os
import re
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import programs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HUB = "hub.example.com"
PEM = serialization.Encoding.PEM


@dataclass
class Authority:
    """A certificate authority of the test's own; `root` is what a client has to know."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.root = self.folder / "root.pem"
        self.certificate = self._signed("The authority", [], self.key, self.key, authority=True)
        self.root.write_bytes(self.certificate.public_bytes(PEM))

    def _signed(
        self,
        name: str,
        names: list[str],
        key: ec.EllipticCurvePrivateKey,
        signer: ec.EllipticCurvePrivateKey,
        *,
        issuer: str = "The authority",
        authority: bool = False,
        days: int = 60,
        since: int = 90,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(
            issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=since),
            not_valid_after=now + timedelta(days=days),
        )
        made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if names:
            made = made.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False
            )
        return made.sign(signer, hashes.SHA256())

    def issue(self, kind: str) -> tuple[Path, Path]:
        """Files of a certificate, with its chain, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names, days = [HUB, "app.example.com", "example.com", "hub.other.example.com"], 60
        chain: list[x509.Certificate] = []
        signer, issuer = self.key, "The authority"
        if kind in {"incomplete", "chained"}:
            signer, issuer = ec.generate_private_key(ec.SECP256R1()), "Between"
            between = self._signed("Between", [], signer, self.key, authority=True)
            chain = [between] if kind == "chained" else []
        if kind == "self-signed":
            signer, issuer = key, HUB
        if kind == "expired":
            days = -2
        if kind == "soon":
            days = 10
        since = 1 if kind == "short" else 90
        if kind == "short":
            days = 5
        if kind == "other":
            names = ["www.other.example.org"]
        if kind == "test":
            names = ["hub.test", "mercure"]
        if kind == "traefik":
            names, signer, issuer = ["a.traefik.default"], key, "TRAEFIK DEFAULT CERT"
        if kind == "nameless":
            made = self._signed(HUB, [], key, signer)
            return self._written(kind, [made], key)
        name = "TRAEFIK DEFAULT CERT" if kind == "traefik" else names[0]
        made = self._signed(name, names, key, signer, issuer=issuer, days=days, since=since)
        return self._written(kind, [made, *chain], key)

    def _written(self, kind: str, made: list[x509.Certificate], key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
        place, secret = self.folder / f"{kind}.pem", self.folder / f"{kind}.key"
        place.write_bytes(b"".join(each.public_bytes(PEM) for each in made))
        private = serialization.PrivateFormat.PKCS8
        secret.write_bytes(key.private_bytes(PEM, private, serialization.NoEncryption()))
        return place, secret


@dataclass(frozen=True)
class Edge:
    """What stands in a proxy's configuration: `lines` on the hub's path, `site` beside it, `target` for the hub.

    With `whole` that is all there is in the site.
    """

    proxy: str = "caddy"
    lines: str = ""
    site: str = ""
    target: str = "http://127.0.0.1:80"
    certificate: str = "good"
    whole: str | None = None
    listen: str = ""


NGINX_GOOD = """proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
proxy_buffering off; proxy_read_timeout 1h;"""


def _caddy(edge: Edge, here: Path, files: tuple[Path, Path]) -> list[str]:
    hub = "@hub path /.well-known/mercure /.well-known/mercure/* /.well-known/oauth-protected-resource/* /hub /hub/*\n"
    inner = (
        edge.whole
        if edge.whole is not None
        else (f"{hub}handle @hub {{\n{edge.lines}\nreverse_proxy {edge.target}\n}}\n{edge.site}")
    )
    address = edge.listen or f"https://{HUB}, https://example.com, https://hub.other.example.com"
    tls = "" if address.startswith("http://") else f"tls {files[0]} {files[1]}\n"
    config = here / "Caddyfile.edge"
    head = "{\nadmin off\nauto_https off\nservers {\nprotocols h1 h2\n}\n}\n"
    app = f"https://app.example.com {{\ntls {files[0]} {files[1]}\nimport {here}/page.caddy\n}}\n"
    page = here / "page.caddy"
    if not page.exists():
        page.write_text("respond page\n")
    plain = address.startswith("http://")
    config.write_text(f"{head}{address} {{\n{tls}{inner}\n}}\n{'' if plain else app}")
    return [programs.tools("hub")["hub"], "run", "--config", str(config), "--adapter", "caddyfile"]


def _nginx(edge: Edge, here: Path, files: tuple[Path, Path]) -> list[str]:
    inside = (
        edge.whole
        if edge.whole is not None
        else (
            f"{edge.site}\nlocation ^~ /.well-known/mercure {{ proxy_pass {edge.target}; {edge.lines or NGINX_GOOD} }}"
        )
    )
    paths = " ".join(
        f"{kind}_temp_path {here}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = here / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {here}/nginx.pid; events {{}}\nhttp {{ access_log off; {paths}\n"
        f"proxy_cache_path {here}/cache keys_zone=all:1m;\n"
        "limit_req_zone $binary_remote_addr zone=each:1m rate=1r/m;\n"
        f"server {{ listen {edge.listen or '443 ssl http2'}; server_name {HUB};\n"
        f"ssl_certificate {files[0]}; ssl_certificate_key {files[1]};\n{inside}\n}} }}\n"
    )
    program = f"{programs.tools('proxies')['proxies']}/usr/sbin/nginx"
    return [program, "-p", str(here), "-e", str(here / "nginx.log"), "-c", str(config)]


_MODULES = (
    "mpm_event authz_core authn_core authz_user authn_file auth_basic proxy proxy_http headers ssl http2 rewrite dir"
    " alias filter deflate mime"
).split()


def _apache(edge: Edge, here: Path, files: tuple[Path, Path]) -> list[str]:
    root = Path(programs.tools("proxies")["proxies"])
    modules = "\n".join(f"LoadModule {name}_module modules/mod_{name}.so" for name in _MODULES)
    (here / "htdocs").mkdir(exist_ok=True)
    (here / "htdocs/index.html").write_text("<h1>the front controller</h1>")
    proxied = (
        'ProxyPreserveHost On\nRequestHeader set X-Forwarded-Proto "https"\n'
        f'ProxyPass "/.well-known/mercure" "{edge.target}/.well-known/mercure" flushpackets=on retry=0'
        f" {edge.lines or 'timeout=3600'}"
    )
    inside = edge.whole if edge.whole is not None else f"{edge.site}\n{proxied}"
    config = here / "apache.conf"
    config.write_text(
        f"ServerRoot {root}/usr/lib/apache2\n{modules}\nServerName localhost\nPidFile {here}/apache.pid\n"
        f"ErrorLog {here}/apache.log\nTypesConfig /dev/null\nListen 443\nDocumentRoot {here}/htdocs\n"
        f"<Directory {here}/htdocs>\nRequire all granted\n</Directory>\n"
        f"<VirtualHost *:443>\nServerName {HUB}\nSSLEngine on\nProtocols h2 http/1.1\n"
        f"SSLCertificateFile {files[0]}\nSSLCertificateKeyFile {files[1]}\n{inside}\n</VirtualHost>\n"
    )
    return [f"{root}/usr/sbin/apache2", "-X", "-f", str(config)]


def _pem(here: Path, files: tuple[Path, Path]) -> Path:
    both = here / "both.pem"
    both.write_bytes(b"".join(path.read_bytes() for path in files))
    return both


def _haproxy(edge: Edge, here: Path, files: tuple[Path, Path]) -> list[str]:
    """`site` are lines of the frontend, `lines` those of the backend."""
    root = Path(programs.tools("haproxy")["haproxy"])
    address = edge.target.removeprefix("http://")
    behind = "\n".join(f"    {line}" for line in (edge.lines or "timeout server 1h").splitlines())
    before = "\n".join(f"    {line}" for line in edge.site.splitlines())
    (here / "haproxy.cfg").write_text(
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 50s\n    timeout server 50s\n\n"
        f"frontend web\n    bind :443 ssl crt {_pem(here, files)} alpn h2,http/1.1\n{before}\n"
        "    use_backend mercure if { path_beg /.well-known/mercure }\n\n"
        f"backend mercure\n{behind}\n    option forwardfor\n    http-request set-header X-Forwarded-Proto https\n"
        f"    server hub {address}{' check inter 200ms fall 1' if 'httpchk' in edge.lines else ''}\n"
    )
    return [f"{root}/usr/sbin/haproxy", "-db", "-f", str(here / "haproxy.cfg")]


def _traefik(edge: Edge, here: Path, files: tuple[Path, Path]) -> list[str]:
    """`lines` are middlewares in YAML, by name; `site` is the rule of the router, `whole` a service without servers.

    `listen` is the only protocol that is spoken over TLS.
    """
    middlewares = "".join(f"    {line}\n" for line in edge.lines.splitlines())
    names = [line.partition(":")[0] for line in edge.lines.splitlines() if line and not line.startswith(" ")]
    rule = edge.site or f"Host(`{HUB}`)"
    servers = f'[{{url: "{edge.target}"}}]' if edge.whole is None else "[]"
    certificates = f"tls:\n  certificates:\n    - {{certFile: {files[0]}, keyFile: {files[1]}}}\n"
    (here / "routes.yml").write_text(
        (certificates if edge.certificate != "none" else "")
        + (f"  options:\n    default: {{alpnProtocols: [{edge.listen}]}}\n" if edge.listen else "")
        + f'http:\n  routers:\n    hub:\n      rule: "{rule}"\n      service: hub\n      tls: {{}}\n'
        + (f"      middlewares: [{', '.join(names)}]\n" if names else "")
        + f"  services:\n    hub:\n      loadBalancer:\n        servers: {servers}\n"
        + (f"  middlewares:\n{middlewares}" if names else "")
    )
    program = programs.tools("traefik")["traefik"]
    return [
        program,
        "--entryPoints.web.address=:443",
        f"--providers.file.filename={here / 'routes.yml'}",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
    ]


_COMMANDS: dict[str, Callable[[Edge, Path, tuple[Path, Path]], list[str]]] = {
    "caddy": _caddy,
    "nginx": _nginx,
    "apache": _apache,
    "haproxy": _haproxy,
    "traefik": _traefik,
}


def _read(edge: Edge) -> bool:
    """Whether Traefik has another certificate than the one that it makes itself, or was to have none."""
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", 443), 5) as plain,
            made.wrap_socket(plain, server_hostname=HUB) as secure,
        ):
            der = secure.getpeercert(binary_form=True) or b""
    except OSError:
        return False
    return edge.certificate == "none" or b"TRAEFIK DEFAULT CERT" not in der


def _ports(argv: list[str]) -> set[int]:
    """Where the proxy listens, by its configuration: each of them may be asked."""
    if "-c" not in argv and "-f" not in argv and "--config" not in argv:
        return {443}
    text = Path(argv[argv.index("-c" if "-c" in argv else "-f" if "-f" in argv else "--config") + 1]).read_text()
    said = re.findall(r"^\s*[Ll]isten\s+(?:[0-9.]+:)?(\d+)|^(?:\S*[^\s{])?:(\d+)[^\n]*\{$", text, re.MULTILINE)
    return {443, *(int(each) for pair in said for each in pair if each)}


@contextmanager
def started(edge: Edge, here: Path, authority: Authority) -> Iterator[None]:
    """The proxy, until the block ends."""
    files = authority.issue(edge.certificate)
    for leftover in ("cache",):
        shutil.rmtree(here / leftover, ignore_errors=True)
    argv = _COMMANDS[edge.proxy](edge, here, files)
    environment = {"PATH": os.environ["PATH"], "HOME": str(here), "XDG_DATA_HOME": str(here / "edge")}
    if edge.proxy in {"apache", "haproxy"}:
        name = "proxies" if edge.proxy == "apache" else "haproxy"
        [libraries] = Path(programs.tools(name)[name]).glob("usr/lib/*-linux-gnu")
        environment["LD_LIBRARY_PATH"] = str(libraries)
    log, ports = here / "edge.log", _ports(argv)
    with programs.process(argv, environment, log) as process:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return all(map(programs.listens, ports))

        programs.wait(ready, f"{edge.proxy} listens")
        if edge.proxy == "traefik":
            # it listens before it has read what it serves
            programs.wait(lambda: _read(edge), "Traefik has read its routes")
        yield
        if edge.proxy != "caddy":
            # with -X Apache does not end before its next request, and nginx waits for its streams
            process.kill()
