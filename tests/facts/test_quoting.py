"""Quoting against the vectors of real parsers, and against bash, python-dotenv and ruamel on random text."""

import json
import os
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mercure_deploy.facts import quoting

ROWS = json.loads((Path(__file__).parent / "vectors/env-quoting.json").read_text())["rows"]
AWKWARD = st.text(alphabet="aZ0 _-./:@%+,=?!*^#$'\"`\\{}[]()<>&|;~\n\té\u00a0", max_size=12)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_env_value_is_written_as_the_real_parsers_need_it(row: dict[str, str]):
    if "refused" in row:
        with pytest.raises(ValueError, match=r"^holds "):
            quoting.dotenv(row["value"])
    else:
        assert quoting.dotenv(row["value"]) == row["text"]


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(AWKWARD, min_size=20, max_size=60))
def test_bash_and_python_dotenv_read_back_what_dotenv_accepts(values: list[str]):
    accepted = {}
    for number, value in enumerate(values):
        try:
            accepted[f"V{number}"] = quoting.dotenv(value), value
        except ValueError:
            continue
    text = "".join(f"{name}={written}\n" for name, (written, _) in accepted.items())
    wanted = {name: value for name, (_, value) in accepted.items()}
    assert dotenv_values(stream=StringIO(text)) == wanted
    said = subprocess.run(
        ["bash", "-c", "set -a; . /dev/stdin; env -0"],
        input=text.encode(),
        capture_output=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    read = dict(line.split("=", 1) for line in said.stdout.decode().split("\0") if "=" in line)
    assert said.stderr == b""
    assert {name: read.get(name) for name in wanted} == wanted


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        AWKWARD,
        st.text(max_size=20).filter(lambda text: text.isprintable()),
        st.from_regex(r"[0-9a-z:.]{1,8}", fullmatch=True),
    )
)
@example("0.24")
@example("yes")
@example("1:30")
@example("https://a.example.com:8443")
def test_yaml_reads_back_every_text_as_text(value: str):
    for version in ((1, 1), (1, 2)):
        yaml = YAML(typ="safe", pure=True)
        yaml.version = version  # type: ignore[assignment]
        assert yaml.load(f"k: {quoting.yaml(value)}\n") == {"k": value}


@pytest.mark.parametrize(
    ("value", "text"),
    [("a.b", "a.b"), ("", "``"), ("a b", "`a b`"), ("a#b", "`a#b`"), ("a`b", '"a`b"')],
)
def test_caddy_tokens(value: str, text: str):
    assert quoting.caddy(value) == text


@pytest.mark.parametrize("value", ["{env.X}", "a}b", "\0", 'a`"', "a`\\"])
def test_caddy_refuses_what_it_would_change(value: str):
    with pytest.raises(ValueError, match=r"^holds "):
        quoting.caddy(value)


def test_compose_and_shell():
    assert quoting.compose("a$b${c}") == "a$$b$${c}"
    assert quoting.shell("it's") == "'it'\\''s'"
