# ruff: noqa: E501 - a fault reads best in one line
"""Apache, HAProxy, systemd and Dockerfiles: what works says nothing, and each fault of it has its id alone."""

from pathlib import Path

import pytest
from conftest import Run
from judging import judged

KEY = "cc7f0d125b694a2e83f0a1b9c4d7e6f8a01b2c3d4e5f60718293a4b5c6d7e8f9"
APP = f"""\
MERCURE_URL=http://127.0.0.1:3000/.well-known/mercure
MERCURE_PUBLIC_URL=https://hub.example.com/.well-known/mercure
MERCURE_JWT_SECRET={KEY}
"""
SITE = """\
http://:3000 {
	bind 127.0.0.1
	mercure {
		publisher_jwt {env.MERCURE_PUBLISHER_JWT_KEY}
		subscriber_jwt {env.MERCURE_SUBSCRIBER_JWT_KEY}
		cors_origins https://app.example.com
	}
}
"""
APACHE = """\
<VirtualHost *:443>
	ServerName hub.example.com
	SSLEngine on
	ProxyPreserveHost On
	RequestHeader set X-Forwarded-Proto "https"
	ProxyPass "/.well-known/mercure" "http://127.0.0.1:3000/.well-known/mercure" flushpackets=on timeout=3600
</VirtualHost>
"""
HAPROXY = """\
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50000

frontend https
    bind :443 ssl crt /etc/haproxy/hub.pem alpn h2,http/1.1
    use_backend mercure if { path /.well-known/mercure } or { path_beg /.well-known/mercure/ }
    default_backend app

backend mercure
    timeout server 1h
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    server hub 127.0.0.1:3000

backend app
    server app 127.0.0.1:9000
"""
UNIT = f"""\
[Unit]
Description=Mercure

[Service]
User=mercure
Environment=MERCURE_PUBLISHER_JWT_KEY={KEY}
Environment="MERCURE_SUBSCRIBER_JWT_KEY={KEY}"
ExecStart=/usr/local/bin/mercure run --config /etc/mercure/Caddyfile
ExecReload=/usr/local/bin/mercure reload --config /etc/mercure/Caddyfile
"""
DOCKER = """\
FROM composer:2 AS vendor
RUN composer install

FROM dunglas/mercure:v0.24.2
ENV SERVER_NAME=:80
COPY Caddyfile.hub /etc/caddy/Caddyfile
"""
PASS = 'ProxyPass "/.well-known/mercure" "http://127.0.0.1:3000/.well-known/mercure" flushpackets=on timeout=3600'
END = "</VirtualHost>"
FILES = {"site.conf": APACHE, "haproxy.cfg": HAPROXY, "mercure.service": UNIT, "Dockerfile": DOCKER}
WRONG = {
    "apache: a silence that is cut": ("site.conf", "timeout=3600", "timeout=30", "proxy-timeout-buffering"),
    "apache: cut by what holds for all": (
        "site.conf",
        " timeout=3600",
        "\n\tProxyTimeout 20",
        "proxy-timeout-buffering",
    ),
    "apache: the path is lost": ("site.conf", "3000/.well-known/mercure", "3000/", "proxy-not-routing"),
    "apache: another line takes it": (
        "site.conf",
        f"\t{PASS}",
        f"\tProxyPass / http://127.0.0.1:9000/\n\t{PASS}",
        "proxy-not-routing",
    ),
    "apache: it is left out": ("site.conf", f"\t{PASS}", f"\tProxyPass /.well-known !\n\t{PASS}", "proxy-not-routing"),
    "apache: a password": (
        "site.conf",
        END,
        f'\t<Location "/">\n\t\tAuthType Basic\n\t\tRequire valid-user\n\t</Location>\n{END}',
        "proxy-not-routing",
    ),
    "apache: refused": (
        "site.conf",
        END,
        f'\t<LocationMatch "/\\.">\n\t\tRequire all denied\n\t</LocationMatch>\n{END}',
        "proxy-not-routing",
    ),
    "apache: drops the header": (
        "site.conf",
        END,
        f"\tRequestHeader unset Authorization\n{END}",
        "credentials-not-sent",
    ),
    "apache: drops the cookie for that path": (
        "site.conf",
        END,
        f"\t<Location /.well-known>\n\tRequestHeader unset Cookie\n\t</Location>\n{END}",
        "credentials-not-sent",
    ),
    "apache: CORS twice": (
        "site.conf",
        END,
        f"\tHeader always set Access-Control-Allow-Origin https://app.example.com\n{END}",
        "cors-origin-mismatch",
    ),
    "apache: TLS to a hub without": (
        "site.conf",
        '"http://127.0.0.1:3000',
        '"https://127.0.0.1:3000',
        "tls-mode-mismatch",
    ),
    "apache: a port where nothing is": ("site.conf", "127.0.0.1:3000", "127.0.0.1:3001", "proxy-not-routing"),
    "apache: nothing takes it": (
        "site.conf",
        PASS,
        "ProxyPass /api http://127.0.0.1:9000/",
        "proxy-not-routing",
    ),
    "apache: another place has it": ("site.conf", PASS, "ProxyPass / http://127.0.0.1:9000/", "proxy-not-routing"),
    "haproxy: a silence that is cut": (
        "haproxy.cfg",
        "timeout server 1h",
        "timeout server 30s",
        "proxy-timeout-buffering",
    ),
    "haproxy: milliseconds": ("haproxy.cfg", "timeout server 1h", "timeout server 3600", "proxy-timeout-buffering"),
    "haproxy: cut by the defaults": ("haproxy.cfg", "    timeout server 50000\n", "    timeout server 30s\n", ""),
    "haproxy: a check that gets 401": (
        "haproxy.cfg",
        "option forwardfor",
        "option httpchk GET /.well-known/mercure",
        "healthcheck-broken",
    ),
    "haproxy: a password": ("haproxy.cfg", "option forwardfor", "http-request auth realm x", "proxy-not-routing"),
    "haproxy: drops the header": (
        "haproxy.cfg",
        "option forwardfor",
        "http-request del-header Authorization",
        "credentials-not-sent",
    ),
    "haproxy: CORS twice": (
        "haproxy.cfg",
        "option forwardfor",
        "http-response add-header Access-Control-Allow-Origin https://app.example.com",
        "cors-origin-mismatch",
    ),
    "haproxy: a star": (
        "haproxy.cfg",
        "option forwardfor",
        "http-response set-header Access-Control-Allow-Origin *",
        "cors-wildcard-credentials",
    ),
    "haproxy: TLS to a hub without": (
        "haproxy.cfg",
        "server hub 127.0.0.1:3000",
        "server hub 127.0.0.1:3000 ssl verify none",
        "tls-mode-mismatch",
    ),
    "systemd: another key": (
        "mercure.service",
        f"SUBSCRIBER_JWT_KEY={KEY}",
        f"SUBSCRIBER_JWT_KEY={KEY[::-1]}",
        "key-mismatch",
    ),
    "systemd: a key that ends at a blank": (
        "mercure.service",
        f"PUBLISHER_JWT_KEY={KEY}\n",
        f"PUBLISHER_JWT_KEY={KEY} and more\n",
        "key-quoting",
    ),
    "systemd: a backslash that it does not know": (
        "mercure.service",
        f'"MERCURE_SUBSCRIBER_JWT_KEY={KEY}"',
        f'"MERCURE_SUBSCRIBER_JWT_KEY={KEY}\\$"',
        "key-quoting",
    ),
    "systemd: an escape that makes another key": (
        "mercure.service",
        f'"MERCURE_SUBSCRIBER_JWT_KEY={KEY}"',
        f'"MERCURE_SUBSCRIBER_JWT_KEY={KEY[:-1]}\\t"',
        "key-mismatch",
    ),
    "systemd: a specifier": (
        "mercure.service",
        f"Environment=MERCURE_PUBLISHER_JWT_KEY={KEY}",
        f"Environment=MERCURE_PUBLISHER_JWT_KEY={KEY}\nEnvironment=MERCURE_X=100%h",
        "key-quoting",
    ),
    "docker: a floating image": ("Dockerfile", "mercure:v0.24.2", "mercure:latest", "hub-upgrade-break"),
    "docker: no tag": ("Dockerfile", "mercure:v0.24.2", "mercure", "hub-upgrade-break"),
    "docker: a key in the image": (
        "Dockerfile",
        "ENV SERVER_NAME=:80",
        f"ENV MERCURE_PUBLISHER_JWT_KEY={KEY}",
        "secret-exposure",
    ),
    "docker: a placeholder in the image": (
        "Dockerfile",
        "ENV SERVER_NAME=:80",
        "ENV MERCURE_PUBLISHER_JWT_KEY='!ChangeThisMercureHubJWTSecretKey!'",
        "key-mismatch key-placeholder secret-exposure",
    ),
}
RIGHT = {
    "as it is": ("site.conf", "", ""),
    "apache: a section": (
        "site.conf",
        f"\t{PASS}",
        "\t<Location /.well-known/mercure>\n\t\tProxyPass http://127.0.0.1:3000/.well-known/mercure timeout=3600\n\t</Location>",
    ),
    "apache: the whole host": ("site.conf", PASS, "ProxyPass / http://127.0.0.1:3000/"),
    "apache: a header of another path": (
        "site.conf",
        END,
        f"\t<Location /admin>\n\tRequestHeader unset Cookie\n\tAuthType Basic\n\t</Location>\n{END}",
    ),
    "apache: the app behind the hub": ("site.conf", f"\t{PASS}", f"\t{PASS}\n\tProxyPass / http://127.0.0.1:9000/"),
    "apache: what holds for all is long, and the line's longer": (
        "site.conf",
        "\tSSLEngine on",
        "\tSSLEngine on\n\tProxyTimeout 20",
    ),
    "apache: sections that may count": ("site.conf", f"\t{PASS}", f"\t<IfModule mod_proxy.c>\n\t{PASS}\n\t</IfModule>"),
    "apache: a line on two, a comment, an end too many": (
        "site.conf",
        PASS,
        f"# the hub\n\n\t{PASS.replace(' flush', chr(92) + chr(10) + ' flush')}\n\t</Location>",
    ),
    "apache: an end that nobody wrote": ("site.conf", END, ""),
    "apache: a pattern": (
        "site.conf",
        PASS,
        r"""ProxyPassMatch "^/\.well-known/mercure(.*)$" "http://127.0.0.1:3000/.well-known/mercure$1" timeout=3600""",
    ),
    "apache: no host of its own": (
        "site.conf",
        APACHE,
        "\n".join(line for line in APACHE.splitlines() if "VirtualHost" not in line),
    ),
    "apache: a rewrite that nobody can tell": (
        "site.conf",
        PASS,
        "RewriteEngine On\n\tRewriteRule ^/(.*) http://127.0.0.1:3000/$1 [P]",
    ),
    "haproxy: a quote that never ends": ("haproxy.cfg", "option forwardfor", 'option forwardfor "'),
    "haproxy: a server of a name alone": (
        "haproxy.cfg",
        "server hub 127.0.0.1:3000",
        "server hub 127.0.0.1:3000\n    server spare",
    ),
    "haproxy: a check that knows": (
        "haproxy.cfg",
        "option forwardfor",
        "option httpchk GET /.well-known/mercure\n    http-check expect status 401",
    ),
    "haproxy: a password for others": ("haproxy.cfg", "option forwardfor", "http-request set-header X-A b"),
    "haproxy: a comment": ("haproxy.cfg", "option forwardfor", "# http-request del-header Authorization"),
    "systemd: quotes around all": (
        "mercure.service",
        f"Environment=MERCURE_PUBLISHER_JWT_KEY={KEY}",
        f"Environment='MERCURE_PUBLISHER_JWT_KEY={KEY}' OTHER=x",
    ),
    "systemd: what is said before an empty one is forgotten": (
        "mercure.service",
        f"Environment=MERCURE_PUBLISHER_JWT_KEY={KEY}",
        f"Environment=MERCURE_PUBLISHER_JWT_KEY={KEY[::-1]}\nEnvironment=\nEnvironment=MERCURE_PUBLISHER_JWT_KEY={KEY}",
    ),
    "systemd: a percent sign twice": ("mercure.service", "User=mercure", "User=mercure\nEnvironment=MERCURE_X=100%%h"),
    "systemd: variables that are elsewhere": (
        "mercure.service",
        f"Environment=MERCURE_PUBLISHER_JWT_KEY={KEY}",
        "EnvironmentFile=-/etc/default/mercure-hub",
    ),
    "docker: a stage that builds on another": (
        "Dockerfile",
        "FROM dunglas/mercure:v0.24.2",
        'FROM dunglas/mercure:v0.24.2 AS hub\nCMD ["mercure", "run", "--config", "/etc/caddy/Caddyfile"]\n\nFROM hub',
    ),
    "docker: variables that nobody can tell": (
        "Dockerfile",
        "ENV SERVER_NAME=:80",
        'ENV SERVER_NAME=$NAME\nENV MERCURE_X="\nENV ONE',
    ),
    "docker: a tag from an argument": (
        "Dockerfile",
        "FROM dunglas/mercure:v0.24.2",
        "ARG TAG=v0.24.2\nFROM dunglas/mercure:${TAG}",
    ),
    "docker: a tag that nobody tells": (
        "Dockerfile",
        "FROM dunglas/mercure:v0.24.2",
        "ARG TAG\nFROM dunglas/mercure:${TAG}",
    ),
    "docker: an app": ("Dockerfile", "FROM dunglas/mercure:v0.24.2", "FROM php:8.4-fpm\n# mercure"),
}


