"""Each way in which a value may be written in a compose file, a chart, or a configuration of nginx."""

import pytest

from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers import compose, helm, keys, nginx, yamlfile
from mercure_deploy.readers.kinds import by_text
from mercure_deploy.readers.places import Directive, Service, Value
from mercure_deploy.readers.yamlfile import Node


def document(text: str) -> Node:
    found = yamlfile.read("x.yaml", text)
    assert isinstance(found, Node)
    return found


def service(text: str, **known: str) -> Service:
    """The one service with these lines."""
    lines = "\n".join(f"    {line}" for line in text.splitlines())
    values = {name: Value(value, Place("known", 1)) for name, value in known.items()}
    [found] = compose.services(document(f"services:\n  hub:\n{lines}\n"), values)
    return found


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a$$b", "a$b"),
        ("a$KNOWN.b", "av.b"),
        ("a$", "a$"),
        ("a$1", "a$1"),
        ("${KNOWN}", "v"),
        ("${KNOWN", "v"),
        ("${NONE}", ""),
        ("${NONE-w}", "w"),
        ("${EMPTY-w}", ""),
        ("${EMPTY:-w}", "w"),
        ("${KNOWN:+w}", "w"),
        ("${NONE+w}", ""),
        ("${NONE:?is needed}", ""),
        ("${NONE:-${KNOWN:-x}y}", "vy"),
        ("a${}b", "ab"),
        ("a${KNOWN!}b", "ab"),
    ],
)
def test_a_reference_is_filled_as_compose_does(written: str, text: str):
    found = service(f"environment: {{A: '{written}'}}", KNOWN="v", EMPTY="")
    assert found.environment["A"].text == text


def test_both_forms_of_variables():
    found = service("environment: [A=1, B, C, {x: y}]", B="2")
    assert {name: value.text for name, value in found.environment.items()} == {"A": "1", "B": "2"}
    assert found.passed == {"C"}
    found = service("environment:\n  A: 1\n  B:\n  C:\n  D: {x: y}", B="2")
    assert {name: value.text for name, value in found.environment.items()} == {"A": "1", "B": "2"}
    assert found.passed == {"C", "D"}


def test_both_forms_of_everything_else():
    found = service(
        "ports: ['80', '127.0.0.1:8080:80/tcp', {target: 81, published: '82'}, {published: 83}, 'a:b', '8443:443']\n"
        "volumes: ['data:/data', /config, {type: volume, target: /x}, {type: volume}]\n"
        "env_file: [one.env, {path: two.env, required: false}]\n"
        "command: [caddy, run, --config, /x]\n"
        "container_name: ${NAME}-hub\n"
        "hostname: h\n"
        "networks: {one: {aliases: [a, b]}, two: null}\n"
        "deploy: {replicas: 2}\n"
        "configs: [{source: none, target: /a}, plain, {target: /b}]\n",
        NAME="shop",
    )
    assert [(host, inside) for host, inside, _ in found.ports] == [(None, 80), (8080, 80), (82, 81), (8443, 443)]
    assert found.volumes == ["/data", "/config", "/x"]
    assert [path.text for path in found.env_files] == ["one.env", "two.env"]
    assert found.names == {"hub", "shop-hub", "h", "a", "b"}
    assert found.command
    assert found.command.text == "caddy run --config /x"
    assert (found.replicas and found.replicas.text, found.configs) == ("2", {})
    assert [path.text for path in service("env_file: one.env").env_files] == ["one.env"]


def test_a_later_file_goes_over_an_earlier_one():
    one = service("image: a\nenvironment: {A: 1, B: 1}\nlabels: {x: y}")
    two = service("image: b\nenvironment: {B: 2}\nlabels: [z=w]\nscale: 3")
    [found] = compose.merged([one, two])
    assert found.image
    assert found.image.text == "b"
    assert {name: value.text for name, value in found.environment.items()} == {"A": "1", "B": "2"}
    assert {name: value.text for name, value in found.labels.items()} == {"x": "y", "z": "w"}


def test_a_chart_of_api_platform():
    text = (
        "mercure:\n  publicUrl: https://hub.example.com/.well-known/mercure\n  jwtSecret: abc\n"
        "  extraDirectives: cors_origins https://a.example.com\n"
    )
    [chart] = list(helm.read(document(text)))
    assert chart.app["MERCURE_JWT_SECRET"].text == chart.service.environment["MERCURE_PUBLISHER_JWT_KEY"].text == "abc"
    assert chart.service.environment["MERCURE_EXTRA_DIRECTIVES"].text == "cors_origins https://a.example.com"
    assert chart.service.image is None


def test_a_chart_that_scales_without_an_end():
    text = (
        "image: {repository: dunglas/mercure, tag: v0.24.2}\nautoscaling: {enabled: true}\n"
        "publisherJwtKey: a\nsubscriberJwtKey: a\n"
    )
    [chart] = list(helm.read(document(text)))
    assert chart.service.image
    assert chart.service.image.text == "dunglas/mercure:v0.24.2"
    assert (chart.service.replicas and chart.service.replicas.text) == "100"
    most = text.replace("enabled: true", "enabled: true, maxReplicas: 4")
    [chart] = list(helm.read(document(most)))
    assert (chart.service.replicas and chart.service.replicas.text) == "4"


def said(directives: tuple[Directive, ...]) -> list[object]:
    return [(each.name, [word.text for word in each.arguments], said(each.block)) for each in directives]


def test_a_block_of_nginx_that_is_not_closed_is_read_to_its_end():
    directives, findings = nginx.read("x.conf", "# c\nhttp { server { listen 80; # d\n location / { return 404; }")
    inner = ("location", ["/"], [("return", ["404"], [])])
    assert said(directives) == [("http", [], [("server", [], [("listen", ["80"], []), inner])])]
    assert [finding.id for finding in findings] == ["directive-syntax"]
    assert said(nginx.read("x.conf", ";; { listen 80; } a '{' b;")[0]) == [("a", ["{", "b"], [])]


def test_what_is_no_yaml_is_a_slip():
    assert isinstance(yamlfile.read("x.yaml", "a: [\n"), Finding)
    assert by_text("nothing of ours") is None


def test_a_long_key_is_no_mask_by_chance_and_a_mask_is_no_key():
    def known(text: str) -> bool:
        return keys.is_known(keys.Key("app", Value(text, Place(".env", 1)), None, "MERCURE_JWT_SECRET"))

    body = "".join(f"{number:x}aBcDeFgHiJkLmN" for number in range(40))
    assert known(f"-----BEGIN PRIVATE KEY-----\n{body}xXxX{body}\n-----END PRIVATE KEY-----")
    assert not known("-----BEGIN PRIVATE KEY-----\nxxxxxxxxxxxxxxxxxxxxxxxx\n-----END PRIVATE KEY-----")
    assert not known("xxxx-my-key")
    assert known("5d7f936f" * 8)
