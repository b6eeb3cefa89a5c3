"""pydantic's errors in our words: what is wrong with one field, and what to write instead; no places."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mercure_deploy.errors import closest
from mercure_deploy.findings import IDS
from mercure_deploy.spec import foreign
from mercure_deploy.spec.contradiction import Path
from mercure_deploy.spec.shapes import homes, model_at

_WORDS = {
    "missing": "is required",
    "bool_type": "must be true or false",
    "int_type": "must be a number",
    "too_short": "needs at least one",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
_ENVIRONMENT = "{hub: {url: https://hub.example.com}, apps: {app: {url: https://app.example.com}}}"
# the shape of what must be there, by the end of its path, * for any name
_SHAPES = {
    "environments": f"environments: {{production: {_ENVIRONMENT}}}",
    "environments *": f"*: {_ENVIRONMENT}",
    "hub": "hub: {url: https://hub.example.com}",
    "hub url": "url: https://hub.example.com",
    "apps": "apps: {app: {url: https://app.example.com}}",
    "apps *": "*: {url: https://app.example.com}",
    "apps * url": "url: https://app.example.com",
    "keys": "keys: {algorithm: HS256}",
    "coolify": "coolify: {url: https://coolify.example.com, project: Shop}",
    "coolify url": "url: https://coolify.example.com",
    "coolify project": "project: Shop, the name or uuid of the project",
    "coolify apps": "apps: {app: shop}, the name or uuid of each app's Application",
    "origins": "origins: [https://www.example.com]",
    "directives": "directives: [heartbeat 15s]",
    "accept": "accept: [key-age]",
}
_MEANT = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_PUBLISHED = re.compile(r"(?P<bind>[0-9.]+:)?(?P<port>[0-9]{1,5}):[0-9]{1,5}")
_SECRET = re.compile(r"secret|passw|jwt|token$|private|^key$|_key$|hmac", re.IGNORECASE)


@dataclass(frozen=True)
class Worded:
    """What is wrong with a field; `id` is a finding id where one fits."""

    what: str
    hint: str | None = None
    id: str | None = None


def path_of(error: Mapping[str, Any]) -> tuple[Path, bool]:
    """The path of one of pydantic's errors, and whether it is about the key there and not about its value."""
    path: Path = tuple(error["loc"])
    at_key = bool(path) and path[-1] == "[key]"
    return (path[:-1] if at_key else path), at_key or error["type"] == "extra_forbidden"


def worded(error: Mapping[str, Any]) -> Worded:
    """One of pydantic's errors; what the file says is never echoed."""
    kind, context = error["type"], error.get("ctx", {})
    path, _ = path_of(error)
    if kind == "extra_forbidden":
        return Worded("is not known", _unknown(path))
    if kind == "literal_error":
        expected = context["expected"].replace("'", "")
        return Worded(f"must be {expected}", _literal_hint(path, expected, error.get("input")))
    if kind in _WORDS:
        return Worded(_WORDS[kind].format(**context), _hint(kind, path, error.get("input")))
    message = context.get("message") or error["msg"][:1].lower() + error["msg"][1:]
    return Worded(message, context.get("hint"), kind if kind in IDS else None)


def _hint(kind: str, path: Path, said: object) -> str | None:
    """What to do about a value that is missing or of another type; only its kind is told, never the value."""
    if kind == "bool_type":
        meant = _MEANT.get(said.strip().lower()) if isinstance(said, str) else None
        quoted = ", without quotes" if meant and meant == said else ""
        return f"write {meant}{quoted}" if meant else None
    if kind == "int_type":
        text = said.strip() if isinstance(said, str) else ""
        if path[-1] == "port" and _PUBLISHED.fullmatch(text):
            return (
                "the port for the proxy alone, as port: 8080; the address is bind: 127.0.0.1, the hub's own port is 80"
            )
        return "write it without quotes" if text.isdecimal() else None
    return _shape(path) if kind not in {"greater_than_equal", "less_than_equal", "too_short"} else None


def _shape(path: Path) -> str | None:
    words = [str(part) for part in path[-3:]]
    for first in range(len(words)):
        for end in (words[first:], [*words[first:-1], "*"], [*words[first:-2], "*", words[-1]]):
            shape = _SHAPES.get(" ".join(end))
            if shape and (len(end) > 1 or end != ["*"]):
                return f"write it as {shape.replace('*', words[-1])}"
    return None


def _literal_hint(path: Path, expected: str, said: object) -> str | None:
    if path[-2:] == ("hub", "version"):
        release = re.fullmatch(r"v?((0\.24|1\.0)\.[0-9]{1,4})", said) if isinstance(said, str) else None
        if release:
            return f'the generation alone, "{release[2]}"; the release stands in image: dunglas/mercure:v{release[1]}'
        return "the hub's generation; files for older ones are not rendered"
    return "write it without quotes" if expected.isdigit() else None


def _unknown(path: Path) -> str:
    """What to do about a word that is not known where it stands."""
    word, model = str(path[-1]), model_at(path[:-1])
    elsewhere = foreign.word(word)
    if elsewhere:
        return elsewhere
    others = homes(word, path[:-1])
    if others:
        return f"it belongs {' or '.join(others)}"
    if _SECRET.search(word):
        return "no secret belongs into a spec: render makes the key, and it lives in keys.json alone"
    return closest(word, model.model_fields if model else ())
