"""Seven proxies, each with the snippet that the README of an environment has for it."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import programs

# where an app listens that shares its origin with the hub
APP = 8100
NGINX = """\
daemon off;
master_process off;
pid {here}/nginx.pid;
events {{}}
http {{
    server_names_hash_bucket_size 128;
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
{body}
}}
"""
NGINX_SERVER = """    server {{
        listen 127.0.0.1:{port};
        {snippet}
        {app}
    }}"""
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
        try:
            yield
        finally:
            # with -X Apache does not end before its next request
            process.kill()


def nginx(place: Place) -> AbstractContextManager[None]:
    app = f"location / {{ proxy_pass http://127.0.0.1:{APP}; }}" if place.shared else ""
    config = place.here / "nginx.conf"
    server = NGINX_SERVER.format(port=place.port, snippet=place.snippet("nginx"), app=app)
    config.write_text(NGINX.format(here=place.here, body=server))
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


def haproxy(place: Place) -> AbstractContextManager[None]:
    backend, lines = place.snippet("haproxy").split("# in the frontend with the certificate")
    app = f"default_backend app\nbackend app\n    server app 127.0.0.1:{APP}" if place.shared else ""
    config = place.here / "haproxy.cfg"
    defaults = "defaults\n    mode http\n    timeout connect 5s\n    timeout client 50s\n    timeout server 50s\n"
    front = f"frontend web\n    bind 127.0.0.1:{place.port}\n{lines}\n    {app}\n"
    config.write_text(f"{defaults}{backend}\n{front}")
    root = Path(programs.tools("haproxy")["haproxy"])
    [libraries] = root.glob("usr/lib/*-linux-gnu")
    return started(place, [f"{root}/usr/sbin/haproxy", "-f", str(config)], LD_LIBRARY_PATH=str(libraries))


def lighttpd(place: Place) -> AbstractContextManager[None]:
    root = Path(programs.tools("frontends")["frontends"])
    app = f'else $HTTP["url"] =~ "" {{ proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => {APP} ) ) ) }}'
    config = place.here / "lighttpd.conf"
    lines = [
        'server.modules = ( "mod_proxy" )',
        f'server.document-root = "{place.here}"',
        'server.bind = "127.0.0.1"',
        f"server.port = {place.port}",
        place.snippet("lighttpd"),
        app if place.shared else "",
    ]
    config.write_text("\n".join(lines) + "\n")
    return started(place, [f"{root}/usr/sbin/lighttpd", "-D", "-f", str(config), "-m", f"{root}/usr/lib/lighttpd"])


def varnish(place: Place) -> AbstractContextManager[None]:
    root = Path(programs.tools("frontends")["frontends"])
    text = place.snippet("vcl")
    [option] = re.findall(r"started with (-p \S+):", text)
    config = place.here / "default.vcl"
    app = f'backend default {{ .host = "127.0.0.1"; .port = "{APP}"; }}'
    config.write_text(f"vcl 4.1;\n{app}\n{text}")
    [libraries] = root.glob("usr/lib/*-linux-gnu")
    argv = [f"{root}/usr/sbin/varnishd", "-F", "-j", "none", "-n", str(place.here / "v"), "-f", str(config)]
    argv += ["-a", f"127.0.0.1:{place.port}", *option.split(), "-p", "thread_pool_min=10"]
    return started(place, argv, LD_LIBRARY_PATH=f"{libraries}:{libraries}/varnish:{root}/usr/lib/varnish")


@contextmanager
def squid(place: Place) -> Iterator[None]:
    root = Path(programs.tools("frontends")["frontends"])
    app = f"cache_peer 127.0.0.1 parent {APP} 0 no-query no-digest originserver name=app"
    lines = [
        f"http_port 127.0.0.1:{place.port} accel vhost",
        place.snippet("squid"),
        f"{app}\ncache_peer_access app deny mercure\nhttp_access allow all" if place.shared else "",
        f"pid_filename {place.here}/pid",
        f"cache_log {place.here}/cache.log",
        "access_log none",
        f"coredump_dir {place.here}",
        f"mime_table {root}/usr/share/squid/mime.conf",
        f"icon_directory {root}/usr/share/squid/icons",
        f"error_directory {root}/usr/share/squid/errors/templates",
        "visible_hostname proxy",
        "shutdown_lifetime 0 seconds",
        "pinger_enable off",
        f"unlinkd_program {root}/usr/lib/squid/unlinkd",
        f"logfile_daemon {root}/usr/lib/squid/log_file_daemon",
    ]
    # started by root it goes on as another user
    place.here.chmod(0o777)
    config = place.here / "squid.conf"
    config.write_text("\n".join(lines) + "\n")
    [libraries] = root.glob("usr/lib/*-linux-gnu")
    name = f"mercuredeploy{os.getpid()}x{place.port}"
    argv = [f"{root}/usr/sbin/squid", "-N", "-n", name, "-f", str(config)]
    try:
        with started(place, argv, LD_LIBRARY_PATH=str(libraries)):
            yield
    finally:
        # killed, it leaves what it shares with nobody
        for each in Path("/dev/shm").glob(f"{name}-*"):  # noqa: S108 - its own names
            each.unlink()


PROXIES: dict[str, Callable[[Place], AbstractContextManager[None]]] = {
    "nginx": nginx,
    "apache": apache,
    "caddy": caddy,
    "haproxy": haproxy,
    "lighttpd": lighttpd,
    "varnish": varnish,
    "squid": squid,
}