def written(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / "Caddyfile").write_text(SITE)
    (folder / ".env").write_text(APP)


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_has_its_id_alone(run: Run, tmp_path: Path, name: str):
    file, before, after, ids = WRONG[name]
    assert before in FILES[file]
    written(tmp_path, file, FILES[file].replace(before, after))
    assert judged(run, tmp_path, "--app-url", "https://app.example.com") == set(ids.split())


@pytest.mark.parametrize("name", RIGHT)
def test_what_works_is_let_be(run: Run, tmp_path: Path, name: str):
    file, before, after = RIGHT[name]
    assert before in FILES[file]
    written(tmp_path, file, FILES[file].replace(before, after))
    assert judged(run, tmp_path, "--app-url", "https://app.example.com") == set()


def test_a_unit_takes_its_variables_from_the_file_that_it_names(run: Run, tmp_path: Path):
    unit = UNIT.replace(f"Environment=MERCURE_PUBLISHER_JWT_KEY={KEY}", "EnvironmentFile=/etc/mercure/hub.env")
    written(tmp_path, "mercure.service", unit)
    (tmp_path / "hub.env").write_text(f"MERCURE_PUBLISHER_JWT_KEY={KEY}\n")
    assert judged(run, tmp_path) == set()
    # a comment is one at the begin of a line alone, and Symfony and compose would cut it here
    (tmp_path / "hub.env").write_text(f"MERCURE_PUBLISHER_JWT_KEY={KEY} # of 2026\n")
    assert judged(run, tmp_path) == {"key-quoting"}
    (tmp_path / "hub.env").write_text(f"export MERCURE_PUBLISHER_JWT_KEY={KEY}\n")
    assert "key-quoting" in judged(run, tmp_path)


