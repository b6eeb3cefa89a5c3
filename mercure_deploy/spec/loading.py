"""A spec from YAML: every mistake at once, in file order, each with its place; what the file says is never echoed."""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from mercure_deploy.errors import Problem, Trouble
from mercure_deploy.findings import IDS, Finding
from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.contradictions import contradictions
from mercure_deploy.spec.models import App, Environment, Hub, Keys, Spec
from mercure_deploy.spec.yaml import Path, Place, parse

# a fleet of 10,000 environments is below
LARGEST = 8 * 1024 * 1024
Places = Mapping[Path, tuple[Place, Place]]


@dataclass(frozen=True)
class Loaded:
    """A spec that can be rendered, and what is to be said about it: (environment, note or warning)."""

    spec: Spec
    findings: tuple[tuple[str, Finding], ...]


@dataclass(frozen=True)
class _Found:
    path: Path
    what: str
    hint: str | None = None
    id: str | None = None
    at_key: bool = False


def load(data: bytes, name: str, *, pure: bool = False) -> Loaded:
    """The spec in `data`; `name` is the file as the user calls it. Trouble with all problems at once.

    `pure` reads with the Python parser even where the C one is installed.
    """
    text = _text(data, name)
    value = parse(text, name, pure=pure)
    if value is None:
        raise Trouble(Problem("is empty", "mercure-deploy init writes a spec", f"{name}:1:1"))

    def places() -> Places:
        known: dict[Path, tuple[Place, Place]] = {}
        parse(text, name, places=known, pure=pure)
        return known

    version = value.get("version") if isinstance(value, dict) else None
    if isinstance(version, int) and version > 1:
        raise _trouble(
            [_Found(("version",), "written for a newer mercure-deploy", "upgrade mercure-deploy")], places(), name
        )
    try:
        spec = Spec.model_validate(value)
    except ValidationError as error:
        raise _trouble([_field(each) for each in error.errors(include_url=False)], places(), name) from None
    found = list(contradictions(spec))
    errors = [_Found(each.path, each.what, each.hint, each.id) for each in found if each.level == "error"]
    if errors:
        raise _trouble(errors, places(), name)
    return Loaded(spec, tuple(_findings(found, places() if found else {}, name)))


def _text(data: bytes, name: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Trouble(Problem("is UTF-16", "save it as UTF-8", f"{name}:1:1"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
        line = before.count(b"\n") + 1
        raise Trouble(Problem("is not UTF-8", "save it as UTF-8", f"{name}:{line}:{column}")) from None


def _trouble(found: list[_Found], places: Places, name: str) -> Trouble:
    parents = {path[:-1] for path in places}
    located = sorted(((_locate(each, places, parents), each) for each in found), key=lambda pair: pair[0])
    return Trouble(*(_problem(each, place, name) for place, each in located))


def _problem(found: _Found, place: Place, name: str) -> Problem:
    path = _dotted(found.path)
    what = f"{path}: {found.what}" if path else found.what
    return Problem(f"{what} [{found.id}]" if found.id else what, found.hint, f"{name}:{place[0]}:{place[1]}")


def _locate(found: _Found, places: Places, parents: Container[Path]) -> Place:
    """The value where it is one word, the key of a mapping or list; for a word that is not there, what lacks it."""
    path = found.path
    while path and path not in places:
        path = path[:-1]
    key, value = places.get(path, ((1, 1), (1, 1)))
    return value if path == found.path and not found.at_key and path not in parents else key


def _dotted(path: Path) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = "".join(c if c.isprintable() else "\ufffd" for c in part[:40])
            text += f".{shown}" if text else shown
    return text


def _findings(found: list[Contradiction], places: Places, name: str) -> Iterator[tuple[str, Finding]]:
    parents = {path[:-1] for path in places}
    for each in found:
        line, column = _locate(_Found(each.path, each.what), places, parents)
        prefix = "accepted: " if each.level == "note" else ""
        message = f"{prefix}{_dotted(each.path)}: {each.what}"
        environment = str(each.path[1])
        yield environment, Finding(each.id or "", each.level, message, each.hint or "", name, line, column)


# --- pydantic's errors in our words ----------------------------------------------------------------------------------

_WORDS = {
    "missing": "is required",
    "bool_type": "must be true or false, without quotes",
    "int_type": "must be a number, without quotes",
    "too_short": "needs at least one",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def _field(error: Any) -> _Found:  # noqa: ANN401 - pydantic's own dictionary
    kind, context = error["type"], error.get("ctx", {})
    path: Path = tuple(error["loc"])
    # an error about a key of a mapping
    at_key = bool(path) and path[-1] == "[key]"
    path = path[:-1] if at_key else path
    if kind == "extra_forbidden":
        return _Found(path, "is not known", _near(path), at_key=True)
    if kind == "literal_error":
        return _Found(path, f"must be {re.sub(chr(39), '', context['expected'])}", _literal_hint(context["expected"]))
    if kind in _WORDS:
        return _Found(path, _WORDS[kind].format(**context), at_key=at_key)
    message = context.get("message") or error["msg"][:1].lower() + error["msg"][1:]
    return _Found(path, message, context.get("hint"), kind if kind in IDS else None, at_key=at_key)


def _literal_hint(expected: str) -> str | None:
    return "write it without quotes" if expected.isdigit() else None


def _near(path: Path) -> str:
    """The known word that is closest to an unknown one, else all that are known there."""
    known = list(_model(path).model_fields)
    from difflib import get_close_matches  # noqa: PLC0415 - only when something is wrong

    close = get_close_matches(str(path[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are: {', '.join(known)}"


def _model(path: Path) -> type[BaseModel]:
    if len(path) == 1:
        return Spec
    inner: dict[str | int, type[BaseModel]] = {"hub": Hub, "keys": Keys, "apps": App}
    return Environment if len(path) == 3 else inner[path[2]]
