"""What `lint` says that a request to a hub meets, by its addresses, is what the real hub answers."""

import http.client
import json
import shutil
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

import edges
import programs
import pytest

from mercure_deploy import lint
from mercure_deploy.facts.origins import Origin
from mercure_deploy.findings import Finding
from mercure_deploy.lint import sites
from mercure_deploy.readers import assembling
from mercure_deploy.readers.setup import Setup

pytestmark = [pytest.mark.real, pytest.mark.against("hub")]

KEY = "ab" * 32
NAMES = [
    ":80",
    ":3000",
    "http://:3000",
    "http://hub.test",
    "hub.test",
    "hub.test, http://mercure",
    "hub.test, mercure:80",
    "http://hub.test:3000",
    "hub.test:3000",
    "https://hub.test",
    "*.test",
    "localhost",
    None,
]
# a port of each kind, and names of which some are the hub's
ASKED = [
    Origin(scheme, host, port)
    for scheme in ("http", "https")
    for host in ("hub.test", "mercure")
    for port in (80, 443, 3000)
]


def met(url: Origin) -> sites.Answer:
    """What a request meets; to loopback, whatever its name is."""
    try:
        connection = socket.create_connection(("127.0.0.1", url.port or 0), 5)
    except OSError:
        return "port"
    if url.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            connection = context.wrap_socket(connection, server_hostname=url.host)
        except ssl.SSLError as error:
            connection.close()
            # a server without TLS answers in words, one without that name by an alert
            return "name" if "alert" in str(error).lower() else "plain"
    asking = http.client.HTTPConnection(url.host, timeout=5)
    asking.sock = connection
    try:
        asking.request("GET", programs.HUB_PATH + "?topic=x", headers={"Host": url.host})
        answer = asking.getresponse()
        found: dict[int, sites.Answer] = {401: "hub", 308: "redirect", 400: "tls", 200: "name", 421: "name"}
        return found[answer.status]
    finally:
        asking.close()


def said(name: str | None, more: Mapping[str, str]) -> tuple[list[sites.Site], tuple[Finding, ...]]:
    variables = {"MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY, **more}
    variables |= {"SERVER_NAME": name} if name else {}
    lines = [f"      {key}: {json.dumps(value)}" for key, value in variables.items()]
    head = [
        "services:",
        "  mercure:",
        "    image: dunglas/mercure:v0.24.2",
        "    network_mode: host",
        "    environment:",
    ]
    text = "\n".join([*head, *lines, ""])
    setup = Setup()
    assembling.assemble(setup, assembling.texts([("compose.yaml", text)], lambda _: True))
    found = sites.sites(setup)
    assert found is not None
    return found, lint.examine([("compose.yaml", text)], lint.Told(), lambda _: True).findings


@pytest.mark.proves("What `lint` says of a hub's names and ports is what the hub answers there")
@pytest.mark.parametrize("name", NAMES)
def test_each_request_meets_what_lint_says(tmp_path: Path, name: str | None):
    _met_as_said(tmp_path, name, {}, set())


OPTIONS = [
    "auto_https off",
    "auto_https disable_redirects",
    "auto_https disable_certs",
    "auto_https ignore_loaded_certs",
    "http_port 8080",
    "https_port 8443",
    "http_port 3000\nhttps_port 8443",
]
NAMED = [":80", "http://hub.test", "hub.test", "hub.test:3000", "http://hub.test:3000", "hub.test:80", "hub.test:443"]
NAMED += ["hub.test, http://mercure", ":3000"]


@pytest.mark.proves("Options of Caddy that move the hub's ports and take its certificates do what `lint` says")
@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("option", OPTIONS)
def test_the_global_options_move_ports_and_take_certificates(tmp_path: Path, name: str, option: str):
    _met_as_said(tmp_path, name, {"GLOBAL_OPTIONS": option}, {"tls-mode-mismatch"})


@pytest.mark.proves("A certificate of one's own brings the hub TLS, or keeps it from starting, where `lint` says so")
@pytest.mark.parametrize("name", [*NAMED, ":443", ":8443"])
@pytest.mark.parametrize("option", ["", "auto_https off", "auto_https disable_certs", "https_port 8443"])
def test_a_certificate_of_ones_own_brings_tls(tmp_path: Path, name: str, option: str):
    certificate, key = edges.Authority(tmp_path / "authority").issue("test")
    more = {"GLOBAL_OPTIONS": option, "CADDY_SERVER_EXTRA_DIRECTIVES": f"tls {certificate} {key}"}
    _met_as_said(tmp_path, name, more, {"tls-mode-mismatch"})


def _met_as_said(tmp_path: Path, name: str | None, more: Mapping[str, str], findings: set[str]) -> None:
    """Ask the real hub and the simulation the same; where nobody gets a certificate `lint` has these findings."""
    programs.need_isolation()
    found = programs.tools("hub", "image_caddyfile")
    shutil.copy(found["image_caddyfile"], "/etc/caddy/Caddyfile")
    environment = {
        "HOME": "/config",
        "XDG_CONFIG_HOME": "/config",
        "XDG_DATA_HOME": "/data",
        "MERCURE_PUBLISHER_JWT_KEY": KEY,
        "MERCURE_SUBSCRIBER_JWT_KEY": KEY,
        **more,
        "GLOBAL_OPTIONS": "local_certs\nskip_install_trust\n" + more.get("GLOBAL_OPTIONS", ""),
        **({"SERVER_NAME": name} if name else {}),
    }
    known, found_by_lint = said(name, more)
    refused = any(site.certified and not site.secure for site in known)
    bare = refused or not all(site.certified for site in known if site.secure)
    assert {finding.id for finding in found_by_lint} == (findings if bare else set())
    argv = [found["hub"], "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
    with programs.process(argv, environment, tmp_path / "hub.log"):
        if refused:
            programs.wait(lambda: "attempts to configure TLS" in (tmp_path / "hub.log").read_text(), "the hub refuses")
            return
        ports = sites.listening(known)
        programs.wait(lambda: all(map(programs.listens, ports)), f"the hub listens at {ports}")
        # an alert of TLS says the same of a name and of a certificate that there is none
        answers = {str(url) if url.port else f"{url}:": sites.answer(known, url) for url in ASKED}
        expected = {url: "name" if answer == "certificate" else answer for url, answer in answers.items()}
        real = {str(url) if url.port else f"{url}:": met(url) for url in ASKED}
    assert real == expected
