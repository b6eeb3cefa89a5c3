"""A module imports only from rows above its own, and each dependency has one home."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mercure_deploy"
ROWS = [
    {"errors", "output", "findings", "quoting", "origins", "hubs", "cookies"},
    {"spec", "keys", "render", "manifest", "fetch"},
    {"load", "rings", "targets", "drift", "disk", "exposure", "tokens"},
    {"root", "status", "init", "proof"},
    {"check", "rotation", "report"},
    {"cli"},
]
# within row 0 a name may use an origin: both are one word of the web
NEIGHBOURS = {("cookies", "origins")}
HOMES = {
    "click": {"cli"},
    "jinja2": {"render"},
    "ruamel": {"load"},
    "pydantic": {"spec", "load"},
    "pydantic_core": {"spec"},
    "cryptography": {"keys"},
    "publicsuffixlist": {"cookies"},
    "idna": {"origins"},
    "httpx": {"fetch"},
    "jwt": {"tokens"},
    "fcntl": {"disk"},
    "tempfile": {"disk"},
    "subprocess": {"exposure"},
}


def noun(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def row(name: str) -> int:
    return next(number for number, names in enumerate(ROWS) if name in names)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "mercure_deploy":
            found |= {f"mercure_deploy.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            found.add(node.module or "")
    return found


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if noun(path) not in {"__init__", "__main__"}]


def test_every_module_has_a_row():
    assert {noun(path) for path in MODULES} == set().union(*ROWS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_upward(path: Path):
    own = noun(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "mercure_deploy":
            assert own in HOMES.get(parts[0], {own}), f"{parts[0]} belongs into {HOMES[parts[0]]}"
        elif parts[1] not in {own, "__version__"} and (own, parts[1]) not in NEIGHBOURS:
            assert row(parts[1]) < row(own), f"{own} imports {parts[1]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_modules_and_functions_stay_small(path: Path):
    text = path.read_text()
    assert text.count("\n") <= (400 if path.stem == "cli" else 300)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name


def test_only_cli_prints():
    said = re.compile(r"\bprint\(|\bsys\.std|\bclick\b")
    assert [path for path in MODULES if noun(path) != "cli" and said.search(path.read_text())] == []
