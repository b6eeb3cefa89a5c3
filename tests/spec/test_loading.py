"""Specs from bytes: exact messages for every mistake, and no input that ends in anything but a spec or a message."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mercure_deploy.errors import Trouble
from mercure_deploy.spec import LARGEST, Loaded, load
from mercure_deploy.spec.yaml import parse

HERE = Path(__file__).parent
BAD = sorted(HERE.glob("bad/*"))
GOOD = sorted(HERE.glob("good/*"))
FULL = (HERE / "good/everything/mercure.yaml").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("pure", [False, True], ids=["c", "python"])
@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_mistake_has_its_exact_message(case: Path, pure: bool):
    with pytest.raises(Trouble) as caught:
        load((case / "mercure.yaml").read_bytes(), "mercure.yaml", pure=pure)
    assert f"{caught.value}\n" == (case / "stderr").read_text()
    assert caught.value.code == 2


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_what_is_accepted_or_doubtful_is_found_and_located(case: Path):
    loaded = load((case / "mercure.yaml").read_bytes(), "mercure.yaml")
    assert said(loaded) == json.loads((case / "findings.json").read_text())


def said(loaded: Loaded) -> list[dict[str, object]]:
    return [
        {"environment": name, "id": f.id, "level": f.level, "line": f.line, "column": f.column, "message": f.what}
        for name, f in loaded.findings
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "mercure.yaml:1:1: is empty"),
        (b"\xef\xbb\xbf", "mercure.yaml:1:1: is empty"),
        (b"version: 1\nx: \xff\n", "mercure.yaml:2:4: is not UTF-8"),
        ("version: 1\n".encode("utf-16"), "mercure.yaml:1:1: is UTF-16"),
        (b"version: 1\nx: a\0b\n", "mercure.yaml:2:5: is not YAML: the control character #x00 is not allowed"),
        (b"[" * 100_000, "mercure.yaml:1:34: is nested deeper than 32 levels"),
        (b"a: " * 50_000, "mercure.yaml:1:5: is not YAML: mapping values are not allowed here"),
        (b"- " * 50_000, "mercure.yaml:1:67: is nested deeper than 32 levels"),
        (b"version: 1" + b"0" * 5000, "mercure.yaml:1:1: environments: is required"),
        (b"version: 99999999999999999999999999999999999", "mercure.yaml:1:10: version: written for a newer"),
    ],
    ids=range(10),
)
def test_bytes_that_are_no_spec(data: bytes, expected: str):
    with pytest.raises(Trouble) as caught:
        load(data, "mercure.yaml")
    assert str(caught.value).startswith(expected)


def test_a_byte_order_mark_is_no_mistake():
    assert load(b"\xef\xbb\xbf" + FULL.encode(), "x").spec == load(FULL.encode(), "x").spec


def test_anchors_and_merge_keys():
    text = """
