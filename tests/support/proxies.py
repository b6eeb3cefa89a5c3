"""nginx, Apache and Caddy, each with the snippet that the README of an environment has for it."""

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
        yield
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


PROXIES: dict[str, Callable[[Place], AbstractContextManager[None]]] = {
    "nginx": nginx,
    "apache": apache,
    "caddy": caddy,
}
