"""A few lines that would be gigabytes: every reader stays within its bounds, and says where it stopped."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run

from mercure_deploy import lint
from mercure_deploy.findings import Place
from mercure_deploy.readers import bounds, caddyfile, compose, dockerfile, dotenv, systemd, yamlfile
from mercure_deploy.readers.places import Value
from mercure_deploy.readers.yamlfile import Node

HERE = Place("x", 1)
DOUBLING = "A=0123456789abcdef\n" + "A=$A$A\n" * 40
NESTED = "${A:-" * 3000 + "x" + "}" * 3000
MOST = 200 * 1024 * 1024


def peak(function: object) -> int:
    assert callable(function)
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def service(environment: str) -> str:
    return f"services:\n  mercure:\n    image: dunglas/mercure:v0.24.2\n    environment:\n{environment}"


HUGE = {
    "doubling.env": DOUBLING,
    "quoted.env": DOUBLING.replace("$A$A", '"$A$A"'),
    "many.env": "A=" + "x" * 60_000 + "\n" + "".join(f"B{n}=$A\n" for n in range(5000)),
    "one.env": "A=" + "x" * 60_000 + "\nB=" + "$A" * 5000 + "\n",
    "nested.env": f"B={NESTED}\n",
    "compose.yaml": service(f"      A: {NESTED}\n"),
    "aliases/compose.yaml": "x: &x {"
    + ", ".join(f"K{n}: v" for n in range(2000))
    + "}\nservices:\n"
    + "".join(f"  s{n}: {{image: a, environment: *x}}\n" for n in range(2000)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(HUGE))
def test_what_stands_for_gigabytes_is_read_within_bounds_and_told_with_its_place(name: str):
    found: list[lint.Examined] = []
    used = peak(lambda: found.append(lint.examine([(name, HUGE[name])], lint.Told(), lambda _: True)))
    assert used < MOST
    if name != "nested.env":
        [beyond] = [each for each in found[0].findings if "beyond all bounds" in each.what]
        assert beyond.file == name
        assert beyond.line


@pytest.mark.slow
def test_references_of_a_compose_file_and_a_caddyfile_share_the_bound_of_their_file():
    known = {"A": Value("x" * 60_000, Place("app.env", 1))}
    node = yamlfile.read("compose.yaml", service("".join(f"      B{n}: ${{A}}\n" for n in range(2000))))
    assert isinstance(node, Node)
    budget = bounds.Budget()
    [read] = compose.services(node, known, budget)
    assert sum(len(value.text) for value in read.environment.values()) < bounds.WHOLE + bounds.VALUE
    assert budget.beyond
    text = ":80 {\n" + "respond {$A}\n" * 2000 + "}\n"
    site = caddyfile.read(Value(text, Place("Caddyfile", 1)), known)
    assert "beyond all bounds" in site.findings[0].what
    assert site.findings[0].place.line > 100


@pytest.mark.parametrize("length", [bounds.VALUE, bounds.VALUE + 1])
def test_the_bound_of_a_value_is_where_it_is(length: int):
    half = length // 2
    read = dotenv.read("x.env", f"A={'x' * half}\nB={'x' * (length - half)}\nC=$A$B\n")
    within = length == bounds.VALUE
    assert (read.variables["C"].text == "x" * length) is within
    assert read.beyond == (set() if within else {"C"})


@pytest.mark.parametrize("depth", [bounds.DEEPEST, bounds.DEEPEST + 1])
def test_the_bound_of_defaults_in_defaults_is_where_it_is(depth: int):
    node = yamlfile.read("compose.yaml", service(f"      A: '{'${B:-' * depth}x{'}' * depth}'\n"))
    assert isinstance(node, Node)
    budget = bounds.Budget()
    assert compose.services(node, {}, budget)
    assert bool(budget.beyond) is (depth > bounds.DEEPEST)


def test_doctor_refuses_a_key_that_stands_for_more_than_a_key(run: Run):
    Path("app.env").write_text(DOUBLING + "MERCURE_JWT_SECRET=$A\n")
    said = run("doctor", "--hub", "https://hub.example.com", "--env-file", "app.env")
    assert (said.code, said.err.count("\n")) == (2, 2)
    assert "app.env:42:20: MERCURE_JWT_SECRET stands for more than any key" in said.err


LARGE = 400_000
REPEATED: dict[str, tuple[Callable[[str], object], str, str]] = {
    "variables of a Caddyfile": (lambda text: caddyfile.read(Value(text, HERE), {}), "", "{$A:b} "),
    "a word of a Caddyfile": (lambda text: caddyfile.read(Value(text, HERE), {}), "", "a"),
    "a quoted one": (lambda text: caddyfile.read(Value(text, HERE), {}), '"', "a"),
    "blanks of an environment file": (lambda text: systemd.variables_of("x", text), "A=", "a "),
    "lines of an environment file": (lambda text: systemd.variables_of("x", text), "", "A=b\n"),
    "a word of a unit": (lambda text: systemd.read("x", text, {}), "[Service]\nEnvironment=A=", "b"),
    "backslashes of an env file": (lambda text: dotenv.read("x", text), "A=", "\\"),
    "references without an end": (lambda text: dotenv.read("x", text), "A=", "${A:-b"),
    "words of a Dockerfile": (lambda text: dockerfile.read("x", text), "FROM scratch\nENV ", "A=b "),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REPEATED)
def test_what_is_large_is_read_once(name: str):
    """Each reader goes over its text once: for a square of it nobody would wait."""
    read, before, again = REPEATED[name]
    assert read(before + again * (LARGE // len(again))) is not None


def test_a_blank_that_does_not_break_ends_no_word_and_no_patience():
    """Pasted from a page of documentation; the reader waited for ever."""
    unit = systemd.read("x.service", "[Service]\nEnvironment=A=1\u00a0B=2 \u00a0 C=3\n", {})
    assert {name: value.text for name, value in unit.service.environment.items()} == {"A": "1\u00a0B=2", "C": "3"}
