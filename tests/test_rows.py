"""Which room may use which, the home of each dependency, and how long modules and functions may be."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mercure_deploy"
# from the top: a room imports only from those below it; what stands at the door, the verbs, share a row
ROWS = [
    {"cli"},
    {"rotation"},
    {"render", "check", "push", "doctor", "status", "token", "explain", "kit"},
    {"draft"},
    {"report"},
    {"audit"},
    {"output"},
    {"lint"},
    {"simulation"},
    {"probes"},
    {"coolify"},
    {"hub"},
    {"readers"},
    {"targets"},
    {"keys"},
    {"spec"},
    {"disk"},
    {"facts"},
    {"errors", "findings", "file"},
]
# a value that a room above fills: named in an annotation alone, never imported where the program runs
TYPES = {("report", "push"), ("report", "status")}
HOMES = {
    "click": {"cli"},
    "jinja2": {"targets.render"},
    "ruamel": {"spec.yaml", "readers.yamlfile"},
    "pydantic": {"spec"},
    "pydantic_core": {"spec.fields"},
    "cryptography": {"keys.asymmetric"},
    "publicsuffixlist": {"facts.cookies"},
    "idna": {"facts.origins"},
    "httpx": {"hub.fetch", "hub.stream", "coolify.client"},
    "jwt": {"hub.tokens"},
    "msgspec": {"audit.entries"},
    "fcntl": {"disk.locking"},
    "tempfile": {"disk", "readers.nginx"},
    "crossplane": {"readers.nginx"},
    "subprocess": {"disk.git"},
}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def room(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def row(name: str) -> int:
    return next(number for number, names in enumerate(ROWS) if name in names)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            whole = (node.module or "").startswith("mercure_deploy")
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if whole else {node.module or ""}
    return found


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if dotted(path) not in {"__init__", "__main__"}]
ROOMS = [path for path in sorted(PACKAGE.iterdir()) if (path / "__init__.py").exists()]


def test_every_room_has_a_row():
    assert {room(dotted(path)) for path in MODULES} == set().union(*ROWS)


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.name)
def test_a_room_says_in_one_sentence_what_lives_there(path: Path):
    assert len(list(path.glob("*.py"))) > 2, "a room with one module is no room yet"
    assert ast.get_docstring(ast.parse((path / "__init__.py").read_text()))


@pytest.mark.slow
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_room_uses_only_rooms_below_it(path: Path):
    own = dotted(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "mercure_deploy":
            homes = HOMES.get(parts[0], {own})
            assert own in homes or room(own) in homes, f"{parts[0]} belongs into {homes}"
        elif parts[1] not in {room(own), "__version__"}:
            below = row(parts[1]) > row(room(own)) or (room(own), parts[1]) in TYPES
            assert below, f"{own} imports {parts[1]}"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({room(dotted(path)) for path in MODULES if path.parent != PACKAGE}))
def test_within_a_room_there_is_no_circle(name: str):
    uses = {
        dotted(path): {used for used in map(module, imports(path)) if used != dotted(path) and room(used) == name}
        for path in MODULES
        if room(dotted(path)) == name and path.name != "__init__.py"
    }
    while free := {each for each, used in uses.items() if not used & uses.keys()}:
        uses = {each: used for each, used in uses.items() if each not in free}
    assert not uses, f"a circle: {sorted(uses)}"


def module(name: str) -> str:
    """The module that an import names, be it for something in it."""
    parts = name.split(".")[1:]
    return ".".join(parts[:2] if (PACKAGE / "/".join(parts[:2])).with_suffix(".py").exists() else parts[:1])


@pytest.mark.slow
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_modules_and_functions_stay_small(path: Path):
    text = path.read_text()
    assert text.count("\n") <= (400 if path.stem == "cli" else 300)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name


def test_only_cli_prints():
    said = re.compile(r"\bprint\(|\bsys\.std|\bclick\b")
    assert [path for path in MODULES if room(dotted(path)) != "cli" and said.search(path.read_text())] == []


def test_a_stream_may_be_closed_so_that_one_module_asks_what_it_is():
    asked = {dotted(path) for path in MODULES if "isatty" in path.read_text()}
    assert asked == {"cli.terminal"}


def test_what_somebody_else_wrote_is_cut_by_one_function_that_masks_it_first():
    cuts = re.compile(r"\{[a-zA-Z_.()]+\[:[0-9]{2,}\]")
    assert [line for path in MODULES for line in cuts.findall(path.read_text())] == []
