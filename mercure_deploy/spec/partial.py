"""What can be said of a spec in which some values could not be read: all that does not depend on them.

Each of those values is replaced by several that could have stood there. What is at odds whichever of them it is does
not depend on it, and is reported beside it; all else waits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError, WithJsonSchema

from mercure_deploy.spec.contradiction import Contradiction, Path
from mercure_deploy.spec.models import Spec
from mercure_deploy.spec.rules.fields import contradictions
from mercure_deploy.spec.shapes import model_at

# beyond that nobody asks what else is wrong
_MOST = 12
_ABSENT = object()
_ITEMS = {"accept": ["key-age"], "directives": ["heartbeat 15s"]}
_SOMEWHERE = ("https://one.example", "http://localhost:1")


def independent(data: Any, unread: Iterable[Path], unknown: Iterable[Path]) -> list[Contradiction]:  # noqa: ANN401
    """The contradictions of the spec in `data` that do not depend on what could not be read.

    `unread` are the paths of values that are missing or wrong, `unknown` those of keys that nobody knows.
    """
    environments = data.get("environments") if isinstance(data, dict) else None
    if not isinstance(environments, dict):
        return []
    gone = {path[2:]: path[1] for path in unknown if len(path) > 1}
    troubled: dict[str | int, list[Path]] = {name: [] for name in gone.values()}
    for path in unread:
        if len(path) > 1:
            troubled.setdefault(path[1], []).append(path[2:])
    found = _contradictions({name: env for name, env in environments.items() if name not in troubled})
    for name, paths in troubled.items():
        env = environments.get(name)
        if isinstance(env, dict) and len(paths) <= _MOST and () not in paths and () not in gone:
            own = [path for path, whose in gone.items() if whose == name]
            found += _of_one(str(name), _with(env, dict.fromkeys(own, _ABSENT)), paths)
    return found


def _of_one(name: str, env: dict[str, Any], unread: Sequence[Path]) -> list[Contradiction]:
    """The contradictions of one environment that all variants of it have."""
    common: dict[tuple[Path, str], Contradiction] | None = None
    for variant in _variants(env, unread):
        found = {(each.path, each.what): each for each in _contradictions({name: variant})}
        common = found if common is None else {key: each for key, each in common.items() if key in found}
    hidden = [("environments", name, *path) for path in unread]
    return [each for each in (common or {}).values() if not any(each.path[: len(path)] == path for path in hidden)]


def _contradictions(environments: dict[str, Any]) -> list[Contradiction]:
    try:
        spec = Spec.model_validate({"version": 1, "environments": environments})
    except ValidationError:
        return []
    return list(contradictions(spec))


def _variants(env: dict[str, Any], unread: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The environment with values in the place of those that could not be read: one of them changes at a time."""
    choices = {path: _candidates(path, env) for path in unread}
    first = {path: values[0] for path, values in choices.items()}
    yield _with(env, first)
    for path, values in choices.items():
        for value in values[1:]:
            yield _with(env, {**first, path: value})


def _with(env: dict[str, Any], values: Mapping[Path, object]) -> dict[str, Any]:
    copy: dict[str, Any] = _copied(env)
    for path, value in values.items():
        place: Any = copy
        for part in path[:-1]:
            within = isinstance(place, list) or (isinstance(place, dict) and part in place)
            place = place[part] if within else None
        if value is _ABSENT:
            (place or {}).pop(path[-1], None)
        elif place is not None:
            place[path[-1]] = value
    return copy


def _copied(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def _candidates(path: Path, env: dict[str, Any]) -> list[Any]:
    """Values that could stand at `path` of an environment, as different as they can be."""
    word = path[-1]
    if isinstance(word, int):
        return [*_urls(env), *_SOMEWHERE] if path[-2] == "origins" else _ITEMS.get(str(path[-2]), [_ABSENT])
    if word in {"url", "hub_url"}:
        return [*_urls(env), *_SOMEWHERE]
    if path == ("hub",):
        return [{"url": url} for url in (*_urls(env), *_SOMEWHERE)]
    if path[0] == "apps" and len(path) < 3:
        apps = [{"url": url, "subscribe": False} for url in _SOMEWHERE]
        return apps if len(path) == 2 else [{"any": app} for app in apps]
    model = model_at(("environments", "any", *path[:-1]))
    field = model.model_fields.get(word) if model else None
    if field is None or field.annotation is bool:
        return [False, True] if field else [_ABSENT]
    return [_ABSENT, *_examples(field.annotation)]


def _examples(annotation: Any) -> list[Any]:  # noqa: ANN401
    """Values of a type that is one of some words, a number, or text with examples in its schema."""
    if isinstance(annotation, str):
        return [annotation]
    if annotation is int:
        return [1]
    if isinstance(annotation, WithJsonSchema):
        return list((annotation.json_schema or {}).get("examples", ()))
    inner = [*get_args(annotation), *getattr(annotation, "__metadata__", ())]
    return list(dict.fromkeys(each for argument in inner for each in _examples(argument)))


def _urls(env: dict[str, Any]) -> list[str]:
    """URLs that go well together with those that can be read, below and beside each of their hosts."""
    hub, apps = env.get("hub"), env.get("apps")
    said = [hub.get("url")] if isinstance(hub, dict) else []
    said += [app.get("url") for app in apps.values() if isinstance(app, dict)] if isinstance(apps, dict) else []
    hosts = [url.partition("://")[2].partition("/")[0] for url in said[:6] if isinstance(url, str)]
    beside = [host.partition(".")[2] for host in hosts]
    return [f"https://any.{host}" for host in (*hosts, *beside) if host]