def test_a_file_of_a_unit_is_read_by_the_rules_of_systemd(run: Run, tmp_path: Path):
    unit = UNIT.replace(f"Environment=MERCURE_PUBLISHER_JWT_KEY={KEY}", "EnvironmentFile=/etc/mercure/hub.env")
    written(tmp_path, "mercure.service", unit)
    lines = ["; of 2026", "", f"MERCURE_PUBLISHER_JWT_KEY='{KEY[:9]}'\"{KEY[9:20]}\"{KEY[20:]}", "no assignment"]
    (tmp_path / "hub.env").write_text("\n".join(lines))
    # one variable from three pieces, which Symfony and compose would read otherwise
    assert judged(run, tmp_path) <= {"key-quoting"}
    # a comment over two lines, a name that is none, and a key with a line break in its quotes
    (tmp_path / "hub.env").write_text(f"# of 2026 \\\n2x=1\n=\nMERCURE_PUBLISHER_JWT_KEY='{KEY}\n'\n")
    assert judged(run, tmp_path) == {"key-quoting"}
    (tmp_path / "hub.env").write_text(f'MERCURE_PUBLISHER_JWT_KEY="{KEY[:-1]}\\"{KEY[-1]}"\nMERCURE_X="a\\nb"\n')
    assert "key-mismatch" in judged(run, tmp_path)


