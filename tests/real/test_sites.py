"""What `lint` says that a request to a hub meets, by its addresses, is what the real hub answers."""

import http.client
import shutil
import socket
import ssl
from pathlib import Path

import programs
import pytest

from mercure_deploy import lint
from mercure_deploy.facts.origins import Origin
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


def said(name: str | None) -> list[sites.Site]:
    variables = {"MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY}
    variables |= {"SERVER_NAME": name} if name else {}
    lines = [f"      {key}: '{value}'" for key, value in variables.items()]
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
    assert lint.examine([("compose.yaml", text)], lint.Told(), lambda _: True).findings == ()
    return found


@pytest.mark.proves("What `lint` says of a hub's names and ports is what the hub answers there")
@pytest.mark.parametrize("name", NAMES)
def test_each_request_meets_what_lint_says(tmp_path: Path, name: str | None):
    programs.need_isolation()
    found = programs.tools("hub", "image_caddyfile")
    shutil.copy(found["image_caddyfile"], "/etc/caddy/Caddyfile")
    environment = {
        "HOME": "/config",
        "XDG_CONFIG_HOME": "/config",
        "XDG_DATA_HOME": "/data",
        "MERCURE_PUBLISHER_JWT_KEY": KEY,
        "MERCURE_SUBSCRIBER_JWT_KEY": KEY,
        "GLOBAL_OPTIONS": "local_certs\nskip_install_trust",
        **({"SERVER_NAME": name} if name else {}),
    }
    known = said(name)
    argv = [found["hub"], "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
    with programs.process(argv, environment, tmp_path / "hub.log"):
        ports = {each.port for each in known}
        programs.wait(lambda: all(map(programs.listens, ports)), f"the hub listens at {ports}")
        expected = {str(url) if url.port else f"{url}:": sites.answer(known, url) for url in ASKED}
        real = {str(url) if url.port else f"{url}:": met(url) for url in ASKED}
    assert real == expected
