"""Which location of a server answers the hub's path, by nginx's own order."""

import pytest

from mercure_deploy import lint
from mercure_deploy.facts.origins import parse_origin

HUB = "https://hub.example.com"
PROXY, FILES = "{ proxy_pass http://127.0.0.1:8080; }", "{ try_files $uri /index.php; }"


def routed(*locations: str, name: str = "hub.example.com", more: str = "") -> bool:
    lines = "\n".join(f"    location {each}" for each in locations)
    text = f"server {{\n    server_name {name};\n    {more}\n{lines}\n}}\n"
    files = [("hub.conf", text), ("app.env", f"MERCURE_PUBLIC_URL={HUB}/.well-known/mercure\n")]
    told = lint.Told((parse_origin("https://app.example.com"),), parse_origin(HUB))
    found = lint.examine(files, told, lambda _: True).findings
    return not any("leads to no hub" in each.what for each in found)


@pytest.mark.parametrize(
    "locations",
    [
        (f"/ {PROXY}",),
        (f"/ {FILES}", f"/.well-known/mercure {PROXY}"),
        (f"/ {FILES}", f"= /.well-known/mercure {PROXY}"),
        (f"^~ /.well-known/ {PROXY}", f"~ mercure {FILES}"),
        (f"/ {FILES}", f"~ ^/\\.well-known {PROXY}"),
        (f"/ {FILES}", f"~* MERCURE$ {PROXY}"),
        ("/ { return 301 https://hub.example.com$request_uri; }",),
        ("/ { try_files $uri @hub; }", f"@hub {PROXY}"),
        ("/ { include snippets/proxy.conf; }",),
    ],
)
def test_it_comes_to_the_hub_or_nobody_can_tell(locations: tuple[str, ...]):
    assert routed(*locations)


@pytest.mark.parametrize(
    "locations",
    [
        (f"/ {FILES}", f"/api {PROXY}"),
        (f"/ {FILES}", f"/mercure {PROXY}"),
        (f"/ {PROXY}", f"/.well-known/ {FILES}"),
        (f"/.well-known/mercure {PROXY}", f"~ /\\.well-known/ {FILES}"),
        (f"/ {PROXY}", f"= /.well-known/mercure {FILES}"),
    ],
)
def test_something_else_answers(locations: tuple[str, ...]):
    assert not routed(*locations)
    # another name, and what another file or a rewrite may change
    assert routed(*locations, name="www.example.com")
    assert routed(*locations, more="include conf.d/*.conf;")