def test_apache_hands_on_the_name_that_the_hub_serves(run: Run, tmp_path: Path):
    named = APACHE.replace("\tProxyPreserveHost On\n", "")
    written(tmp_path, "site.conf", named)
    assert judged(run, tmp_path) == set()
    (tmp_path / "Caddyfile").write_text(SITE.replace("http://:3000", "http://hub.example.com:3000"))
    assert judged(run, tmp_path) == {"server-name-mismatch"}
    (tmp_path / "site.conf").write_text(APACHE)
    assert judged(run, tmp_path) == set()


CADDY = """\
hub.example.com {
	reverse_proxy /.well-known/mercure* 127.0.0.1:3000
}
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (CADDY, set()),
        ("hub.example.com {\n\treverse_proxy /api/* 127.0.0.1:9000\n}\n", {"proxy-not-routing"}),
        ("hub.example.com {\n\tphp_fastcgi 127.0.0.1:9000\n}\n", {"proxy-not-routing"}),
        (
            "hub.example.com {\n\thandle /.well-known/* {\n\t\theader X-A b\n\t}\n\thandle {\n\t\treverse_proxy 127.0.0.1:3000\n\t}\n}\n",
            {"proxy-not-routing"},
        ),
        ("hub.example.com {\n\troute /api {\n\t\trespond 404\n\t}\n\treverse_proxy 127.0.0.1:3000\n}\n", set()),
        ("hub.example.com {\n\treverse_proxy {$UPSTREAM}\n}\n", set()),
        ("{\n\tadmin off\n}\nhub.example.com,\nwww.hub.example.com {\n\treverse_proxy 127.0.0.1:3000\n}\n", set()),
    ],
)
def test_a_caddy_in_front_takes_the_hubs_path_or_loses_it(run: Run, tmp_path: Path, text: str, found: set[str]):
    written(tmp_path, "mercure.service", UNIT)
    (tmp_path / "front").mkdir()
    (tmp_path / "front/Caddyfile").write_text(text)
    assert judged(run, tmp_path, "--app-url", "https://app.example.com") == found


def test_a_drop_in_goes_over_its_unit(run: Run, tmp_path: Path):
    written(tmp_path, "mercure.service", UNIT)
    (tmp_path / "mercure.service.d").mkdir()
    (tmp_path / "mercure.service.d/keys.conf").write_text(
        f"[Service]\n# mercure\nEnvironment=MERCURE_PUBLISHER_JWT_KEY={KEY[::-1]}\n"
    )
    assert judged(run, tmp_path) == {"key-mismatch"}


def test_a_service_of_compose_has_what_its_dockerfile_says(run: Run, tmp_path: Path):
    compose = f"services:\n  hub:\n    build: ./hub\n    environment:\n      SERVER_NAME: ':80'\n      MERCURE_PUBLISHER_JWT_KEY: {KEY}\n      MERCURE_SUBSCRIBER_JWT_KEY: {KEY}\n"
    (tmp_path / "compose.yaml").write_text(compose)
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub/Dockerfile").write_text("FROM dunglas/mercure:v0.24.2\n")
    assert judged(run, tmp_path) == set()
    (tmp_path / "hub/Dockerfile").write_text("FROM dunglas/mercure:latest\n")
    assert judged(run, tmp_path) == {"hub-upgrade-break"}
