"""A spec from YAML: every mistake at once, in file order, each with its place; what the file says is never echoed."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mercure_deploy.errors import Problem, Trouble, printable
from mercure_deploy.findings import Finding
from mercure_deploy.findings import Place as Located
from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Spec
from mercure_deploy.spec.rules.fields import contradictions
from mercure_deploy.spec.yaml import Path, Place, parse

# a fleet of 10,000 environments is below
LARGEST = 8 * 1024 * 1024
# beyond that nobody reads on
_MOST = 100
Places = Mapping[Path, tuple[Place, Place]]


@dataclass(frozen=True)
class Loaded:
    """A spec that can be rendered, and what is to be said about it: (environment, note or warning)."""

    spec: Spec
    findings: tuple[tuple[str, Finding], ...]


@dataclass(frozen=True)
class _Found:
    """Something wrong: a contradiction, or one of pydantic's errors, which is put into words only when it is shown."""

    path: Path
    said: Contradiction | Mapping[str, Any]
    at_key: bool = False


def load(data: bytes, name: str, *, pure: bool = False) -> Loaded:
    """The spec in `data`; `name` is the file as the user calls it. Trouble with all problems at once.

    `pure` reads with the Python parser even where the C one is installed.
    """
    text = _text(data, name)
    try:
        value = _without_own(parse(text, name, pure=pure))
    except Trouble:
        # an env file or a Caddyfile is no YAML, and nothing that could be said of it as YAML helps
        _refuse_foreign(text, None, name)
        raise
    if value is None:
        raise Trouble(Problem("is empty", "mercure-deploy init writes a spec", f"{name}:1:1"))
    _refuse_foreign(text, value, name)

    def places() -> Places:
        known: dict[Path, tuple[Place, Place]] = {}
        parse(text, name, places=known, pure=pure)
        return known

    version = value.get("version") if isinstance(value, dict) else None
    if isinstance(version, int) and version > 1:
        newer = Contradiction(("version",), "written for a newer mercure-deploy", None, "upgrade mercure-deploy")
        raise _trouble([_Found(newer.path, newer)], places(), name)
    try:
        spec = Spec.model_validate(value)
    except ValidationError as error:
        raise _unread(error, value, text, places(), name) from None
    found = list(contradictions(spec))
    errors = [_Found(each.path, each) for each in found if each.level == "error"]
    if errors:
        raise _trouble(errors, places(), name)
    return Loaded(spec, tuple(_findings(found, places() if found else {}, name)))


def _refuse_foreign(text: str, value: Any, name: str) -> None:  # noqa: ANN401 - whatever the YAML says
    """Trouble for a file of another tool in the place of a spec."""
    from mercure_deploy.spec import foreign  # noqa: PLC0415 - few of its checks are for a spec that is one

    found = None if isinstance(value, dict) and "environments" in value else foreign.file(text, value, name)
    if found:
        raise Trouble(found)


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


def _without_own(value: Any) -> Any:  # noqa: ANN401 - whatever the YAML says
    """The value without the keys that are the user's own."""
    if isinstance(value, dict):
        if not any(key.startswith("x-") or isinstance(each, (dict, list)) for key, each in value.items()):
            return value
        return {key: _without_own(each) for key, each in value.items() if not key.startswith("x-")}
    return [_without_own(each) for each in value] if isinstance(value, list) else value


def _unread(error: ValidationError, value: Any, text: str, places: Places, name: str) -> Trouble:  # noqa: ANN401
    """What cannot be read, and beside it all that is at odds whatever should have stood there."""
    from mercure_deploy.spec.messages import path_of  # noqa: PLC0415
    from mercure_deploy.spec.partial import independent  # noqa: PLC0415 - only when something is wrong
    from mercure_deploy.spec.typos import slips  # noqa: PLC0415

    errors: list[Any] = error.errors(include_url=False)
    found = [_Found(path, each, at_key) for each in errors for path, at_key in [path_of(each)]]
    if len(errors) <= _MOST:
        unread = [each.path for each in found if not each.at_key]
        unknown = [each.path for each in found if each.at_key]
        found += [_Found(each.path, each) for each in independent(value, unread, unknown) if each.level == "error"]
    typed = slips(text, name)
    # what a slip hides is not missing
    found = [each for each in found if not (typed and isinstance(each.said, dict) and each.said["type"] == "missing")]
    return _trouble(found, places, name, typed)


def _trouble(found: Sequence[_Found], places: Places, name: str, typed: Sequence[Problem] = ()) -> Trouble:
    """All problems in file order, at most a hundred; a slip of the pen explains whatever is wrong with its line."""
    parents = {path[:-1] for path in places}
    explained = {int((problem.where or "").rsplit(":", 2)[1]): problem for problem in typed}
    located = sorted(((_locate(each, places, parents), each) for each in found), key=lambda pair: pair[0])
    problems: dict[object, Problem] = {}
    for place, each in located:
        if len(problems) == _MOST:
            problems["more"] = Problem(f"and {len(located) - _MOST} more in {name}")
            break
        line = place[0]
        problems[line if line in explained else (place, len(problems))] = explained.get(line) or _problem(
            each, place, name
        )
    return Trouble(*problems.values())


def _problem(found: _Found, place: Place, name: str) -> Problem:
    from mercure_deploy.spec.messages import worded  # noqa: PLC0415 - only when something is wrong

    said = found.said if isinstance(found.said, Contradiction) else worded(found.said)
    return Problem(said.what, said.hint, f"{name}:{place[0]}:{place[1]}", _dotted(found.path) or None, said.id)


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
            shown = printable(part, 40)
            text += f".{shown}" if text else shown
    return text


def _findings(found: list[Contradiction], places: Places, name: str) -> Iterator[tuple[str, Finding]]:
    parents = {path[:-1] for path in places}
    for each in found:
        line, column = _locate(_Found(each.path, each), places, parents)
        prefix = "accepted: " if each.level == "note" else ""
        message = f"{prefix}{_dotted(each.path)}: {each.what}"
        environment = str(each.path[1])
        yield environment, Finding(each.id or "", each.level, message, each.hint or "", Located(name, line, column))
