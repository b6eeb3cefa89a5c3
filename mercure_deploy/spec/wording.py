"""pydantic's errors in our words: what is wrong with one field, and what to write instead; no places."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from mercure_deploy.errors import closest
from mercure_deploy.findings import IDS
from mercure_deploy.spec.contradiction import Path
from mercure_deploy.spec.models import App, Environment, Hub, Keys, Spec

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
# the shape of what must be there, by the word, or by what it stands below
_SHAPES = {
    "environments": "environments: {production: {hub: {url: …}, apps: {app: {url: …}}}}",
    "hub": "hub: {url: https://hub.example.com}",
    "apps": "apps: {app: {url: https://app.example.com}}",
    "keys": "keys: {algorithm: HS256}",
    "origins": "origins: [https://www.example.com]",
    "directives": "directives: [heartbeat 15s]",
    "accept": "accept: [key-age]",
}
_HOMES: dict[str, type[BaseModel]] = {
    "into the first column": Spec,
    "below environments.<name>": Environment,
    "below hub": Hub,
    "below apps.<name>": App,
    "below keys": Keys,
}
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
        shape = kind in {"missing", "model_type", "model_attributes_type", "dict_type", "tuple_type"}
        return Worded(_WORDS[kind].format(**context), _shape(path) if shape else None)
    message = context.get("message") or error["msg"][:1].lower() + error["msg"][1:]
    return Worded(message, context.get("hint"), kind if kind in IDS else None)


def _shape(path: Path) -> str | None:
    word = str(path[-1]) if path else ""
    shape = _SHAPES.get(word)
    if len(path) > 1 and path[-2] == "apps":
        shape = f"{word}: {{url: https://app.example.com}}"
    elif len(path) > 1 and path[-2] == "environments":
        shape = f"{word}: {{hub: {{url: …}}, apps: {{app: {{url: …}}}}}}"
    return f"write it as {shape}" if shape else None


def _literal_hint(path: Path, expected: str, said: object) -> str | None:
    if path[-2:] == ("hub", "version"):
        release = re.fullmatch(r"v?((0\.24|1\.0)\.[0-9]{1,4})", said) if isinstance(said, str) else None
        if release:
            return f'the generation alone, "{release[2]}"; the release stands in image: dunglas/mercure:v{release[1]}'
        return "the hub's generation; files for older ones are not rendered"
    return "write it without quotes" if expected.isdigit() else None


def _unknown(path: Path) -> str:
    """What to do about a word that is not known where it stands."""
    word, model = str(path[-1]), _model(path)
    homes = [home for home, other in _HOMES.items() if other is not model and word in other.model_fields]
    if homes:
        return f"it belongs {' or '.join(homes)}"
    if _SECRET.search(word):
        return "no secret belongs into a spec: render makes the key, and it lives in keys.json alone"
    return closest(word, model.model_fields)


def _model(path: Path) -> type[BaseModel]:
    if len(path) == 1:
        return Spec
    inner: dict[str | int, type[BaseModel]] = {"hub": Hub, "keys": Keys, "apps": App}
    return Environment if len(path) == 3 else inner[path[2]]
