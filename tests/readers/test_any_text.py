"""Any text in a file of any kind: findings or nothing, and never a traceback."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mercure_deploy import lint
from mercure_deploy.findings import Place
from mercure_deploy.readers import caddyfile, dotenv, tokens, yamlfile
from mercure_deploy.readers.places import Value
from mercure_deploy.readers.yamlfile import Node

CASES = Path(__file__).parent.parent / "lint/cases"
NAMES = "app.env hub.env compose.yaml Caddyfile config/mercure.yaml token.txt values.yaml hub.conf other".split()
# what each kind of file is made of, so that more than its first line is read
WORDS = [
    *"MERCURE_JWT_SECRET= MERCURE_URL= MERCURE_EXTRA_DIRECTIVES=' SERVER_NAME= export".split(),
    *"' \" $A ${B:-c} \\ # : - | > & * <<:".split(),
    *"services: mercure: image: environment: env_file: ports: configs: deploy: hubs: jwt: 8080:80".split(),
    *"mercure { } transport bolt cors_origins * https://a.example.com :80 publisher_jwt `".split(),
    *"{$SERVER_NAME:localhost} import (a)".split(),
    *"server location ^~ ~ proxy_pass http://hub:80/ ; publisherJwtKey: extraDirectives: image.tag: true".split(),
    *"eyJhbGciOiJIUzI1NiJ9.e30.AA eyJ.. -----BEGIN http://[ \ufeff \x00".split(),
    *["\n", "\n  ", "\n    ", "\t", " ", "\r\n"],
]
TEXT = st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=60).map("".join))


@given(st.lists(st.tuples(st.sampled_from(NAMES), TEXT), min_size=1, max_size=4))
def test_any_text_is_examined(files: list[tuple[str, str]]):
    examined = lint.examine(files, lint.Told(version="1.0"), lambda _: True)
    for finding in examined.findings:
        assert finding.what.isprintable()
        assert finding.hint.isprintable()
        assert finding.file is None or finding.line


@given(st.data())
def test_a_report_with_a_part_cut_out_is_examined(data: st.DataObject):
    folder = data.draw(st.sampled_from(sorted(CASES.iterdir())))
    files = []
    for path in sorted(folder.iterdir()):
        text = path.read_text()
        start = data.draw(st.integers(0, len(text)))
        files.append((path.name, text[:start] + text[data.draw(st.integers(start, len(text))) :]))
    lint.examine(files, lint.Told(), lambda path: path != "case.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 60)),
        "a: &a {<<: *a}\n",
        "[" * 5000,
        "a: " * 5000,
        "- " * 5000,
    ],
    ids=["bomb", "loop", "lists", "mappings", "items"],
)
def test_a_yaml_that_never_ends_ends(text: str):
    node = yamlfile.read("compose.yaml", "a0: &a0 {x: y}\n" + text)
    assert node is not None
    if isinstance(node, Node):
        assert len(list(node.items())) < 100
        found = lint.examine([("compose.yaml", f"a0: &a0 {{x: y}}\n{text}")], lint.Told(), lambda _: True)
        assert found.files


def test_names_of_services_cannot_move_a_cursor():
    name = "\\e[2J" + "x" * 900
    text = f'services:\n  "{name}": {{ports: ["80:80"]}}\n  other: {{ports: ["80:81"]}}\n'
    [found] = lint.examine([("compose.yaml", text)], lint.Told(), lambda _: True).findings
    assert found.id == "port-conflict"
    assert found.what.startswith("port 80 is taken by \ufffd[2Jxxx")
    assert len(found.what) <= 500


def test_a_deep_caddyfile_is_read():
    assert caddyfile.read(Value(":80 {\n" * 5000, Place("Caddyfile", 1)), {}).sites


def test_merged_keys_give_way_to_own_ones():
    node = yamlfile.read("x", "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3, ? [c] : d}\n")
    assert isinstance(node, Node)
    inner = node.get("b")
    assert inner
    found = {key.text: value.scalar.text for key, value in inner.items() if value.scalar}
    assert found == {"x": "3", "y": "2"}
    assert node.sequence() == []
    assert inner.scalar is None


@pytest.mark.parametrize(
    "text", ["", "a.b.c", "eyJ9.eyJ9.x", "eyJhIjoxfQ.W10.AA", "eyJ" + "A" * 8 + ".eyJ.", "eyJh.eyJh.A"]
)
def test_what_only_looks_like_a_token_is_none(text: str):
    assert tokens.parse(text) is None


def test_places_in_a_block_of_yaml():
    extra = "      MERCURE_EXTRA_DIRECTIVES: |\n        anonymous\n        cors_origins app.example.com\n"
    text = f"services:\n  mercure:\n    image: dunglas/mercure:v0.24.2\n    environment:\n{extra}"
    found = lint.examine([("compose.yaml", text)], lint.Told(), lambda _: True).findings
    places = [(each.line, each.column) for each in found if each.id == "directive-syntax"]
    assert places == [(7, 22)]


def test_places_of_an_env_file():
    read = dotenv.read("x.env", "\ufeff# c\r\nexport A='b\r\nc'\r\nB = d\r\n")
    places = {name: (value.text, value.place.line, value.place.column) for name, value in read.variables.items()}
    assert places == {"A": ("b\nc", 2, 10), "B": ("d", 4, 5)}
    assert [finding.place.line for finding in read.findings] == [4]