version: 1
environments:
  production: &base
    hub: &hub {url: https://hub.example.com, history: 5}
    apps: {app: {url: https://app.example.com}}
  staging:
    <<: *base
    hub: {<<: [*hub, {subscriptions: true}], url: https://hub.stage.example.com}
    apps: {app: {url: https://app.stage.example.com}}
"""
    staging = load(text.encode(), "x").spec.environments["staging"]
    assert (str(staging.hub.url), staging.hub.history, staging.hub.subscriptions) == (
        "https://hub.stage.example.com",
        5,
        True,
    )


def test_idns_become_punycode():
    text = "version: 1\nenvironments: {p: {hub: {url: https://hub.bücher.example}, apps: {a: {url: https://APP.bücher.example/}}}}"
    env = load(text.encode(), "x").spec.environments["p"]
    assert str(env.hub.url) == "https://hub.xn--bcher-kva.example"
    assert str(env.apps["a"].url) == "https://app.xn--bcher-kva.example"


def nothing_else(data: bytes) -> Loaded | None:
    """A spec, or a message with a place that lies in the file."""
    try:
        return load(data, "mercure.yaml")
    except Trouble as trouble:
        lines = data.decode("utf-8-sig", errors="replace").split("\n")
        for problem in trouble.problems:
            name, line, column = (problem.where or "").split(":")
            assert name == "mercure.yaml"
            assert 1 <= int(line) <= len(lines) + 1
            assert int(column) >= 1
            assert problem.what.isprintable()
        return None


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: text.encode(errors="surrogatepass"))))
def test_no_bytes_end_in_anything_but_a_spec_or_a_message(data: bytes):
    nothing_else(data)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_change_to_a_spec_does_either(data: st.DataObject):
    lines = FULL.split("\n")
    number = data.draw(st.integers(0, len(lines) - 1))
    word = data.draw(st.one_of(st.sampled_from(WORDS), st.text(max_size=12)))
    head, colon, _ = lines[number].partition(":")
    lines[number] = f"{head}{colon} {word}" if colon and data.draw(st.booleans()) else word
    nothing_else("\n".join(lines).encode(errors="surrogatepass"))


WORDS = [
    "~",
    "{}",
    "[]",
    "[a]",
    "{a: b}",
    "1",
    "1.5",
    ".inf",
    "true",
    "'*'",
    '"\\u0000"',
    '"a\\nb"',
    "&a x",
    "*a",
    "!!int 1",
    "!x y",
    "<<",
    "? ",
    "- ",
    "|",
    ">",
    "%",
    "@",
    "`",
    "2026-11-24",
    "0x1F",
    "https://[::1]",
    "https://xn--a",
    "https://ⅷ.example.com",
    "${X}",
    "{$X}",
    "{env.X}",
]


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text(max_size=8).filter(str.isprintable)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(min_size=1, max_size=6).filter(str.isprintable), inner, max_size=3),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(plain)
def test_plain_data_is_read_as_ruamel_reads_it(value: Any):
    class Sink(list[str]):
        write = list.append

    sink = Sink()
    YAML(typ="safe", pure=True).dump(value, sink)
    text = "".join(part if isinstance(part, str) else part.decode() for part in sink)
    try:
        wanted = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        # its emitter writes a key such as ?' without the quotes that it needs
        assume(condition=False)
    assert parse(text, "x") == wanted
    assert parse(text, "x", pure=True) == wanted


def test_what_only_yaml_1_1_takes_for_a_number_is_a_key():
    assert parse("{0?: null}", "x") == {"0?": None}


@pytest.mark.slow
def test_a_thousand_mistakes_are_reported_at_once_and_in_order():
    blocks = "".join(
        f"  e{n}:\n    hub: {{url: https://hub.e{n}.example.com, ulr: 1}}\n    apps: {{a: {{}}}}\n" for n in range(500)
    )
    with pytest.raises(Trouble) as caught:
        load(f"version: 1\nenvironments:\n{blocks}".encode(), "m")
    *problems, last = caught.value.problems
    places = [tuple(map(int, (problem.where or "").split(":")[1:])) for problem in problems]
    assert len(places) == 100
    assert places == sorted(places)
    assert last.what == "and 900 more in m"


def test_the_bound_lets_a_large_fleet_in():
    assert 5_000_000 < LARGEST < 10_000_000


def test_no_value_of_the_file_is_echoed():
    secret = f"s3cr3t{random.Random(3).random()}"
    lines = FULL.split("\n")
    for number, line in enumerate(lines):
        head, colon, _ = line.partition(": ")
        if colon:
            changed = [*lines[:number], f"{head}: {secret}", *lines[number + 1 :]]
            try:
                load("\n".join(changed).encode(), "m")
            except Trouble as trouble:
                assert secret not in str(trouble), line


def update() -> None:
    """Write what is said now beside every bad spec: python tests/spec/test_loading.py, then read the diff."""
    for case in BAD:
        try:
            load((case / "mercure.yaml").read_bytes(), "mercure.yaml")
        except Trouble as trouble:
            (case / "stderr").write_text(f"{trouble}\n")
    for case in GOOD:
        loaded = load((case / "mercure.yaml").read_bytes(), "mercure.yaml")
        (case / "findings.json").write_text(json.dumps(said(loaded), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    update()
